#include "core/time_range.h"
#include "media/language.h"
#include "media/source.h"
#include "media/steps.h"
#include "media/text_track.h"
#include "util/fd.h"
#include "util/parse.h"
#include "util/ranges.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

/// As much as the texts of a track may have (text_cues.h), and room for their times.
#define FILE_MAX_BYTES ((size_t)32 << 20)
#define NAME_BYTES 24
#define DETAILS_BYTES 128

/// All of the file, behind each other.
struct content {
    char *bytes; ///< ends with NUL
    size_t len;
};

/// All that a server has of it, up to the ceiling.
static enum avsp_code read_by_range(int fd, struct content *content, struct avsp_err *err)
{
    while (content->len <= FILE_MAX_BYTES) {
        ssize_t n = avsp_ranges_read(fd, content->bytes + content->len,
                                     FILE_MAX_BYTES + 1 - content->len, content->len);
        if (n < 0)
            return avsp_err_set_errno(err, errno, "read subtitles");
        if (n == 0)
            break;
        content->len += (size_t)n;
    }
    return AVSP_OK;
}

static enum avsp_code read_whole(int fd, struct content *content, struct avsp_err *err)
{
    content->bytes = malloc(FILE_MAX_BYTES + 2);
    if (content->bytes == NULL)
        return avsp_err_set(err, AVSP_NO_MEMORY, "no memory for subtitles");
    enum avsp_code rc =
        avsp_ranges_is(fd)
            ? read_by_range(fd, content, err)
            : avsp_fd_pread_all(fd, content->bytes, FILE_MAX_BYTES + 1, 0, &content->len, err);
    if (rc == AVSP_OK && content->len > FILE_MAX_BYTES)
        return avsp_err_set(err, AVSP_LIMIT,
                            "the file has over %zu MiB: that is more than subtitles",
                            FILE_MAX_BYTES >> 20);
    if (rc == AVSP_OK && content->len == 0)
        return avsp_err_set(err, AVSP_CORRUPT, "the file is empty");
    content->bytes[content->len] = '\0';
    return rc;
}

static bool begins_with(const struct content *content, const char *bytes, size_t n)
{
    return content->len >= n && memcmp(content->bytes, bytes, n) == 0;
}

/// The number of the first line that is no UTF-8; 0 = all are.
static size_t find_bad_line(struct content *content)
{
    size_t number = 1;
    for (char *line = content->bytes; line < content->bytes + content->len; number++) {
        char *end = memchr(line, '\n', content->len - (size_t)(line - content->bytes));
        if (end != NULL)
            *end = '\0';
        bool good = avsp_utf8_is_valid(line);
        if (end == NULL)
            return good ? 0 : number;
        *end = '\n';
        if (!good)
            return number;
        line = end + 1;
    }
    return 0;
}

/// What libavformat's readers of subtitles take: UTF-8, and UTF-16 that says so by its first bytes.
static enum avsp_code check_characters(struct content *content, struct avsp_err *err)
{
    if (begins_with(content, "\xff\xfe\0\0", 4) || begins_with(content, "\0\0\xfe\xff", 4))
        return avsp_err_set(err, AVSP_UNSUPPORTED, "the text is UTF-32: convert it to UTF-8");
    if (begins_with(content, "\xff\xfe", 2) || begins_with(content, "\xfe\xff", 2))
        return AVSP_OK;
    if (memchr(content->bytes, '\0', content->len) != NULL)
        return avsp_err_set(err, AVSP_UNSUPPORTED,
                            "it is no text, or UTF-16 without a byte order mark: convert it to "
                            "UTF-8");
    size_t line = find_bad_line(content);
    return line == 0 ? AVSP_OK
                     : avsp_err_set(err, AVSP_UNSUPPORTED,
                                    "line %zu is not UTF-8: what character set it has nobody can "
                                    "tell for certain (iconv -f WINDOWS-1252 -t UTF-8 is for "
                                    "western Europe)",
                                    line);
}

static void content_deinit(struct content *content)
{
    free(content->bytes);
}

static enum avsp_code check_file(int fd, struct avsp_err *err)
{
    struct content AVSP_CLEANUP(content_deinit) content = {0};
    enum avsp_code rc = read_whole(fd, &content, err);
    return rc == AVSP_OK ? check_characters(&content, err) : rc;
}

/// Decodes every cue.
static enum avsp_code take_all(AVFormatContext *ctx, struct avsp_text_track *track,
                               struct avsp_err *err)
{
    AVPacket *AVSP_CLEANUP(av_packet_free) packet = av_packet_alloc();
    if (packet == NULL)
        return avsp_err_set(err, AVSP_NO_MEMORY, "no memory for a packet");
    enum avsp_code rc = AVSP_OK;
    while (rc == AVSP_OK && av_read_frame(ctx, packet) >= 0) {
        if (packet->stream_index == track->stream->index)
            rc = avsp_text_track_put(track, packet, err);
        av_packet_unref(packet);
    }
    if (rc == AVSP_OK && track->cues.n_cues == 0)
        return avsp_err_set(err, AVSP_CORRUPT, "there is not one subtitle in it that can be read");
    return rc;
}

/// Reads all of it.
static enum avsp_code read_file(int input_fd, struct avsp_source *source,
                                struct avsp_text_track *track, struct avsp_err *err)
{
    enum avsp_code rc = check_file(input_fd, err);
    if (rc == AVSP_OK)
        rc = avsp_source_open_subtitles(input_fd, source, err);
    if (rc == AVSP_OK && source->ctx->nb_streams != 1)
        rc = avsp_err_set(err, AVSP_CORRUPT, "there are no subtitles in it");
    if (rc == AVSP_OK)
        rc = avsp_text_track_open(track, source->ctx->streams[0], err);
    return rc == AVSP_OK ? take_all(source->ctx, track, err) : rc;
}

enum avsp_code avsp_sidecar_run(int input_fd, const struct avsp_step *step,
                                struct avsp_control *ctl, struct avsp_err *err)
{
    struct avsp_source AVSP_CLEANUP(avsp_source_close) source = {0};
    struct avsp_text_track AVSP_CLEANUP(avsp_text_track_close) track = {0};
    char name[NAME_BYTES];
    snprintf(name, sizeof name, "s%" PRIu32, step->idx);
    const struct avsp_rendition rendition = {
        .name = name, .language = avsp_language_bcp47(step->language), .title = step->title};
    const struct avsp_text_range range = {step->choice.range.start_us, step->choice.range.end_us};
    enum avsp_code rc = read_file(input_fd, &source, &track, err);
    return rc == AVSP_OK ? avsp_text_track_finish(&track, ctl, &range, &rendition, err) : rc;
}

/// What its cues span. @return how many of them lie within the part
static size_t look_at_cues(const struct avsp_text_cues *cues, const struct avsp_time_range *part,
                           struct avsp_time_range *ret_span)
{
    size_t n = 0;
    *ret_span = (struct avsp_time_range){INT64_MAX, 0};
    for (size_t i = 0; i < cues->n_cues; i++) {
        const struct avsp_text_cue *cue = &cues->cues[i];
        int64_t end_us = AVSP_MAX(cue->start_us, cue->end_us);
        ret_span->start_us = AVSP_MIN(ret_span->start_us, cue->start_us);
        ret_span->end_us = AVSP_MAX(ret_span->end_us, end_us);
        n += end_us > part->start_us && (part->end_us == 0 || cue->start_us < part->end_us);
    }
    return n;
}

enum avsp_code avsp_sidecar_probe(int input_fd, const struct avsp_step *step,
                                  struct avsp_control *ctl, struct avsp_err *err)
{
    struct avsp_source AVSP_CLEANUP(avsp_source_close) source = {0};
    struct avsp_text_track AVSP_CLEANUP(avsp_text_track_close) track = {0};
    enum avsp_code rc = read_file(input_fd, &source, &track, err);
    if (rc != AVSP_OK)
        return rc;
    struct avsp_time_range span;
    size_t n = look_at_cues(&track.cues, &step->choice.range, &span);
    char details[DETAILS_BYTES], from[AVSP_TIME_TEXT_BYTES], to[AVSP_TIME_TEXT_BYTES];
    snprintf(details, sizeof details, "%zu cues from %s to %s", track.cues.n_cues,
             avsp_time_write(AVSP_MAX(span.start_us, (int64_t)0), from),
             avsp_time_write(AVSP_MAX(span.end_us, (int64_t)0), to));
    const struct avsp_report report = {
        .kind = AVSP_REPORT_STREAM,
        .stream = {.type = "subtitle",
                   .codec = avcodec_get_name(track.stream->codecpar->codec_id),
                   .details = details,
                   .language = avsp_language_bcp47(step->language),
                   .plan = n > 0 ? "→ WebVTT" : "left out: none of it is within the part"},
    };
    rc = avsp_control_report(ctl, &report, err);
    return rc == AVSP_OK && track.n_damaged > 0
               ? avsp_control_warn(ctl, err, "%" PRIu64 " subtitles are damaged and are not read",
                                   track.n_damaged)
               : rc;
}
