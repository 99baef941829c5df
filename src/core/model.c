#include "core/model.h"

#include "core/choice.h"
#include "core/naming.h"
#include "core/picture_options.h"
#include "core/sidecar.h"
#include "core/sound_options.h"
#include "util/parse.h"

#include <string.h>

const char *avsp_job_state_name(enum avsp_job_state state)
{
    switch (state) {
    case AVSP_JOB_RUNNING:
        return "running";
    case AVSP_JOB_FINISHED:
        return "finished";
    case AVSP_JOB_FAILED:
        return "failed";
    case AVSP_JOB_CANCELED:
        return "canceled";
    case AVSP_JOB_PAUSED:
        return "paused";
    case AVSP_JOB_DELETED:
        return "deleted";
    }
    return "?";
}

const char *avsp_task_kind_name(enum avsp_task_kind kind)
{
    switch (kind) {
    case AVSP_TASK_NONE:
        return "none";
    case AVSP_TASK_SPLIT:
        return "split";
    case AVSP_TASK_ENCODE:
        return "encode";
    case AVSP_TASK_MANIFEST:
        return "manifest";
    case AVSP_TASK_AUDIO:
        return "audio";
    case AVSP_TASK_CLEANUP:
        return "cleanup";
    }
    return "?";
}

const char *avsp_task_state_name(enum avsp_task_state state)
{
    switch (state) {
    case AVSP_TASK_READY:
        return "ready";
    case AVSP_TASK_RUNNING:
        return "running";
    case AVSP_TASK_DONE:
        return "done";
    case AVSP_TASK_FAILED:
        return "failed";
    case AVSP_TASK_CANCELED:
        return "canceled";
    case AVSP_TASK_HELD:
        return "held";
    }
    return "?";
}

const char *avsp_worker_state_name(enum avsp_worker_state state)
{
    switch (state) {
    case AVSP_WORKER_IDLE:
        return "idle";
    case AVSP_WORKER_WORKING:
        return "working";
    case AVSP_WORKER_DRAINING:
        return "draining";
    case AVSP_WORKER_AWAY:
        return "away";
    }
    return "?";
}

/// Control characters never belong in a path, a key or a name; they could forge log lines and playlists.
static bool has_control(const char *text)
{
    for (const char *c = text; *c != '\0'; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            return true;
    return false;
}

/// Calls for "a/b/c" without "", "." and ".." parts; @p text has no leading '/'.
static bool parts_are_plain(const char *text)
{
    for (const char *part = text;;) {
        size_t n = strcspn(part, "/");
        if (n == 0 || (n == 1 && part[0] == '.') || (n == 2 && memcmp(part, "..", 2) == 0))
            return false;
        if (part[n] == '\0')
            return true;
        part += n + 1;
    }
}

static enum avsp_code check_fs_path(const char *path, const char *field, struct avsp_err *err)
{
    if (path[0] != '/')
        return avsp_err_set(err, AVSP_INVALID, "%s: \"%.200s\" is not an absolute path", field,
                            path);
    for (const char *p = strstr(path, "/.."); p != NULL; p = strstr(p + 1, "/.."))
        if (p[3] == '/' || p[3] == '\0')
            return avsp_err_set(err, AVSP_INVALID, "%s: \"%.200s\" has a \"..\" part", field, path);
    return AVSP_OK;
}

bool avsp_s3_region_is_valid(const char *region)
{
    size_t n = strlen(region);
    return n < 64 && strspn(region, "abcdefghijklmnopqrstuvwxyz"
                                    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") == n;
}

/// @param is_folder  an S3 folder may have an empty prefix: the whole bucket.
static enum avsp_code check_location(const struct avsp_location *loc, const char *field,
                                     bool is_folder, struct avsp_err *err)
{
    if (loc->kind == AVSP_LOCATION_NONE)
        return avsp_err_set(err, AVSP_INVALID, "%s: missing", field);
    const char *texts[] = {loc->path,
                           loc->bucket,
                           loc->region,
                           loc->endpoint,
                           loc->access_key_id,
                           loc->secret_access_key.text,
                           loc->session_token.text,
                           loc->cache_control};
    for (size_t i = 0; i < AVSP_ARRAY_LEN(texts); i++) {
        if (strlen(texts[i]) >= AVSP_PATH_MAX_BYTES)
            return avsp_err_set(err, AVSP_INVALID, "%s: longer than %d bytes", field,
                                AVSP_PATH_MAX_BYTES - 1);
        if (has_control(texts[i]) || !avsp_utf8_is_valid(texts[i]))
            return avsp_err_set(err, AVSP_INVALID, "%s: not printable UTF-8", field);
    }
    if (loc->kind == AVSP_LOCATION_FS)
        return check_fs_path(loc->path, field, err);
    if (loc->bucket[0] == '\0')
        return avsp_err_set(err, AVSP_INVALID, "%s: the bucket is missing", field);
    if (!avsp_s3_region_is_valid(loc->region))
        return avsp_err_set(err, AVSP_INVALID, "%s: \"%.100s\" is not the name of a region", field,
                            loc->region);
    if (loc->path[0] == '\0' && !is_folder)
        return avsp_err_set(err, AVSP_INVALID, "%s: the key is missing", field);
    return AVSP_OK;
}

/// 0 becomes the default; anything outside 1..max is refused.
static enum avsp_code check_number(int32_t *value, int32_t def, int32_t max, const char *field,
                                   struct avsp_err *err)
{
    if (*value < 0)
        return avsp_err_set(err, AVSP_INVALID, "%s: %d is negative", field, *value);
    if (*value > max)
        return avsp_err_set(err, AVSP_INVALID, "%s: %d is over %d", field, *value, max);
    if (*value == 0)
        *value = def;
    return AVSP_OK;
}

enum avsp_code avsp_label_check(const struct avsp_label *label, struct avsp_err *err)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/";
    size_t n = strlen(label->name);
    if (n < 1 || n > AVSP_LABEL_NAME_MAX_BYTES || strspn(label->name, allowed) != n)
        return avsp_err_set(err, AVSP_INVALID,
                            "labels: the name \"%.100s\" is not 1 to %d of a-z, A-Z, 0-9, '.', "
                            "'_', '-' and '/'",
                            label->name, AVSP_LABEL_NAME_MAX_BYTES);
    if (strlen(label->value) > AVSP_LABEL_VALUE_MAX_BYTES || has_control(label->value) ||
        !avsp_utf8_is_valid(label->value))
        return avsp_err_set(err, AVSP_INVALID,
                            "labels: the value of %s is over %d bytes or not printable",
                            label->name, AVSP_LABEL_VALUE_MAX_BYTES);
    return AVSP_OK;
}

static enum avsp_code check_labels(const struct avsp_job_spec *spec, struct avsp_err *err)
{
    if (spec->n_labels > AVSP_LABELS_MAX)
        return avsp_err_set(err, AVSP_INVALID, "labels: more than %d", AVSP_LABELS_MAX);
    for (size_t i = 0; i < spec->n_labels; i++) {
        enum avsp_code rc = avsp_label_check(&spec->labels[i], err);
        if (rc != AVSP_OK)
            return rc;
        for (size_t k = 0; k < i; k++)
            if (strcmp(spec->labels[k].name, spec->labels[i].name) == 0)
                return avsp_err_set(err, AVSP_INVALID, "labels: %s is there twice",
                                    spec->labels[i].name);
    }
    return AVSP_OK;
}

static enum avsp_code check_sidecars(const struct avsp_job_spec *spec, struct avsp_err *err)
{
    if (spec->n_sidecars > AVSP_SIDECARS_MAX)
        return avsp_err_set(err, AVSP_INVALID, "av1_encode_job.subtitles: more than %d files",
                            AVSP_SIDECARS_MAX);
    for (size_t i = 0; i < spec->n_sidecars; i++) {
        enum avsp_code rc =
            check_location(&spec->sidecars[i].file, "av1_encode_job.subtitles.file", false, err);
        if (rc != AVSP_OK)
            return rc;
        if (avsp_sidecar_check(&spec->sidecars[i], err) != AVSP_OK)
            return avsp_err_wrap(err, "av1_encode_job.subtitles");
    }
    return AVSP_OK;
}

/// Options that are sound, each by itself, and contradict each other.
static enum avsp_code check_together(const struct avsp_job_spec *spec, struct avsp_err *err)
{
    if (spec->picture.fallback != AVSP_FALLBACK_NONE && avsp_choice_is_none(spec->choice.video))
        return avsp_err_set(
            err, AVSP_INVALID,
            "av1_encode_job.picture: fallback: it is for the picture, and there is to "
            "be none (video_track): leave out one of the two");
    return AVSP_OK;
}

enum avsp_code avsp_job_spec_check(struct avsp_job_spec *spec, struct avsp_arena *arena,
                                   struct avsp_err *err)
{
    enum avsp_code rc = check_location(&spec->input, "av1_encode_job.input_file", false, err);
    if (rc == AVSP_OK)
        rc = check_location(&spec->output, "av1_encode_job.output_directory", true, err);
    if (rc == AVSP_OK && spec->work.kind == AVSP_LOCATION_NONE)
        rc = avsp_location_join(arena, &spec->output, AVSP_WORK_NAME, &spec->work, err);
    if (rc == AVSP_OK)
        rc = check_location(&spec->work, "av1_encode_job.working_directory", true, err);
    if (rc == AVSP_OK)
        rc = check_number(&spec->segment_seconds, AVSP_SEGMENT_SECONDS_DEFAULT,
                          AVSP_SEGMENT_SECONDS_MAX, "av1_encode_job.seconds_per_segment", err);
    if (rc == AVSP_OK)
        rc = check_number(&spec->crf, AVSP_CRF_DEFAULT, AVSP_CRF_MAX, "av1_encode_job.crf", err);
    if (rc == AVSP_OK)
        rc = check_number(&spec->preset, AVSP_PRESET_DEFAULT, AVSP_PRESET_MAX,
                          "av1_encode_job.preset", err);
    if (rc == AVSP_OK && avsp_picture_options_check(&spec->picture, err) != AVSP_OK)
        rc = avsp_err_wrap(err, "av1_encode_job.picture");
    if (rc == AVSP_OK && avsp_sound_options_check(&spec->sound, err) != AVSP_OK)
        rc = avsp_err_wrap(err, "av1_encode_job.sound");
    if (rc == AVSP_OK)
        rc = avsp_choice_check(&spec->choice, err);
    if (rc == AVSP_OK)
        rc = check_sidecars(spec, err);
    if (rc == AVSP_OK)
        rc = check_together(spec, err);
    if (rc != AVSP_OK)
        return rc;
    if (strlen(spec->idempotency_key) > AVSP_TEXT_MAX_BYTES || has_control(spec->idempotency_key))
        return avsp_err_set(err, AVSP_INVALID, "idempotency_key: over %d bytes or not printable",
                            AVSP_TEXT_MAX_BYTES);
    if (spec->priority < 0 || spec->priority > AVSP_PRIORITY_MAX)
        return avsp_err_set(err, AVSP_INVALID, "priority: %d is not in 0 to %d", spec->priority,
                            AVSP_PRIORITY_MAX);
    return check_labels(spec, err);
}

struct avsp_location avsp_location_none(void)
{
    return (struct avsp_location){
        .kind = AVSP_LOCATION_NONE,
        .path = "",
        .bucket = "",
        .region = "",
        .endpoint = "",
        .access_key_id = "",
        .secret_access_key = {""},
        .session_token = {""},
        .cache_control = "",
    };
}

struct avsp_location avsp_location_fs(const char *path)
{
    struct avsp_location loc = avsp_location_none();
    loc.kind = AVSP_LOCATION_FS;
    loc.path = path;
    return loc;
}

struct avsp_location avsp_location_s3(const char *bucket, const char *path)
{
    struct avsp_location loc = avsp_location_none();
    loc.kind = AVSP_LOCATION_S3;
    loc.bucket = bucket;
    loc.path = path;
    return loc;
}

void avsp_location_blank(struct avsp_location *loc)
{
    loc->secret_access_key.text = "";
    loc->session_token.text = "";
}

enum avsp_code avsp_location_join(struct avsp_arena *arena, const struct avsp_location *folder,
                                  const char *name, struct avsp_location *ret_file,
                                  struct avsp_err *err)
{
    if (!parts_are_plain(name) || has_control(name))
        return avsp_err_set(err, AVSP_INVALID, "\"%.200s\" is not a name inside a folder", name);
    size_t n = strlen(folder->path);
    while (n > 0 && folder->path[n - 1] == '/')
        n--;
    const char *slash = n == 0 && folder->kind == AVSP_LOCATION_S3 ? "" : "/";
    struct avsp_location file = *folder;
    file.path = avsp_arena_printf(arena, "%.*s%s%s", (int)n, folder->path, slash, name);
    if (file.path == NULL)
        return avsp_arena_failed(arena, err);
    if (strlen(file.path) >= AVSP_PATH_MAX_BYTES)
        return avsp_err_set(err, AVSP_INVALID, "\"%.200s…\" is longer than %d bytes", file.path,
                            AVSP_PATH_MAX_BYTES - 1);
    *ret_file = file;
    return AVSP_OK;
}

const char *avsp_location_show(struct avsp_arena *arena, const struct avsp_location *loc)
{
    const char *text = "(none)";
    if (loc->kind == AVSP_LOCATION_FS)
        text = loc->path;
    else if (loc->kind == AVSP_LOCATION_S3)
        text = avsp_arena_printf(arena, "s3://%s/%s", loc->bucket, loc->path);
    return text != NULL ? text : "(memory ran out)";
}

bool avsp_location_equal(const struct avsp_location *a, const struct avsp_location *b)
{
    if (a->kind != b->kind)
        return false;
    if (a->kind == AVSP_LOCATION_NONE)
        return true;
    if (strcmp(a->path, b->path) != 0)
        return false;
    return a->kind == AVSP_LOCATION_FS ||
           (strcmp(a->bucket, b->bucket) == 0 && strcmp(a->endpoint, b->endpoint) == 0);
}

enum avsp_code avsp_location_copy(struct avsp_arena *arena, const struct avsp_location *from,
                                  struct avsp_location *ret_copy, struct avsp_err *err)
{
    struct avsp_location copy = {
        .kind = from->kind, .style = from->style, .anonymous = from->anonymous};
    const struct {
        const char *from;
        const char **to;
    } texts[] = {
        {from->path, &copy.path},
        {from->bucket, &copy.bucket},
        {from->region, &copy.region},
        {from->endpoint, &copy.endpoint},
        {from->access_key_id, &copy.access_key_id},
        {from->secret_access_key.text, &copy.secret_access_key.text},
        {from->session_token.text, &copy.session_token.text},
        {from->cache_control, &copy.cache_control},
    };
    for (size_t i = 0; i < AVSP_ARRAY_LEN(texts); i++) {
        *texts[i].to = avsp_arena_strdup(arena, texts[i].from != NULL ? texts[i].from : "");
        if (*texts[i].to == NULL)
            return avsp_arena_failed(arena, err);
    }
    *ret_copy = copy;
    return AVSP_OK;
}

enum avsp_code avsp_rendition_copy(struct avsp_arena *arena, const struct avsp_rendition *from,
                                   struct avsp_rendition *ret_copy, struct avsp_err *err)
{
    struct avsp_rendition copy = *from;
    const char **const texts[] = {&copy.name,   &copy.init_name,   &copy.init_sha256,
                                  &copy.codecs, &copy.video_range, &copy.language,
                                  &copy.title};
    for (size_t i = 0; i < AVSP_ARRAY_LEN(texts); i++)
        if ((*texts[i] = avsp_arena_strdup(arena, *texts[i])) == NULL)
            return avsp_arena_failed(arena, err);
    *ret_copy = copy;
    return AVSP_OK;
}
