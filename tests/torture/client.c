/// The folders that `encode` makes: after a failure none is left behind, and what was there before is as it was.
#include "torture.h"

#include "client/location.h"
#include "client/output.h"
#include "client/private.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct fixture {
    char *folder; ///< holds tmp/, old/ with a presentation's remains in it
    char path[256];
};

static void *make(void)
{
    struct fixture *fx = calloc(1, sizeof *fx);
    AVSP_ASSERT(fx != NULL);
    fx->folder = torture_folder();
    static const char *const folders[] = {"tmp", "old", "old/v0"};
    for (size_t i = 0; i < AVSP_ARRAY_LEN(folders); i++) {
        snprintf(fx->path, sizeof fx->path, "%s/%s", fx->folder, folders[i]);
        AVSP_ASSERT(mkdir(fx->path, 0777) == 0);
    }
    torture_put_file(fx->folder, "old/v0/00001-0123456789abcdef.m4s", "x");
    torture_put_file(fx->folder, "old/notes.txt", "x");
    snprintf(fx->path, sizeof fx->path, "%s/tmp", fx->folder);
    setenv("TMPDIR", fx->path, 1);
    return fx;
}

static void drop(void *opaque)
{
    struct fixture *fx = opaque;
    unsetenv("TMPDIR");
    torture_folder_remove(fx->folder);
    free(fx);
}

static enum avsp_code use_output(struct fixture *fx, const char *name, struct avsp_err *err)
{
    struct avsp_output output;
    snprintf(fx->path, sizeof fx->path, "%s/%s", fx->folder, name);
    enum avsp_code rc = avsp_output_open(&output, fx->path, true, err);
    if (rc != AVSP_OK)
        return rc;
    rc = avsp_output_look(&output, true, err);
    if (rc == AVSP_OK)
        avsp_output_undo(&output);
    avsp_output_close(&output);
    return rc;
}

static enum avsp_code run_new_output(void *opaque, struct avsp_err *err)
{
    return use_output(opaque, "a/b", err);
}

static enum avsp_code run_old_output(void *opaque, struct avsp_err *err)
{
    return use_output(opaque, "old", err);
}

static enum avsp_code run_private(void *opaque, struct avsp_err *err)
{
    struct fixture *fx = opaque;
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    avsp_arena_init(&arena, 1 << 20);
    struct avsp_private priv = {0};
    const struct avsp_identity identity = {.input = "/in",
                                           .input_hash = "",
                                           .output = "/out",
                                           .work = "",
                                           .picture = "",
                                           .sound = "",
                                           .sidecars = "",
                                           .cache_control = "",
                                           .libraries = "",
                                           .version = "1",
                                           .key = "k",
                                           .host = "h",
                                           .state = "",
                                           .manifest = ""};
    snprintf(fx->path, sizeof fx->path, "%s/old", fx->folder);
    enum avsp_code rc = avsp_private_open(&priv, fx->path, &arena, err);
    if (rc != AVSP_OK)
        return rc;
    rc = avsp_private_begin(&priv, &identity, NULL, &arena, err);
    avsp_private_remove(&priv);
    return rc;
}

static enum avsp_code run_location(void *opaque, struct avsp_err *err)
{
    (void)opaque;
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    avsp_arena_init(&arena, 1 << 20);
    struct avsp_location loc;
    enum avsp_code rc = avsp_cmd_location(&arena, "bin/../b", &loc, err);
    return rc == AVSP_OK ? avsp_cmd_location(&arena, "s3://bucket/key", &loc, err) : rc;
}

/// Nothing of what was there is gone. @return what is there beside it.
static unsigned n_others(const struct fixture *fx)
{
    AVSP_ASSERT(torture_file_is(fx->folder, "old/v0/00001-0123456789abcdef.m4s", "x"));
    AVSP_ASSERT(torture_file_is(fx->folder, "old/notes.txt", "x"));
    return torture_count_files(fx->folder) - 5;
}

static void check_untouched(void *opaque, enum avsp_code rc)
{
    // After a success only what could not be removed may have stayed.
    unsigned n = n_others(opaque);
    AVSP_ASSERT(rc == AVSP_OK || n == 0);
}

int main(void)
{
    static const struct torture_case cases[] = {
        {"a new output folder", make, run_new_output, check_untouched, drop},
        {"an old output folder", make, run_old_output, check_untouched, drop},
        {"private folders", make, run_private, check_untouched, drop},
        {"locations", make, run_location, NULL, drop},
    };
    // Where "bin/.." is resolved.
    return chdir("/usr") == 0 ? torture_run("torture/client", cases, AVSP_ARRAY_LEN(cases)) : 1;
}
