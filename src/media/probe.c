#include "media/steps.h"

#include "core/ladder.h"
#include "core/plan.h"
#include "media/audio_convert.h"
#include "media/captions.h"
#include "media/copyable.h"
#include "media/fields.h"
#include "media/left_out.h"
#include "media/libraries.h"
#include "media/lookahead.h"
#include "media/notes.h"
#include "media/part.h"
#include "media/picture.h"

#include <inttypes.h>
#include <libavutil/pixdesc.h>

#define TEXT_MAX_BYTES 4096
#define PLAN_WHY_BYTES 160

struct probe {
    const struct avsp_step *step;
    struct avsp_control *ctl;
    struct avsp_source source;
    struct avsp_reader reader;
    struct avsp_lookahead ahead;
    struct avsp_captions captions; ///< within the first pictures
    struct avsp_err obstacle;      ///< why the file cannot be encoded; all zeros where it can
    struct avsp_piece_header facts;
    struct avsp_notes notes;
    struct avsp_part part; ///< time_base.den 0: what lies where is not known
    int64_t source_end;    ///< in its time base; INT64_MAX = not known
};

static void probe_deinit(struct probe *probe)
{
    avsp_captions_deinit(&probe->captions);
    avsp_lookahead_deinit(&probe->ahead);
    avsp_reader_deinit(&probe->reader);
    avsp_source_close(&probe->source);
}

/// Reads the captions within the first pictures.
static enum avsp_code look_for_captions(struct probe *probe, const AVStream *video,
                                        struct avsp_err *err)
{
    enum avsp_code rc = AVSP_OK;
    avsp_captions_init(&probe->captions);
    for (size_t i = 0; i < probe->ahead.n_items && rc == AVSP_OK; i++) {
        const AVPacket *packet = probe->ahead.items[i].packet;
        if (packet->stream_index == video->index)
            rc = avsp_captions_put_packet(&probe->captions, video, packet, err);
    }
    return rc == AVSP_OK ? avsp_captions_end(&probe->captions, INT64_MAX, err) : rc;
}

/// Finds out what a split would find out; what stands in its way is a result, not a failure.
static enum avsp_code look(struct probe *probe)
{
    struct avsp_err *why = &probe->obstacle;
    enum avsp_code rc =
        avsp_reader_init(&probe->reader, probe->source.ctx, &probe->step->choice, why);
    if (rc != AVSP_OK)
        return rc;
    rc = avsp_lookahead_init(&probe->ahead, &probe->reader, why);
    if (rc != AVSP_OK)
        return rc;
    AVStream *video = probe->reader.tracks.video;
    size_t first = 0;
    if (video == NULL)
        return avsp_lookahead_first_sound(&probe->ahead, &probe->reader.tracks, &first)
                   ? AVSP_OK
                   : avsp_err_set(why, AVSP_CORRUPT, "nothing of its sound can be heard");
    bool odd_rotation = false;
    avsp_tracks_describe(probe->source.ctx, video, &probe->ahead.glance, &probe->facts,
                         &odd_rotation);
    avsp_fields_decide(video->codecpar, &probe->ahead.glance, probe->step->picture.deinterlace,
                       &probe->facts);
    rc = avsp_notes_of(video, &probe->facts, &probe->step->picture, &probe->ahead.glance,
                       odd_rotation, &probe->notes, why);
    if (rc == AVSP_OK)
        rc = look_for_captions(probe, video, why);
    if (rc != AVSP_OK)
        return rc;
    if (probe->ahead.n_pts == 0 && probe->reader.doubt == NULL)
        return avsp_err_set(why, AVSP_CORRUPT, "not one picture can be shown");
    int64_t distances[AVSP_LOOKAHEAD_FRAMES];
    size_t n = avsp_lookahead_distances(&probe->ahead, distances);
    struct avsp_rational time_base = {video->time_base.num, video->time_base.den};
    probe->facts.frame_rate = avsp_plan_frame_rate(distances, n, time_base);
    return AVSP_OK;
}

/// Finds out where the part lies that is asked for, as far as the container knows how long it is. @return INVALID behind its end.
static enum avsp_code look_at_part(struct probe *probe, struct avsp_err *err)
{
    const AVFormatContext *ctx = probe->source.ctx;
    const AVRational us = {1, AV_TIME_BASE};
    struct avsp_extent extent;
    struct avsp_err unknown = {0}; // to a look as short as this
    if (probe->obstacle.code != AVSP_OK ||
        avsp_extent_begin(&extent, &probe->reader.tracks, &probe->ahead, NULL, &unknown) != AVSP_OK)
        return AVSP_OK;
    avsp_part_init(&probe->part, &probe->step->choice.range, &extent);
    if (ctx->duration <= 0 || ctx->start_time == AV_NOPTS_VALUE ||
        ctx->duration_estimation_method == AVFMT_DURATION_FROM_BITRATE ||
        (ctx->iformat->flags & AVFMT_TS_DISCONT) != 0)
        return AVSP_OK;
    probe->source_end = av_rescale_q(ctx->start_time + ctx->duration, us, extent.time_base);
    if (avsp_part_has_start(&probe->part) && probe->part.start_pts >= probe->source_end)
        return avsp_part_is_empty(&probe->part, probe->source_end, err);
    return avsp_part_warn_of_end(&probe->part, probe->source_end, probe->ctl, err);
}

/// What would be encoded, as it is asked for but for an end that the source does not reach.
static struct avsp_time_range clipped(const struct probe *probe)
{
    struct avsp_time_range range = probe->step->choice.range;
    const struct avsp_part *part = &probe->part;
    if (range.end_us > 0 && part->time_base.den > 0 && probe->source_end < part->end_pts)
        range.end_us = av_rescale_q(probe->source_end - part->source_pts, part->time_base,
                                    (AVRational){1, AV_TIME_BASE});
    return range;
}

static uint32_t estimate_segments(const struct probe *probe, int64_t duration_us)
{
    struct avsp_time_range range = clipped(probe);
    duration_us = (range.end_us > 0 ? range.end_us : duration_us) - range.start_us;
    if (probe->obstacle.code != AVSP_OK || duration_us <= 0 || probe->step->segment_seconds < 1)
        return 0;
    int64_t segment_us = probe->step->segment_seconds * INT64_C(1000000);
    int64_t n = duration_us / segment_us + (duration_us % segment_us != 0);
    return (uint32_t)AVSP_MIN(n, (int64_t)AVSP_SEGMENTS_MAX);
}

static enum avsp_code report_input(const struct probe *probe, struct avsp_err *err)
{
    struct avsp_buf AVSP_CLEANUP(avsp_buf_deinit) libraries;
    avsp_buf_init(&libraries, AVSP_TEXT_MAX_BYTES);
    avsp_libraries_text(&libraries);
    int64_t bytes = avio_size(probe->source.ctx->pb);
    int64_t duration_us = AVSP_MAX(probe->source.ctx->duration, (int64_t)0); // NOPTS is negative
    struct avsp_report report = {
        .kind = AVSP_REPORT_INPUT,
        .input = {.format = probe->source.ctx->iformat->name,
                  .duration_us = duration_us,
                  .bytes = bytes > 0 ? (uint64_t)bytes : 0,
                  .n_segments = estimate_segments(probe, duration_us),
                  .part = clipped(probe),
                  .libraries = avsp_buf_text(&libraries)},
    };
    return avsp_control_report(probe->ctl, &report, err);
}

static void describe_chosen_video(const struct probe *probe, struct avsp_buf *buf)
{
    const struct avsp_piece_header *facts = &probe->facts;
    if (facts->frame_rate.den > 0)
        avsp_buf_printf(buf, ", %.5g fps", (double)facts->frame_rate.num / facts->frame_rate.den);
    if (facts->sample_aspect.den > 0 && facts->sample_aspect.num != facts->sample_aspect.den)
        avsp_buf_printf(buf, ", pixels %" PRId32 ":%" PRId32, facts->sample_aspect.num,
                        facts->sample_aspect.den);
    if (facts->rotation != 0)
        avsp_buf_printf(buf, ", rotated %" PRId32 "°", facts->rotation);
    if (facts->hflip)
        avsp_buf_puts(buf, ", mirrored");
}

static void describe(const struct probe *probe, const AVStream *stream, struct avsp_buf *buf)
{
    const AVCodecParameters *par = stream->codecpar;
    if (par->codec_type == AVMEDIA_TYPE_VIDEO) {
        avsp_buf_printf(buf, "%dx%d", par->width, par->height);
        const char *format = av_get_pix_fmt_name(par->format);
        if (format != NULL)
            avsp_buf_printf(buf, ", %s", format);
        if (stream == probe->reader.tracks.video)
            describe_chosen_video(probe, buf);
    } else if (par->codec_type == AVMEDIA_TYPE_AUDIO) {
        avsp_buf_printf(buf, "%d Hz, %d channel%s", par->sample_rate, par->ch_layout.nb_channels,
                        par->ch_layout.nb_channels == 1 ? "" : "s");
    }
}

static void plan_picture(const struct probe *probe, struct avsp_buf *buf)
{
    const struct avsp_ladder *ladder = &probe->step->picture.ladder;
    struct avsp_picture_size own = avsp_picture_own_size(&probe->facts);
    struct avsp_ladder_rung rungs[AVSP_PICTURES_MAX];
    bool is_hdr = avsp_piece_is_hdr(&probe->facts);
    size_t n =
        avsp_ladder_plan(&probe->step->picture, is_hdr, own.width_px, own.height_px, 0, 0, rungs);
    avsp_buf_puts(buf, "→ AV1");
    for (size_t i = 0; i < n; i++) {
        if (i > 0 && rungs[i].codec != rungs[i - 1].codec)
            avsp_buf_puts(buf, "; H.264 beside it");
        avsp_buf_printf(buf, ", %s", rungs[i].name);
        if (ladder->is_auto || ladder->n_rungs > 0)
            avsp_buf_printf(buf, " %" PRIu32 "x%" PRIu32, rungs[i].width_px, rungs[i].height_px);
        if (rungs[i].sdr)
            avsp_buf_puts(buf, " SDR");
    }
    if (probe->reader.doubt != NULL)
        avsp_buf_printf(buf, "; decoded in the split, because %s", probe->reader.doubt);
}

/// @return false: there are none of them.
static bool plan_of(struct probe *probe, const struct avsp_caption_set *which, const char *what,
                    struct avsp_buf *buf)
{
    struct avsp_buf AVSP_CLEANUP(avsp_buf_deinit) names;
    avsp_buf_init(&names, AVSP_TEXT_MAX_BYTES);
    if (avsp_captions_list(&probe->captions, which, &names) == 0)
        return false;
    avsp_buf_printf(buf, "; captions inside the picture (%s) %s", avsp_buf_text(&names), what);
    return true;
}

/// Captions of the first pictures: those that are wanted, those that are not, and those that say the same as others.
static enum avsp_code plan_captions(struct probe *probe, struct avsp_buf *buf, struct avsp_err *err)
{
    const struct avsp_tracks *tracks = &probe->reader.tracks;
    struct avsp_captions_same same = {0};
    struct avsp_caption_set wanted = tracks->captions, unwanted, repeated = {0};
    enum avsp_code rc = AVSP_OK;
    if (!tracks->captions_are_named)
        rc = avsp_captions_compare(&probe->captions, &wanted, &same, err);
    bool any = false;
    for (unsigned i = 0; i < AVSP_CAPTIONS_MAX; i++) {
        any = any || wanted.has[i];
        unwanted.has[i] = !wanted.has[i];
        repeated.has[i] = same.as[i] != 0;
        wanted.has[i] = wanted.has[i] && same.as[i] == 0;
    }
    if (!plan_of(probe, &wanted, "→ WebVTT", buf) && any &&
        (probe->captions.has_data || probe->ahead.glance.has_captions))
        avsp_buf_puts(buf, "; captions inside the picture, if they say anything, → WebVTT");
    plan_of(probe, &repeated, "left out: they say the same as others", buf);
    plan_of(probe, &unwanted, "left out: not chosen", buf);
    return rc;
}

static const char *name_of_copied(enum avsp_sound_form form)
{
    return form == AVSP_SOUND_MAIN ? "AAC" : form == AVSP_SOUND_AC3 ? "AC-3" : "E-AC-3";
}

static void plan_sound(const struct probe *probe, const AVStream *stream, size_t track,
                       struct avsp_buf *buf)
{
    const struct avsp_sound_options *options = &probe->step->sound;
    struct avsp_copyable copied = {.form = AVSP_SOUND_N_FORMS};
    char room[PLAN_WHY_BYTES];
    const char *why = options->copy
                          ? avsp_copyable_of(stream->codecpar, options, &copied, room, sizeof room)
                          : NULL;
    bool is_main = options->copy && why == NULL && copied.form == AVSP_SOUND_MAIN;
    avsp_buf_printf(buf, "→ AAC%s, a%zu", is_main ? " as it is" : "", track);
    if (avsp_audio_channels_for(&stream->codecpar->ch_layout) > 2)
        avsp_buf_printf(buf, ", in stereo a%zu-stereo", track);
    if (probe->step->sound.opus)
        avsp_buf_printf(buf, "; Opus, a%zu-opus", track);
    if (why != NULL)
        avsp_buf_printf(buf, "; not copied: %s", why);
    else if (options->copy && !is_main)
        avsp_buf_printf(buf, "; %s as it is, a%zu%s", name_of_copied(copied.form), track,
                        copied.form == AVSP_SOUND_AC3 ? "-ac3" : "-ec3");
    avsp_buf_puts(buf, probe->reader.tracks.video != NULL ? "" : ", without a picture");
}

/// What a job does with the stream.
static enum avsp_code plan(struct probe *probe, const AVStream *stream, struct avsp_buf *buf,
                           struct avsp_err *err)
{
    const struct avsp_tracks *tracks = &probe->reader.tracks;
    enum AVMediaType type = stream->codecpar->codec_type;
    size_t track = 0;
    bool plays =
        (type == AVMEDIA_TYPE_VIDEO && !avsp_tracks_is_still(stream)) || type == AVMEDIA_TYPE_AUDIO;
    if (plays && probe->obstacle.code != AVSP_OK)
        avsp_buf_printf(buf, "cannot be encoded: %s", probe->obstacle.text);
    else if (stream == tracks->video)
        plan_picture(probe, buf);
    else if (avsp_tracks_find_audio(tracks, stream->index, &track))
        plan_sound(probe, stream, track, buf);
    else if (avsp_tracks_find_text(tracks, stream->index, &track))
        avsp_buf_printf(buf, "→ WebVTT, s%zu", track);
    else
        avsp_buf_printf(buf, "left out: %s", avsp_left_out_why(probe->source.ctx, tracks, stream));
    bool shown = stream == tracks->video && probe->obstacle.code == AVSP_OK;
    for (size_t i = 0; shown && i < probe->notes.n; i++)
        avsp_buf_printf(buf, "; %s", probe->notes.texts[i]);
    return shown ? plan_captions(probe, buf, err) : AVSP_OK;
}

static enum avsp_code report_stream(struct probe *probe, const AVStream *stream,
                                    struct avsp_err *err)
{
    struct avsp_buf AVSP_CLEANUP(avsp_buf_deinit) details;
    struct avsp_buf AVSP_CLEANUP(avsp_buf_deinit) intent;
    avsp_buf_init(&details, TEXT_MAX_BYTES);
    avsp_buf_init(&intent, TEXT_MAX_BYTES);
    describe(probe, stream, &details);
    if (plan(probe, stream, &intent, err) != AVSP_OK || avsp_buf_check(&details, err) != AVSP_OK ||
        avsp_buf_check(&intent, err) != AVSP_OK)
        return avsp_err_wrap(err, "describe stream %d", stream->index);
    struct avsp_report report = {
        .kind = AVSP_REPORT_STREAM,
        .stream = {.idx = (uint32_t)stream->index,
                   .type = avsp_left_out_type(stream),
                   .codec = avcodec_get_name(stream->codecpar->codec_id),
                   .details = avsp_buf_text(&details),
                   .language = avsp_tracks_language(stream),
                   .plan = avsp_buf_text(&intent)},
    };
    return avsp_control_report(probe->ctl, &report, err);
}

enum avsp_code avsp_probe_run(int input_fd, const struct avsp_step *step, struct avsp_control *ctl,
                              struct avsp_err *err)
{
    struct probe AVSP_CLEANUP(probe_deinit)
        probe = {.step = step, .ctl = ctl, .source_end = INT64_MAX};
    enum avsp_code rc = avsp_source_open(input_fd, &probe.source, err);
    if (rc != AVSP_OK)
        return rc;
    rc = look(&probe);
    if (rc == AVSP_NO_MEMORY || avsp_code_may_retry(rc)) {
        *err = probe.obstacle; // this machine's fault, not the file's
        return rc;
    }
    rc = look_at_part(&probe, err);
    if (rc == AVSP_OK)
        rc = report_input(&probe, err);
    for (unsigned i = 0; i < probe.source.ctx->nb_streams && rc == AVSP_OK; i++)
        rc = report_stream(&probe, probe.source.ctx->streams[i], err);
    return rc;
}
