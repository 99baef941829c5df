#include "media/source.h"

#include "media/allow.h"
#include "media/averr.h"
#include "media/complaints.h"
#include "media/tracks.h"
#include "util/fd.h"
#include "util/ranges.h"

#include <errno.h>
#include <libavutil/avstring.h>
#include <libavutil/opt.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIECE_DEMUXER "nut"
#define IO_BUFFER_BYTES 65536
#define STREAMS_MAX 64
/// One block of memory: a plane of the largest picture, or the index of a day at 200 frames a second.
#define ALLOC_MAX_BYTES (512 << 20)
#define PROBE_BYTES (1 << 20)    ///< to recognise the format
#define ANALYZE_BYTES (32 << 20) ///< to find out about the streams
#define ANALYZE_US                                                                                 \
    (60 * 1000000LL) ///< likewise, in media time: a picture may begin long after the sound

/// A window of a file as an AVIOContext: from `base` to the end, position 0 being `base`.
struct avsp_source_io {
    int fd;        ///< borrowed
    bool by_range; ///< it is a socket, over which ranges are asked for
    int64_t base;
    int64_t pos;
    int64_t size;
    AVIOContext *avio;
};

static int io_read(void *opaque, uint8_t *bytes, int len)
{
    struct avsp_source_io *io = opaque;
    ssize_t n = -1;
    do {
        n = io->by_range
                ? avsp_ranges_read(io->fd, bytes, (size_t)len, (uint64_t)(io->base + io->pos))
                : pread(io->fd, bytes, (size_t)len, io->base + io->pos);
    } while (n < 0 && errno == EINTR);
    if (n < 0)
        return AVERROR(errno);
    if (n == 0)
        return AVERROR_EOF;
    io->pos += n;
    return (int)n;
}

static int64_t io_seek(void *opaque, int64_t offset, int whence)
{
    struct avsp_source_io *io = opaque;
    int64_t from = 0;
    switch (whence & ~AVSEEK_FORCE) {
    case AVSEEK_SIZE:
        return io->size;
    case SEEK_SET:
        break;
    case SEEK_CUR:
        from = io->pos;
        break;
    case SEEK_END:
        from = io->size;
        break;
    default:
        return AVERROR(EINVAL);
    }
    int64_t pos = 0;
    if (__builtin_add_overflow(from, offset, &pos) || pos < 0 || pos > INT64_MAX - io->base)
        return AVERROR(EINVAL);
    io->pos = pos;
    return pos;
}

static void io_free(struct avsp_source_io *io)
{
    if (io == NULL)
        return;
    if (io->avio != NULL)
        av_freep(&io->avio->buffer);
    avio_context_free(&io->avio);
    free(io);
}

static void io_cleanup(struct avsp_source_io **io)
{
    io_free(*io);
}

static struct avsp_source_io *io_new(int fd, int64_t base, struct avsp_err *err)
{
    struct stat st;
    if (fstat(fd, &st) != 0) {
        avsp_err_set_errno(err, errno, "stat the input");
        return NULL;
    }
    if (S_ISDIR(st.st_mode)) {
        avsp_err_set(err, AVSP_INVALID, "the input is a folder, not a file");
        return NULL;
    }
    const bool by_range = S_ISSOCK(st.st_mode);
    uint64_t bytes = (uint64_t)st.st_size;
    if (by_range && avsp_ranges_size(fd, &bytes, err) != AVSP_OK)
        return NULL;
    if ((int64_t)bytes <= base) {
        avsp_err_set(err, AVSP_CORRUPT, base == 0 ? "the file is empty" : "the piece is empty");
        return NULL;
    }
    struct avsp_source_io *AVSP_CLEANUP(io_cleanup) io = calloc(1, sizeof *io);
    uint8_t *buffer = av_malloc(IO_BUFFER_BYTES);
    if (io != NULL && buffer != NULL)
        io->avio = avio_alloc_context(buffer, IO_BUFFER_BYTES, 0, io, io_read, NULL, io_seek);
    if (io == NULL || io->avio == NULL) {
        av_free(buffer);
        avsp_err_set(err, AVSP_NO_MEMORY, "no memory to open the input");
        return NULL;
    }
    io->fd = fd;
    io->base = base;
    io->by_range = by_range;
    io->size = (int64_t)bytes - base;
    struct avsp_source_io *taken = io;
    io = NULL;
    return taken;
}

static int deny_open(AVFormatContext *ctx, AVIOContext **ret_pb, const char *url, int flags,
                     AVDictionary **options)
{
    (void)ret_pb;
    (void)flags;
    (void)options;
    av_log(ctx, AV_LOG_WARNING, "refused to open '%s', which the input names\n", url);
    return AVERROR(EPERM);
}

/// Finds the demuxer and checks that it may be used.
static enum avsp_code find_demuxer(AVIOContext *avio, bool subtitles,
                                   const AVInputFormat **ret_format, struct avsp_err *err)
{
    const AVInputFormat *format = NULL;
    int rc = av_probe_input_buffer2(avio, &format, "", NULL, 0, PROBE_BYTES);
    if (rc == AVERROR(ENOMEM) || (rc < 0 && avio->error < 0 && avio->error != AVERROR_EOF))
        return avsp_averr_set(err, rc, "read the input");
    if (subtitles && (rc < 0 || format == NULL || !avsp_allow_is_subtitles(format)))
        return avsp_err_set(err, AVSP_CORRUPT, "it is neither SubRip, WebVTT nor ASS");
    if (rc < 0 || format == NULL)
        return avsp_err_set(err, AVSP_CORRUPT,
                            "not a media file that is supported (no demuxer recognises it)");
    *ret_format = format;
    return subtitles ? AVSP_OK : avsp_allow_demuxer(format, err);
}

/// Everything that keeps the demuxer within its one file and within its limits.
static int confine(AVFormatContext *ctx, struct avsp_source_io *io, const char *demuxer)
{
    av_max_alloc(ALLOC_MAX_BYTES);
    ctx->pb = io->avio;
    ctx->flags |= AVFMT_FLAG_CUSTOM_IO | AVFMT_FLAG_GENPTS;
    ctx->io_open = deny_open;
    ctx->max_streams = STREAMS_MAX;
    ctx->probesize = ANALYZE_BYTES;
    ctx->max_analyze_duration = ANALYZE_US;
    int rc = av_opt_set(ctx, "protocol_whitelist", "", 0);
    if (rc >= 0)
        rc = av_opt_set(ctx, "format_whitelist", demuxer, 0);
    if (rc < 0)
        return rc;
    ctx->codec_whitelist = avsp_allow_decoder_names();
    return ctx->codec_whitelist != NULL ? 0 : AVERROR(ENOMEM);
}

/// Why a file cannot be opened. Memory that a file asks for is not memory that this machine lacks: where one says that it
/// holds more than ALLOC_MAX_BYTES in one table, or more than STREAMS_MAX, libav gives up as if there were no more.
static enum avsp_code cannot_open(const struct avsp_source_io *io, const AVInputFormat *format,
                                  int rc, struct avsp_err *err)
{
    const char *name = format->long_name != NULL ? format->long_name : format->name;
    if (io->avio->error < 0 && io->avio->error != AVERROR_EOF)
        return avsp_averr_set(err, io->avio->error, "read the input");
    if (rc == AVERROR(ENOMEM))
        return avsp_err_set(
            err, AVSP_CORRUPT,
            "the file looks like %s, but it claims to hold more than any file needs "
            "(over %d streams, or tables over %d MiB): it is damaged, or made to do "
            "harm",
            name, STREAMS_MAX, ALLOC_MAX_BYTES >> 20);
    if (rc == AVERROR_PATCHWELCOME)
        return avsp_averr_set(err, rc,
                              "the file looks like %s, but of a kind that is not supported", name);
    // What libav says beyond that is seldom of use, and sometimes wrong.
    return avsp_err_set(err, AVSP_CORRUPT,
                        "the file looks like %s, but it cannot be read: it is damaged, cut off, or "
                        "claims sizes that no video has",
                        name);
}

/// Finds out about the streams. Some are decoded for that, and their pictures may not be larger than those of a job.
static int look_at_streams(AVFormatContext *ctx)
{
    unsigned n = ctx->nb_streams;
    AVDictionary **options = av_calloc(AVSP_MAX(n, 1u), sizeof *options);
    if (options == NULL)
        return AVERROR(ENOMEM);
    int rc = 0;
    for (unsigned i = 0; i < n && rc >= 0; i++)
        rc = av_dict_set_int(&options[i], "max_pixels", AVSP_PICTURE_AREA_MAX_PX, 0);
    if (rc >= 0)
        rc = avformat_find_stream_info(ctx, options);
    for (unsigned i = 0; i < n; i++)
        av_dict_free(&options[i]);
    av_free(options);
    return rc;
}

/// Tells the demuxer of a piece what it cannot know.
static void name_codec(AVFormatContext *ctx, const struct avsp_piece_codec *codec)
{
    const AVCodecDescriptor *named = avcodec_descriptor_get_by_name(codec->name);
    AVCodecParameters *par = ctx->nb_streams > 0 ? ctx->streams[0]->codecpar : NULL;
    if (named == NULL || par == NULL || par->codec_type != named->type)
        return;
    // NUT has one tag for AC-3 and E-AC-3.
    bool is_eac3 = named->id == AV_CODEC_ID_EAC3 && par->codec_id == AV_CODEC_ID_AC3;
    if (par->codec_id == AV_CODEC_ID_NONE || is_eac3) {
        par->codec_id = named->id;
        par->codec_tag = codec->tag;
    }
    // Of pictures without compression, Ut Video and the like the tag is the pixel format, and QuickTime's have the depth.
    if (codec->tag != 0 && par->codec_id == named->id)
        par->codec_tag = codec->tag;
    par->bits_per_coded_sample = codec->bits;
    if (named->type != AVMEDIA_TYPE_AUDIO)
        return;
    par->block_align = codec->block_align;
    par->bit_rate = codec->bit_rate;
    AVChannelLayout layout = {0}; // a native one owns nothing
    if (codec->channels > 0 &&
        av_channel_layout_from_mask(&layout, (uint64_t)codec->channels) == 0 &&
        layout.nb_channels == par->ch_layout.nb_channels)
        par->ch_layout = layout;
}

/// Opens what @p io shows; takes it on success only. @param codec  of a piece; NULL = the container knows.
static enum avsp_code open_demuxer(struct avsp_source_io *io, const AVInputFormat *format,
                                   const struct avsp_piece_codec *codec,
                                   struct avsp_source *ret_source, struct avsp_err *err)
{
    AVFormatContext *ctx = avformat_alloc_context();
    int rc = ctx != NULL ? confine(ctx, io, format->name) : AVERROR(ENOMEM);
    if (rc < 0) {
        avformat_free_context(ctx);
        return avsp_averr_set(err, rc, "open the input");
    }
    rc = avformat_open_input(&ctx, "", format, NULL); // frees the context when it fails
    if (rc < 0)
        return cannot_open(io, format, rc, err);
    // Of headers demuxers complain where nothing is lost, too.
    avsp_complaints_hear(ctx);
    if (codec != NULL)
        name_codec(ctx, codec);
    rc = look_at_streams(ctx);
    if (rc < 0) {
        avformat_close_input(&ctx);
        return avsp_averr_set(err, rc, "find out about the streams of the input");
    }
    ret_source->ctx = ctx;
    ret_source->io = io;
    return AVSP_OK;
}

static enum avsp_code open_file(int fd, bool subtitles, struct avsp_source *ret_source,
                                struct avsp_err *err)
{
    *ret_source = (struct avsp_source){0};
    struct avsp_source_io *AVSP_CLEANUP(io_cleanup) io = io_new(fd, 0, err);
    if (io == NULL)
        return err->code;
    const AVInputFormat *format = NULL;
    enum avsp_code rc = find_demuxer(io->avio, subtitles, &format, err);
    if (rc == AVSP_OK)
        rc = open_demuxer(io, format, NULL, ret_source, err);
    if (rc == AVSP_OK)
        io = NULL;
    return rc;
}

enum avsp_code avsp_source_open(int fd, struct avsp_source *ret_source, struct avsp_err *err)
{
    return open_file(fd, false, ret_source, err);
}

enum avsp_code avsp_source_open_subtitles(int fd, struct avsp_source *ret_source,
                                          struct avsp_err *err)
{
    return open_file(fd, true, ret_source, err);
}

enum avsp_code avsp_source_open_piece(int fd, struct avsp_arena *arena,
                                      struct avsp_piece_header *ret_header,
                                      struct avsp_source *ret_source, struct avsp_err *err)
{
    *ret_source = (struct avsp_source){0};
    char block[AVSP_PIECE_HEADER_BYTES] = {0};
    size_t len = 0;
    enum avsp_code rc = avsp_fd_pread_all(fd, block, sizeof block, 0, &len, err);
    if (rc != AVSP_OK)
        return avsp_err_wrap(err, "read the piece's header");
    if (len != sizeof block)
        return avsp_err_set(err, AVSP_INVALID, "not a piece: shorter than a header");
    rc = avsp_piece_header_parse(arena, block, ret_header, err);
    if (rc != AVSP_OK)
        return rc;
    struct avsp_source_io *AVSP_CLEANUP(io_cleanup) io = io_new(fd, AVSP_PIECE_HEADER_BYTES, err);
    if (io == NULL)
        return err->code;
    const AVInputFormat *format = av_find_input_format(PIECE_DEMUXER);
    if (format == NULL)
        return avsp_err_set(err, AVSP_UNSUPPORTED, "this FFmpeg cannot read NUT");
    rc = open_demuxer(io, format, &ret_header->codec, ret_source, err);
    if (rc == AVSP_OK)
        io = NULL;
    return rc;
}

void avsp_source_close(struct avsp_source *source)
{
    avformat_close_input(&source->ctx);
    io_free(source->io);
    source->io = NULL;
}
