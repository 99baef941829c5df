/// avspl1t probe: what is in a file, and what would become of it.
#include "client/command.h"
#include "client/json.h"
#include "client/location.h"
#include "client/media_child.h"
#include "client/progress.h"
#include "client/stores.h"
#include "core/sidecar.h"
#include "core/time_range.h"
#include "util/buf.h"
#include "util/parse.h"

#include <inttypes.h>
#include <string.h>

#define REPORT_MAX_BYTES (1 << 20)

static void put_part(struct avsp_buf *buf, const struct avsp_time_range *part)
{
    char text[AVSP_TIME_TEXT_BYTES];
    if (avsp_time_range_is_all(part))
        return;
    avsp_buf_printf(buf, "\n  the part from %s", avsp_time_write(part->start_us, text));
    if (part->end_us > 0)
        avsp_buf_printf(buf, " to %s", avsp_time_write(part->end_us, text));
    else
        avsp_buf_puts(buf, " to the end");
}

static void put_head(struct avsp_buf *buf, const char *path, const struct avsp_probe_input *input,
                     int64_t segment_seconds)
{
    char text[AVSP_DURATION_BYTES];
    avsp_buf_printf(buf, "%s\n  %s, %" PRIu64 " bytes", path, input->format, input->bytes);
    if (input->duration_us > 0)
        avsp_buf_printf(buf, ", %s",
                        avsp_duration_text((uint64_t)input->duration_us / 1000000, text));
    put_part(buf, &input->part);
    if (input->n_segments > 0)
        avsp_buf_printf(buf, ", %" PRIu32 " segments of %" PRId64 " s", input->n_segments,
                        segment_seconds);
    avsp_buf_puts(buf, "\n");
}

static void put_stream(struct avsp_buf *buf, const struct avsp_probe_stream *stream)
{
    avsp_buf_printf(buf, "  %" PRIu32 "  %-8s  %s", stream->idx, stream->type, stream->codec);
    if (stream->details[0] != '\0')
        avsp_buf_printf(buf, ", %s", stream->details);
    if (strcmp(stream->language, "und") != 0)
        avsp_buf_printf(buf, ", %s", stream->language);
    avsp_buf_printf(buf, "\n       %s\n", stream->plan);
}

static void put_subtitles(struct avsp_buf *buf, const struct avsp_probed_subtitles *subtitles)
{
    const struct avsp_probe_stream *stream = &subtitles->stream;
    avsp_buf_printf(buf, "%s\n  %s, %s, %s", subtitles->file, stream->codec, stream->details,
                    stream->language);
    if (subtitles->title[0] != '\0')
        avsp_buf_printf(buf, ", %s", subtitles->title);
    avsp_buf_printf(buf, "\n       %s\n", stream->plan);
}

/// What is asked about, and what was found.
struct probe {
    const struct avsp_cli_parsed *args;
    struct avsp_arena arena;
    struct avsp_storage *store;
    struct avsp_step step;
    struct avsp_location input;
    struct avsp_probed probed;
    struct avsp_sidecar *sidecars;
    size_t n_sidecars;
    struct avsp_probed_subtitles subtitles[AVSP_SIDECARS_MAX];
    const char *warnings[AVSP_WARNINGS_MAX];
    size_t n_warnings;
};

static void probe_deinit(struct probe *probe)
{
    avsp_stores_cleanup(&probe->store);
    avsp_arena_deinit(&probe->arena);
}

static enum avsp_code print_text(const struct probe *probe, const char *path, struct avsp_err *err)
{
    struct avsp_buf AVSP_CLEANUP(avsp_buf_deinit) buf;
    avsp_buf_init(&buf, REPORT_MAX_BYTES);
    put_head(&buf, path, &probe->probed.input, probe->step.segment_seconds);
    for (size_t i = 0; i < probe->probed.n_streams; i++)
        put_stream(&buf, &probe->probed.streams[i]);
    for (size_t i = 0; i < probe->n_sidecars; i++)
        put_subtitles(&buf, &probe->subtitles[i]);
    // Texts from the file (codec tags, languages) must not reach the terminal as commands.
    if (buf.len > 0)
        avsp_text_tame(buf.data, '?', true);
    enum avsp_code rc = avsp_buf_check(&buf, err);
    return rc == AVSP_OK ? avsp_cmd_print(avsp_buf_text(&buf), err) : rc;
}

static enum avsp_code read_args(struct probe *probe, struct avsp_err *err)
{
    const struct avsp_cli_parsed *args = probe->args;
    struct avsp_step *step = &probe->step;
    int64_t segment_seconds = 0;
    enum avsp_code rc = avsp_cmd_choice(args, &step->choice, err);
    if (rc == AVSP_OK)
        rc = avsp_cli_i64(args, "segment-seconds", 1, AVSP_SEGMENT_SECONDS_MAX, &segment_seconds,
                          err);
    step->segment_seconds = (int32_t)segment_seconds;
    if (rc == AVSP_OK)
        rc = avsp_cmd_read_picture(args, &step->picture, err);
    if (rc == AVSP_OK)
        rc = avsp_cmd_read_sound(args, &step->sound, err);
    if (rc == AVSP_OK)
        rc = avsp_cmd_location(&probe->arena, args->args[0], &probe->input, err);
    return rc == AVSP_OK ? avsp_cmd_read_sidecars(args, &probe->arena, &probe->sidecars,
                                                  &probe->n_sidecars, err)
                         : rc;
}

/// Asks about one file. Its warnings are added to all.
static enum avsp_code look_at(struct probe *probe, struct avsp_location *file,
                              const struct avsp_step *step, struct avsp_probed *ret_probed,
                              struct avsp_err *err)
{
    const char *log = "";
    enum avsp_code rc = avsp_storage_lend(probe->store, file, true, &probe->arena, err);
    if (rc == AVSP_OK)
        rc = avsp_media_child_probe(probe->store, file, step, &probe->arena, ret_probed, &log, err);
    if (avsp_cli_flag(probe->args, "verbose") && log[0] != '\0')
        fputs(log, stderr);
    for (size_t i = 0; rc == AVSP_OK && i < ret_probed->n_warnings; i++)
        if (probe->n_warnings < AVSP_WARNINGS_MAX)
            probe->warnings[probe->n_warnings++] = ret_probed->warnings[i];
    return rc;
}

static enum avsp_code look_at_subtitles(struct probe *probe, size_t idx, struct avsp_err *err)
{
    struct avsp_sidecar *sidecar = &probe->sidecars[idx];
    const struct avsp_step step = {
        .kind = AVSP_STEP_PROBE_TEXT,
        .choice = {.range = probe->step.choice.range},
        .language = sidecar->language,
        .title = sidecar->title,
        .max_pending = 1,
    };
    struct avsp_probed probed;
    enum avsp_code rc = look_at(probe, &sidecar->file, &step, &probed, err);
    if (rc == AVSP_OK && probed.n_streams != 1)
        return avsp_err_set(err, AVSP_INTERNAL, "avspl1t-media said nothing of the subtitles");
    if (rc == AVSP_OK)
        probe->subtitles[idx] = (struct avsp_probed_subtitles){
            .file = avsp_location_show(&probe->arena, &sidecar->file),
            .title = sidecar->title,
            .stream = probed.streams[0],
        };
    return rc;
}

static enum avsp_code look(struct probe *probe, struct avsp_err *err)
{
    enum avsp_code rc = look_at(probe, &probe->input, &probe->step, &probe->probed, err);
    for (size_t i = 0; i < probe->n_sidecars && rc == AVSP_OK; i++)
        rc = look_at_subtitles(probe, i, err);
    return rc;
}

static enum avsp_code print(struct probe *probe, struct avsp_err *err)
{
    const char *shown = avsp_location_show(&probe->arena, &probe->input);
    return avsp_cli_flag(probe->args, "json")
               ? avsp_cmd_json_probe(shown, &probe->probed, probe->subtitles, probe->n_sidecars,
                                     probe->warnings, probe->n_warnings, err)
               : print_text(probe, shown, err);
}

int avsp_cmd_probe(const struct avsp_cli_parsed *args)
{
    struct avsp_err err = {0};
    struct probe AVSP_CLEANUP(probe_deinit)
        probe = {.args = args, .step = {.kind = AVSP_STEP_PROBE, .max_pending = 1}};
    avsp_arena_init(&probe.arena, AVSP_CMD_ARENA_BYTES);
    if (read_args(&probe, &err) != AVSP_OK || (probe.store = avsp_stores_open(&err)) == NULL)
        return avsp_cmd_fail(&err);
    enum avsp_code rc = look(&probe, &err);
    if (rc == AVSP_OK)
        rc = print(&probe, &err);
    if (rc != AVSP_OK) {
        avsp_cmd_say("%s", err.text);
        return rc == AVSP_INTERNAL || rc == AVSP_TIMEOUT ? AVSP_EXIT_FAILED : AVSP_EXIT_USAGE;
    }
    for (size_t i = 0; i < probe.n_warnings; i++)
        avsp_cmd_say("warning: %s", probe.warnings[i]);
    return AVSP_EXIT_DONE;
}
