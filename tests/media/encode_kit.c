#include "encode_kit.h"

#include "core/plan.h"
#include "media/control.h"
#include "media/steps.h"
#include "util/fd.h"

#include <fcntl.h>
#include <libavformat/avformat.h>
#include <libavutil/log.h>
#include <libavutil/sha.h>
#include <setjmp.h>
#include <spawn.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define ARGS_MAX 64

extern char **environ;

static char folder_name[] = "/tmp/avspl1t-encode-XXXXXX";

int kit_enter(void **state)
{
    (void)state;
    av_log_set_level(AV_LOG_FATAL);
    memcpy(folder_name + sizeof folder_name - 7, "XXXXXX", 6);
    return mkdtemp(folder_name) != NULL && chdir(folder_name) == 0 ? 0 : -1;
}

int kit_leave(void **state)
{
    (void)state;
    if (getenv("AVSPL1T_TEST_KEEP") != NULL) // for whoever wants to look at what a failed test made
        return 0;
    if (chdir("/tmp") != 0)
        return -1;
    kit_tool(NULL, "rm -rf %s", folder_name);
    return 0;
}

void kit_tool(const char *out, const char *fmt, ...)
{
    char line[4096];
    va_list ap;
    va_start(ap, fmt);
    int len = vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    assert_in_range(len, 1, sizeof line - 1);
    char shown[sizeof line];
    memcpy(shown, line, sizeof shown);
    char *argv[ARGS_MAX] = {0};
    size_t n = 0;
    char *rest = line;
    for (char *arg = strsep(&rest, " "); arg != NULL && n + 1 < ARGS_MAX; arg = strsep(&rest, " "))
        argv[n++] = arg;
    posix_spawn_file_actions_t files;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&files, 1, out != NULL ? out : "/dev/null",
                                     O_WRONLY | O_CREAT | O_TRUNC, 0644);
    pid_t pid = -1;
    int rc = posix_spawnp(&pid, argv[0], &files, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&files);
    int status = -1;
    if (rc != 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status) ||
        WEXITSTATUS(status) != 0)
        fail_msg("%s: ended with status %d", shown, status);
}

static FILE *must_open(const char *path, const char *mode)
{
    FILE *file = fopen(path, mode);
    if (file == NULL) {
        print_error("cannot open %s\n", path);
        abort();
    }
    return file;
}

char *kit_read(const char *path, size_t *ret_len)
{
    FILE *file = must_open(path, "rbe");
    struct stat st;
    assert_int_equal(fstat(fileno(file), &st), 0);
    char *bytes = malloc((size_t)st.st_size + 1);
    if (bytes == NULL)
        abort();
    assert_int_equal(fread(bytes, 1, (size_t)st.st_size, file), st.st_size);
    bytes[st.st_size] = 0;
    fclose(file);
    *ret_len = (size_t)st.st_size;
    return bytes;
}

static int compare_i64(const void *a, const void *b)
{
    const int64_t *x = a;
    const int64_t *y = b;
    return (*x > *y) - (*x < *y);
}

void kit_clip_load(const char *nut, bool video, struct kit_clip *ret_clip)
{
    AVFormatContext *ctx = NULL;
    assert_int_equal(avformat_open_input(&ctx, nut, NULL, NULL), 0);
    assert_true(avformat_find_stream_info(ctx, NULL) >= 0);
    int idx =
        av_find_best_stream(ctx, video ? AVMEDIA_TYPE_VIDEO : AVMEDIA_TYPE_AUDIO, -1, -1, NULL, 0);
    assert_true(idx >= 0);
    AVRational tb = ctx->streams[idx]->time_base;
    *ret_clip = (struct kit_clip){.time_base = {tb.num, tb.den}};
    AVPacket *pkt = av_packet_alloc();
    while (av_read_frame(ctx, pkt) >= 0) {
        assert_true(ret_clip->n_frames < KIT_FRAMES_MAX);
        if (pkt->stream_index == idx) {
            ret_clip->pos[ret_clip->n_frames] = pkt->pos;
            ret_clip->pts[ret_clip->n_frames++] = pkt->pts;
        }
        av_packet_unref(pkt);
    }
    av_packet_free(&pkt);
    avformat_close_input(&ctx);
    qsort(ret_clip->pts, ret_clip->n_frames, sizeof ret_clip->pts[0], compare_i64);
}

struct avsp_piece_header kit_header(const struct kit_clip *clip, int32_t seconds, uint32_t idx,
                                    uint32_t n, uint32_t width, uint32_t height)
{
    int64_t origin = clip->pts[0];
    int64_t last = clip->pts[clip->n_frames - 1];
    struct avsp_piece_header h = {
        .kind = AVSP_MEDIA_VIDEO,
        .segment_seconds = seconds,
        .time_base = clip->time_base,
        .origin_pts = origin,
        .origin_time_base = clip->time_base,
        .idx = idx,
        .n_segments = n,
        .in_pts = avsp_plan_boundary(origin, clip->time_base, seconds, idx),
        .out_pts = avsp_plan_boundary(origin, clip->time_base, seconds, (int64_t)idx + n),
        .next_pts = last + (last - clip->pts[clip->n_frames - 2]),
        .timescale = avsp_plan_timescale(clip->time_base),
        .frame_rate = {25, 1},
        .color_primaries = 2,
        .color_transfer = 2,
        .color_matrix = 2,
        .width_px = width,
        .height_px = height,
        .bit_depth = 8,
        .language = "und",
        .title = "",
    };
    for (size_t i = 0; i < clip->n_frames; i++)
        if (clip->pts[i] >= h.in_pts && clip->pts[i] < h.out_pts)
            h.frames++;
    for (size_t i = clip->n_frames; i-- > 0;)
        if (clip->pts[i] >= h.out_pts)
            h.next_pts = clip->pts[i];
    return h;
}

void kit_piece(const char *name, const struct avsp_piece_header *header, const char *nut)
{
    char block[AVSP_PIECE_HEADER_BYTES];
    struct avsp_err err = {0};
    if (avsp_piece_header_write(header, block, &err) != AVSP_OK)
        fail_msg("%s", err.text);
    size_t len = 0;
    char *bytes = kit_read(nut, &len);
    FILE *file = must_open(name, "wbe");
    assert_int_equal(fwrite(block, 1, sizeof block, file), sizeof block);
    assert_int_equal(fwrite(bytes, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
    free(bytes);
}

/// Takes the reports that a step left in the socket.
static void collect(struct kit_run *run, int fd)
{
    struct avsp_buf AVSP_CLEANUP(avsp_buf_deinit) lines;
    avsp_buf_init(&lines, 1 << 20);
    char bytes[4096];
    for (ssize_t n = read(fd, bytes, sizeof bytes); n > 0; n = read(fd, bytes, sizeof bytes))
        avsp_buf_append(&lines, bytes, (size_t)n);
    char *rest = lines.data;
    while (rest != NULL && *rest != 0) {
        char *line = strsep(&rest, "\n");
        struct avsp_report *report = &run->reports[run->n_reports];
        assert_true(run->n_reports < KIT_REPORTS_MAX);
        struct avsp_err err = {0};
        if (avsp_report_parse(&run->arena, line, report, &err) != AVSP_OK)
            fail_msg("%s: %s", line, err.text);
        if (report->kind != AVSP_REPORT_PROGRESS)
            run->n_reports++;
    }
}

static void check_file(const char *name, uint64_t bytes, const char *sha256)
{
    size_t len = 0;
    char *data = kit_read(name, &len);
    assert_int_equal(len, bytes);
    struct AVSHA *sha = av_sha_alloc();
    assert_non_null(sha);
    av_sha_init(sha, 256);
    av_sha_update(sha, (const uint8_t *)data, len);
    uint8_t digest[32];
    av_sha_final(sha, digest);
    av_free(sha);
    free(data);
    char hex[AVSP_SHA256_HEX_BYTES] = "";
    for (size_t i = 0; i < sizeof digest; i++)
        snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    assert_string_equal(hex, sha256);
}

static void check_files(const struct kit_run *run, const struct avsp_step *step)
{
    bool rendition_seen = false;
    for (size_t i = 0; i < run->n_reports; i++) {
        const struct avsp_report *r = &run->reports[i];
        if (r->kind == AVSP_REPORT_RENDITION) {
            assert_true(!rendition_seen || step->kind == AVSP_STEP_AUDIO);
            rendition_seen = true;
            check_file(r->rendition.init_name, r->rendition.init_bytes, r->rendition.init_sha256);
        }
        if (r->kind == AVSP_REPORT_SEGMENT) {
            assert_int_equal(rendition_seen, step->described || step->kind == AVSP_STEP_AUDIO);
            check_file(r->segment.name, r->segment.bytes, r->segment.sha256);
        }
    }
}

void kit_run(struct kit_run *run, const struct avsp_step *step, const char *piece,
             const char *folder)
{
    *run = (struct kit_run){0};
    avsp_arena_init(&run->arena, 4 << 20);
    int AVSP_CLEANUP(avsp_fd_cleanup) in = open(piece, O_RDONLY | O_CLOEXEC);
    assert_true(in >= 0);
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    struct avsp_buf AVSP_CLEANUP(avsp_buf_deinit) request;
    avsp_buf_init(&request, 4096);
    avsp_step_write(&request, step);
    assert_int_equal(write(ends[0], request.data, request.len), request.len);
    struct avsp_step asked = {0};
    // With several threads their number changes from one segment to the next.
    for (unsigned i = 0; i < step->max_pending; i++) {
        avsp_buf_clear(&request);
        avsp_ack_write(&request, 1 + (i + 1) % AVSP_MAX(step->threads, 1u));
        assert_int_equal(write(ends[0], request.data, request.len), request.len);
    }
    struct avsp_control *ctl = avsp_control_open(ends[1], &asked, &run->err);
    if (ctl == NULL)
        fail_msg("%s", run->err.text);
    assert_int_equal(mkdir(folder, 0755), 0);
    assert_int_equal(chdir(folder), 0);
    run->rc = asked.kind == AVSP_STEP_AUDIO ? avsp_audio_run(in, &asked, ctl, &run->err)
                                            : avsp_encode_run(in, &asked, ctl, &run->err);
    avsp_control_close(ctl);
    close(ends[1]);
    collect(run, ends[0]);
    close(ends[0]);
    if (run->rc == AVSP_OK)
        check_files(run, &asked);
    assert_int_equal(chdir(".."), 0);
}

void kit_run_deinit(struct kit_run *run)
{
    avsp_arena_deinit(&run->arena);
}

static bool is_looked_at(const struct kit_run *run, const struct avsp_report *report)
{
    const char *name = report->kind == AVSP_REPORT_SEGMENT     ? report->segment.rendition
                       : report->kind == AVSP_REPORT_RENDITION ? report->rendition.name
                                                               : NULL;
    return run->only == NULL || name == NULL || strcmp(name, run->only) == 0;
}

/// The i-th report of a kind, NULL after the last.
static const struct avsp_report *nth(const struct kit_run *run, enum avsp_report_kind kind,
                                     size_t i)
{
    for (size_t j = 0; j < run->n_reports; j++)
        if (run->reports[j].kind == kind && is_looked_at(run, &run->reports[j]) && i-- == 0)
            return &run->reports[j];
    return NULL;
}

const struct avsp_segment *kit_segment(const struct kit_run *run, size_t i)
{
    const struct avsp_report *report = nth(run, AVSP_REPORT_SEGMENT, i);
    return report != NULL ? &report->segment : NULL;
}

const struct avsp_rendition *kit_rendition(const struct kit_run *run)
{
    const struct avsp_report *report = nth(run, AVSP_REPORT_RENDITION, 0);
    if (report == NULL) {
        print_error("no rendition was reported\n");
        abort();
    }
    return &report->rendition;
}

const char *kit_warning(const struct kit_run *run, size_t i)
{
    const struct avsp_report *report = nth(run, AVSP_REPORT_WARNING, i);
    return report != NULL ? report->warning : NULL;
}

static void append(FILE *out, const char *folder, const char *name)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    size_t len = 0;
    char *bytes = kit_read(path, &len);
    assert_int_equal(fwrite(bytes, 1, len, out), len);
    free(bytes);
}

void kit_join(const struct kit_run *run, const char *folder, const char *out)
{
    FILE *file = must_open(out, "wbe");
    append(file, folder, kit_rendition(run)->init_name);
    const struct avsp_segment *segment;
    for (size_t i = 0; (segment = kit_segment(run, i)) != NULL; i++)
        append(file, folder, segment->name);
    assert_int_equal(fclose(file), 0);
}

static uint64_t big_endian(const uint8_t *at, size_t bytes)
{
    uint64_t value = 0;
    for (size_t i = 0; i < bytes; i++)
        value = value << 8 | at[i];
    return value;
}

/// The only box of a type in a fragment: its version and flags; @p ret_body is what follows them.
static uint32_t full_box(const char *bytes, size_t len, const char *type, const uint8_t **ret_body)
{
    const char *at = memmem(bytes, len, type, 4);
    assert_non_null(at);
    const uint8_t *body = (const uint8_t *)at + 4;
    assert_null(memmem(body, len - (size_t)((const char *)body - bytes), type, 4));
    *ret_body = body + 4;
    return (uint32_t)big_endian(body, 4);
}

static void add_moof(struct kit_fragments *all, const char *bytes, size_t len)
{
    const uint8_t *body = NULL;
    uint32_t flags = full_box(bytes, len, "mfhd", &body);
    assert_true(all->n == 0 || big_endian(body, 4) == all->sequence + all->n);
    all->sequence = all->n == 0 ? (uint32_t)big_endian(body, 4) : all->sequence;
    flags = full_box(bytes, len, "tfdt", &body);
    int64_t start = (int64_t)big_endian(body, flags >> 24 == 1 ? 8 : 4);
    assert_true(all->n == 0 || start == all->start + all->duration);
    all->start = all->n == 0 ? start : all->start;
    flags = full_box(bytes, len, "tfhd", &body);
    body += 4 + (flags & 1 ? 8 : 0) + (flags & 2 ? 4 : 0);
    uint64_t default_duration = flags & 8 ? big_endian(body, 4) : 0;
    flags = full_box(bytes, len, "trun", &body);
    uint64_t n_samples = big_endian(body, 4);
    body += 4 + (flags & 1 ? 4 : 0) + (flags & 4 ? 4 : 0);
    assert_int_equal(flags & 0x800, 0); // no composition offsets
    size_t entry = (size_t)4 * (!!(flags & 0x100) + !!(flags & 0x200) + !!(flags & 0x400));
    for (uint64_t i = 0; i < n_samples; i++, body += entry)
        all->duration += (int64_t)(flags & 0x100 ? big_endian(body, 4) : default_duration);
    all->n_samples += n_samples;
    all->n++;
}

struct kit_fragments kit_fragments_read(const char *path)
{
    size_t len = 0;
    char *bytes = kit_read(path, &len);
    struct kit_fragments all = {0};
    for (size_t at = 0, size = 0; at < len; at += size) {
        assert_true(len - at >= 8);
        size = big_endian((const uint8_t *)bytes + at, 4);
        assert_in_range(size, 8, len - at);
        if (memcmp(bytes + at + 4, "moof", 4) == 0)
            add_moof(&all, bytes + at, size);
        else if (all.n == 1)
            all.first_bytes = at + size;
    }
    free(bytes);
    return all;
}

size_t kit_probe(const char *file, struct kit_packet *ret_packets, size_t max)
{
    kit_tool("probe.csv", "ffprobe -v error -show_entries packet=pts,flags -of csv=p=0 %s", file);
    size_t len = 0;
    char *text = kit_read("probe.csv", &len);
    size_t n = 0;
    char *rest = text;
    while (rest != NULL && *rest != 0) {
        char *line = strsep(&rest, "\n");
        assert_true(n < max);
        char *flags = NULL;
        ret_packets[n].pts = strtoll(line, &flags, 10);
        assert_true(flags > line && flags[0] == ',');
        ret_packets[n++].key = flags[1] == 'K';
    }
    free(text);
    return n;
}

const char *kit_stream_value(const char *file, const char *key)
{
    static char value[256];
    kit_tool("value.txt", "ffprobe -v error -show_entries stream=%s -of default=nk=1:nw=1 %s", key,
             file);
    size_t len = 0;
    char *text = kit_read("value.txt", &len);
    snprintf(value, sizeof value, "%.*s", (int)strcspn(text, "\n"), text);
    free(text);
    return value;
}

double kit_min_psnr(const char *a, const char *b, const char *filter)
{
    kit_tool(NULL,
             "ffmpeg -v error -y -i %s -i %s -lavfi "
             "[0:v]settb=1/1000,setpts=N*10[x];[1:v]%s,settb=1/1000,setpts=N*10[y];"
             "[x][y]psnr=shortest=1:stats_file=psnr.txt -enc_time_base 1/1000 -f null -",
             a, b, filter);
    size_t len = 0;
    char *text = kit_read("psnr.txt", &len);
    double least = 1000;
    for (char *at = strstr(text, "psnr_y:"); at != NULL; at = strstr(at + 1, "psnr_y:")) {
        double db = strncmp(at + 7, "inf", 3) == 0 ? 1000 : strtod(at + 7, NULL);
        least = AVSP_MIN(least, db);
    }
    free(text);
    return least;
}

bool kit_same(const char *a, const char *b)
{
    size_t a_len = 0;
    size_t b_len = 0;
    char *a_bytes = kit_read(a, &a_len);
    char *b_bytes = kit_read(b, &b_len);
    bool same = a_len == b_len && memcmp(a_bytes, b_bytes, a_len) == 0;
    free(a_bytes);
    free(b_bytes);
    return same;
}

void kit_damage(const char *name, long at, size_t n)
{
    FILE *file = must_open(name, "r+be");
    assert_int_equal(fseek(file, at, SEEK_SET), 0);
    for (size_t i = 0; i < n; i++)
        fputc((int)((i * 37 + 11) & 0xff), file);
    assert_int_equal(fclose(file), 0);
}
