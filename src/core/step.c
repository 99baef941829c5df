#include "core/step.h"

#include "core/choice.h"
#include "core/naming.h"
#include "core/picture_options.h"
#include "core/record.h"
#include "core/sound_options.h"
#include "core/time_range.h"
#include "util/hash.h"
#include "util/parse.h"

#include <limits.h>
#include <string.h>

/// Verbs of requests, by kind.
static const char *const step_verbs[] = {
    [AVSP_STEP_PROBE] = "probe",
    [AVSP_STEP_SPLIT] = "split",
    [AVSP_STEP_ENCODE] = "encode",
    [AVSP_STEP_AUDIO] = "audio",
    [AVSP_STEP_TEXT] = "text",
    [AVSP_STEP_CHECK] = "check",
    [AVSP_STEP_PROBE_TEXT] = "probe-text",
};

/// Verbs of reports, by kind.
static const char *const report_verbs[] = {
    [AVSP_REPORT_PROGRESS] = "progress",   [AVSP_REPORT_PIECE] = "piece",
    [AVSP_REPORT_RENDITION] = "rendition", [AVSP_REPORT_SEGMENT] = "segment",
    [AVSP_REPORT_WARNING] = "warning",     [AVSP_REPORT_EXTENT] = "extent",
    [AVSP_REPORT_INPUT] = "input",         [AVSP_REPORT_STREAM] = "stream",
    [AVSP_REPORT_CHECKED] = "checked",     [AVSP_REPORT_DONE] = "done",
    [AVSP_REPORT_FAILED] = "failed",
};

/// The index of @p verb in a table whose first entry is unused; 0 where it is not there.
static size_t find_verb(const char *const *verbs, size_t n, const char *verb)
{
    for (size_t i = 1; i < n; i++)
        if (strcmp(verbs[i], verb) == 0)
            return i;
    return 0;
}

void avsp_step_write(struct avsp_buf *buf, const struct avsp_step *step)
{
    char picture[AVSP_PICTURE_TEXT_BYTES];
    avsp_picture_options_write(&step->picture, picture);
    char sound[AVSP_SOUND_TEXT_BYTES];
    avsp_sound_options_write(&step->sound, sound);
    avsp_record_begin(buf, step_verbs[step->kind]);
    avsp_record_put_i64(buf, "seconds", step->segment_seconds);
    avsp_choice_put(buf, &step->choice);
    if (step->kind == AVSP_STEP_TEXT || step->kind == AVSP_STEP_PROBE_TEXT) {
        avsp_record_put_str(buf, "language", step->language);
        avsp_record_put_str(buf, "title", step->title);
    }
    avsp_record_put_i64(buf, "resume", step->resume_idx);
    avsp_record_put_i64(buf, "pending", step->max_pending);
    avsp_record_put_i64(buf, "crf", step->crf);
    avsp_record_put_i64(buf, "preset", step->preset);
    avsp_record_put_str(buf, "picture", picture);
    avsp_record_put_str(buf, "sound", sound);
    avsp_record_put_i64(buf, "threads", step->threads);
    avsp_record_put_i64(buf, "described", step->described);
    avsp_record_put_i64(buf, "idx", step->idx);
    avsp_record_put_i64(buf, "segments", step->n_segments);
    avsp_record_put_i64(buf, "independent", step->independent);
    avsp_record_put_i64(buf, "encoders", step->encoders);
    avsp_record_end(buf);
}

/// More threads or pending files than any machine makes use of.
#define THREADS_MAX 256
#define PENDING_MAX 1024

int64_t avsp_step_encoders(const char *text)
{
    uint64_t hash = avsp_hash_text(text, 0) & INT64_MAX;
    return (int64_t)AVSP_MAX(hash, UINT64_C(1));
}

enum avsp_code avsp_step_parse(struct avsp_arena *arena, const char *line,
                               struct avsp_step *ret_step, struct avsp_err *err)
{
    struct avsp_record rec;
    if (avsp_record_parse(arena, line, &rec, err) != AVSP_OK)
        return avsp_err_wrap(err, "request");
    size_t kind = find_verb(step_verbs, AVSP_ARRAY_LEN(step_verbs), rec.verb);
    if (kind == 0)
        return avsp_err_set(err, AVSP_INVALID, "request: \"%.40s\" is not a step", rec.verb);
    *ret_step = (struct avsp_step){
        .kind = (enum avsp_step_kind)kind,
        .segment_seconds = (int32_t)avsp_record_i64(&rec, "seconds", 0, AVSP_SEGMENT_SECONDS_MAX),
        .choice = avsp_choice_take(&rec),
        .language = avsp_record_str_or(&rec, "language", "und"),
        .title = avsp_record_str_or(&rec, "title", ""),
        .resume_idx = (uint32_t)avsp_record_i64(&rec, "resume", 0, AVSP_SEGMENTS_MAX),
        .max_pending = (uint32_t)avsp_record_i64(&rec, "pending", 0, PENDING_MAX),
        .crf = (int32_t)avsp_record_i64(&rec, "crf", 0, AVSP_CRF_MAX),
        .preset = (int32_t)avsp_record_i64(&rec, "preset", 0, AVSP_PRESET_MAX),
        .threads = (uint32_t)avsp_record_i64(&rec, "threads", 0, THREADS_MAX),
        .described = avsp_record_i64(&rec, "described", 0, 1) != 0,
        .idx = (uint32_t)avsp_record_i64(&rec, "idx", 0, AVSP_SEGMENTS_MAX - 1),
        .n_segments = (uint32_t)avsp_record_i64_or(&rec, "segments", 0, AVSP_SEGMENTS_MAX, 0),
        .independent = avsp_record_i64_or(&rec, "independent", 0, 1, 0) != 0,
        .encoders = avsp_record_i64_or(&rec, "encoders", 0, INT64_MAX, 0),
    };
    enum avsp_code rc = avsp_record_check(&rec, err);
    if (rc == AVSP_OK)
        rc = avsp_picture_options_parse(avsp_record_str_or(&rec, "picture", ""), &ret_step->picture,
                                        err);
    return rc == AVSP_OK ? avsp_sound_options_parse(avsp_record_str_or(&rec, "sound", ""),
                                                    &ret_step->sound, err)
                         : rc;
}

void avsp_ack_write(struct avsp_buf *buf, uint32_t threads)
{
    avsp_record_begin(buf, "ack");
    if (threads > 0)
        avsp_record_put_i64(buf, "threads", AVSP_MIN(threads, (uint32_t)THREADS_MAX));
    avsp_record_end(buf);
}

enum avsp_code avsp_ack_parse(struct avsp_arena *arena, const char *line, uint32_t *ret_threads,
                              struct avsp_err *err)
{
    struct avsp_record rec;
    if (avsp_record_parse(arena, line, &rec, err) != AVSP_OK)
        return avsp_err_wrap(err, "answer");
    if (strcmp(rec.verb, "ack") != 0)
        return avsp_err_set(err, AVSP_INVALID, "answer: \"%.40s\" is not \"ack\"", rec.verb);
    *ret_threads = (uint32_t)avsp_record_i64_or(&rec, "threads", 1, THREADS_MAX, 0);
    return avsp_record_check(&rec, err);
}

static void put_piece(struct avsp_buf *buf, const struct avsp_piece *p)
{
    avsp_record_put_i64(buf, "task", p->kind);
    avsp_record_put_i64(buf, "track", p->track);
    avsp_record_put_i64(buf, "idx", p->idx);
    avsp_record_put_i64(buf, "n", p->n_segments);
    avsp_record_put_i64(buf, "in", p->in_pts);
    avsp_record_put_i64(buf, "out", p->out_pts);
    avsp_record_put_rational(buf, "tb", p->time_base);
    avsp_record_put_i64(buf, "frames", (int64_t)p->frames);
    avsp_record_put_i64(buf, "bytes", (int64_t)p->bytes);
    avsp_record_put_str(buf, "file", p->file.path);
}

static void put_rendition(struct avsp_buf *buf, const struct avsp_rendition *r)
{
    avsp_record_put_str(buf, "name", r->name);
    avsp_record_put_i64(buf, "media", r->kind);
    avsp_record_put_str(buf, "init", r->init_name);
    avsp_record_put_i64(buf, "bytes", (int64_t)r->init_bytes);
    avsp_record_put_str(buf, "sha256", r->init_sha256);
    avsp_record_put_str(buf, "codecs", r->codecs);
    avsp_record_put_i64(buf, "timescale", r->timescale);
    avsp_record_put_i64(buf, "priming", r->priming_ticks);
    avsp_record_put_i64(buf, "width", r->width_px);
    avsp_record_put_i64(buf, "height", r->height_px);
    avsp_record_put_rational(buf, "rate", r->frame_rate);
    avsp_record_put_str(buf, "range", r->video_range);
    avsp_record_put_i64(buf, "channels", r->channels);
    avsp_record_put_str(buf, "language", r->language);
    avsp_record_put_str(buf, "title", r->title);
    avsp_record_put_i64(buf, "purposes", r->purposes);
}

static void put_segment(struct avsp_buf *buf, const struct avsp_segment *s)
{
    avsp_record_put_str(buf, "rendition", s->rendition);
    avsp_record_put_i64(buf, "idx", s->idx);
    avsp_record_put_str(buf, "name", s->name);
    avsp_record_put_i64(buf, "start", s->start_ticks);
    avsp_record_put_i64(buf, "duration", s->duration_ticks);
    avsp_record_put_i64(buf, "frames", (int64_t)s->frames);
    avsp_record_put_i64(buf, "bytes", (int64_t)s->bytes);
    avsp_record_put_i64(buf, "key_bytes", (int64_t)s->key_bytes);
    avsp_record_put_str(buf, "sha256", s->sha256);
}

static void put_stream(struct avsp_buf *buf, const struct avsp_probe_stream *s)
{
    avsp_record_put_i64(buf, "idx", s->idx);
    avsp_record_put_str(buf, "type", s->type);
    avsp_record_put_str(buf, "codec", s->codec);
    avsp_record_put_str(buf, "details", s->details);
    avsp_record_put_str(buf, "language", s->language);
    avsp_record_put_str(buf, "plan", s->plan);
}

/// The keys of the two streams of a CHECKED report.
struct checked_keys {
    const char *codec, *width, *height, *packets, *frames, *damaged, *key, *first;
};
static const struct checked_keys video_keys = {"v_codec",  "v_width",   "v_height", "v_packets",
                                               "v_frames", "v_damaged", "v_key",    "v_first"};
static const struct checked_keys audio_keys = {"a_codec",  "a_width",   "a_height", "a_packets",
                                               "a_frames", "a_damaged", "a_key",    "a_first"};

static void put_checked_stream(struct avsp_buf *buf, const struct checked_keys *keys,
                               const struct avsp_checked_stream *s)
{
    avsp_record_put_str(buf, keys->codec, s->codec);
    avsp_record_put_i64(buf, keys->width, s->width_px);
    avsp_record_put_i64(buf, keys->height, s->height_px);
    avsp_record_put_i64(buf, keys->packets, (int64_t)s->n_packets);
    avsp_record_put_i64(buf, keys->frames, (int64_t)s->n_frames);
    avsp_record_put_i64(buf, keys->damaged, (int64_t)s->n_damaged);
    avsp_record_put_i64(buf, keys->key, s->starts_with_key);
    avsp_record_put_i64(buf, keys->first, s->first_us);
}

void avsp_report_write(struct avsp_buf *buf, const struct avsp_report *report)
{
    avsp_record_begin(buf, report_verbs[report->kind]);
    switch (report->kind) {
    case AVSP_REPORT_PROGRESS:
        avsp_record_put_i64(buf, "done", (int64_t)report->progress.frames_done);
        avsp_record_put_i64(buf, "total", (int64_t)report->progress.frames_total);
        avsp_record_put_i64(buf, "millifps", report->progress.milli_fps);
        break;
    case AVSP_REPORT_PIECE:
        put_piece(buf, &report->piece);
        break;
    case AVSP_REPORT_RENDITION:
        put_rendition(buf, &report->rendition);
        break;
    case AVSP_REPORT_SEGMENT:
        put_segment(buf, &report->segment);
        break;
    case AVSP_REPORT_WARNING:
        avsp_record_put_str(buf, "text", report->warning);
        break;
    case AVSP_REPORT_EXTENT:
        avsp_record_put_i64(buf, "start_us", report->extent.start_us);
        avsp_record_put_i64(buf, "end_us", report->extent.end_us);
        break;
    case AVSP_REPORT_INPUT:
        avsp_record_put_str(buf, "format", report->input.format);
        avsp_record_put_i64(buf, "duration_us", report->input.duration_us);
        avsp_record_put_i64(buf, "bytes", (int64_t)report->input.bytes);
        avsp_record_put_i64(buf, "segments", report->input.n_segments);
        avsp_record_put_i64(buf, "start_us", report->input.part.start_us);
        avsp_record_put_i64(buf, "end_us", report->input.part.end_us);
        avsp_record_put_str(buf, "libraries", report->input.libraries);
        break;
    case AVSP_REPORT_STREAM:
        put_stream(buf, &report->stream);
        break;
    case AVSP_REPORT_CHECKED:
        avsp_record_put_i64(buf, "idx", report->checked.idx);
        avsp_record_put_str(buf, "fault", report->checked.fault);
        put_checked_stream(buf, &video_keys, &report->checked.video);
        put_checked_stream(buf, &audio_keys, &report->checked.audio);
        break;
    case AVSP_REPORT_DONE:
        break;
    case AVSP_REPORT_FAILED:
        avsp_record_put_str(buf, "code", avsp_code_name(report->failure.code));
        avsp_record_put_i64(buf, "retry", report->failure.may_retry);
        avsp_record_put_str(buf, "text", report->failure.message);
        break;
    }
    avsp_record_end(buf);
}

/// What a report may say at most, so that sums of a million of them stay numbers: a thousand years of frames, a pebibyte.
#define FRAMES_MAX (INT64_C(1) << 41)
#define BYTES_MAX (INT64_C(1) << 50)
#define PTS_MAX (INT64_MAX / 2)

/// A file name out of a report; anything but a plain name is a problem.
static const char *take_name(struct avsp_record *rec, const char *key)
{
    const char *name = avsp_record_str(rec, key);
    if (!avsp_name_is_safe(name) && rec->problem.code == AVSP_OK)
        (void)avsp_err_set(&rec->problem, AVSP_INVALID, "record \"%.40s\": %s is not a file name",
                           rec->verb, key);
    return name;
}

static const char *take_sha256(struct avsp_record *rec, const char *key)
{
    const char *text = avsp_record_str(rec, key);
    if (!avsp_sha256_is_valid(text) && rec->problem.code == AVSP_OK)
        (void)avsp_err_set(&rec->problem, AVSP_INVALID, "record \"%.40s\": %s is not a SHA-256",
                           rec->verb, key);
    return text;
}

/// Text that people will see, on a terminal too: much of it comes out of the file, so control characters become spaces.
static const char *take_text(struct avsp_record *rec, const char *key)
{
    // The value is the record's own copy; "" where there is none.
    char *text = (char *)(uintptr_t)avsp_record_str(rec, key);
    avsp_text_tame(text, ' ', false);
    if (strlen(text) > AVSP_TEXT_MAX_BYTES && rec->problem.code == AVSP_OK)
        (void)avsp_err_set(&rec->problem, AVSP_INVALID, "record \"%.40s\": %s is too long",
                           rec->verb, key);
    return text;
}

/// A fraction that is above 0.
static struct avsp_rational take_time_base(struct avsp_record *rec, const char *key)
{
    struct avsp_rational q = avsp_record_rational(rec, key);
    if ((q.num <= 0 || q.den <= 0) && rec->problem.code == AVSP_OK)
        (void)avsp_err_set(&rec->problem, AVSP_INVALID, "record \"%.40s\": %s is not above 0",
                           rec->verb, key);
    return q;
}

/// What a step may say of its own failure. The other codes have meanings for whoever started it (stopped, fenced, not there): a
/// step that has been taken over must not be able to act as if that were so.
static enum avsp_code take_code(struct avsp_record *rec, const char *key)
{
    enum avsp_code code = avsp_code_from_name(avsp_record_str(rec, key));
    switch (code) {
    case AVSP_INVALID:
    case AVSP_LIMIT:
    case AVSP_NO_SPACE:
    case AVSP_UNAVAILABLE:
    case AVSP_TIMEOUT:
    case AVSP_CORRUPT:
    case AVSP_UNSUPPORTED:
    case AVSP_NO_MEMORY:
        return code;
    default:
        return AVSP_INTERNAL;
    }
}

static struct avsp_piece take_piece(struct avsp_record *rec)
{
    struct avsp_piece p = {
        .kind =
            (enum avsp_task_kind)avsp_record_i64(rec, "task", AVSP_TASK_ENCODE, AVSP_TASK_AUDIO),
        .track = (uint32_t)avsp_record_i64(rec, "track", 0, 63),
        .idx = (uint32_t)avsp_record_i64(rec, "idx", 0, AVSP_SEGMENTS_MAX - 1),
        .n_segments = (uint32_t)avsp_record_i64(rec, "n", 0, AVSP_SEGMENTS_MAX),
        .in_pts = avsp_record_i64(rec, "in", -PTS_MAX, PTS_MAX),
        .out_pts = avsp_record_i64(rec, "out", -PTS_MAX, PTS_MAX),
        .time_base = take_time_base(rec, "tb"),
        .frames = (uint64_t)avsp_record_i64(rec, "frames", 0, FRAMES_MAX),
        .bytes = (uint64_t)avsp_record_i64(rec, "bytes", 0, BYTES_MAX),
        .file = avsp_location_fs(take_name(rec, "file")),
    };
    if (p.kind == AVSP_TASK_MANIFEST && rec->problem.code == AVSP_OK)
        (void)avsp_err_set(&rec->problem, AVSP_INVALID, "record \"piece\": not a task for a piece");
    return p;
}

static struct avsp_rendition take_rendition(struct avsp_record *rec)
{
    enum avsp_media_kind kind =
        (enum avsp_media_kind)avsp_record_i64(rec, "media", AVSP_MEDIA_VIDEO, AVSP_MEDIA_TEXT);
    bool has_init = kind != AVSP_MEDIA_TEXT;
    return (struct avsp_rendition){
        .name = take_name(rec, "name"),
        .kind = kind,
        .init_name = has_init ? take_name(rec, "init") : "",
        .init_bytes = (uint64_t)avsp_record_i64(rec, "bytes", has_init, has_init ? BYTES_MAX : 0),
        .init_sha256 = has_init ? take_sha256(rec, "sha256") : "",
        .codecs = take_text(rec, "codecs"),
        .timescale = (uint32_t)avsp_record_i64(rec, "timescale", 1, UINT32_MAX),
        .priming_ticks = avsp_record_i64(rec, "priming", 0, INT32_MAX),
        .width_px = (uint32_t)avsp_record_i64(rec, "width", 0, 65535),
        .height_px = (uint32_t)avsp_record_i64(rec, "height", 0, 65535),
        .frame_rate = avsp_record_rational(rec, "rate"),
        .video_range = take_text(rec, "range"),
        .channels = (uint32_t)avsp_record_i64(rec, "channels", 0, 64),
        .language = take_text(rec, "language"),
        .title = take_text(rec, "title"),
        .purposes = (uint32_t)avsp_record_i64(rec, "purposes", 0, AVSP_PURPOSES_ALL),
    };
}

static struct avsp_segment take_segment(struct avsp_record *rec)
{
    return (struct avsp_segment){
        .rendition = take_name(rec, "rendition"),
        .idx = (uint32_t)avsp_record_i64(rec, "idx", 0, AVSP_SEGMENTS_MAX - 1),
        .name = take_name(rec, "name"),
        .start_ticks = avsp_record_i64(rec, "start", 0, PTS_MAX),
        .duration_ticks = avsp_record_i64(rec, "duration", 1, PTS_MAX),
        .frames = (uint64_t)avsp_record_i64(rec, "frames", 1, FRAMES_MAX),
        .bytes = (uint64_t)avsp_record_i64(rec, "bytes", 1, BYTES_MAX),
        .key_bytes = (uint64_t)avsp_record_i64(rec, "key_bytes", 0, BYTES_MAX),
        .sha256 = take_sha256(rec, "sha256"),
    };
}

static void take_probe(struct avsp_record *rec, struct avsp_report *report)
{
    if (report->kind == AVSP_REPORT_INPUT)
        report->input = (struct avsp_probe_input){
            .format = take_text(rec, "format"),
            .duration_us = avsp_record_i64(rec, "duration_us", 0, INT64_MAX),
            .bytes = (uint64_t)avsp_record_i64(rec, "bytes", 0, BYTES_MAX),
            .n_segments = (uint32_t)avsp_record_i64(rec, "segments", 0, UINT32_MAX),
            .part = {avsp_record_i64_or(rec, "start_us", 0, AVSP_TIME_MAX_US, 0),
                     avsp_record_i64_or(rec, "end_us", 0, AVSP_TIME_MAX_US, 0)},
            .libraries = take_text(rec, "libraries"),
        };
    else
        report->stream = (struct avsp_probe_stream){
            .idx = (uint32_t)avsp_record_i64(rec, "idx", 0, 65535),
            .type = take_text(rec, "type"),
            .codec = take_text(rec, "codec"),
            .details = take_text(rec, "details"),
            .language = take_text(rec, "language"),
            .plan = take_text(rec, "plan"),
        };
}

static struct avsp_checked_stream take_checked_stream(struct avsp_record *rec,
                                                      const struct checked_keys *keys)
{
    return (struct avsp_checked_stream){
        .codec = take_text(rec, keys->codec),
        .width_px = (uint32_t)avsp_record_i64(rec, keys->width, 0, INT32_MAX),
        .height_px = (uint32_t)avsp_record_i64(rec, keys->height, 0, INT32_MAX),
        .n_packets = (uint64_t)avsp_record_i64(rec, keys->packets, 0, INT64_MAX),
        .n_frames = (uint64_t)avsp_record_i64(rec, keys->frames, 0, INT64_MAX),
        .n_damaged = (uint64_t)avsp_record_i64(rec, keys->damaged, 0, INT64_MAX),
        .starts_with_key = avsp_record_i64(rec, keys->key, 0, 1) != 0,
        .first_us = avsp_record_i64(rec, keys->first, INT64_MIN / 4, INT64_MAX / 4),
    };
}

enum avsp_code avsp_report_parse(struct avsp_arena *arena, const char *line,
                                 struct avsp_report *ret_report, struct avsp_err *err)
{
    struct avsp_record rec;
    if (avsp_record_parse(arena, line, &rec, err) != AVSP_OK)
        return avsp_err_wrap(err, "report");
    size_t kind = find_verb(report_verbs, AVSP_ARRAY_LEN(report_verbs), rec.verb);
    struct avsp_report report = {.kind = (enum avsp_report_kind)kind};
    switch (report.kind) {
    case AVSP_REPORT_PROGRESS:
        report.progress = (struct avsp_progress){
            .frames_done = (uint64_t)avsp_record_i64(&rec, "done", 0, FRAMES_MAX),
            .frames_total = (uint64_t)avsp_record_i64(&rec, "total", 0, FRAMES_MAX),
            .milli_fps = (uint32_t)avsp_record_i64(&rec, "millifps", 0, UINT32_MAX),
        };
        break;
    case AVSP_REPORT_PIECE:
        report.piece = take_piece(&rec);
        break;
    case AVSP_REPORT_RENDITION:
        report.rendition = take_rendition(&rec);
        break;
    case AVSP_REPORT_SEGMENT:
        report.segment = take_segment(&rec);
        break;
    case AVSP_REPORT_WARNING:
        report.warning = take_text(&rec, "text");
        break;
    case AVSP_REPORT_EXTENT:
        report.extent = (struct avsp_time_range){
            avsp_record_i64(&rec, "start_us", 0, AVSP_TIME_MAX_US - 1),
            avsp_record_i64(&rec, "end_us", 1, AVSP_TIME_MAX_US),
        };
        if (avsp_time_range_check(&report.extent, err) != AVSP_OK)
            return avsp_err_wrap(err, "report");
        break;
    case AVSP_REPORT_INPUT:
    case AVSP_REPORT_STREAM:
        take_probe(&rec, &report);
        break;
    case AVSP_REPORT_CHECKED:
        report.checked = (struct avsp_checked){
            .idx = (uint32_t)avsp_record_i64(&rec, "idx", 0, AVSP_SEGMENTS_MAX - 1),
            .fault = take_text(&rec, "fault"),
            .video = take_checked_stream(&rec, &video_keys),
            .audio = take_checked_stream(&rec, &audio_keys),
        };
        break;
    case AVSP_REPORT_DONE:
        break;
    case AVSP_REPORT_FAILED:
        report.failure = (struct avsp_failure){
            .code = take_code(&rec, "code"),
            .may_retry = avsp_record_i64(&rec, "retry", 0, 1) != 0,
            .message = take_text(&rec, "text"),
            .log_tail = "",
        };
        break;
    default:
        return avsp_err_set(err, AVSP_INVALID, "report: \"%.40s\" is not one", rec.verb);
    }
    *ret_report = report;
    return avsp_record_check(&rec, err);
}
