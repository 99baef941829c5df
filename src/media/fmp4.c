#include "media/fmp4.h"

#include "media/averr.h"
#include "media/hdr.h"
#include "media/sink.h"

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <string.h>

#define IO_BUFFER_BYTES 65536
#define INIT_MAX_BYTES 65536 ///< a real one is under 1 KiB

struct avsp_fmp4 {
    AVFormatContext *ctx;
    AVIOContext *avio;
    AVRational time_base;
    bool delayed_moov; ///< the init segment comes with the first cut
    bool dirty;        ///< packets wait for a cut
    struct avsp_buf init;
    struct avsp_sink
        sink; ///< open = what the muxer writes is a segment, else it is the init segment
    struct avsp_err io_error; ///< the first failure inside the write callback
};

static int io_write(void *opaque, avsp_io_byte *bytes, int len)
{
    struct avsp_fmp4 *mux = opaque;
    if (mux->io_error.code != AVSP_OK)
        return AVERROR(EIO);
    if (mux->sink.fd >= 0)
        return avsp_sink_write(&mux->sink, bytes, (size_t)len, &mux->io_error) == AVSP_OK
                   ? len
                   : AVERROR(EIO);
    avsp_buf_append(&mux->init, bytes, (size_t)len);
    return avsp_buf_check(&mux->init, &mux->io_error) == AVSP_OK ? len : AVERROR(EIO);
}

/// Hands over what the muxer wrote, and tells the first failure in its own words.
static enum avsp_code flush_io(struct avsp_fmp4 *mux, int rc, struct avsp_err *err)
{
    avio_flush(mux->avio);
    if (mux->io_error.code != AVSP_OK) {
        *err = mux->io_error;
        return err->code;
    }
    if (rc >= 0 && mux->avio->error < 0)
        rc = mux->avio->error;
    if (rc >= 0)
        return AVSP_OK;
    avsp_averr_set(err, rc, "write fragmented MP4");
    // The packets are our own encoder's: whatever the muxer dislikes about them is not the source's fault.
    if (err->code == AVSP_CORRUPT)
        err->code = AVSP_INTERNAL;
    return err->code;
}

static bool is_audio(const struct avsp_fmp4_track *track)
{
    return track->sound != NULL;
}

/// cmaf + frag_discont put the first timestamp of a fragment into tfdt; the rest keeps the bytes free of anything but the track. With
/// delay_moov there is an edit list, made of the first packet's times.
static int set_options(const struct avsp_fmp4_track *track, bool audio, bool edits,
                       AVDictionary **options)
{
    int rc =
        av_dict_set(options, "movflags", "+cmaf+frag_custom+default_base_moof+skip_trailer", 0);
    if (rc >= 0)
        rc =
            av_dict_set(options, "movflags", edits ? "+delay_moov" : "+empty_moov", AV_DICT_APPEND);
    if (rc >= 0 && !audio)
        rc = av_dict_set(options, "movflags", "+frag_discont+write_colr", AV_DICT_APPEND);
    if (rc >= 0)
        rc = av_dict_set_int(options, "use_editlist", edits, 0);
    if (rc >= 0)
        rc = av_dict_set_int(options, "fragment_index", track->sequence, 0);
    if (rc >= 0 && !audio)
        rc = av_dict_set_int(options, "video_track_timescale", track->timescale, 0);
    return rc;
}

static int add_stream(struct avsp_fmp4 *mux, const struct avsp_fmp4_track *track)
{
    AVStream *st = avformat_new_stream(mux->ctx, NULL);
    if (st == NULL)
        return AVERROR(ENOMEM);
    bool audio = is_audio(track);
    int rc = audio ? avcodec_parameters_copy(st->codecpar, track->sound)
                   : avcodec_parameters_from_context(st->codecpar, track->encoder);
    if (rc < 0)
        return rc;
    st->codecpar->codec_tag = 0; // the muxer's own choice
    st->time_base = mux->time_base;
    if (!audio) {
        st->avg_frame_rate = track->encoder->framerate;
        st->sample_aspect_ratio = track->encoder->sample_aspect_ratio;
    }
    if (track->hdr != NULL)
        rc = avsp_hdr_attach(track->hdr, st);
    if (rc < 0)
        return rc;
    if (track->language != NULL && strlen(track->language) == 3)
        return av_dict_set(&st->metadata, "language", track->language, 0);
    return 0;
}

static int open_muxer(struct avsp_fmp4 *mux, const struct avsp_fmp4_track *track)
{
    int rc = avformat_alloc_output_context2(&mux->ctx, NULL, "mp4", NULL);
    if (rc < 0)
        return rc;
    uint8_t *buffer = av_malloc(IO_BUFFER_BYTES);
    mux->avio = buffer != NULL
                    ? avio_alloc_context(buffer, IO_BUFFER_BYTES, 1, mux, NULL, io_write, NULL)
                    : NULL;
    if (mux->avio == NULL) {
        av_free(buffer);
        return AVERROR(ENOMEM);
    }
    mux->ctx->pb = mux->avio;
    mux->ctx->flags |= AVFMT_FLAG_CUSTOM_IO | AVFMT_FLAG_BITEXACT;
    mux->ctx->avoid_negative_ts = AVFMT_AVOID_NEG_TS_DISABLED;
    rc = add_stream(mux, track);
    AVDictionary *AVSP_CLEANUP(av_dict_free) options = NULL;
    if (rc >= 0)
        rc = set_options(track, is_audio(track), mux->delayed_moov, &options);
    return rc < 0 ? rc : avformat_write_header(mux->ctx, &options);
}

enum avsp_code avsp_fmp4_open(const struct avsp_fmp4_track *track, struct avsp_fmp4 **ret_mux,
                              struct avsp_err *err)
{
    struct avsp_fmp4 *AVSP_CLEANUP(avsp_fmp4_free) mux = calloc(1, sizeof *mux);
    if (mux == NULL)
        return avsp_err_set(err, AVSP_NO_MEMORY, "no memory for the muxer");
    mux->sink.fd = -1;
    mux->time_base = (AVRational){1, (int)track->timescale};
    mux->delayed_moov = is_audio(track) || track->reorders;
    avsp_buf_init(&mux->init, INIT_MAX_BYTES);
    int av = open_muxer(mux, track);
    if (av < 0 && mux->avio == NULL)
        return avsp_averr_set(err, av, "open the muxer");
    enum avsp_code rc = flush_io(mux, av, err);
    if (rc != AVSP_OK)
        return rc;
    if (av_cmp_q(mux->ctx->streams[0]->time_base, mux->time_base) != 0)
        return avsp_err_set(err, AVSP_INTERNAL, "the muxer does not take 1/%u as time base",
                            track->timescale);
    *ret_mux = mux;
    mux = NULL;
    return AVSP_OK;
}

enum avsp_code avsp_fmp4_write(struct avsp_fmp4 *mux, AVPacket *pkt, struct avsp_err *err)
{
    pkt->stream_index = 0;
    mux->dirty = true;
    int av = av_write_frame(mux->ctx, pkt);
    return av >= 0 ? AVSP_OK : flush_io(mux, av, err);
}

/// Writes what was added since the last one as a fragment, into the file @p name, which the first one opens.
static enum avsp_code end_fragment(struct avsp_fmp4 *mux, const char *name, struct avsp_err *err)
{
    enum avsp_code rc = AVSP_OK;
    if (mux->delayed_moov) {
        // With delay_moov the first flush writes the moov alone.
        rc = flush_io(mux, av_write_frame(mux->ctx, NULL), err);
        mux->delayed_moov = false;
    }
    if (rc == AVSP_OK && mux->sink.fd < 0)
        rc = avsp_sink_open(&mux->sink, name, err);
    uint64_t before = mux->sink.bytes;
    if (rc == AVSP_OK)
        rc = flush_io(mux, av_write_frame(mux->ctx, NULL), err);
    mux->dirty = false;
    if (rc == AVSP_OK && mux->sink.bytes == before)
        rc = avsp_err_set(err, AVSP_INTERNAL, "the muxer wrote nothing");
    return rc;
}

enum avsp_code avsp_fmp4_part(struct avsp_fmp4 *mux, const char *name, uint64_t *ret_bytes,
                              struct avsp_err *err)
{
    enum avsp_code rc = end_fragment(mux, name, err);
    *ret_bytes = mux->sink.bytes;
    return rc == AVSP_OK ? rc : avsp_err_wrap(err, "write %s", name);
}

enum avsp_code avsp_fmp4_cut(struct avsp_fmp4 *mux, const char *name,
                             struct avsp_fmp4_file *ret_file, struct avsp_err *err)
{
    if (!mux->dirty)
        return avsp_err_set(err, AVSP_INTERNAL, "%s would be an empty segment", name);
    enum avsp_code rc = end_fragment(mux, name, err);
    if (rc == AVSP_OK)
        rc = avsp_sink_commit(&mux->sink, ret_file, err);
    avsp_sink_abort(&mux->sink);
    return rc == AVSP_OK ? rc : avsp_err_wrap(err, "write %s", name);
}

const struct avsp_buf *avsp_fmp4_init(const struct avsp_fmp4 *mux)
{
    return &mux->init;
}

void avsp_fmp4_free(struct avsp_fmp4 **mux_ptr)
{
    struct avsp_fmp4 *mux = *mux_ptr;
    if (mux == NULL)
        return;
    avformat_free_context(mux->ctx);
    if (mux->avio != NULL)
        av_freep(&mux->avio->buffer);
    avio_context_free(&mux->avio);
    avsp_sink_abort(&mux->sink);
    avsp_buf_deinit(&mux->init);
    free(mux);
    *mux_ptr = NULL;
}

enum avsp_code avsp_fmp4_save(const char *name, const void *bytes, size_t len,
                              struct avsp_fmp4_file *ret_file, struct avsp_err *err)
{
    struct avsp_sink AVSP_CLEANUP(avsp_sink_abort) sink = {.fd = -1};
    enum avsp_code rc = avsp_sink_open(&sink, name, err);
    if (rc == AVSP_OK)
        rc = avsp_sink_write(&sink, bytes, len, err);
    if (rc == AVSP_OK)
        rc = avsp_sink_commit(&sink, ret_file, err);
    return rc == AVSP_OK ? rc : avsp_err_wrap(err, "write %s", name);
}

bool avsp_fmp4_find_box(const struct avsp_buf *init, const char *type, const uint8_t **ret_body,
                        size_t *ret_len)
{
    const uint8_t *data = (const uint8_t *)avsp_buf_text(init);
    const uint8_t *found = memmem(data, init->len, type, 4);
    if (found == NULL || found - data < 4)
        return false;
    const uint8_t *box = found - 4;
    size_t size = (size_t)box[0] << 24 | (size_t)box[1] << 16 | (size_t)box[2] << 8 | box[3];
    if (size < 8 || size > init->len - (size_t)(box - data))
        return false;
    *ret_body = found + 4;
    *ret_len = size - 8;
    return true;
}
