#include "media/piece_writer.h"

#include "media/averr.h"
#include "util/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <libavcodec/avcodec.h>
#include <string.h>
#include <unistd.h>

#define IO_BUFFER_BYTES 65536
#define NAME_MAX_BYTES 128

/// NUT wants a tag; the codec's name stands in the header.
#define NO_TAG MKTAG('n', 'o', 'n', 'e')

/// libavformat's NUT muxer makes time bases of video finer until they have so many ticks a second.
#define NUT_TICKS_MIN 48000

/// A day and a half. NUT's time base for video has at least 24,000 ticks a second, so that this is more ticks than
/// PACKETS_MAX: counters below it are times before every window.
#define SHIFT_MIN_S (1 << 17)
#define PACKETS_MAX INT32_MAX

struct avsp_piece_writer {
    char name[NAME_MAX_BYTES];
    int fd;
    bool finished;
    struct avsp_err io_err; ///< the first write that failed, with its cause
    uint64_t written_bytes; ///< of the NUT part
    AVIOContext *avio;
    AVFormatContext *mux;
    AVPacket *packet; ///< scratch
    AVRational source_time_base;
    struct avsp_piece_codec codec;
    int64_t shift_s;
    int64_t n_packets;
};

int64_t avsp_piece_shift_s(int64_t first_s)
{
    return SHIFT_MIN_S + (first_s < 0 ? -first_s : 0);
}

AVRational avsp_piece_time_base(AVRational source)
{
    // NUT's own choice divides the numerator by primes up to 13 only, and only as far as it wants to; DirectShow's 333667/10000000 s would stay.
    AVRational base = {1, source.den};
    while (base.den < NUT_TICKS_MIN)
        base.den *= 2;
    return base;
}

static int io_write(void *opaque, uint8_t *bytes, int len)
{
    struct avsp_piece_writer *w = opaque;
    if (w->io_err.code != AVSP_OK ||
        avsp_fd_write_all(w->fd, bytes, (size_t)len, &w->io_err) != AVSP_OK)
        return AVERROR(EIO);
    w->written_bytes += (uint64_t)len;
    return len;
}

/// The cause of a failed write is ours to tell; libav keeps only a number.
static enum avsp_code failed(const struct avsp_piece_writer *w, int averror, struct avsp_err *err)
{
    if (w->io_err.code == AVSP_OK)
        return avsp_averr_set(err, averror, "write %s", w->name);
    *err = w->io_err;
    return avsp_err_wrap(err, "write %s", w->name);
}

static enum avsp_code create_file(struct avsp_piece_writer *w, struct avsp_err *err)
{
    w->fd = open(w->name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (w->fd < 0)
        return avsp_err_set_errno(err, errno, "create %s", w->name);
    // A header that is not one yet: a piece that was cut off here is never taken for a whole one.
    char blank[AVSP_PIECE_HEADER_BYTES];
    memset(blank, '\n', sizeof blank);
    enum avsp_code rc = avsp_fd_write_all(w->fd, blank, sizeof blank, err);
    return rc == AVSP_OK ? rc : avsp_err_wrap(err, "write %s", w->name);
}

static int alloc_muxer(struct avsp_piece_writer *w)
{
    uint8_t *buffer = av_malloc(IO_BUFFER_BYTES);
    if (buffer == NULL)
        return AVERROR(ENOMEM);
    w->avio = avio_alloc_context(buffer, IO_BUFFER_BYTES, 1, w, NULL, io_write, NULL);
    if (w->avio == NULL) {
        av_free(buffer);
        return AVERROR(ENOMEM);
    }
    w->packet = av_packet_alloc();
    int rc = avformat_alloc_output_context2(&w->mux, NULL, "nut", NULL);
    if (rc < 0 || w->packet == NULL)
        return AVERROR(ENOMEM);
    w->mux->pb = w->avio;
    w->mux->flags |= AVFMT_FLAG_CUSTOM_IO | AVFMT_FLAG_BITEXACT;
    w->mux->avoid_negative_ts = AVFMT_AVOID_NEG_TS_DISABLED;
    return 0;
}

/// A tag of another container may mean another codec in NUT. Where NUT has none of its own (ProRes, DNxHD), its demuxer goes by
/// QuickTime's, which may also tell one profile from another.
static uint32_t tag_for(const struct avsp_piece_writer *w, const AVCodecParameters *par)
{
    const struct AVCodecTag *const quicktime[] = {avformat_get_mov_video_tags(),
                                                  avformat_get_mov_audio_tags(), NULL};
    if (av_codec_get_tag(w->mux->oformat->codec_tag, par->codec_id) != 0)
        return 0;
    uint32_t tag = par->codec_tag;
    if (tag == 0)
        tag = av_codec_get_tag(quicktime, par->codec_id);
    return tag != 0 ? tag : NO_TAG;
}

/// The tag that a decoder goes by. Y4M and others have none, but know the pixel format.
static uint32_t own_tag(const AVCodecParameters *par)
{
    return par->codec_tag == 0 && par->codec_id == AV_CODEC_ID_RAWVIDEO
               ? avcodec_pix_fmt_to_codec_tag(par->format)
               : par->codec_tag;
}

static int add_stream(struct avsp_piece_writer *w, const AVStream *source)
{
    AVStream *stream = avformat_new_stream(w->mux, NULL);
    if (stream == NULL)
        return AVERROR(ENOMEM);
    int rc = avcodec_parameters_copy(stream->codecpar, source->codecpar);
    if (rc < 0)
        return rc;
    stream->codecpar->codec_tag = tag_for(w, source->codecpar);
    w->codec = (struct avsp_piece_codec){
        .name = avcodec_get_name(source->codecpar->codec_id),
        .tag = own_tag(source->codecpar),
        .block_align = AVSP_MAX(source->codecpar->block_align, 0),
        .bits = AVSP_MAX(source->codecpar->bits_per_coded_sample, 0),
        .bit_rate = AVSP_MAX(source->codecpar->bit_rate, 0),
    };
    // The muxer leaves out headers of MPEG sound whose length it foresees, and foresees wrong ones by this (AVI has it): what it
    // has written then cannot be read.
    stream->codecpar->block_align = 0;
    const AVChannelLayout *layout = &source->codecpar->ch_layout;
    if (layout->order == AV_CHANNEL_ORDER_NATIVE && layout->u.mask <= INT64_MAX)
        w->codec.channels = (int64_t)layout->u.mask;
    w->source_time_base = source->time_base;
    stream->time_base = source->time_base;
    if (stream->codecpar->codec_type == AVMEDIA_TYPE_VIDEO)
        stream->time_base = avsp_piece_time_base(source->time_base);
    // Nobody seeks in a piece; and the muxer aborts while it writes an index of keyframes whose times do not grow.
    AVDictionary *options = NULL;
    rc = av_dict_set(&options, "write_index", "0", 0);
    if (rc >= 0)
        rc = avformat_write_header(w->mux, &options);
    av_dict_free(&options);
    return rc;
}

/// Video times must be kept to the tick: NUT's time base divides the source's. (Sound is counted in samples.)
static bool is_exact(const struct avsp_piece_writer *w)
{
    const AVStream *stream = w->mux->streams[0];
    if (stream->codecpar->codec_type != AVMEDIA_TYPE_VIDEO)
        return true;
    AVRational factor = av_div_q(w->source_time_base, stream->time_base);
    AVRational ticks = av_inv_q(stream->time_base);
    return factor.den == 1 && factor.num >= 1 && stream->time_base.num == 1 &&
           av_cmp_q(ticks, (AVRational){PACKETS_MAX / SHIFT_MIN_S, 1}) > 0;
}

struct avsp_piece_writer *avsp_piece_writer_open(const char *name, const AVStream *stream,
                                                 int64_t shift_s, struct avsp_err *err)
{
    struct avsp_piece_writer *w = calloc(1, sizeof *w);
    if (w == NULL) {
        avsp_err_set(err, AVSP_NO_MEMORY, "no memory to write %s", name);
        return NULL;
    }
    w->fd = -1;
    w->shift_s = shift_s;
    snprintf(w->name, sizeof w->name, "%s", name);
    enum avsp_code rc = create_file(w, err);
    if (rc == AVSP_OK) {
        int averror = alloc_muxer(w);
        if (averror >= 0)
            averror = add_stream(w, stream);
        if (averror < 0)
            rc = failed(w, averror, err);
        else if (!is_exact(w))
            rc = avsp_err_set(err, AVSP_UNSUPPORTED,
                              "the video's time base of %d/%d s cannot be kept exactly",
                              stream->time_base.num, stream->time_base.den);
    }
    if (rc == AVSP_OK)
        return w;
    avsp_piece_writer_free(w);
    return NULL;
}

void avsp_piece_writer_free(struct avsp_piece_writer *w)
{
    if (w == NULL)
        return;
    avformat_free_context(w->mux);
    if (w->avio != NULL)
        av_freep(&w->avio->buffer);
    avio_context_free(&w->avio);
    av_packet_free(&w->packet);
    bool created = w->fd >= 0;
    avsp_fd_cleanup(&w->fd);
    if (created && !w->finished)
        unlink(w->name);
    free(w);
}

struct avsp_rational avsp_piece_writer_time_base(const struct avsp_piece_writer *w)
{
    AVRational tb = w->mux->streams[0]->time_base;
    return (struct avsp_rational){tb.num, tb.den};
}

int64_t avsp_piece_writer_pts(const struct avsp_piece_writer *w, int64_t pts)
{
    AVRational tb = w->mux->streams[0]->time_base;
    return av_rescale_q(pts, w->source_time_base, tb) + av_rescale(w->shift_s, tb.den, tb.num);
}

enum avsp_code avsp_piece_writer_put(struct avsp_piece_writer *w, const AVPacket *packet,
                                     int64_t pts, bool timed, struct avsp_err *err)
{
    if (w->n_packets >= PACKETS_MAX)
        return avsp_err_set(err, AVSP_UNSUPPORTED, "too many packets in %s", w->name);
    AVPacket *out = w->packet;
    av_packet_unref(out);
    int rc = packet->buf != NULL ? 0 : AVERROR(EINVAL);
    if (rc == 0)
        out->buf = av_buffer_ref(packet->buf);
    if (rc < 0 || out->buf == NULL)
        return avsp_averr_set(err, AVERROR(ENOMEM), "write %s", w->name);
    out->data = packet->data;
    out->size = packet->size;
    out->flags = packet->flags & AV_PKT_FLAG_KEY;
    // NUT keeps no decode times; the muxer only wants them to grow and to stay below the presentation times.
    out->dts = w->n_packets++;
    out->pts = timed ? avsp_piece_writer_pts(w, pts) : out->dts;
    rc = av_write_frame(w->mux, out);
    av_packet_unref(out);
    return rc < 0 ? failed(w, rc, err) : AVSP_OK;
}

static enum avsp_code write_header(struct avsp_piece_writer *w,
                                   const struct avsp_piece_header *header, struct avsp_err *err)
{
    char block[AVSP_PIECE_HEADER_BYTES];
    struct avsp_piece_header whole = *header;
    whole.codec = w->codec;
    enum avsp_code rc = avsp_piece_header_write(&whole, block, err);
    if (rc != AVSP_OK)
        return rc;
    size_t done = 0;
    while (done < sizeof block) {
        ssize_t n = pwrite(w->fd, block + done, sizeof block - done, (off_t)done);
        if (n < 0 && errno != EINTR)
            return avsp_err_set_errno(err, errno, "write %s", w->name);
        if (n > 0)
            done += (size_t)n;
    }
    return AVSP_OK;
}

enum avsp_code avsp_piece_writer_finish(struct avsp_piece_writer *w,
                                        const struct avsp_piece_header *header, uint64_t *ret_bytes,
                                        struct avsp_err *err)
{
    int rc = av_write_trailer(w->mux);
    avio_flush(w->avio);
    if (rc >= 0)
        rc = w->avio->error;
    if (rc < 0 || w->io_err.code != AVSP_OK)
        return failed(w, rc < 0 ? rc : AVERROR(EIO), err);
    enum avsp_code code = write_header(w, header, err);
    if (code != AVSP_OK)
        return code;
    // close(2) tells of a delayed write that failed (NFS, quota).
    if (close(avsp_fd_take(&w->fd)) != 0) {
        code = avsp_err_set_errno(err, errno, "close %s", w->name);
        unlink(w->name);
        return code;
    }
    w->finished = true;
    *ret_bytes = AVSP_PIECE_HEADER_BYTES + w->written_bytes;
    return AVSP_OK;
}
