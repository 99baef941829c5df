/// Decodes the video of a piece and prints each picture's own time and hash (child.HASHES), as test_split.py compares them with the
/// source's: `pts hash`, in the order in which the decoder gives them. Command line tools guess times that grow instead.
/// With --window the pictures of its window, as an encode gets them: `ticks hash`.
#include "media/window.h"
#include "util/fd.h"

#include <fcntl.h>
#include <inttypes.h>
#include <libavcodec/avcodec.h>
#include <libavutil/hash.h>
#include <libavutil/imgutils.h>
#include <stdio.h>
#include <string.h>

static void die(const char *what)
{
    fprintf(stderr, "piece_frames: %s\n", what);
    exit(1);
}

static void print_frame(const AVFrame *frame)
{
    static uint8_t *bytes; // for the largest yet; as long as the program
    static int most;
    static struct AVHashContext *hash;
    int size = av_image_get_buffer_size(frame->format, frame->width, frame->height, 1);
    if (size <= 0 || (hash == NULL && av_hash_alloc(&hash, "MURMUR3") < 0))
        die("cannot take the hash of a picture");
    if (size > most && (bytes = realloc(bytes, (size_t)size)) == NULL)
        die("no memory");
    most = AVSP_MAX(most, size);
    if (av_image_copy_to_buffer(bytes, size, (const uint8_t *const *)frame->data, frame->linesize,
                                frame->format, frame->width, frame->height, 1) < 0)
        die("cannot copy a picture");
    char text[2 * AV_HASH_MAX_SIZE + 4];
    av_hash_init(hash);
    av_hash_update(hash, bytes, (size_t)size);
    av_hash_final_hex(hash, (uint8_t *)text, sizeof text);
    printf("%" PRId64 " %s\n", frame->pts, text);
}

static void print_all(AVCodecContext *decoder, AVFrame *frame)
{
    while (avcodec_receive_frame(decoder, frame) >= 0)
        print_frame(frame);
}

/// The pictures of the window as an encode gets them; each with its time on the timeline, in ticks.
static int print_window(const char *path)
{
    struct avsp_err err = {0};
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    avsp_arena_init(&arena, 1 << 20);
    int AVSP_CLEANUP(avsp_fd_cleanup) fd = open(path, O_RDONLY | O_CLOEXEC);
    struct avsp_window AVSP_CLEANUP(avsp_window_close) window = {0};
    AVFrame *AVSP_CLEANUP(av_frame_free) frame = av_frame_alloc();
    if (frame == NULL || avsp_window_open(&window, fd, &arena, &err) != AVSP_OK)
        die(err.text);
    for (;;) {
        struct avsp_window_shown shown;
        bool got = false;
        if (avsp_window_next(&window, frame, &shown, &got, &err) != AVSP_OK)
            die(err.text);
        if (!got)
            return 0;
        frame->pts = shown.ticks;
        print_frame(frame);
        av_frame_unref(frame);
    }
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "--window") == 0)
        return print_window(argv[2]);
    struct avsp_err err = {0};
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    avsp_arena_init(&arena, 1 << 20);
    int AVSP_CLEANUP(avsp_fd_cleanup) fd = argc == 2 ? open(argv[1], O_RDONLY | O_CLOEXEC) : -1;
    struct avsp_piece_header header;
    struct avsp_source AVSP_CLEANUP(avsp_source_close) source = {0};
    if (avsp_source_open_piece(fd, &arena, &header, &source, &err) != AVSP_OK)
        die(err.text);
    const AVStream *stream = source.ctx->streams[0];
    if (stream->time_base.num != header.time_base.num ||
        stream->time_base.den != header.time_base.den)
        die("the header's time base is not the packets'");
    const AVCodec *codec = avcodec_find_decoder(stream->codecpar->codec_id);
    AVCodecContext *AVSP_CLEANUP(avcodec_free_context) decoder = avcodec_alloc_context3(codec);
    if (decoder == NULL || avcodec_parameters_to_context(decoder, stream->codecpar) < 0)
        die("cannot set the decoder up");
    decoder->flags |= AV_CODEC_FLAG_OUTPUT_CORRUPT; // as the command line tools do
    if (avcodec_open2(decoder, codec, NULL) < 0)
        die("cannot open the decoder");
    AVPacket *AVSP_CLEANUP(av_packet_free) packet = av_packet_alloc();
    AVFrame *AVSP_CLEANUP(av_frame_free) frame = av_frame_alloc();
    while (packet != NULL && frame != NULL && av_read_frame(source.ctx, packet) >= 0) {
        (void)avcodec_send_packet(decoder, packet); // damage is the caller's to see
        av_packet_unref(packet);
        print_all(decoder, frame);
    }
    (void)avcodec_send_packet(decoder, NULL);
    print_all(decoder, frame);
    return 0;
}
