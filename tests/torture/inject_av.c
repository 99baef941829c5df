/// What stands in front of FFmpeg's functions, where our own code calls them: each says that memory ran out.
#include "inject.h"

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/audio_fifo.h>
#include <libswresample/swresample.h>

#define AV_CALL(name, params, args) INJECT_CALL(int, name, params, args, AVERROR(ENOMEM), ENOMEM)
#define AV_NEW(type, name, params, args) INJECT_CALL(type, name, params, args, NULL, ENOMEM)

AV_NEW(void *, av_malloc, (size_t n), (n))
AV_NEW(AVPacket *, av_packet_alloc, (void), ())
AV_NEW(AVFrame *, av_frame_alloc, (void), ())
AV_NEW(AVBufferRef *, av_buffer_ref, (const AVBufferRef *buf), (buf))
AV_NEW(AVFormatContext *, avformat_alloc_context, (void), ())
AV_NEW(AVStream *, avformat_new_stream, (AVFormatContext * ctx, const AVCodec *codec), (ctx, codec))
AV_NEW(AVCodecContext *, avcodec_alloc_context3, (const AVCodec *codec), (codec))
AV_NEW(AVAudioFifo *, av_audio_fifo_alloc, (enum AVSampleFormat format, int channels, int n),
       (format, channels, n))
AV_NEW(AVIOContext *, avio_alloc_context,
       (unsigned char *buffer, int n, int write, void *opaque,
        int (*read_packet)(void *, uint8_t *, int), int (*write_packet)(void *, uint8_t *, int),
        int64_t (*seek)(void *, int64_t, int)),
       (buffer, n, write, opaque, read_packet, write_packet, seek))

AV_CALL(av_dict_set, (AVDictionary * *dict, const char *key, const char *value, int flags),
        (dict, key, value, flags))
AV_CALL(av_packet_ref, (AVPacket * to, const AVPacket *from), (to, from))
AV_CALL(av_frame_ref, (AVFrame * to, const AVFrame *from), (to, from))
AV_CALL(av_frame_get_buffer, (AVFrame * frame, int align), (frame, align))
AV_CALL(av_frame_copy_props, (AVFrame * to, const AVFrame *from), (to, from))
AV_CALL(av_audio_fifo_write, (AVAudioFifo * fifo, void **data, int n), (fifo, data, n))
AV_CALL(avformat_alloc_output_context2,
        (AVFormatContext * *ctx, const AVOutputFormat *oformat, const char *format,
         const char *filename),
        (ctx, oformat, format, filename))
AV_CALL(avformat_find_stream_info, (AVFormatContext * ctx, AVDictionary **options), (ctx, options))
AV_CALL(avformat_write_header, (AVFormatContext * ctx, AVDictionary **options), (ctx, options))
AV_CALL(av_read_frame, (AVFormatContext * ctx, AVPacket *pkt), (ctx, pkt))
AV_CALL(av_write_frame, (AVFormatContext * ctx, AVPacket *pkt), (ctx, pkt))
AV_CALL(av_write_trailer, (AVFormatContext * ctx), (ctx))
AV_CALL(avcodec_parameters_copy, (AVCodecParameters * to, const AVCodecParameters *from),
        (to, from))
AV_CALL(avcodec_parameters_to_context, (AVCodecContext * to, const AVCodecParameters *from),
        (to, from))
AV_CALL(avcodec_parameters_from_context, (AVCodecParameters * to, const AVCodecContext *from),
        (to, from))
AV_CALL(avcodec_open2, (AVCodecContext * ctx, const AVCodec *codec, AVDictionary **options),
        (ctx, codec, options))
AV_CALL(avcodec_send_packet, (AVCodecContext * ctx, const AVPacket *pkt), (ctx, pkt))
AV_CALL(avcodec_receive_frame, (AVCodecContext * ctx, AVFrame *frame), (ctx, frame))
AV_CALL(avcodec_send_frame, (AVCodecContext * ctx, const AVFrame *frame), (ctx, frame))
AV_CALL(avcodec_receive_packet, (AVCodecContext * ctx, AVPacket *pkt), (ctx, pkt))
AV_CALL(swr_init, (struct SwrContext * swr), (swr))
AV_CALL(swr_convert,
        (struct SwrContext * swr, uint8_t **out, int n_out, const uint8_t **in, int n_in),
        (swr, out, n_out, in, n_in))
