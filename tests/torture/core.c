/// The pure parts: texts that our programs write for each other, playlists, locations. Only memory can fail here.
#include "torture.h"

#include "core/cea708.h"
#include "core/piece.h"
#include "core/playlist.h"
#include "core/record.h"
#include "core/report_stream.h"
#include "util/arena.h"

#include <string.h>

#define HASH "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void *make(void)
{
    return NULL;
}

static void drop(void *fixture)
{
    (void)fixture;
}

static const struct avsp_location folder = {
    AVSP_LOCATION_S3, "out", "bucket", "r", "http://e", "key", {"s"}, {"t"}, "c"};

static enum avsp_code run_record(void *fixture, struct avsp_err *err)
{
    (void)fixture;
    struct avsp_buf AVSP_CLEANUP(avsp_buf_deinit) buf;
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    avsp_buf_init(&buf, AVSP_RECORD_MAX_BYTES);
    avsp_arena_init(&arena, 1 << 20);
    avsp_record_begin(&buf, "thing");
    avsp_record_put_location(&buf, "out", &folder);
    char long_text[4000];
    memset(long_text, 'x', sizeof long_text - 1);
    long_text[sizeof long_text - 1] = '\0';
    avsp_record_put_str(&buf, "text", long_text);
    avsp_record_end(&buf);
    enum avsp_code rc = avsp_buf_check(&buf, err);
    struct avsp_record rec;
    if (rc == AVSP_OK)
        rc = avsp_record_parse(&arena, buf.data, &rec, err);
    if (rc != AVSP_OK)
        return rc;
    const struct avsp_location back = avsp_record_location(&rec, "out");
    AVSP_ASSERT(avsp_location_equal(&back, &folder));
    return avsp_record_check(&rec, err);
}

static enum avsp_code run_piece(void *fixture, struct avsp_err *err)
{
    (void)fixture;
    const struct avsp_piece_header header = {.kind = AVSP_MEDIA_AUDIO,
                                             .segment_seconds = 4,
                                             .time_base = {1, 48000},
                                             .origin_time_base = {1, 90000},
                                             .end_pts = 9,
                                             .out_pts = 9,
                                             .language = "en",
                                             .title = "a title"};
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    avsp_arena_init(&arena, 1 << 20);
    char block[AVSP_PIECE_HEADER_BYTES];
    struct avsp_piece_header back;
    enum avsp_code rc = avsp_piece_header_write(&header, block, err);
    if (rc == AVSP_OK)
        rc = avsp_piece_header_parse(&arena, block, &back, err);
    AVSP_ASSERT(rc != AVSP_OK || strcmp(back.title, header.title) == 0);
    return rc;
}

static enum avsp_code run_reports(void *fixture, struct avsp_err *err)
{
    (void)fixture;
    struct avsp_report_stream AVSP_CLEANUP(avsp_report_stream_deinit) in;
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    struct avsp_buf AVSP_CLEANUP(avsp_buf_deinit) buf;
    avsp_report_stream_init(&in, 10);
    avsp_arena_init(&arena, 1 << 20);
    avsp_buf_init(&buf, AVSP_RECORD_MAX_BYTES);
    const struct avsp_report report = {.kind = AVSP_REPORT_WARNING, .warning = "a warning"};
    for (unsigned i = 0; i < 3; i++)
        avsp_report_write(&buf, &report);
    enum avsp_code rc = avsp_buf_check(&buf, err);
    if (rc == AVSP_OK)
        rc = avsp_report_stream_add(&in, buf.data, buf.len, err);
    unsigned n = 0;
    for (bool got = true; rc == AVSP_OK && got; n += got) {
        struct avsp_report back;
        rc = avsp_report_stream_next(&in, &arena, &back, &got, err);
        avsp_arena_clear(&arena);
    }
    AVSP_ASSERT(rc != AVSP_OK || n == 3);
    return rc;
}

static enum avsp_code run_spec(void *fixture, struct avsp_err *err)
{
    (void)fixture;
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    avsp_arena_init(&arena, 1 << 20);
    struct avsp_job_spec spec = {
        .input = folder, .output = folder, .work = {.path = ""}, .idempotency_key = ""};
    struct avsp_location copy, joined;
    enum avsp_code rc = avsp_job_spec_check(&spec, &arena, err);
    if (rc == AVSP_OK)
        rc = avsp_location_copy(&arena, &folder, &copy, err);
    if (rc == AVSP_OK)
        rc = avsp_location_join(&arena, &copy, "v0/a.m4s", &joined, err);
    AVSP_ASSERT(rc != AVSP_OK || strcmp(joined.path, "out/v0/a.m4s") == 0);
    AVSP_ASSERT(avsp_location_show(&arena, &folder) != NULL);
    return rc;
}

static enum avsp_code run_playlist(void *fixture, struct avsp_err *err)
{
    (void)fixture;
    static const struct avsp_rendition video = {.name = "v0",
                                                .kind = AVSP_MEDIA_VIDEO,
                                                .init_name = "init.mp4",
                                                .init_bytes = 9,
                                                .init_sha256 = HASH,
                                                .codecs = "av01.0.04M.08",
                                                .timescale = 1000,
                                                .width_px = 64,
                                                .height_px = 64,
                                                .frame_rate = {25, 1},
                                                .video_range = "SDR",
                                                .language = "und",
                                                .title = ""};
    static struct avsp_segment segments[200];
    for (uint32_t i = 0; i < AVSP_ARRAY_LEN(segments); i++)
        segments[i] = (struct avsp_segment){.rendition = "v0",
                                            .idx = i,
                                            .name = "segment.m4s",
                                            .start_ticks = i * 4000,
                                            .duration_ticks = 4000,
                                            .frames = 100,
                                            .bytes = 1000,
                                            .sha256 = HASH,
                                            .key_bytes = 400};
    const struct avsp_playlist_rendition one = {&video, segments, AVSP_ARRAY_LEN(segments)};
    const struct avsp_playlist_set set = {&one, 1};
    const struct avsp_playlist_uris uris[] = {{"v0/playlist.m3u8", "v0/iframes.m3u8"}};
    struct avsp_buf AVSP_CLEANUP(avsp_buf_deinit) media;
    struct avsp_buf AVSP_CLEANUP(avsp_buf_deinit) multivariant;
    avsp_buf_init(&media, 1 << 20);
    avsp_buf_init(&multivariant, 1 << 20);
    enum avsp_code rc = avsp_playlist_check(&set, err);
    avsp_playlist_media(&set, 0, &media);
    avsp_playlist_multivariant(&set, uris, &multivariant);
    if (rc == AVSP_OK)
        rc = avsp_buf_check(&media, err);
    if (rc == AVSP_OK)
        rc = avsp_buf_check(&multivariant, err);
    AVSP_ASSERT(rc != AVSP_OK || strstr(media.data, "#EXT-X-ENDLIST") != NULL);
    return rc;
}

static enum avsp_code count_caption(void *opaque, const struct avsp_caption *caption,
                                    struct avsp_err *err)
{
    unsigned *n = opaque;
    AVSP_ASSERT(caption->text.len > 0);
    (void)err;
    ++*n;
    return AVSP_OK;
}

/// Two services of CEA-708 that begin in one packet.
static enum avsp_code run_captions(void *fixture, struct avsp_err *err)
{
    (void)fixture;
    static const uint8_t packet[] = {10,   0x28, 0x98, 0x20, 0, 0, 0,    0x1f, 0,   'a',
                                     0x48, 0x98, 0x20, 0,    0, 0, 0x1f, 0,    'b', 0};
    unsigned n = 0;
    struct avsp_cea708 AVSP_CLEANUP(avsp_cea708_deinit)
        captions = {.take = count_caption, .opaque = &n};
    enum avsp_code rc = AVSP_OK;
    for (size_t i = 0; i < sizeof packet && rc == AVSP_OK; i += 2)
        rc = avsp_cea708_put(&captions, i == 0, packet + i, 0, err);
    if (rc == AVSP_OK)
        rc = avsp_cea708_end(&captions, 1, err);
    AVSP_ASSERT(rc != AVSP_OK || n == 2);
    return rc;
}

int main(void)
{
    static const struct torture_case cases[] = {
        {"record", make, run_record, NULL, drop},
        {"piece header", make, run_piece, NULL, drop},
        {"reports", make, run_reports, NULL, drop},
        {"spec and locations", make, run_spec, NULL, drop},
        {"playlists", make, run_playlist, NULL, drop},
        {"captions", make, run_captions, NULL, drop},
    };
    return torture_run("torture/core", cases, AVSP_ARRAY_LEN(cases));
}
