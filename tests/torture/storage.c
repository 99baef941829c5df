/// Local storage: whatever fails, a file is published as a whole or not at all, and no temporary one stays.
#include "stored.h"
#include "torture.h"

#include <string.h>

#define OLD "old content"
#define NEW "new content that is longer"

struct fixture {
    char *folder; ///< holds out/v0/name with OLD, and the files `made` and `second` with NEW
    struct avsp_storage *store;
    struct avsp_location out;
    char path[256];
    char made[256];
    char second[256]; ///< likewise
};

static void *make(void)
{
    struct fixture *fx = calloc(1, sizeof *fx);
    struct avsp_err err = {0};
    AVSP_ASSERT(fx != NULL);
    fx->folder = torture_folder();
    snprintf(fx->path, sizeof fx->path, "%s/out", fx->folder);
    snprintf(fx->made, sizeof fx->made, "%s/made", fx->folder);
    snprintf(fx->second, sizeof fx->second, "%s/second", fx->folder);
    torture_put_file(fx->folder, "made", NEW);
    torture_put_file(fx->folder, "second", NEW);
    fx->out = avsp_location_fs(fx->path);
    const char *roots[] = {fx->folder};
    fx->store = avsp_storage_new(
        &(struct avsp_storage_options){.allow_roots = roots, .n_allow_roots = 1}, &err);
    AVSP_ASSERT(fx->store != NULL);
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    struct avsp_location file;
    avsp_arena_init(&arena, 1 << 20);
    AVSP_ASSERT(avsp_storage_put_bytes(fx->store, OLD, strlen(OLD), &fx->out, "v0/name", &arena,
                                       &file, &err) == AVSP_OK);
    return fx;
}

static void drop(void *opaque)
{
    struct fixture *fx = opaque;
    avsp_storage_free(fx->store);
    torture_folder_remove(fx->folder);
    free(fx);
}

static enum avsp_code run_new(void *opaque, struct avsp_err *err)
{
    struct fixture *fx = opaque;
    const char *roots[] = {fx->folder, "/"};
    struct avsp_storage *store = avsp_storage_new(
        &(struct avsp_storage_options){.allow_roots = roots, .n_allow_roots = 2}, err);
    avsp_storage_free(store);
    return store != NULL ? AVSP_OK : err->code;
}

static enum avsp_code put(struct fixture *fx, const char *name, bool bytes, struct avsp_err *err)
{
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    struct avsp_location file;
    avsp_arena_init(&arena, 1 << 20);
    return bytes ? avsp_storage_put_bytes(fx->store, NEW, strlen(NEW), &fx->out, name, &arena,
                                          &file, err)
                 : avsp_storage_put(fx->store, fx->made, &fx->out, name, &arena, &file, err);
}

static enum avsp_code run_put(void *opaque, struct avsp_err *err)
{
    return put(opaque, "v0/name", false, err);
}

static enum avsp_code run_put_deep(void *opaque, struct avsp_err *err)
{
    return put(opaque, "a/b/other", false, err);
}

static enum avsp_code run_put_bytes(void *opaque, struct avsp_err *err)
{
    return put(opaque, "v0/name", true, err);
}

static bool is_there(const struct fixture *fx, const char *name, const char *text)
{
    return torture_file_is(fx->path, name, text);
}

static enum avsp_code run_put_many(void *opaque, struct avsp_err *err)
{
    struct fixture *fx = opaque;
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    avsp_arena_init(&arena, 1 << 20);
    struct avsp_put puts[] = {{.path = fx->made, .name = "v0/name"},
                              {.path = fx->second, .name = "v0/second"}};
    return avsp_storage_put_many(fx->store, &fx->out, puts, AVSP_ARRAY_LEN(puts), &arena, err);
}

/// Old or new, and whole; what was to be moved is in one of two places; nothing else is there.
static void check_put(void *opaque, enum avsp_code rc)
{
    const struct fixture *fx = opaque;
    bool is_new = is_there(fx, "v0/name", NEW);
    bool is_kept = torture_file_is(fx->folder, "made", NEW);
    AVSP_ASSERT(is_new || (rc != AVSP_OK && is_there(fx, "v0/name", OLD)));
    AVSP_ASSERT(is_kept == !is_new);
    AVSP_ASSERT(torture_count_files(fx->path) == 2);
}

/// Each of them is in one of two places; where all went well, in the new one.
static void check_put_many(void *opaque, enum avsp_code rc)
{
    const struct fixture *fx = opaque;
    bool first = is_there(fx, "v0/name", NEW);
    bool second = is_there(fx, "v0/second", NEW);
    AVSP_ASSERT(first || is_there(fx, "v0/name", OLD));
    AVSP_ASSERT(torture_file_is(fx->folder, "made", NEW) == !first);
    AVSP_ASSERT(torture_file_is(fx->folder, "second", NEW) == !second);
    AVSP_ASSERT(rc != AVSP_OK || (first && second));
    AVSP_ASSERT(torture_count_files(fx->path) == 2u + second);
}

static void check_put_deep(void *opaque, enum avsp_code rc)
{
    const struct fixture *fx = opaque;
    bool is_new = is_there(fx, "a/b/other", NEW);
    AVSP_ASSERT(is_new || rc != AVSP_OK);
    AVSP_ASSERT(torture_file_is(fx->folder, "made", NEW) == !is_new);
    AVSP_ASSERT(torture_count_files(fx->path) <= 5); // the folders on the way may stay
}

static void check_put_bytes(void *opaque, enum avsp_code rc)
{
    const struct fixture *fx = opaque;
    AVSP_ASSERT(is_there(fx, "v0/name", NEW) || (rc != AVSP_OK && is_there(fx, "v0/name", OLD)));
    AVSP_ASSERT(torture_count_files(fx->path) == 2);
}

static enum avsp_code run_read(void *opaque, struct avsp_err *err)
{
    struct fixture *fx = opaque;
    char path[512];
    snprintf(path, sizeof path, "%s/v0/name", fx->path);
    const struct avsp_location file = avsp_location_fs(path);
    return stored_read(fx->store, &file, OLD, err);
}

static enum avsp_code run_list(void *opaque, struct avsp_err *err)
{
    struct fixture *fx = opaque;
    return stored_list(fx->store, &fx->out, "v0/name", OLD, err);
}

static enum avsp_code run_remove(void *opaque, struct avsp_err *err)
{
    struct fixture *fx = opaque;
    return avsp_storage_remove_folder(fx->store, &fx->out, err);
}

/// What says that it is gone is gone.
static void check_removed(void *opaque, enum avsp_code rc)
{
    const struct fixture *fx = opaque;
    AVSP_ASSERT(rc != AVSP_OK || torture_count_files(fx->folder) == 2);
}

static enum avsp_code run_delete(void *opaque, struct avsp_err *err)
{
    struct fixture *fx = opaque;
    char path[512];
    snprintf(path, sizeof path, "%s/v0/name", fx->path);
    const struct avsp_location file = avsp_location_fs(path);
    return avsp_storage_delete(fx->store, &file, err);
}

static void check_deleted(void *opaque, enum avsp_code rc)
{
    AVSP_ASSERT(rc != AVSP_OK || torture_count_files(((struct fixture *)opaque)->path) == 1);
}

static enum avsp_code run_probe(void *opaque, struct avsp_err *err)
{
    struct fixture *fx = opaque;
    return avsp_storage_probe_folder(fx->store, &fx->out, err);
}

static void check_probed(void *opaque, enum avsp_code rc)
{
    unsigned n = torture_count_files(((struct fixture *)opaque)->path);
    AVSP_ASSERT(n == 2 || (rc != AVSP_OK && n == 3)); // what cannot be removed stays, but is told
}

int main(void)
{
    static const struct torture_case cases[] = {
        {"new", make, run_new, NULL, drop},
        {"put", make, run_put, check_put, drop},
        {"put into new folders", make, run_put_deep, check_put_deep, drop},
        {"put many", make, run_put_many, check_put_many, drop},
        {"put bytes", make, run_put_bytes, check_put_bytes, drop},
        {"read", make, run_read, NULL, drop},
        {"list", make, run_list, NULL, drop},
        {"remove a folder", make, run_remove, check_removed, drop},
        {"delete", make, run_delete, check_deleted, drop},
        {"probe a folder", make, run_probe, check_probed, drop},
    };
    return torture_run("torture/storage", cases, AVSP_ARRAY_LEN(cases));
}
