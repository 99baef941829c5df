#include "client/command.h"

#include "client/location.h"
#include "core/choice.h"
#include "core/picture_options.h"
#include "core/sidecar.h"
#include "core/time_range.h"
#include "util/buf.h"
#include "util/fd.h"
#include "util/parse.h"

#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#define SAY_MAX_BYTES 4096

void avsp_cmd_say(const char *fmt, ...)
{
    char line[SAY_MAX_BYTES];
    int n = snprintf(line, sizeof line, "%s: ", AVSP_CMD_NAME);
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(line + n, sizeof line - (size_t)n - 1, fmt, ap);
    va_end(ap);
    avsp_text_tame(line, '?', false);
    size_t len = strlen(line);
    line[len++] = '\n';
    // Nothing useful can be done where standard error itself fails.
    struct avsp_err ignored = {0};
    (void)!avsp_fd_write_all(STDERR_FILENO, line, len, &ignored);
}

int avsp_cmd_fail(const struct avsp_err *err)
{
    avsp_cmd_say("%s", err->text);
    switch (err->code) {
    case AVSP_UNAVAILABLE:
    case AVSP_TIMEOUT:
        return AVSP_EXIT_UNREACHABLE;
    case AVSP_INTERNAL:
    case AVSP_NO_MEMORY:
    case AVSP_LIMIT:
    case AVSP_NO_SPACE:
    case AVSP_CANCELED:
        return AVSP_EXIT_FAILED;
    default:
        return AVSP_EXIT_USAGE;
    }
}

int avsp_cmd_fail_place(const struct avsp_err *err)
{
    int status = avsp_cmd_fail(err);
    return status == AVSP_EXIT_UNREACHABLE ? AVSP_EXIT_FAILED : status;
}

int avsp_cmd_fail_call(const struct avsp_cli_parsed *args, const char *job_id, struct avsp_err *err)
{
    const char *target = avsp_cli_str(args, "coordinator");
    bool is_away = err->code == AVSP_UNAVAILABLE || err->code == AVSP_TIMEOUT;
    if (is_away && strstr(err->text, target) == NULL)
        avsp_err_wrap(err, "coordinator %s", target);
    else if (err->code == AVSP_NOT_FOUND && job_id != NULL)
        avsp_err_set(err, AVSP_NOT_FOUND, "the coordinator %s knows no job \"%.100s\"", target,
                     job_id);
    return avsp_cmd_fail(err);
}

int avsp_cmd_exit_of(const struct avsp_job *job)
{
    return job->state == AVSP_JOB_FAILED || job->state == AVSP_JOB_CANCELED ? AVSP_EXIT_FAILED
                                                                            : AVSP_EXIT_DONE;
}

static enum avsp_code read_i32(const struct avsp_cli_parsed *args, const char *name, int32_t max,
                               int32_t *ret_value, struct avsp_err *err)
{
    int64_t value = 0;
    enum avsp_code rc = avsp_cli_i64(args, name, 1, max, &value, err);
    if (rc == AVSP_OK)
        *ret_value = (int32_t)value;
    return rc;
}

static enum avsp_code read_numbers(const struct avsp_cli_parsed *args, struct avsp_job_spec *spec,
                                   struct avsp_err *err)
{
    enum avsp_code rc =
        read_i32(args, "segment-seconds", AVSP_SEGMENT_SECONDS_MAX, &spec->segment_seconds, err);
    if (rc == AVSP_OK)
        rc = read_i32(args, "crf", AVSP_CRF_MAX, &spec->crf, err);
    if (rc == AVSP_OK)
        rc = read_i32(args, "preset", AVSP_PRESET_MAX, &spec->preset, err);
    return rc;
}

enum avsp_code avsp_cmd_read_picture(const struct avsp_cli_parsed *args,
                                     struct avsp_picture_options *ret_options, struct avsp_err *err)
{
    struct avsp_picture_options options = {0};
    int64_t grain = 0;
    const char *how = avsp_cli_str(args, "deinterlace");
    if (!avsp_deinterlace_parse(how, &options.deinterlace))
        return avsp_err_set(err, AVSP_INVALID,
                            "--deinterlace: \"%.100s\" is not frames, fields or off", how);
    const char *hdr = avsp_cli_str(args, "hdr");
    if (!avsp_hdr_choice_parse(hdr, &options.hdr))
        return avsp_err_set(err, AVSP_INVALID, "--hdr: \"%.100s\" is not keep, sdr or both", hdr);
    enum avsp_code rc = avsp_cli_i64(args, "film-grain", 0, AVSP_FILM_GRAIN_MAX, &grain, err);
    if (rc != AVSP_OK)
        return rc;
    options.film_grain = (int32_t)grain;
    const char *ladder = avsp_cli_str(args, "ladder");
    if (ladder != NULL && avsp_ladder_parse(ladder, &options.ladder, err) != AVSP_OK)
        return avsp_err_wrap(err, "--ladder");
    const char *fallback = avsp_cli_str(args, "fallback");
    if (!avsp_fallback_parse(fallback, &options.fallback))
        return avsp_err_set(err, AVSP_INVALID, "--fallback: \"%.100s\" is not h264 or none",
                            fallback);
    *ret_options = options;
    return AVSP_OK;
}

static enum avsp_code read_time(const struct avsp_cli_parsed *args, const char *name,
                                int64_t *ret_us, struct avsp_err *err)
{
    const char *text = avsp_cli_str(args, name);
    if (text == NULL || avsp_time_parse(text, ret_us))
        return AVSP_OK;
    return avsp_err_set(err, AVSP_INVALID,
                        "--%s: \"%.100s\" is neither seconds, like 12.5, nor [HH:]MM:SS, like "
                        "1:02:03.25",
                        name, text);
}

/// --end 0 is not the source's end, as 0 is in a struct avsp_time_range.
static enum avsp_code read_range(const struct avsp_cli_parsed *args,
                                 struct avsp_time_range *ret_range, struct avsp_err *err)
{
    *ret_range = (struct avsp_time_range){0};
    enum avsp_code rc = read_time(args, "start", &ret_range->start_us, err);
    if (rc == AVSP_OK)
        rc = read_time(args, "end", &ret_range->end_us, err);
    if (rc == AVSP_OK && ret_range->end_us == 0 && avsp_cli_str(args, "end") != NULL)
        return avsp_err_set(err, AVSP_INVALID, "--end: nothing lies before 0");
    return rc;
}

enum avsp_code avsp_cmd_read_sound(const struct avsp_cli_parsed *args,
                                   struct avsp_sound_options *ret_options, struct avsp_err *err)
{
    int64_t loudness = 0;
    enum avsp_code rc = AVSP_OK;
    if (avsp_cli_str(args, "loudness") != NULL)
        rc = avsp_cli_i64(args, "loudness", AVSP_LOUDNESS_MIN_LUFS, AVSP_LOUDNESS_MAX_LUFS,
                          &loudness, err);
    if (rc == AVSP_OK)
        *ret_options = (struct avsp_sound_options){.copy = avsp_cli_flag(args, "audio-copy"),
                                                   .opus = avsp_cli_flag(args, "opus"),
                                                   .loudness_lufs = (int32_t)loudness};
    return rc;
}

enum avsp_code avsp_cmd_choice(const struct avsp_cli_parsed *args, struct avsp_choice *ret_choice,
                               struct avsp_err *err)
{
    *ret_choice = (struct avsp_choice){
        .video = avsp_cli_str(args, "video-track"),
        .audio = avsp_cli_str(args, "audio-tracks"),
        .text = avsp_cli_str(args, "subtitle-tracks"),
    };
    enum avsp_code rc = read_range(args, &ret_choice->range, err);
    return rc == AVSP_OK ? avsp_choice_check(ret_choice, err) : rc;
}

static enum avsp_code read_sidecar(struct avsp_arena *arena, const char *text,
                                   struct avsp_sidecar *ret_sidecar, struct avsp_err *err)
{
    const char *file = NULL;
    enum avsp_code rc =
        avsp_sidecar_parse(arena, text, &file, &ret_sidecar->language, &ret_sidecar->title, err);
    if (rc == AVSP_OK)
        rc = avsp_cmd_location(arena, file, &ret_sidecar->file, err);
    return rc == AVSP_OK ? avsp_sidecar_check(ret_sidecar, err) : rc;
}

enum avsp_code avsp_cmd_read_sidecars(const struct avsp_cli_parsed *args, struct avsp_arena *arena,
                                      struct avsp_sidecar **ret_sidecars, size_t *ret_n,
                                      struct avsp_err *err)
{
    struct avsp_sidecar *sidecars = avsp_arena_array(arena, AVSP_SIDECARS_MAX, sizeof *sidecars);
    if (sidecars == NULL)
        return avsp_arena_failed(arena, err);
    size_t n = 0;
    for (const char *text; (text = avsp_cli_nth(args, "subtitle", (unsigned)n)) != NULL;) {
        if (n == AVSP_SIDECARS_MAX)
            return avsp_err_set(err, AVSP_INVALID, "--subtitle: more than %d", AVSP_SIDECARS_MAX);
        if (read_sidecar(arena, text, &sidecars[n++], err) != AVSP_OK)
            return avsp_err_wrap(err, "--subtitle");
    }
    *ret_sidecars = sidecars;
    *ret_n = n;
    return AVSP_OK;
}

enum avsp_code avsp_cmd_read_spec(const struct avsp_cli_parsed *args, struct avsp_arena *arena,
                                  struct avsp_job_spec *ret_spec, struct avsp_err *err)
{
    const char *work = avsp_cli_str(args, "work");
    *ret_spec = (struct avsp_job_spec){
        .work = avsp_location_none(),
        .overwrite = avsp_cli_flag(args, "overwrite"),
        .dash = avsp_cli_flag(args, "dash"),
        .idempotency_key = "",
        .priority = AVSP_PRIORITY_DEFAULT,
    };
    enum avsp_code rc = read_numbers(args, ret_spec, err);
    if (rc == AVSP_OK)
        rc = avsp_cmd_read_picture(args, &ret_spec->picture, err);
    if (rc == AVSP_OK)
        rc = avsp_cmd_read_sound(args, &ret_spec->sound, err);
    if (rc == AVSP_OK)
        rc = avsp_cmd_choice(args, &ret_spec->choice, err);
    if (rc == AVSP_OK)
        rc = avsp_cmd_read_sidecars(args, arena, &ret_spec->sidecars, &ret_spec->n_sidecars, err);
    if (rc == AVSP_OK)
        rc = avsp_cmd_location(arena, args->args[0], &ret_spec->input, err);
    if (rc == AVSP_OK)
        rc = avsp_cmd_location(arena, args->args[1], &ret_spec->output, err);
    if (rc == AVSP_OK && work != NULL)
        rc = avsp_cmd_location(arena, work, &ret_spec->work, err);
    return rc;
}

enum avsp_code avsp_cmd_labels(const struct avsp_cli_parsed *args, struct avsp_arena *arena,
                               size_t max, struct avsp_label **ret_labels, size_t *ret_n,
                               struct avsp_err *err)
{
    struct avsp_label *labels = avsp_arena_array(arena, max, sizeof *labels);
    if (labels == NULL)
        return avsp_arena_failed(arena, err);
    size_t n = 0;
    for (const char *text; (text = avsp_cli_nth(args, "label", (unsigned)n)) != NULL; n++) {
        const char *equals = strchr(text, '=');
        if (n == max)
            return avsp_err_set(err, AVSP_INVALID, "--label: more than %zu", max);
        if (equals == NULL)
            return avsp_err_set(err, AVSP_INVALID, "--label: \"%.100s\" is not KEY=VALUE", text);
        labels[n].name = avsp_arena_strndup(arena, text, (size_t)(equals - text));
        labels[n].value = equals + 1;
        if (labels[n].name == NULL)
            return avsp_arena_failed(arena, err);
        if (avsp_label_check(&labels[n], err) != AVSP_OK)
            return avsp_err_wrap(err, "--label");
    }
    *ret_labels = labels;
    *ret_n = n;
    return AVSP_OK;
}

struct avsp_client *avsp_cmd_connect(const struct avsp_cli_parsed *args, bool fail_fast,
                                     struct avsp_err *err)
{
    // Read once: the token is in the environment no more afterwards.
    static struct avsp_client_security security;
    static bool is_read;
    if (!is_read && avsp_client_security_read(args, &security, err) != AVSP_OK)
        return NULL;
    is_read = true;
    return avsp_client_new(avsp_cli_str(args, "coordinator"), fail_fast, &security, err);
}

void avsp_cmd_client_cleanup(struct avsp_client **cli)
{
    avsp_client_free(*cli);
    *cli = NULL;
}

enum avsp_code avsp_cmd_print(const char *text, struct avsp_err *err)
{
    enum avsp_code rc = avsp_fd_write_all(STDOUT_FILENO, text, strlen(text), err);
    return rc == AVSP_OK ? AVSP_OK : avsp_err_wrap(err, "write to standard output");
}
