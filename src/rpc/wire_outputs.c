#include "core/naming.h"
#include "rpc/wire.h"

#include <inttypes.h>
#include <string.h>

#define RENDITIONS_MAX 64
#define TIMESCALE_MAX 1000000000
#define SIDE_MAX_PX 65536
#define CHANNELS_MAX 64

static Com__Avspl1t__Rational *make_rational(struct avsp_arena *arena, struct avsp_rational value)
{
    Com__Avspl1t__Rational *msg = avsp_wire_new(arena, &com__avspl1t__rational__descriptor);
    if (msg == NULL)
        return NULL;
    msg->num = value.num;
    msg->den = value.den;
    return msg;
}

static Com__Avspl1t__Piece *make_piece(struct avsp_arena *arena, const struct avsp_piece *piece)
{
    Com__Avspl1t__Piece *msg = avsp_wire_new(arena, &com__avspl1t__piece__descriptor);
    if (msg == NULL)
        return NULL;
    msg->kind = (Com__Avspl1t__TaskKind)piece->kind;
    msg->track = piece->track;
    msg->index = piece->idx;
    msg->segments = piece->n_segments;
    msg->in_pts = piece->in_pts;
    msg->out_pts = piece->out_pts;
    msg->frames = piece->frames;
    msg->bytes = piece->bytes;
    msg->time_base = make_rational(arena, piece->time_base);
    return msg->time_base != NULL && avsp_wire_make_file(arena, &piece->file, &msg->file) ? msg
                                                                                          : NULL;
}

static Com__Avspl1t__Rendition *make_rendition(struct avsp_arena *arena,
                                               const struct avsp_rendition *rendition)
{
    Com__Avspl1t__Rendition *msg = avsp_wire_new(arena, &com__avspl1t__rendition__descriptor);
    if (msg == NULL)
        return NULL;
    msg->name = (char *)rendition->name;
    msg->media = rendition->kind;
    msg->init_name = (char *)rendition->init_name;
    msg->init_bytes = rendition->init_bytes;
    msg->init_sha256 = (char *)rendition->init_sha256;
    msg->codecs = (char *)rendition->codecs;
    msg->timescale = rendition->timescale;
    msg->priming_ticks = rendition->priming_ticks;
    msg->width = rendition->width_px;
    msg->height = rendition->height_px;
    msg->video_range = (char *)rendition->video_range;
    msg->channels = rendition->channels;
    msg->language = (char *)rendition->language;
    msg->frame_rate = make_rational(arena, rendition->frame_rate);
    msg->title = avsp_wire_clip(arena, rendition->title, AVSP_TEXT_MAX_BYTES);
    msg->purposes = rendition->purposes;
    return msg->frame_rate != NULL && msg->title != NULL ? msg : NULL;
}

static Com__Avspl1t__Segment *make_segment(struct avsp_arena *arena,
                                           const struct avsp_segment *segment)
{
    Com__Avspl1t__Segment *msg = avsp_wire_new(arena, &com__avspl1t__segment__descriptor);
    if (msg == NULL)
        return NULL;
    msg->rendition = (char *)segment->rendition;
    msg->index = segment->idx;
    msg->name = (char *)segment->name;
    msg->start_ticks = segment->start_ticks;
    msg->duration_ticks = segment->duration_ticks;
    msg->frames = segment->frames;
    msg->bytes = segment->bytes;
    msg->key_bytes = segment->key_bytes;
    msg->sha256 = (char *)segment->sha256;
    return msg;
}

static bool fill_pieces(struct avsp_arena *arena, const struct avsp_outputs *outputs,
                        Com__Avspl1t__Outputs *msg)
{
    msg->n_pieces = outputs->n_pieces;
    msg->pieces = avsp_arena_array(arena, outputs->n_pieces, sizeof *msg->pieces);
    bool ok = msg->pieces != NULL;
    for (size_t i = 0; ok && i < outputs->n_pieces; i++) {
        msg->pieces[i] = make_piece(arena, &outputs->pieces[i]);
        ok = msg->pieces[i] != NULL;
    }
    return ok;
}

static bool fill_renditions(struct avsp_arena *arena, const struct avsp_outputs *outputs,
                            Com__Avspl1t__Outputs *msg)
{
    msg->n_renditions = outputs->n_renditions;
    msg->renditions = avsp_arena_array(arena, outputs->n_renditions, sizeof *msg->renditions);
    bool ok = msg->renditions != NULL;
    for (size_t i = 0; ok && i < outputs->n_renditions; i++) {
        msg->renditions[i] = make_rendition(arena, &outputs->renditions[i]);
        ok = msg->renditions[i] != NULL;
    }
    return ok;
}

static bool fill_segments(struct avsp_arena *arena, const struct avsp_outputs *outputs,
                          Com__Avspl1t__Outputs *msg)
{
    msg->n_segments = outputs->n_segments;
    msg->segments = avsp_arena_array(arena, outputs->n_segments, sizeof *msg->segments);
    bool ok = msg->segments != NULL;
    for (size_t i = 0; ok && i < outputs->n_segments; i++) {
        msg->segments[i] = make_segment(arena, &outputs->segments[i]);
        ok = msg->segments[i] != NULL;
    }
    return ok;
}

Com__Avspl1t__Outputs *avsp_wire_make_outputs(struct avsp_arena *arena,
                                              const struct avsp_outputs *outputs)
{
    Com__Avspl1t__Outputs *msg = avsp_wire_new(arena, &com__avspl1t__outputs__descriptor);
    if (msg == NULL)
        return NULL;
    msg->n_warnings = outputs->n_warnings;
    msg->warnings = avsp_wire_make_warnings(arena, outputs->warnings, outputs->n_warnings);
    bool ok = msg->warnings != NULL && fill_pieces(arena, outputs, msg) &&
              fill_renditions(arena, outputs, msg) && fill_segments(arena, outputs, msg);
    return ok ? msg : NULL;
}

/// Collects the first thing that is wrong with one element of a list.
struct judge {
    const char *list;
    size_t idx;
    struct avsp_err *err;
    enum avsp_code rc;
};

static void blame(struct judge *judge, const char *field, const char *reason)
{
    if (judge->rc == AVSP_OK)
        judge->rc = avsp_err_set(judge->err, AVSP_INVALID, "outputs.%s[%zu].%s: %s", judge->list,
                                 judge->idx, field, reason);
}

static void want(struct judge *judge, bool ok, const char *field, const char *reason)
{
    if (!ok)
        blame(judge, field, reason);
}

static void want_count(struct judge *judge, uint64_t value, uint64_t max, const char *field)
{
    char reason[64];
    snprintf(reason, sizeof reason, "%" PRIu64 " is over %" PRIu64, value, max);
    want(judge, value <= max, field, reason);
}

/// Text that stands in a playlist's attribute: nothing that could end it.
static bool is_plain_attribute(const char *text)
{
    for (const char *c = text; *c != '\0'; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f || *c == '"')
            return false;
    return true;
}

static struct avsp_rational read_rational(const Com__Avspl1t__Rational *msg)
{
    return msg != NULL ? (struct avsp_rational){msg->num, msg->den} : (struct avsp_rational){0, 0};
}

static bool is_positive(struct avsp_rational value)
{
    return value.num > 0 && value.den > 0;
}

static void read_piece(struct judge *judge, const Com__Avspl1t__Piece *msg,
                       struct avsp_piece *piece)
{
    *piece = (struct avsp_piece){
        .kind = (enum avsp_task_kind)msg->kind,
        .track = msg->track,
        .idx = msg->index,
        .n_segments = msg->segments,
        .in_pts = msg->in_pts,
        .out_pts = msg->out_pts,
        .time_base = read_rational(msg->time_base),
        .frames = msg->frames,
        .bytes = msg->bytes,
    };
    avsp_wire_read_file(msg->file, &piece->file);
    want(judge, piece->kind == AVSP_TASK_ENCODE || piece->kind == AVSP_TASK_AUDIO, "kind",
         "neither encode nor audio");
    want_count(judge, piece->track, RENDITIONS_MAX - 1, "track");
    want_count(judge, piece->idx, AVSP_SEGMENTS_MAX - 1, "index");
    want_count(judge, (uint64_t)piece->idx + piece->n_segments, AVSP_SEGMENTS_MAX, "segments");
    want(judge, piece->kind != AVSP_TASK_ENCODE || piece->n_segments > 0, "segments", "missing");
    want(judge, piece->in_pts < piece->out_pts, "out_pts", "not after in_pts");
    want(judge, is_positive(piece->time_base), "time_base", "not a positive fraction");
    want_count(judge, piece->frames, INT64_MAX, "frames");
    want_count(judge, piece->bytes, INT64_MAX, "bytes");
    want(judge, piece->file.kind != AVSP_LOCATION_NONE, "file", "missing");
}

static void read_rendition(struct judge *judge, const Com__Avspl1t__Rendition *msg,
                           struct avsp_rendition *rendition)
{
    *rendition = (struct avsp_rendition){
        .name = msg->name,
        .kind = (enum avsp_media_kind)msg->media,
        .init_name = msg->init_name,
        .init_bytes = msg->init_bytes,
        .init_sha256 = msg->init_sha256,
        .codecs = msg->codecs,
        .timescale = msg->timescale,
        .priming_ticks = msg->priming_ticks,
        .width_px = msg->width,
        .height_px = msg->height,
        .frame_rate = read_rational(msg->frame_rate),
        .video_range = msg->video_range,
        .channels = msg->channels,
        .language = msg->language,
        .title = msg->title,
        .purposes = msg->purposes & AVSP_PURPOSES_ALL,
    };
    want(judge, avsp_name_is_safe(msg->name), "name", "not a plain name");
    bool text = msg->media == AVSP_MEDIA_TEXT;
    want(judge, text || msg->media == AVSP_MEDIA_VIDEO || msg->media == AVSP_MEDIA_AUDIO, "media",
         "neither video nor audio nor text");
    want(judge, text ? msg->init_name[0] == '\0' : avsp_name_is_safe(msg->init_name), "init_name",
         "not a plain name");
    want_count(judge, msg->init_bytes, INT64_MAX, "init_bytes");
    want(judge, text ? msg->init_sha256[0] == '\0' : avsp_sha256_is_valid(msg->init_sha256),
         "init_sha256", "not 64 hex digits");
    want(judge, is_plain_attribute(msg->codecs), "codecs", "has a character that it may not have");
    want(judge, msg->timescale > 0, "timescale", "missing");
    want_count(judge, msg->timescale, TIMESCALE_MAX, "timescale");
    want(judge, msg->priming_ticks >= 0, "priming_ticks", "negative");
    want_count(judge, msg->width, SIDE_MAX_PX, "width");
    want_count(judge, msg->height, SIDE_MAX_PX, "height");
    want_count(judge, msg->channels, CHANNELS_MAX, "channels");
    want(judge, is_plain_attribute(msg->video_range), "video_range",
         "has a character that it may not have");
    want(judge, is_plain_attribute(msg->language), "language",
         "has a character that it may not have");
    want(judge, rendition->frame_rate.num == 0 || is_positive(rendition->frame_rate), "frame_rate",
         "not a positive fraction");
}

static void read_segment(struct judge *judge, const Com__Avspl1t__Segment *msg,
                         struct avsp_segment *segment)
{
    *segment = (struct avsp_segment){
        .rendition = msg->rendition,
        .idx = msg->index,
        .name = msg->name,
        .start_ticks = msg->start_ticks,
        .duration_ticks = msg->duration_ticks,
        .frames = msg->frames,
        .bytes = msg->bytes,
        .key_bytes = msg->key_bytes,
        .sha256 = msg->sha256,
    };
    want(judge, avsp_name_is_safe(msg->rendition), "rendition", "not a plain name");
    want_count(judge, msg->index, AVSP_SEGMENTS_MAX - 1, "index");
    want(judge, avsp_name_is_safe(msg->name), "name", "not a plain name");
    want(judge, msg->start_ticks >= 0, "start_ticks", "negative");
    want(judge, msg->duration_ticks > 0, "duration_ticks", "not positive");
    want_count(judge, msg->frames, INT64_MAX, "frames");
    want_count(judge, msg->bytes, INT64_MAX, "bytes");
    want(judge, msg->key_bytes <= msg->bytes, "key_bytes", "more than bytes");
    want(judge, avsp_sha256_is_valid(msg->sha256), "sha256", "not 64 hex digits");
}

static enum avsp_code check_counts(const Com__Avspl1t__Outputs *msg, struct avsp_err *err)
{
    struct {
        const char *field;
        size_t n, max;
    } lists[] = {
        {"outputs.pieces", msg->n_pieces, AVSP_BATCH_MAX},
        {"outputs.renditions", msg->n_renditions, RENDITIONS_MAX},
        {"outputs.segments", msg->n_segments, AVSP_BATCH_MAX},
        {"outputs.warnings", msg->n_warnings, AVSP_WARNINGS_MAX},
    };
    for (size_t i = 0; i < AVSP_ARRAY_LEN(lists); i++)
        if (lists[i].n > lists[i].max)
            return avsp_err_set(err, AVSP_INVALID,
                                "%s: %zu are more than the %zu that one message "
                                "may have",
                                lists[i].field, lists[i].n, lists[i].max);
    return AVSP_OK;
}

static enum avsp_code read_lists(const Com__Avspl1t__Outputs *msg, struct avsp_outputs *out,
                                 struct avsp_err *err)
{
    struct judge judge = {"pieces", 0, err, AVSP_OK};
    for (; judge.rc == AVSP_OK && judge.idx < msg->n_pieces; judge.idx++)
        read_piece(&judge, msg->pieces[judge.idx], &out->pieces[judge.idx]);
    if (judge.rc == AVSP_OK)
        judge = (struct judge){"renditions", 0, err, AVSP_OK};
    for (; judge.rc == AVSP_OK && judge.idx < msg->n_renditions; judge.idx++)
        read_rendition(&judge, msg->renditions[judge.idx], &out->renditions[judge.idx]);
    if (judge.rc == AVSP_OK)
        judge = (struct judge){"segments", 0, err, AVSP_OK};
    for (; judge.rc == AVSP_OK && judge.idx < msg->n_segments; judge.idx++)
        read_segment(&judge, msg->segments[judge.idx], &out->segments[judge.idx]);
    return judge.rc;
}

enum avsp_code avsp_wire_read_outputs(struct avsp_arena *arena, const Com__Avspl1t__Outputs *msg,
                                      struct avsp_outputs *ret_outputs, struct avsp_err *err)
{
    if (msg == NULL) {
        *ret_outputs = (struct avsp_outputs){0};
        return AVSP_OK;
    }
    enum avsp_code rc = check_counts(msg, err);
    if (rc != AVSP_OK)
        return rc;
    struct avsp_outputs out = {
        .pieces = avsp_arena_array(arena, msg->n_pieces, sizeof *out.pieces),
        .n_pieces = msg->n_pieces,
        .renditions = avsp_arena_array(arena, msg->n_renditions, sizeof *out.renditions),
        .n_renditions = msg->n_renditions,
        .segments = avsp_arena_array(arena, msg->n_segments, sizeof *out.segments),
        .n_segments = msg->n_segments,
        .warnings = (const char **)msg->warnings,
        .n_warnings = msg->n_warnings,
    };
    if (out.pieces == NULL || out.renditions == NULL || out.segments == NULL)
        return avsp_arena_failed(arena, err);
    rc = read_lists(msg, &out, err);
    if (rc == AVSP_OK)
        *ret_outputs = out;
    return rc;
}
