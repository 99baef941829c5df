#include "storage/storage.h"

#include "storage/backend.h"
#include "storage/local_path.h"
#include "storage/s3_private.h"
#include "util/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

/// The process's umask, without changing it for a moment as umask(2) would: other threads may be making files.
static unsigned process_umask(void)
{
    FILE *status = fopen("/proc/self/status", "re");
    if (status == NULL)
        return 022;
    char line[256];
    unsigned long mask = 022;
    while (fgets(line, sizeof line, status) != NULL)
        if (strncmp(line, "Umask:", 6) == 0)
            mask = strtoul(line + 6, NULL, 8);
    fclose(status);
    return (unsigned)mask & 0777;
}

struct avsp_storage *avsp_storage_new(const struct avsp_storage_options *options,
                                      struct avsp_err *err)
{
    struct avsp_storage *store = calloc(1, sizeof *store);
    if (store == NULL) {
        avsp_err_set(err, AVSP_NO_MEMORY, "memory ran out");
        return NULL;
    }
    store->file_mode = 0666 & ~process_umask();
    if (avsp_local_roots_init(store, options, err) == AVSP_OK &&
        (store->s3 = avsp_s3_new(options, err)) != NULL)
        return store;
    avsp_storage_free(store);
    return NULL;
}

void avsp_storage_free(struct avsp_storage *store)
{
    if (store == NULL)
        return;
    avsp_local_roots_deinit(store);
    avsp_s3_free(store->s3);
    free(store);
}

void avsp_storage_stop(struct avsp_storage *store)
{
    avsp_s3_stop(store->s3);
}

static const struct avsp_backend *backend_of(const struct avsp_location *loc, struct avsp_err *err)
{
    switch (loc->kind) {
    case AVSP_LOCATION_FS:
        return &avsp_local_backend;
    case AVSP_LOCATION_S3:
        return &avsp_s3_backend;
    case AVSP_LOCATION_NONE:
        break;
    }
    avsp_err_set(err, AVSP_INVALID, "a file or folder is missing in the request");
    return NULL;
}

/// A file handle of NFS went stale: the file was replaced on the server. Looking it up anew helps.
static bool try_again(enum avsp_code rc, const struct avsp_err *err, int *tries)
{
    return rc != AVSP_OK && err->native == ESTALE && ++*tries < AVSP_LOCAL_TRIES;
}

enum avsp_code avsp_storage_stat(struct avsp_storage *store, const struct avsp_location *file,
                                 struct avsp_stat *ret_stat, struct avsp_err *err)
{
    const struct avsp_backend *backend = backend_of(file, err);
    if (backend == NULL)
        return err->code;
    enum avsp_code rc;
    int tries = 0;
    do
        rc = backend->stat(store, file, ret_stat, err);
    while (try_again(rc, err, &tries));
    return rc;
}

struct avsp_reader *avsp_storage_open(struct avsp_storage *store, const struct avsp_location *file,
                                      struct avsp_err *err)
{
    const struct avsp_backend *backend = backend_of(file, err);
    if (backend == NULL)
        return NULL;
    struct avsp_reader *reader;
    int tries = 0;
    do
        reader = backend->open(store, file, err);
    while (reader == NULL && try_again(err->code, err, &tries));
    return reader;
}

void avsp_reader_close(struct avsp_reader *reader)
{
    if (reader != NULL)
        reader->backend->close(reader);
}

uint64_t avsp_reader_bytes(const struct avsp_reader *reader)
{
    return reader->bytes;
}

int avsp_reader_fd(const struct avsp_reader *reader)
{
    return reader->fd;
}

bool avsp_reader_is_sure(const struct avsp_reader *reader)
{
    return reader->is_sure;
}

enum avsp_code avsp_reader_read(struct avsp_reader *reader, uint64_t offset, void *ret_bytes,
                                size_t len, size_t *ret_len, struct avsp_err *err)
{
    return reader->backend->read(reader, offset, ret_bytes, len, ret_len, err);
}

enum avsp_code avsp_reader_fetch(struct avsp_reader *reader, int fd, const struct avsp_watch *watch,
                                 struct avsp_err *err)
{
    return reader->backend->fetch(reader, fd, watch, err);
}

enum avsp_code avsp_storage_put_many(struct avsp_storage *store, const struct avsp_location *folder,
                                     struct avsp_put *puts, size_t n_puts, struct avsp_arena *arena,
                                     struct avsp_err *err)
{
    const struct avsp_backend *backend = backend_of(folder, err);
    if (backend == NULL)
        return err->code;
    enum avsp_code rc = AVSP_OK;
    for (size_t i = 0; i < n_puts && rc == AVSP_OK; i++) {
        puts[i].done = false;
        rc = avsp_location_join(arena, folder, puts[i].name, &puts[i].file, err);
    }
    if (rc != AVSP_OK || n_puts == 0)
        return rc;
    int tries = 0;
    do
        rc = backend->put(store, puts, n_puts, err);
    while (try_again(rc, err, &tries));
    return rc;
}

enum avsp_code avsp_storage_put(struct avsp_storage *store, const char *path,
                                const struct avsp_location *folder, const char *name,
                                struct avsp_arena *arena, struct avsp_location *ret_file,
                                struct avsp_err *err)
{
    struct avsp_put put = {.path = path, .name = name};
    enum avsp_code rc = avsp_storage_put_many(store, folder, &put, 1, arena, err);
    if (rc == AVSP_OK)
        *ret_file = put.file;
    return rc;
}

void avsp_storage_will_put(const char *path)
{
    int AVSP_CLEANUP(avsp_fd_cleanup) fd =
        open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    if (fd >= 0)
        (void)sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE); // what cannot do it does it later
}

enum avsp_code avsp_storage_put_bytes(struct avsp_storage *store, const void *bytes, size_t len,
                                      const struct avsp_location *folder, const char *name,
                                      struct avsp_arena *arena, struct avsp_location *ret_file,
                                      struct avsp_err *err)
{
    const struct avsp_backend *backend = backend_of(folder, err);
    if (backend == NULL)
        return err->code;
    struct avsp_location file;
    enum avsp_code rc = avsp_location_join(arena, folder, name, &file, err);
    if (rc != AVSP_OK)
        return rc;
    int tries = 0;
    do
        rc = backend->put_bytes(store, bytes, len, &file, err);
    while (try_again(rc, err, &tries));
    if (rc == AVSP_OK)
        *ret_file = file;
    return rc;
}

enum avsp_code avsp_storage_delete(struct avsp_storage *store, const struct avsp_location *file,
                                   struct avsp_err *err)
{
    const struct avsp_backend *backend = backend_of(file, err);
    if (backend == NULL)
        return err->code;
    enum avsp_code rc;
    int tries = 0;
    do
        rc = backend->remove(store, file, err);
    while (try_again(rc, err, &tries));
    return rc;
}

enum avsp_code avsp_storage_list(struct avsp_storage *store, const struct avsp_location *folder,
                                 bool (*each)(void *opaque, const char *name,
                                              const struct avsp_stat *stat),
                                 void *opaque, struct avsp_err *err)
{
    // Not repeated: what was handed out already would come again.
    const struct avsp_backend *backend = backend_of(folder, err);
    return backend == NULL ? err->code : backend->list(store, folder, each, opaque, err);
}

enum avsp_code avsp_storage_remove_folder(struct avsp_storage *store,
                                          const struct avsp_location *folder, struct avsp_err *err)
{
    const struct avsp_backend *backend = backend_of(folder, err);
    if (backend == NULL)
        return err->code;
    enum avsp_code rc;
    int tries = 0;
    do
        rc = backend->remove_folder(store, folder, err);
    while (try_again(rc, err, &tries));
    return rc;
}

enum avsp_code avsp_storage_drop_unfinished(struct avsp_storage *store,
                                            const struct avsp_location *folder,
                                            bool (*goes)(const char *name), struct avsp_err *err)
{
    const struct avsp_backend *backend = backend_of(folder, err);
    return backend == NULL ? err->code : backend->drop_unfinished(store, folder, goes, err);
}

enum avsp_code avsp_storage_url(struct avsp_storage *store, const struct avsp_location *file,
                                int64_t seconds, struct avsp_arena *arena, const char **ret_url,
                                struct avsp_err *err)
{
    const struct avsp_backend *backend = backend_of(file, err);
    return backend == NULL ? err->code : backend->url(store, file, seconds, arena, ret_url, err);
}

enum avsp_code avsp_storage_lend(struct avsp_storage *store, struct avsp_location *location,
                                 bool keys, struct avsp_arena *arena, struct avsp_err *err)
{
    return location->kind == AVSP_LOCATION_S3 ? avsp_s3_lend(store->s3, location, keys, arena, err)
                                              : AVSP_OK;
}

enum avsp_code avsp_storage_probe_folder(struct avsp_storage *store,
                                         const struct avsp_location *folder, struct avsp_err *err)
{
    const struct avsp_backend *backend = backend_of(folder, err);
    if (backend == NULL)
        return err->code;
    enum avsp_code rc;
    int tries = 0;
    do
        rc = backend->probe_folder(store, folder, err);
    while (try_again(rc, err, &tries));
    return rc;
}
