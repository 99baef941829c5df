#include "media/encode_segment.h"

#include "media/averr.h"

#include <inttypes.h>

struct avsp_encode_segment {
    const char *rendition;
    uint32_t idx;
    AVCodecContext *encoder;
    struct avsp_fmp4 *mux;
    AVPacket *pkt;
    AVPacket *held; ///< the packet before: its duration is known once the next one is
    int64_t first_ticks;
    int64_t last_ticks; ///< of the frames that were added
    uint64_t n_frames;
    uint64_t n_packets;
    uint64_t key_bytes; ///< 0 = the first frame is not written yet
    uint64_t
        sum_frames; ///< of all timestamps, modulo 2^64: with the order, proves that they came back unchanged
    uint64_t sum_packets;
};

void avsp_segment_name(const char *rendition, uint32_t idx, char ret_name[AVSP_SEGMENT_NAME_BYTES])
{
    snprintf(ret_name, AVSP_SEGMENT_NAME_BYTES, "%.14s-%05" PRIu32 ".m4s", rendition, idx);
}

enum avsp_code avsp_encode_segment_begin(const struct avsp_av1_options *options,
                                         const char *rendition, uint32_t idx,
                                         struct avsp_encode_segment **ret_seg, struct avsp_err *err)
{
    struct avsp_encode_segment *AVSP_CLEANUP(avsp_encode_segment_free) seg = calloc(1, sizeof *seg);
    if (seg == NULL)
        return avsp_err_set(err, AVSP_NO_MEMORY, "no memory for a segment");
    seg->idx = idx;
    seg->rendition = rendition;
    seg->pkt = av_packet_alloc();
    seg->held = av_packet_alloc();
    if (seg->pkt == NULL || seg->held == NULL)
        return avsp_err_set(err, AVSP_NO_MEMORY, "no memory for a segment");
    enum avsp_code rc = avsp_av1_open(options, &seg->encoder, err);
    if (rc != AVSP_OK)
        return rc;
    struct avsp_fmp4_track track = {
        .encoder = seg->encoder,
        .timescale = options->timescale,
        .sequence = 2 * idx + 1,
        .hdr = &options->format->hdr,
    };
    rc = avsp_fmp4_open(&track, &seg->mux, err);
    if (rc != AVSP_OK)
        return rc;
    *ret_seg = seg;
    seg = NULL;
    return AVSP_OK;
}

void avsp_encode_segment_free(struct avsp_encode_segment **seg_ptr)
{
    struct avsp_encode_segment *seg = *seg_ptr;
    if (seg == NULL)
        return;
    avsp_av1_close(&seg->encoder, seg->n_frames > 0);
    avsp_fmp4_free(&seg->mux);
    av_packet_free(&seg->pkt);
    av_packet_free(&seg->held);
    free(seg);
    *seg_ptr = NULL;
}

const struct avsp_buf *avsp_encode_segment_init(const struct avsp_encode_segment *seg)
{
    return avsp_fmp4_init(seg->mux);
}

uint32_t avsp_encode_segment_idx(const struct avsp_encode_segment *seg)
{
    return seg->idx;
}

/// Gives the packet before its duration and the muxer.
static enum avsp_code release_held(struct avsp_encode_segment *seg, int64_t end_ticks,
                                   struct avsp_err *err)
{
    if (end_ticks <= seg->held->pts)
        return avsp_err_set(err, AVSP_CORRUPT,
                            "a frame at tick %" PRId64 " would end at tick %" PRId64,
                            seg->held->pts, end_ticks);
    seg->held->duration = end_ticks - seg->held->pts;
    enum avsp_code rc = avsp_fmp4_write(seg->mux, seg->held, err);
    av_packet_unref(seg->held);
    return rc;
}

/// The keyframe is a fragment of its own, so that a player that shows keyframes alone (when it winds) can be given one, whole: what reads
/// fragments in a browser refuses half an mdat.
static enum avsp_code end_key(struct avsp_encode_segment *seg, struct avsp_err *err)
{
    char name[AVSP_SEGMENT_NAME_BYTES];
    avsp_segment_name(seg->rendition, seg->idx, name);
    return avsp_fmp4_part(seg->mux, name, &seg->key_bytes, err);
}

static enum avsp_code take_packet(struct avsp_encode_segment *seg, struct avsp_err *err)
{
    AVPacket *pkt = seg->pkt;
    bool key = (pkt->flags & AV_PKT_FLAG_KEY) != 0;
    if (key != (seg->n_packets == 0))
        return avsp_err_set(err, AVSP_INTERNAL, "packet %" PRIu64 " of the encoder is %sa keyframe",
                            seg->n_packets, key ? "" : "not ");
    if (seg->n_packets > 0) {
        enum avsp_code rc = release_held(seg, pkt->pts, err);
        if (rc == AVSP_OK && seg->n_packets == 1)
            rc = end_key(seg, err);
        if (rc != AVSP_OK)
            return rc;
    }
    pkt->dts = pkt->pts; // one shown frame a packet, in presentation order (AV1 in ISO-BMFF 2.4)
    seg->n_packets++;
    seg->sum_packets += (uint64_t)pkt->pts;
    av_packet_move_ref(seg->held, pkt);
    return AVSP_OK;
}

/// Takes all packets that the encoder has ready.
static enum avsp_code receive(struct avsp_encode_segment *seg, struct avsp_err *err)
{
    for (;;) {
        int av = avcodec_receive_packet(seg->encoder, seg->pkt);
        if (av == AVERROR(EAGAIN) || av == AVERROR_EOF)
            return AVSP_OK;
        if (av < 0) {
            avsp_averr_set(err, av, "encode");
            return err->code = err->code == AVSP_CORRUPT ? AVSP_INTERNAL : err->code;
        }
        enum avsp_code rc = take_packet(seg, err);
        av_packet_unref(seg->pkt);
        if (rc != AVSP_OK)
            return rc;
    }
}

enum avsp_code avsp_encode_segment_add(struct avsp_encode_segment *seg, const AVFrame *frame,
                                       struct avsp_err *err)
{
    if (seg->n_frames == 0)
        seg->first_ticks = frame->pts;
    else
        AVSP_ASSERT(frame->pts > seg->last_ticks);
    int av = avcodec_send_frame(seg->encoder, frame);
    if (av < 0) {
        avsp_averr_set(err, av, "give a frame to the encoder");
        return err->code = err->code == AVSP_CORRUPT ? AVSP_INTERNAL : err->code;
    }
    seg->n_frames++;
    seg->sum_frames += (uint64_t)frame->pts;
    seg->last_ticks = frame->pts;
    return receive(seg, err);
}

enum avsp_code avsp_encode_segment_end(struct avsp_encode_segment *seg, int64_t end_ticks,
                                       struct avsp_encode_facts *ret_facts, struct avsp_err *err)
{
    int av = avcodec_send_frame(seg->encoder, NULL);
    if (av < 0)
        return avsp_averr_set(err, av, "end the encoder");
    enum avsp_code rc = receive(seg, err);
    if (rc != AVSP_OK)
        return rc;
    if (seg->n_packets != seg->n_frames || seg->sum_packets != seg->sum_frames)
        return avsp_err_set(err, AVSP_INTERNAL,
                            "the encoder was given %" PRIu64 " frames and gave back %" PRIu64
                            ", or other timestamps",
                            seg->n_frames, seg->n_packets);
    rc = release_held(seg, end_ticks, err);
    if (rc != AVSP_OK)
        return rc;
    struct avsp_encode_facts facts = {
        .start_ticks = seg->first_ticks,
        .duration_ticks = end_ticks - seg->first_ticks,
        .frames = seg->n_frames,
    };
    avsp_segment_name(seg->rendition, seg->idx, facts.name);
    rc = avsp_fmp4_cut(seg->mux, facts.name, &facts.file, err);
    facts.key_bytes = seg->n_packets > 1 ? seg->key_bytes : facts.file.bytes;
    if (rc == AVSP_OK)
        *ret_facts = facts;
    return rc;
}
