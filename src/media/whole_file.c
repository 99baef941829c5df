#include "media/whole_file.h"

#include "media/averr.h"
#include "media/sink.h"

#include <libavformat/avformat.h>

#define IO_BUFFER_BYTES 65536

struct avsp_whole_file {
    AVFormatContext *ctx;
    AVIOContext *avio;
    AVRational time_bases[2]; ///< of the encoders: video, audio
    AVPacket *pkt;
    struct avsp_sink sink;
    struct avsp_err io_error; ///< the first failure inside the write callback
};

static int io_write(void *opaque, avsp_io_byte *bytes, int len)
{
    struct avsp_whole_file *file = opaque;
    if (file->io_error.code != AVSP_OK ||
        avsp_sink_write(&file->sink, bytes, (size_t)len, &file->io_error) != AVSP_OK)
        return AVERROR(EIO);
    return len;
}

/// A failure in the words of whoever met it first.
static enum avsp_code explain(const struct avsp_whole_file *file, int av, struct avsp_err *err)
{
    if (file->io_error.code != AVSP_OK) {
        *err = file->io_error;
        return err->code;
    }
    if (av >= 0)
        return AVSP_OK;
    avsp_averr_set(err, av, "write MP4");
    return err->code = err->code == AVSP_CORRUPT ? AVSP_INTERNAL : err->code;
}

static int add_stream(struct avsp_whole_file *file, const AVCodecContext *enc)
{
    AVStream *st = avformat_new_stream(file->ctx, NULL);
    if (st == NULL)
        return AVERROR(ENOMEM);
    file->time_bases[st->index] = enc->time_base;
    st->time_base = enc->time_base;
    st->avg_frame_rate = enc->framerate;
    st->sample_aspect_ratio = enc->sample_aspect_ratio;
    int rc = avcodec_parameters_from_context(st->codecpar, enc);
    st->codecpar->codec_tag = 0;
    return rc;
}

static int open_muxer(struct avsp_whole_file *file, const AVCodecContext *video,
                      const AVCodecContext *audio)
{
    int rc = avformat_alloc_output_context2(&file->ctx, NULL, "mp4", NULL);
    if (rc < 0)
        return rc;
    uint8_t *buffer = av_malloc(IO_BUFFER_BYTES);
    if (buffer != NULL)
        file->avio = avio_alloc_context(buffer, IO_BUFFER_BYTES, 1, file, NULL, io_write, NULL);
    if (file->avio == NULL) {
        av_free(buffer);
        return AVERROR(ENOMEM);
    }
    file->ctx->pb = file->avio;
    file->ctx->flags |= AVFMT_FLAG_CUSTOM_IO | AVFMT_FLAG_BITEXACT;
    file->ctx->avoid_negative_ts = AVFMT_AVOID_NEG_TS_DISABLED;
    rc = add_stream(file, video);
    if (rc >= 0 && audio != NULL)
        rc = add_stream(file, audio);
    AVDictionary *AVSP_CLEANUP(av_dict_free) options = NULL;
    if (rc >= 0)
        rc = av_dict_set(&options, "movflags",
                         "+frag_keyframe+delay_moov+default_base_moof+skip_trailer+write_colr", 0);
    if (rc >= 0)
        rc = av_dict_set_int(&options, "use_editlist", 1, 0); // hides the sound's priming
    if (rc >= 0)
        rc = av_dict_set_int(&options, "video_track_timescale", video->time_base.den, 0);
    return rc < 0 ? rc : avformat_write_header(file->ctx, &options);
}

enum avsp_code avsp_whole_file_open(const char *name, const AVCodecContext *video,
                                    const AVCodecContext *audio, struct avsp_whole_file **ret_file,
                                    struct avsp_err *err)
{
    struct avsp_whole_file *AVSP_CLEANUP(avsp_whole_file_free) file = calloc(1, sizeof *file);
    if (file == NULL)
        return avsp_err_set(err, AVSP_NO_MEMORY, "no memory for the muxer");
    file->sink.fd = -1;
    file->pkt = av_packet_alloc();
    if (file->pkt == NULL)
        return avsp_err_set(err, AVSP_NO_MEMORY, "no memory for the muxer");
    enum avsp_code rc = avsp_sink_open(&file->sink, name, err);
    if (rc == AVSP_OK)
        rc = explain(file, open_muxer(file, video, audio), err);
    if (rc != AVSP_OK)
        return rc;
    *ret_file = file;
    file = NULL;
    return AVSP_OK;
}

enum avsp_code avsp_whole_file_put(struct avsp_whole_file *file, bool audio, const AVPacket *pkt,
                                   struct avsp_err *err)
{
    int av = av_packet_ref(file->pkt, pkt);
    if (av >= 0) {
        file->pkt->stream_index = audio;
        av_packet_rescale_ts(file->pkt, file->time_bases[audio],
                             file->ctx->streams[audio]->time_base);
        av = av_interleaved_write_frame(file->ctx,
                                        file->pkt); // takes the reference, also on failure
    }
    return explain(file, av, err);
}

enum avsp_code avsp_whole_file_close(struct avsp_whole_file *file, struct avsp_fmp4_file *ret_facts,
                                     struct avsp_err *err)
{
    int av = av_write_trailer(file->ctx);
    avio_flush(file->avio);
    if (av >= 0 && file->avio->error < 0)
        av = file->avio->error;
    enum avsp_code rc = explain(file, av, err);
    return rc == AVSP_OK ? avsp_sink_commit(&file->sink, ret_facts, err) : rc;
}

void avsp_whole_file_free(struct avsp_whole_file **file_ptr)
{
    struct avsp_whole_file *file = *file_ptr;
    if (file == NULL)
        return;
    avformat_free_context(file->ctx);
    if (file->avio != NULL)
        av_freep(&file->avio->buffer);
    avio_context_free(&file->avio);
    av_packet_free(&file->pkt);
    avsp_sink_abort(&file->sink);
    free(file);
    *file_ptr = NULL;
}
