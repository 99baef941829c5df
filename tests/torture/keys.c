/// Small files that decide who gets in: whatever fails, a keyring is made as a whole or not at all, and one that could not be read
/// leaves the former keys, until it can.
#include "torture.h"

#include "coordinator/keys.h"
#include "util/log.h"

#include <string.h>

#define OLD "old b2xkb2xkb2xkb2xkb2xkb2xkb2xkb2xkb2xkb2xkb2w=\n"
#define NEW "new bmV3bmV3bmV3bmV3bmV3bmV3bmV3bmV3bmV3bmV3bmU=\n" OLD

struct fixture {
    char *folder; ///< holds `ring`
    char path[256];
    char url[256];
    struct avsp_config config;
    struct avsp_keys keys;
};

static struct fixture *make(void)
{
    struct fixture *fx = calloc(1, sizeof *fx);
    AVSP_ASSERT(fx != NULL);
    avsp_log_begin(&(struct avsp_log_options){.level = AVSP_LOG_ERROR});
    fx->folder = torture_folder();
    snprintf(fx->path, sizeof fx->path, "%s/ring", fx->folder);
    snprintf(fx->url, sizeof fx->url, "sqlite://%s/db", fx->folder);
    fx->config.db_url = fx->url;
    avsp_keys_init(&fx->keys);
    torture_put_file(fx->folder, "ring", OLD);
    return fx;
}

static void *make_none(void)
{
    return make();
}

static void *make_named(void)
{
    struct fixture *fx = make();
    fx->config.keyring = fx->path;
    return fx;
}

/// Reads the former one; then there is another.
static void *make_replaced(void)
{
    struct fixture *fx = make_named();
    struct avsp_err err = {0};
    AVSP_ASSERT(avsp_keys_open(&fx->keys, &fx->config, &err) == AVSP_OK);
    torture_put_file(fx->folder, "ring", NEW);
    return fx;
}

static void drop(void *opaque)
{
    struct fixture *fx = opaque;
    avsp_keys_close(&fx->keys);
    torture_folder_remove(fx->folder);
    free(fx);
}

static enum avsp_code run_open(void *opaque, struct avsp_err *err)
{
    struct fixture *fx = opaque;
    return avsp_keys_open(&fx->keys, &fx->config, err);
}

static bool first_is(struct fixture *fx, const char *wanted)
{
    char id[AVSP_KEY_ID_BYTES];
    return avsp_keyring_first(&fx->keys.ring, id) && strcmp(id, wanted) == 0;
}

static void check_opened(void *opaque, enum avsp_code rc)
{
    AVSP_ASSERT(first_is(opaque, "old") == (rc == AVSP_OK));
}

/// There is a keyring beside the database that another program can read, or none; a temporary one that cannot be removed may stay.
static void check_made(void *opaque, enum avsp_code rc)
{
    struct fixture *fx = opaque;
    struct avsp_err err = {0};
    AVSP_ASSERT(first_is(fx, "first") == (rc == AVSP_OK));
    avsp_keys_close(&fx->keys);
    avsp_keys_init(&fx->keys);
    AVSP_ASSERT(avsp_keys_open(&fx->keys, &fx->config, &err) == AVSP_OK && first_is(fx, "first"));
    AVSP_ASSERT(torture_count_files(fx->folder) <= 3);
}

/// A failure is logged, not returned.
static enum avsp_code run_look(void *opaque, struct avsp_err *err)
{
    struct fixture *fx = opaque;
    (void)err;
    avsp_keys_look(&fx->keys);
    return AVSP_OK;
}

static void check_looked(void *opaque, enum avsp_code rc)
{
    struct fixture *fx = opaque;
    (void)rc;
    AVSP_ASSERT(first_is(fx, "old") || first_is(fx, "new"));
    avsp_keys_look(&fx->keys);
    AVSP_ASSERT(first_is(fx, "new"));
}

static enum avsp_code run_read(void *opaque, struct avsp_err *err)
{
    struct fixture *fx = opaque;
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    char *text = NULL;
    avsp_arena_init(&arena, 4096);
    enum avsp_code rc = avsp_file_read(&arena, fx->path, 1024, &text, err);
    AVSP_ASSERT(rc == AVSP_OK ? strcmp(text, OLD) == 0 : text == NULL);
    return rc;
}

int main(void)
{
    static const struct torture_case cases[] = {
        {"read a file", make_none, run_read, NULL, drop},
        {"open a keyring", make_named, run_open, check_opened, drop},
        {"make a keyring", make_none, run_open, check_made, drop},
        {"look at one that was replaced", make_replaced, run_look, check_looked, drop},
    };
    return torture_run("torture/keys", cases, AVSP_ARRAY_LEN(cases));
}
