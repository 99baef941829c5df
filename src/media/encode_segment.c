#include "media/encode_segment.h"

#include "media/averr.h"

#include <inttypes.h>
#include <stdlib.h>

#define ROOM_BEGIN 256 ///< frames
/// A sample's duration has 32 bits (ISO/IEC 14496-12, 8.8.8), of which libavformat leaves one out.
#define DURATION_MAX_TICKS INT32_MAX

/// A frame that the encoder was given.
struct shown {
    int64_t ticks;
    bool is_back; ///< its packet came
};

struct avsp_encode_segment {
    const char *rendition;
    uint32_t idx;
    AVCodecContext *encoder;
    struct avsp_fmp4 *mux;
    AVPacket *pkt;
    struct shown *frames; ///< as they are shown
    size_t n_frames;
    size_t frames_room;
    AVPacket **packets; ///< as they are decoded; as many as there is room for frames
    size_t n_packets;
    int64_t
        delay_ticks; ///< frames are shown up to so much later than their place among the decoded ones; 0 = in order
};

void avsp_segment_name(const char *rendition, uint32_t idx, char ret_name[AVSP_SEGMENT_NAME_BYTES])
{
    snprintf(ret_name, AVSP_SEGMENT_NAME_BYTES, "%.14s-%05" PRIu32 ".m4s", rendition, idx);
}

enum avsp_code avsp_encode_segment_begin(const struct avsp_encoder_options *options,
                                         const char *rendition, uint32_t idx,
                                         struct avsp_encode_segment **ret_seg, struct avsp_err *err)
{
    struct avsp_encode_segment *AVSP_CLEANUP(avsp_encode_segment_free) seg = calloc(1, sizeof *seg);
    if (seg == NULL)
        return avsp_err_set(err, AVSP_NO_MEMORY, "no memory for a segment");
    seg->idx = idx;
    seg->rendition = rendition;
    seg->pkt = av_packet_alloc();
    if (seg->pkt == NULL)
        return avsp_err_set(err, AVSP_NO_MEMORY, "no memory for a segment");
    enum avsp_code rc = avsp_encoder_open(options, &seg->encoder, err);
    if (rc != AVSP_OK)
        return rc;
    seg->delay_ticks = avsp_encoder_delay(options, seg->encoder);
    struct avsp_fmp4_track track = {
        .encoder = seg->encoder,
        .timescale = options->timescale,
        .sequence = 2 * idx + 1,
        .hdr = &options->format->hdr,
        .reorders = seg->delay_ticks > 0,
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
    avsp_encoder_close(&seg->encoder, seg->n_frames > 0);
    avsp_fmp4_free(&seg->mux);
    av_packet_free(&seg->pkt);
    for (size_t i = 0; i < seg->n_packets; i++)
        av_packet_free(&seg->packets[i]);
    free(seg->packets);
    free(seg->frames);
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

static int by_ticks(const void *key, const void *frame)
{
    int64_t ticks = *(const int64_t *)key;
    int64_t other = ((const struct shown *)frame)->ticks;
    return (ticks > other) - (ticks < other);
}

/// The frame that a packet holds. @return NULL: the encoder was given none of that time.
static struct shown *find_frame(const struct avsp_encode_segment *seg, const AVPacket *pkt)
{
    return bsearch(&pkt->pts, seg->frames, seg->n_frames, sizeof *seg->frames, by_ticks);
}

static enum avsp_code take_packet(struct avsp_encode_segment *seg, struct avsp_err *err)
{
    AVPacket *pkt = seg->pkt;
    bool key = (pkt->flags & AV_PKT_FLAG_KEY) != 0;
    if (key != (seg->n_packets == 0))
        return avsp_err_set(err, AVSP_INTERNAL, "packet %zu of the encoder is %sa keyframe",
                            seg->n_packets, key ? "" : "not ");
    struct shown *frame = find_frame(seg, pkt);
    // AV1: one shown frame a packet, in presentation order (AV1 in ISO-BMFF 2.4).
    bool in_order = frame == &seg->frames[seg->n_packets];
    if (frame == NULL || frame->is_back || (!in_order && (key || seg->delay_ticks == 0)))
        return avsp_err_set(err, AVSP_INTERNAL,
                            "the encoder gives a frame at tick %" PRId64
                            ", which it was not given, or gave before, or out of order",
                            pkt->pts);
    frame->is_back = true;
    AVPacket *kept = av_packet_alloc();
    if (kept == NULL)
        return avsp_err_set(err, AVSP_NO_MEMORY, "no memory for a packet");
    av_packet_move_ref(kept, pkt);
    seg->packets[seg->n_packets++] = kept;
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

/// Makes room for one frame more, and for its packet.
static enum avsp_code make_room(struct avsp_encode_segment *seg, struct avsp_err *err)
{
    if (seg->n_frames < seg->frames_room)
        return AVSP_OK;
    size_t room = AVSP_MAX(2 * seg->frames_room, (size_t)ROOM_BEGIN);
    void *frames = reallocarray(seg->frames, room, sizeof *seg->frames);
    if (frames != NULL)
        seg->frames = frames;
    void *packets = reallocarray(seg->packets, room, sizeof *seg->packets);
    if (packets != NULL)
        seg->packets = packets;
    if (frames == NULL || packets == NULL)
        return avsp_err_set(err, AVSP_NO_MEMORY, "no memory for a segment");
    seg->frames_room = room;
    return AVSP_OK;
}

enum avsp_code avsp_encode_segment_add(struct avsp_encode_segment *seg, const AVFrame *frame,
                                       struct avsp_err *err)
{
    AVSP_ASSERT(seg->n_frames == 0 || frame->pts > seg->frames[seg->n_frames - 1].ticks);
    enum avsp_code rc = make_room(seg, err);
    if (rc != AVSP_OK)
        return rc;
    int av = avcodec_send_frame(seg->encoder, frame);
    if (av < 0) {
        avsp_averr_set(err, av, "give a frame to the encoder");
        return err->code = err->code == AVSP_CORRUPT ? AVSP_INTERNAL : err->code;
    }
    seg->frames[seg->n_frames++] = (struct shown){.ticks = frame->pts};
    return receive(seg, err);
}

/// Sets when each packet is decoded, on a timeline that begins and ends with the segment. Where frames are decoded as they are shown that is when
/// they are shown. Where they are not, each takes the next place in which one is shown, but none is decoded later than it is
/// shown, `delay` added: by so much the edit list of the init segment shows all of them earlier.
static void set_decode_times(struct avsp_encode_segment *seg)
{
    int64_t latest = INT64_MAX;
    for (size_t i = seg->n_packets; i-- > 0;) {
        AVPacket *pkt = seg->packets[i];
        latest = AVSP_MIN(latest - 1, pkt->pts + seg->delay_ticks);
        pkt->dts = AVSP_MIN(seg->frames[i].ticks, latest) - seg->delay_ticks;
    }
}

/// Gives the muxer all packets.
static enum avsp_code mux_all(struct avsp_encode_segment *seg, int64_t end_ticks, const char *name,
                              uint64_t *ret_key_bytes, struct avsp_err *err)
{
    set_decode_times(seg);
    for (size_t i = 0; i < seg->n_packets; i++) {
        AVPacket *pkt = seg->packets[i];
        bool is_last = i + 1 == seg->n_packets;
        int64_t next = is_last ? end_ticks - seg->delay_ticks : seg->packets[i + 1]->dts;
        pkt->duration = next - pkt->dts;
        if (pkt->duration > DURATION_MAX_TICKS)
            return avsp_err_set(err, AVSP_UNSUPPORTED,
                                "a picture is shown for %" PRId64
                                " ticks, until the next one comes, and MP4 ends at %d",
                                pkt->duration, DURATION_MAX_TICKS);
        enum avsp_code rc = avsp_fmp4_write(seg->mux, pkt, err);
        // The keyframe is a fragment of its own, so that a player that shows keyframes alone (when it winds) can be given one,
        // whole: what reads fragments in a browser refuses half an mdat.
        if (rc == AVSP_OK && i == 0 && !is_last)
            rc = avsp_fmp4_part(seg->mux, name, ret_key_bytes, err);
        if (rc != AVSP_OK)
            return rc;
        av_packet_unref(pkt);
    }
    return AVSP_OK;
}

enum avsp_code avsp_encode_segment_flush(struct avsp_encode_segment *seg, struct avsp_err *err)
{
    int av = avcodec_send_frame(seg->encoder, NULL);
    return av >= 0 ? AVSP_OK : avsp_averr_set(err, av, "end the encoder");
}

enum avsp_code avsp_encode_segment_end(struct avsp_encode_segment *seg, int64_t end_ticks,
                                       struct avsp_encode_facts *ret_facts, struct avsp_err *err)
{
    enum avsp_code rc = receive(seg, err);
    if (rc != AVSP_OK)
        return rc;
    // None came twice, so all came.
    if (seg->n_packets != seg->n_frames)
        return avsp_err_set(err, AVSP_INTERNAL,
                            "the encoder was given %zu frames and gave back %zu", seg->n_frames,
                            seg->n_packets);
    int64_t last_ticks = seg->frames[seg->n_frames - 1].ticks;
    if (end_ticks <= last_ticks)
        return avsp_err_set(err, AVSP_CORRUPT,
                            "a frame at tick %" PRId64 " would end at tick %" PRId64, last_ticks,
                            end_ticks);
    struct avsp_encode_facts facts = {
        .start_ticks = seg->frames[0].ticks,
        .duration_ticks = end_ticks - seg->frames[0].ticks,
        .frames = seg->n_frames,
    };
    avsp_segment_name(seg->rendition, seg->idx, facts.name);
    rc = mux_all(seg, end_ticks, facts.name, &facts.key_bytes, err);
    if (rc == AVSP_OK)
        rc = avsp_fmp4_cut(seg->mux, facts.name, &facts.file, err);
    if (seg->n_packets == 1)
        facts.key_bytes = facts.file.bytes;
    if (rc == AVSP_OK)
        *ret_facts = facts;
    return rc;
}
