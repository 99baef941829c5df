/// What bench/s3 times: the storage layer alone, as workers use it. Credentials and endpoint are those of the AWS_… variables.
///
///     bench_s3 up FILE BUCKET NAME         bench_s3 down BUCKET NAME FILE
///     bench_s3 put FOLDER BUCKET PREFIX    all files of a folder, as an encode publishes its segments
#include "storage/storage.h"
#include "util/fd.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define FILES_MAX 10000
#define AT_ONCE 32

static enum avsp_code up(struct avsp_storage *store, char **args, struct avsp_arena *arena,
                         struct avsp_err *err)
{
    struct avsp_location folder = avsp_location_s3(args[1], "");
    struct avsp_put put = {.path = args[0], .name = args[2], .keep = true};
    enum avsp_code rc = avsp_storage_lend(store, &folder, true, arena, err);
    return rc == AVSP_OK ? avsp_storage_put_many(store, &folder, &put, 1, arena, err) : rc;
}

static enum avsp_code down(struct avsp_storage *store, char **args, struct avsp_arena *arena,
                           struct avsp_err *err)
{
    struct avsp_location file = avsp_location_s3(args[0], args[1]);
    enum avsp_code rc = avsp_storage_lend(store, &file, true, arena, err);
    struct avsp_reader *reader = rc == AVSP_OK ? avsp_storage_open(store, &file, err) : NULL;
    if (reader == NULL)
        return err->code;
    int AVSP_CLEANUP(avsp_fd_cleanup) fd =
        open(args[2], O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    rc = fd >= 0 ? avsp_reader_fetch(reader, fd, NULL, err)
                 : avsp_err_set(err, AVSP_INVALID, "%s cannot be written", args[2]);
    avsp_reader_close(reader);
    return rc;
}

static enum avsp_code put(struct avsp_storage *store, char **args, struct avsp_arena *arena,
                          struct avsp_err *err)
{
    struct avsp_location folder = avsp_location_s3(args[1], args[2]);
    struct avsp_put *puts = avsp_arena_array(arena, FILES_MAX, sizeof *puts);
    enum avsp_code rc = avsp_storage_lend(store, &folder, true, arena, err);
    DIR *entries = opendir(args[0]);
    size_t n = 0;
    if (puts == NULL || entries == NULL)
        return avsp_err_set(err, AVSP_INVALID, "%s cannot be read", args[0]);
    for (const struct dirent *e; (e = readdir(entries)) != NULL && n < FILES_MAX;)
        if (e->d_name[0] != '.')
            puts[n++] =
                (struct avsp_put){.path = avsp_arena_printf(arena, "%s/%s", args[0], e->d_name),
                                  .name = avsp_arena_strdup(arena, e->d_name),
                                  .keep = true};
    closedir(entries);
    for (size_t i = 0; rc == AVSP_OK && i < n; i += AT_ONCE)
        rc = avsp_storage_put_many(store, &folder, puts + i, AVSP_MIN((size_t)AT_ONCE, n - i),
                                   arena, err);
    return rc;
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        enum avsp_code (*run)(struct avsp_storage *store, char **args, struct avsp_arena *arena,
                              struct avsp_err *err);
    } commands[] = {{"up", up}, {"down", down}, {"put", put}};
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    struct avsp_err err = {0};
    avsp_arena_init(&arena, 64 << 20);
    for (size_t i = 0; argc == 5 && i < AVSP_ARRAY_LEN(commands); i++) {
        if (strcmp(argv[1], commands[i].name) != 0)
            continue;
        struct avsp_storage *store = avsp_storage_new(&(struct avsp_storage_options){0}, &err);
        enum avsp_code rc =
            store != NULL ? commands[i].run(store, argv + 2, &arena, &err) : err.code;
        avsp_storage_free(store);
        if (rc != AVSP_OK)
            fprintf(stderr, "bench_s3: %s\n", err.text);
        return rc == AVSP_OK ? 0 : 1;
    }
    fputs(
        "usage: bench_s3 up FILE BUCKET NAME | down BUCKET NAME FILE | put FOLDER BUCKET PREFIX\n",
        stderr);
    return 2;
}
