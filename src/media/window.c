#include "media/window.h"

#include "core/plan.h"
#include "media/averr.h"

#include <libavutil/imgutils.h>

#include <inttypes.h>

/// What a decoded frame is for.
enum use { LEAVE_OUT, CONTEXT, SHOW };

static enum avsp_code check_header(const struct avsp_piece_header *h, struct avsp_err *err)
{
    if (h->kind != AVSP_MEDIA_VIDEO)
        return avsp_err_set(err, AVSP_INVALID, "not a piece of video");
    if (h->in_pts >= h->out_pts || h->next_pts <= h->in_pts || h->frames == 0 ||
        h->n_segments == 0 || h->timescale == 0 || h->timescale > INT32_MAX ||
        h->frame_rate.num < 1 || h->frame_rate.den < 1 || h->rotation % 90 != 0)
        return avsp_err_set(err, AVSP_INVALID, "the header of the piece contradicts itself");
    return AVSP_OK;
}

static enum avsp_code open_decoder(struct avsp_window *w, struct avsp_err *err)
{
    const struct avsp_piece_header *h = &w->header;
    int stream = av_find_best_stream(w->source.ctx, AVMEDIA_TYPE_VIDEO, -1, -1, NULL, 0);
    if (stream < 0)
        return avsp_averr_set(err, stream, "find the video of the piece");
    const AVStream *st = w->source.ctx->streams[stream];
    enum avsp_code rc = avsp_decoder_open(&w->decoder, st, 1, err);
    if (rc != AVSP_OK)
        return rc;
    AVRational base = {h->time_base.num, h->time_base.den};
    avsp_decoder_watch(&w->decoder, av_rescale_q(h->in_pts, base, st->time_base),
                       av_rescale_q(h->out_pts, base, st->time_base));
    return AVSP_OK;
}

enum avsp_code avsp_window_open(struct avsp_window *w, int input_fd, struct avsp_arena *arena,
                                struct avsp_err *err)
{
    enum avsp_code rc = avsp_source_open_piece(input_fd, arena, &w->header, &w->source, err);
    if (rc == AVSP_OK)
        rc = check_header(&w->header, err);
    if (rc == AVSP_OK)
        rc = open_decoder(w, err);
    if (rc != AVSP_OK)
        return rc;
    w->last_pts = w->header.in_pts;
    w->context_pts = INT64_MIN;
    w->pkt = av_packet_alloc();
    w->decoded = av_frame_alloc();
    w->before = av_frame_alloc();
    w->next = av_frame_alloc();
    if (w->pkt == NULL || w->decoded == NULL || w->before == NULL || w->next == NULL)
        return avsp_err_set(err, AVSP_NO_MEMORY, "no memory for frames");
    if (w->header.fields == AVSP_FIELDS_NONE)
        return AVSP_OK;
    w->deinterlacer = avsp_deinterlacer_new(w->header.fields, w->header.field_rate, err);
    return w->deinterlacer != NULL ? AVSP_OK : err->code;
}

void avsp_window_close(struct avsp_window *w)
{
    avsp_deinterlacer_free(&w->deinterlacer);
    avsp_decoder_close(&w->decoder);
    avsp_source_close(&w->source);
    av_packet_free(&w->pkt);
    av_frame_free(&w->decoded);
    av_frame_free(&w->before);
    av_frame_free(&w->next);
}

int64_t avsp_window_ticks(const struct avsp_window *w, int64_t pts)
{
    return avsp_plan_ticks(pts, w->header.origin_pts, w->header.time_base, w->header.timescale);
}

/// Is the frame one that a pass over the whole source would show, or even, with @p behind, one behind the first of these?
static bool is_of_source(const struct avsp_piece_header *h, int64_t pts, bool behind)
{
    if (pts >= h->origin_pts)
        return pts > h->origin_pts || !behind || h->lead_ticks > 0;
    uint64_t before = (uint64_t)h->origin_pts - (uint64_t)pts;
    return before + behind <= (uint64_t)h->lead_ticks;
}

/// Decides what to do with the decoded frame. One whose time is not known, or not later than that of the one before, or that is more than the
/// piece promises, is left out and counted: not all decoders (VP8, HEVC) tell of damage, and times may be damaged alone.
static enum use judge(struct avsp_window *w)
{
    const struct avsp_piece_header *h = &w->header;
    if (w->decoded->pts == AV_NOPTS_VALUE) {
        w->n_left_out++;
        return LEAVE_OUT;
    }
    AVRational base = {h->time_base.num, h->time_base.den};
    int64_t pts = av_rescale_q(w->decoded->pts, w->decoder.stream->time_base, base);
    w->decoded->pts = pts;
    // What comes before the source's first shown frame nobody would see in one pass over it either.
    if (pts < h->in_pts)
        return is_of_source(h, pts, false) && pts > w->context_pts ? CONTEXT : LEAVE_OUT;
    if (pts >= h->out_pts) {
        w->is_over = true;
        return CONTEXT;
    }
    if ((w->n_frames > 0 && pts <= w->last_pts) || w->n_frames >= h->frames) {
        w->n_left_out++;
        return LEAVE_OUT;
    }
    w->n_frames++;
    w->last_pts = pts;
    return SHOW;
}

/// Gives the deinterlacer the decoded frame.
static enum avsp_code feed(struct avsp_window *w, struct avsp_err *err)
{
    const struct avsp_piece_header *h = &w->header;
    int64_t pts = w->decoded->pts;
    bool first = w->context_pts == INT64_MIN;
    w->context_pts = pts;
    return avsp_deinterlacer_send(w->deinterlacer, w->decoded,
                                  first && pts < h->in_pts && is_of_source(h, pts, true), err);
}

/// Keeps the last picture before the window.
static enum avsp_code keep_before(struct avsp_window *w, enum use use, struct avsp_err *err)
{
    if (use != CONTEXT || w->n_frames > 0 || w->decoded->pts >= w->header.in_pts)
        return AVSP_OK;
    av_frame_unref(w->before);
    return av_frame_ref(w->before, w->decoded) >= 0
               ? AVSP_OK
               : avsp_err_set(err, AVSP_NO_MEMORY, "no memory for frames");
}

/// Decodes one frame, and gives it to whoever is next. @param ret_given  @p frame has it.
static enum avsp_code advance(struct avsp_window *w, AVFrame *frame, bool *ret_given,
                              struct avsp_err *err)
{
    bool got = false;
    enum use use = LEAVE_OUT;
    enum avsp_code rc =
        avsp_decoder_read(&w->decoder, w->source.ctx, w->pkt, w->decoded, &got, err);
    if (rc == AVSP_OK && got) {
        use = judge(w);
        rc = keep_before(w, use, err);
    }
    w->is_over = w->is_over || !got;
    *ret_given = rc == AVSP_OK && use == SHOW && w->deinterlacer == NULL;
    if (*ret_given)
        av_frame_move_ref(frame, w->decoded);
    else if (rc == AVSP_OK && use != LEAVE_OUT && w->deinterlacer != NULL)
        rc = feed(w, err);
    else if (rc == AVSP_OK && !got && w->deinterlacer != NULL)
        rc = avsp_deinterlacer_send(w->deinterlacer, NULL, false, err);
    av_frame_unref(w->decoded);
    return rc;
}

/// When the first frame of the window should be shown, by its packet; @p pts where that is not earlier.
static int64_t promised_pts(const struct avsp_window *w, int64_t pts)
{
    AVRational base = {w->header.time_base.num, w->header.time_base.den};
    if (w->decoder.first_pts == AV_NOPTS_VALUE)
        return pts;
    return AVSP_MIN(pts, av_rescale_q(w->decoder.first_pts, w->decoder.stream->time_base, base));
}

/// Where a picture is shown: at its own timestamp, but the first one where the first frame of the window should have been. So a
/// damaged start leaves no hole between this piece and the one before.
static int64_t start_ticks(struct avsp_window *w, int64_t pts)
{
    if (!w->began) {
        int64_t promised = promised_pts(w, pts);
        w->late = promised < pts;
        pts = promised;
    }
    w->began = true;
    return avsp_window_ticks(w, pts);
}

/// Gives the picture before the window where its first frames are missing, and lets the first one that is there, in @p frame, wait.
static void hold_before(struct avsp_window *w, AVFrame *frame, struct avsp_window_shown *shown)
{
    int64_t promised = promised_pts(w, shown->pts);
    if (w->began || promised >= shown->pts || w->before->buf[0] == NULL)
        return;
    av_frame_move_ref(w->next, frame);
    w->next_pts = shown->pts;
    av_frame_move_ref(frame, w->before);
    w->is_held = true;
    shown->pts = promised;
}

/// Decides when the picture is shown. @param shown  its pts is known.
static void place(struct avsp_window *w, AVFrame *frame, struct avsp_window_shown *shown)
{
    hold_before(w, frame, shown);
    av_frame_unref(w->before);
    shown->ticks = start_ticks(w, shown->pts);
}

/// Takes the picture that has waited for the one before the window.
static bool take_next(struct avsp_window *w, AVFrame *frame, struct avsp_window_shown *ret_shown)
{
    if (w->next->buf[0] == NULL)
        return false;
    av_frame_move_ref(frame, w->next);
    ret_shown->pts = w->next_pts;
    ret_shown->ticks = avsp_window_ticks(w, w->next_pts);
    return true;
}

/// A second field is shown in the middle between its frame and the next.
static int64_t second_ticks(const struct avsp_window *w, const struct avsp_deinterlaced *from)
{
    int64_t next = w->header.next_pts;
    if (from->has_next)
        next = AVSP_MIN(next, from->next_pts);
    int64_t begin = avsp_window_ticks(w, from->pts);
    return begin + (avsp_window_ticks(w, next) - begin) / 2;
}

/// Takes a picture of the window from the deinterlacer.
static bool take_deinterlaced(struct avsp_window *w, AVFrame *frame,
                              struct avsp_window_shown *ret_shown)
{
    struct avsp_deinterlaced from;
    while (avsp_deinterlacer_receive(w->deinterlacer, frame, &from)) {
        if (from.pts >= w->header.in_pts && from.pts < w->header.out_pts) {
            ret_shown->pts = from.pts;
            if (from.is_second)
                ret_shown->ticks = second_ticks(w, &from);
            else
                place(w, frame, ret_shown);
            return true;
        }
        av_frame_unref(frame);
    }
    return false;
}

static enum avsp_code make_black(struct avsp_window *w, AVFrame *frame, struct avsp_err *err)
{
    const struct avsp_piece_header *h = &w->header;
    frame->width = (int)h->width_px;
    frame->height = (int)h->height_px;
    frame->format = h->bit_depth > 8 ? AV_PIX_FMT_YUV420P10 : AV_PIX_FMT_YUV420P;
    int av = av_frame_get_buffer(frame, 0);
    if (av < 0)
        return avsp_averr_set(err, av, "make a black picture");
    ptrdiff_t strides[4] = {frame->linesize[0], frame->linesize[1], frame->linesize[2]};
    av = av_image_fill_black(frame->data, strides, frame->format,
                             h->full_range ? AVCOL_RANGE_JPEG : AVCOL_RANGE_MPEG, frame->width,
                             frame->height);
    return av < 0 ? avsp_averr_set(err, av, "make a black picture") : AVSP_OK;
}

/// Where nothing of the window can be decoded, one picture stands for all of it: the presentation has no hole.
static enum avsp_code give_other(struct avsp_window *w, AVFrame *frame,
                                 struct avsp_window_shown *ret_shown, struct avsp_err *err)
{
    w->is_held = w->before->buf[0] != NULL;
    w->is_black = !w->is_held;
    enum avsp_code rc = AVSP_OK;
    if (w->is_held)
        av_frame_move_ref(frame, w->before);
    else
        rc = make_black(w, frame, err);
    frame->pts = w->header.in_pts;
    ret_shown->pts = w->header.in_pts;
    ret_shown->ticks = start_ticks(w, w->header.in_pts);
    return rc;
}

enum avsp_code avsp_window_next(struct avsp_window *w, AVFrame *frame,
                                struct avsp_window_shown *ret_shown, bool *ret_got,
                                struct avsp_err *err)
{
    *ret_got = take_next(w, frame, ret_shown);
    if (*ret_got)
        return AVSP_OK;
    for (;;) {
        if (w->deinterlacer != NULL && take_deinterlaced(w, frame, ret_shown)) {
            *ret_got = true;
            return AVSP_OK;
        }
        if (w->is_over) {
            *ret_got = !w->began;
            return w->began ? AVSP_OK : give_other(w, frame, ret_shown, err);
        }
        enum avsp_code rc = advance(w, frame, ret_got, err);
        if (rc != AVSP_OK)
            return rc;
        if (!*ret_got)
            continue;
        ret_shown->pts = frame->pts;
        place(w, frame, ret_shown);
        return AVSP_OK;
    }
}
