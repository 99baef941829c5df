/// avspl1t probe: what is in a file, and what would become of it.
#include "client/command.h"
#include "client/json.h"
#include "client/location.h"
#include "client/media_child.h"
#include "client/progress.h"
#include "client/stores.h"
#include "core/time_range.h"
#include "util/buf.h"

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

static enum avsp_code print_text(const char *path, const struct avsp_probed *probed,
                                 int64_t segment_seconds, struct avsp_err *err)
{
    struct avsp_buf AVSP_CLEANUP(avsp_buf_deinit) buf;
    avsp_buf_init(&buf, REPORT_MAX_BYTES);
    put_head(&buf, path, &probed->input, segment_seconds);
    for (size_t i = 0; i < probed->n_streams; i++)
        put_stream(&buf, &probed->streams[i]);
    // Texts from the file (codec tags, languages) must not reach the terminal as commands.
    for (size_t i = 0; i < buf.len; i++)
        if (((unsigned char)buf.data[i] < 0x20 && buf.data[i] != '\n') || buf.data[i] == 0x7f)
            buf.data[i] = '?';
    enum avsp_code rc = avsp_buf_check(&buf, err);
    return rc == AVSP_OK ? avsp_cmd_print(avsp_buf_text(&buf), err) : rc;
}

int avsp_cmd_probe(const struct avsp_cli_parsed *args)
{
    struct avsp_err err = {0};
    int64_t segment_seconds = 0;
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    avsp_arena_init(&arena, AVSP_CMD_ARENA_BYTES);
    struct avsp_location input;
    struct avsp_step step = {.kind = AVSP_STEP_PROBE, .max_pending = 1};
    if (avsp_cmd_choice(args, &step.choice, &err) != AVSP_OK ||
        avsp_cli_i64(args, "segment-seconds", 1, AVSP_SEGMENT_SECONDS_MAX, &segment_seconds,
                     &err) != AVSP_OK ||
        avsp_cmd_read_picture(args, &step.picture, &err) != AVSP_OK ||
        avsp_cmd_read_sound(args, &step.sound, &err) != AVSP_OK ||
        avsp_cmd_location(&arena, args->args[0], &input, &err) != AVSP_OK)
        return avsp_cmd_fail(&err);
    struct avsp_storage *AVSP_CLEANUP(avsp_stores_cleanup) store = avsp_stores_open(&err);
    if (store == NULL || avsp_storage_lend(store, &input, true, &arena, &err) != AVSP_OK)
        return avsp_cmd_fail(&err);
    const char *shown = avsp_location_show(&arena, &input);
    struct avsp_probed probed;
    const char *log = "";
    step.segment_seconds = (int32_t)segment_seconds;
    enum avsp_code rc = avsp_media_child_probe(store, &input, &step, &arena, &probed, &log, &err);
    if (avsp_cli_flag(args, "verbose") && log[0] != '\0')
        fputs(log, stderr);
    if (rc == AVSP_OK)
        rc = avsp_cli_flag(args, "json")
                 ? avsp_cmd_json_probe(shown, &probed.input, probed.streams, probed.n_streams,
                                       probed.warnings, probed.n_warnings, &err)
                 : print_text(shown, &probed, segment_seconds, &err);
    if (rc != AVSP_OK) {
        avsp_cmd_say("%s", err.text);
        return rc == AVSP_INTERNAL || rc == AVSP_TIMEOUT ? AVSP_EXIT_FAILED : AVSP_EXIT_USAGE;
    }
    for (size_t i = 0; i < probed.n_warnings; i++)
        avsp_cmd_say("warning: %s", probed.warnings[i]);
    return AVSP_EXIT_DONE;
}
