#include "client/stores.h"

#include "client/location.h"
#include "client/output.h"
#include "client/upload.h"
#include "core/naming.h"

#include <string.h>

#define PATIENCE_MS 20000

struct avsp_storage *avsp_stores_open(struct avsp_err *err)
{
    const struct avsp_storage_options options = {.s3_patience_ms = PATIENCE_MS,
                                                 .s3_silence_ms = PATIENCE_MS};
    return avsp_storage_new(&options, err);
}

void avsp_stores_cleanup(struct avsp_storage **store)
{
    avsp_storage_free(*store);
    *store = NULL;
}

static enum avsp_code read_style(const struct avsp_cli_parsed *args, enum avsp_s3_style *ret_style,
                                 struct avsp_err *err)
{
    static const char *const names[] = {"auto", "path", "virtual"};
    const char *text = avsp_cli_str(args, "s3-style");
    for (size_t i = 0; i < AVSP_ARRAY_LEN(names); i++)
        if (strcmp(text, names[i]) == 0) {
            *ret_style = (enum avsp_s3_style)i;
            return AVSP_OK;
        }
    return avsp_err_set(err, AVSP_INVALID, "--s3-style: \"%.40s\" is not auto, path or virtual",
                        text);
}

enum avsp_code avsp_stores_complete(struct avsp_storage *store, const struct avsp_cli_parsed *args,
                                    bool keys, struct avsp_arena *arena, struct avsp_job_spec *spec,
                                    struct avsp_err *err)
{
    struct avsp_location *const places[] = {&spec->input, &spec->output, &spec->work};
    enum avsp_s3_style style = AVSP_S3_STYLE_AUTO;
    enum avsp_code rc = read_style(args, &style, err);
    spec->input.anonymous = avsp_cli_flag(args, "anonymous-input");
    for (size_t i = 0; i < AVSP_ARRAY_LEN(places) && rc == AVSP_OK; i++) {
        places[i]->style = style;
        rc = avsp_storage_lend(store, places[i], keys, arena, err);
    }
    for (size_t i = 0; i < spec->n_sidecars && rc == AVSP_OK; i++) {
        spec->sidecars[i].file.style = style;
        rc = avsp_storage_lend(store, &spec->sidecars[i].file, keys, arena, err);
    }
    const char *cache_control = avsp_cli_str(args, "cache-control");
    if (cache_control != NULL)
        spec->output.cache_control = cache_control;
    return rc;
}

void avsp_stores_keep_keys_back(struct avsp_location *place)
{
    if (place->kind != AVSP_LOCATION_S3)
        return;
    place->access_key_id = "";
    avsp_location_blank(place);
}

enum avsp_code avsp_stores_upload(struct avsp_storage *store, const struct avsp_cli_parsed *args,
                                  struct avsp_arena *arena, struct avsp_job_spec *spec,
                                  struct avsp_err *err)
{
    const char *text = avsp_cli_str(args, "upload");
    struct avsp_location folder;
    if (text == NULL)
        return AVSP_OK;
    enum avsp_code rc = avsp_cmd_location(arena, text, &folder, err);
    if (rc == AVSP_OK)
        rc = read_style(args, &folder.style, err);
    if (rc == AVSP_OK)
        rc = avsp_storage_lend(store, &folder, true, arena, err);
    if (rc == AVSP_OK)
        rc = avsp_upload(store, &folder, &spec->input, arena, err);
    for (size_t i = 0; rc == AVSP_OK && i < spec->n_sidecars; i++)
        if (spec->sidecars[i].file.kind == AVSP_LOCATION_FS)
            rc = avsp_upload(store, &folder, &spec->sidecars[i].file, arena, err);
    if (rc != AVSP_OK || !avsp_cli_flag(args, "no-credentials"))
        return rc;
    avsp_stores_keep_keys_back(&spec->input);
    for (size_t i = 0; i < spec->n_sidecars; i++)
        avsp_stores_keep_keys_back(&spec->sidecars[i].file);
    return AVSP_OK;
}

const char *avsp_stores_url(struct avsp_storage *store, const struct avsp_location *manifest,
                            int64_t sign_seconds, struct avsp_arena *arena, struct avsp_err *err)
{
    struct avsp_location file = *manifest;
    const char *url = "";
    if (manifest->kind != AVSP_LOCATION_S3)
        return "";
    // The job's own keys are known to the coordinator alone; this user's will do.
    file.access_key_id = "";
    enum avsp_code rc =
        sign_seconds > 0 ? avsp_storage_lend(store, &file, true, arena, err) : AVSP_OK;
    if (rc == AVSP_OK)
        rc = avsp_storage_url(store, &file, sign_seconds, arena, &url, err);
    return rc == AVSP_OK ? url : NULL;
}

static enum avsp_code check_output(struct avsp_storage *store, struct avsp_arena *arena,
                                   const struct avsp_job_spec *spec, struct avsp_err *err)
{
    struct avsp_location manifest;
    struct avsp_stat st;
    struct avsp_err why = {0};
    enum avsp_code rc =
        avsp_location_join(arena, &spec->output, AVSP_MANIFEST_NAME, &manifest, err);
    if (rc == AVSP_OK && !spec->overwrite &&
        avsp_storage_stat(store, &manifest, &st, &why) == AVSP_OK)
        return avsp_output_taken(avsp_location_show(arena, &spec->output), err);
    return rc == AVSP_OK ? avsp_storage_probe_folder(store, &spec->output, err) : rc;
}

/// Can this machine look for itself? Not with the credentials of others.
static bool can_look(const struct avsp_location *place)
{
    return place->kind == AVSP_LOCATION_S3 && (place->access_key_id[0] != '\0' || place->anonymous);
}

enum avsp_code avsp_stores_check(struct avsp_storage *store, struct avsp_arena *arena,
                                 const struct avsp_job_spec *spec, struct avsp_err *err)
{
    struct avsp_stat st;
    if (can_look(&spec->input) && avsp_storage_stat(store, &spec->input, &st, err) != AVSP_OK)
        return avsp_err_wrap(err, "INPUT cannot be read");
    for (size_t i = 0; i < spec->n_sidecars; i++)
        if (can_look(&spec->sidecars[i].file) &&
            avsp_storage_stat(store, &spec->sidecars[i].file, &st, err) != AVSP_OK)
            return avsp_err_wrap(err, "--subtitle: the file cannot be read");
    enum avsp_code rc = AVSP_OK;
    if (can_look(&spec->output))
        rc = check_output(store, arena, spec, err);
    if (rc == AVSP_EXISTS)
        return rc;
    if (rc != AVSP_OK)
        return avsp_err_wrap(err, "OUTPUT cannot be written");
    if (can_look(&spec->work) && avsp_storage_probe_folder(store, &spec->work, err) != AVSP_OK)
        return avsp_err_wrap(err, "--work cannot be written");
    return AVSP_OK;
}

struct undoing {
    struct avsp_storage *store;
    const struct avsp_location *output;
    bool is_clean;
    struct avsp_err away; ///< why the rest cannot be removed either; code OK: it can
};

/// Will all that follows end as this did?
static bool is_away(const struct avsp_err *err)
{
    return err->code == AVSP_CANCELED || err->code == AVSP_UNAVAILABLE || err->code == AVSP_TIMEOUT;
}

static bool undo_file(void *opaque, const char *name, const struct avsp_stat *stat)
{
    struct undoing *undoing = opaque;
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    struct avsp_location file;
    struct avsp_err err = {0};
    (void)stat;
    avsp_arena_init(&arena, 64 << 10);
    if (!avsp_name_is_ours(name) ||
        (avsp_location_join(&arena, undoing->output, name, &file, &err) == AVSP_OK &&
         avsp_storage_delete(undoing->store, &file, &err) == AVSP_OK))
        return true;
    undoing->is_clean = false;
    if (is_away(&err))
        undoing->away = err;
    else
        avsp_cmd_say("left behind: %s", err.text);
    return undoing->away.code == AVSP_OK;
}

bool avsp_stores_undo(struct avsp_storage *store, const struct avsp_location *output)
{
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    struct undoing undoing = {.store = store, .output = output, .is_clean = true};
    struct avsp_location manifest;
    struct avsp_stat st;
    struct avsp_err err = {0};
    avsp_arena_init(&arena, 64 << 10);
    enum avsp_code rc = avsp_location_join(&arena, output, AVSP_MANIFEST_NAME, &manifest, &err);
    if (rc == AVSP_OK)
        rc = avsp_storage_stat(store, &manifest, &st, &err);
    if (rc == AVSP_OK)
        return true; // another presentation is there, whose files have the same kind of names
    if (rc == AVSP_NOT_FOUND)
        rc = avsp_storage_list(store, output, undo_file, &undoing, &err);
    if (undoing.away.code != AVSP_OK) {
        rc = undoing.away.code;
        err = undoing.away;
    }
    if (rc == AVSP_OK)
        rc = avsp_storage_drop_unfinished(store, output, avsp_name_is_ours, &err);
    if (rc != AVSP_OK)
        avsp_cmd_say("left behind: what is not removed yet of %s: %s",
                     avsp_location_show(&arena, output), err.text);
    return rc == AVSP_OK && undoing.is_clean;
}
