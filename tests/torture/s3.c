/// Transfers with an S3 store: whatever fails, an object is there as a whole or not at all, what was fetched is all of it, and no
/// upload stays unfinished.
#include "stored.h"
#include "torture.h"

#include "../storage/s3_stub.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define OLD "old content"
#define NEW "new content that is longer"
#define LARGE_BYTES ((size_t)17 << 20) ///< more than goes up at once

struct fixture {
    char *folder; ///< holds the files `made` with NEW, and `large`
    struct s3_stub *stub;
    struct avsp_storage *store;
    struct avsp_location out; ///< holds name with OLD
    char made[256];
    char large[256];
};

/// The same bytes each time, made once: the parent of all runs has them.
static const char *large_bytes(void)
{
    static char *bytes;
    if (bytes == NULL) {
        bytes = malloc(LARGE_BYTES);
        AVSP_ASSERT(bytes != NULL);
        for (size_t i = 0; i < LARGE_BYTES; i++)
            bytes[i] = (char)(i * 2654435761u >> 24);
    }
    return bytes;
}

static void *make(void)
{
    struct fixture *fx = calloc(1, sizeof *fx);
    struct avsp_err err = {0};
    AVSP_ASSERT(fx != NULL);
    fx->folder = torture_folder();
    snprintf(fx->made, sizeof fx->made, "%s/made", fx->folder);
    torture_put_file(fx->folder, "made", NEW);
    fx->stub = s3_stub_start(NULL, NULL);
    fx->out = s3_stub_location(fx->stub, "out");
    fx->store = avsp_storage_new(&(struct avsp_storage_options){.s3_patience_ms = 200}, &err);
    AVSP_ASSERT(fx->store != NULL);
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    struct avsp_location file;
    avsp_arena_init(&arena, 1 << 20);
    AVSP_ASSERT(avsp_storage_put_bytes(fx->store, OLD, strlen(OLD), &fx->out, "name", &arena, &file,
                                       &err) == AVSP_OK);
    return fx;
}

static void *make_large(void)
{
    struct fixture *fx = make();
    snprintf(fx->large, sizeof fx->large, "%s/large", fx->folder);
    int fd = open(fx->large, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    AVSP_ASSERT(fd >= 0 && write(fd, large_bytes(), LARGE_BYTES) == (ssize_t)LARGE_BYTES);
    close(fd);
    return fx;
}

static void drop(void *opaque)
{
    struct fixture *fx = opaque;
    avsp_storage_free(fx->store);
    s3_stub_stop(fx->stub);
    torture_folder_remove(fx->folder);
    free(fx);
}

static enum avsp_code put(struct fixture *fx, const char *path, const char *name,
                          struct avsp_err *err)
{
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    struct avsp_location file;
    avsp_arena_init(&arena, 1 << 20);
    return avsp_storage_put(fx->store, path, &fx->out, name, &arena, &file, err);
}

static enum avsp_code run_put(void *opaque, struct avsp_err *err)
{
    struct fixture *fx = opaque;
    return put(fx, fx->made, "name", err);
}

/// Old or new, and whole; what was to be moved is there until it is.
static void check_put(void *opaque, enum avsp_code rc)
{
    struct fixture *fx = opaque;
    const bool is_new = s3_stub_holds(fx->stub, "out/name", NEW, strlen(NEW));
    AVSP_ASSERT(is_new || s3_stub_holds(fx->stub, "out/name", OLD, strlen(OLD)));
    AVSP_ASSERT(rc != AVSP_OK || is_new);
    AVSP_ASSERT(is_new || torture_file_is(fx->folder, "made", NEW));
    AVSP_ASSERT(rc == AVSP_OK || torture_count_files(fx->folder) == 1);
}

static enum avsp_code run_put_large(void *opaque, struct avsp_err *err)
{
    struct fixture *fx = opaque;
    return put(fx, fx->large, "large", err);
}

static void check_put_large(void *opaque, enum avsp_code rc)
{
    struct fixture *fx = opaque;
    const bool is_there = s3_stub_holds(fx->stub, "out/large", large_bytes(), LARGE_BYTES);
    AVSP_ASSERT(is_there || s3_stub_holds(fx->stub, "out/large", NULL, 0));
    AVSP_ASSERT(rc != AVSP_OK || is_there);
    AVSP_ASSERT(rc == AVSP_OK || access(fx->large, F_OK) == 0);
}

static enum avsp_code run_read(void *opaque, struct avsp_err *err)
{
    struct fixture *fx = opaque;
    const struct avsp_location file = s3_stub_location(fx->stub, "out/name");
    return stored_read(fx->store, &file, OLD, err);
}

static enum avsp_code run_fetch(void *opaque, struct avsp_err *err)
{
    struct fixture *fx = opaque;
    const struct avsp_location file = s3_stub_location(fx->stub, "out/name");
    struct avsp_reader *reader = avsp_storage_open(fx->store, &file, err);
    if (reader == NULL)
        return err->code;
    char path[300];
    snprintf(path, sizeof path, "%s/fetched", fx->folder);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    enum avsp_code rc = fd >= 0 ? avsp_reader_fetch(reader, fd, NULL, err)
                                : avsp_err_set(err, AVSP_INTERNAL, "open a file to fetch into");
    if (fd >= 0)
        (void)!close(fd);
    avsp_reader_close(reader);
    return rc;
}

static void check_fetched(void *opaque, enum avsp_code rc)
{
    const struct fixture *fx = opaque;
    AVSP_ASSERT(rc != AVSP_OK || torture_file_is(fx->folder, "fetched", OLD));
}

static enum avsp_code run_list(void *opaque, struct avsp_err *err)
{
    struct fixture *fx = opaque;
    return stored_list(fx->store, &fx->out, "name", OLD, err);
}

static enum avsp_code run_remove(void *opaque, struct avsp_err *err)
{
    struct fixture *fx = opaque;
    return avsp_storage_remove_folder(fx->store, &fx->out, err);
}

static void check_removed(void *opaque, enum avsp_code rc)
{
    struct fixture *fx = opaque;
    AVSP_ASSERT(rc != AVSP_OK || s3_stub_holds(fx->stub, "out/name", NULL, 0));
}

int main(void)
{
    (void)large_bytes();
    static const struct torture_case cases[] = {
        {"s3 put", make, run_put, check_put, drop},
        {"s3 put in parts", make_large, run_put_large, check_put_large, drop},
        {"s3 read", make, run_read, NULL, drop},
        {"s3 fetch", make, run_fetch, check_fetched, drop},
        {"s3 list", make, run_list, NULL, drop},
        {"s3 remove a folder", make, run_remove, check_removed, drop},
    };
    return torture_run("torture/s3", cases, AVSP_ARRAY_LEN(cases));
}
