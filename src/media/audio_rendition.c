#include "media/audio_rendition.h"

#include "media/encode_segment.h"
#include "media/fmp4.h"

#define INIT_NAME_BYTES 32
#define US_PER_S 1000000
#define TAIL_US 450000 ///< see last_place

struct avsp_audio_rendition {
    struct avsp_audio_rendition_facts facts;
    struct avsp_fmp4 *mux;
    uint32_t idx;     ///< of the segment in the making
    int64_t last_idx; ///< the last segment's
    int64_t n_in_it;  ///< its packets
    int64_t start;    ///< presentation time of its first packet, in samples
    int64_t end;      ///< where its last packet ends
    bool told;        ///< the rendition was reported
};

/// The last place that gets a segment of its own. A tail of less than TAIL_US joins the segment before it: hls.js (1.7.4)
/// never comes to the end of a track whose last segment is a single AAC frame. TARGETDURATION, in whole seconds, stays.
static int64_t last_place(const struct avsp_audio_rendition_facts *facts)
{
    const struct avsp_piece_header *h = facts->header;
    AVRational tb = {h->origin_time_base.num, h->origin_time_base.den};
    int64_t us = av_rescale_q_rnd(h->end_pts - h->origin_pts, tb, AV_TIME_BASE_Q, AV_ROUND_UP);
    int64_t last = (us - 1 - TAIL_US) / ((int64_t)facts->segment_seconds * US_PER_S);
    return AVSP_MAX(last, (int64_t)0);
}

enum avsp_code avsp_audio_rendition_new(const struct avsp_audio_rendition_facts *facts,
                                        struct avsp_audio_rendition **ret_made,
                                        struct avsp_err *err)
{
    struct avsp_audio_rendition *AVSP_CLEANUP(avsp_audio_rendition_free) made =
        calloc(1, sizeof *made);
    if (made == NULL)
        return avsp_err_set(err, AVSP_NO_MEMORY, "no memory for sound");
    made->facts = *facts;
    made->last_idx = last_place(facts);
    const struct avsp_fmp4_track track = {
        .sound = facts->par,
        .timescale = (uint32_t)facts->par->sample_rate,
        .sequence = 1,
    };
    enum avsp_code rc = avsp_fmp4_open(&track, &made->mux, err);
    if (rc != AVSP_OK)
        return rc;
    *ret_made = made;
    made = NULL;
    return AVSP_OK;
}

void avsp_audio_rendition_free(struct avsp_audio_rendition **made_ptr)
{
    struct avsp_audio_rendition *made = *made_ptr;
    if (made == NULL)
        return;
    avsp_fmp4_free(&made->mux);
    free(made);
    *made_ptr = NULL;
}

static enum avsp_code report_rendition(struct avsp_audio_rendition *made, struct avsp_err *err)
{
    const struct avsp_audio_rendition_facts *facts = &made->facts;
    const struct avsp_buf *init = avsp_fmp4_init(made->mux);
    char name[INIT_NAME_BYTES];
    snprintf(name, sizeof name, "%.14s-init.mp4", facts->name);
    struct avsp_fmp4_file file = {0};
    enum avsp_code rc = avsp_fmp4_save(name, init->data, init->len, &file, err);
    if (rc != AVSP_OK)
        return rc;
    made->told = true;
    struct avsp_report report = {
        .kind = AVSP_REPORT_RENDITION,
        .rendition =
            {
                .name = facts->name,
                .kind = AVSP_MEDIA_AUDIO,
                .init_name = name,
                .init_bytes = file.bytes,
                .init_sha256 = file.sha256,
                .codecs = facts->codecs,
                .timescale = (uint32_t)facts->par->sample_rate,
                .priming_ticks = facts->priming,
                .video_range = "",
                .channels = (uint32_t)facts->par->ch_layout.nb_channels,
                .language = facts->header->language,
                .title = facts->header->title,
                .purposes = facts->header->purposes,
            },
    };
    return avsp_control_report(facts->ctl, &report, err);
}

/// Writes and reports the segment in the making.
static enum avsp_code cut(struct avsp_audio_rendition *made, struct avsp_err *err)
{
    char name[AVSP_SEGMENT_NAME_BYTES];
    avsp_segment_name(made->facts.name, made->idx, name);
    struct avsp_fmp4_file file = {0};
    enum avsp_code rc = avsp_fmp4_cut(made->mux, name, &file, err);
    if (rc == AVSP_OK && !made->told)
        rc = report_rendition(made, err);
    if (rc != AVSP_OK)
        return rc;
    struct avsp_report report = {
        .kind = AVSP_REPORT_SEGMENT,
        .segment =
            {
                .rendition = made->facts.name,
                .idx = made->idx,
                .name = name,
                .start_ticks =
                    made->start + made->facts.priming, // tfdt counts from the first sample
                .duration_ticks = made->end - made->start,
                .frames = (uint64_t)made->n_in_it,
                .bytes = file.bytes,
                .sha256 = file.sha256,
            },
    };
    made->n_in_it = 0;
    return avsp_control_report(made->facts.ctl, &report, err);
}

enum avsp_code avsp_audio_rendition_put(struct avsp_audio_rendition *made, AVPacket *pkt,
                                        struct avsp_err *err)
{
    int64_t segment_samples = (int64_t)made->facts.segment_seconds * made->facts.par->sample_rate;
    int64_t idx = pkt->pts > 0 ? AVSP_MIN(pkt->pts / segment_samples, made->last_idx) : 0;
    enum avsp_code rc = AVSP_OK;
    if (idx >= AVSP_SEGMENTS_MAX)
        return avsp_err_set(err, AVSP_LIMIT, "the sound has more than %d segments",
                            AVSP_SEGMENTS_MAX);
    if (made->n_in_it > 0 && idx != made->idx)
        rc = cut(made, err);
    if (rc != AVSP_OK)
        return rc;
    if (made->n_in_it == 0) {
        made->idx = (uint32_t)idx;
        made->start = pkt->pts;
    }
    made->n_in_it++;
    made->end = pkt->pts + pkt->duration;
    return avsp_fmp4_write(made->mux, pkt, err);
}

enum avsp_code avsp_audio_rendition_end(struct avsp_audio_rendition *made, struct avsp_err *err)
{
    return cut(made, err);
}
