/// A step's request, and the stream of reports that a child answers with, cut up at will (core/step.h, core/report_stream.h):
/// what was read and is written again reads the same, and names of files are names.
#include "core/naming.h"
#include "core/record.h"
#include "core/report_stream.h"
#include "fuzz.h"

static void check_report(const struct avsp_report *report)
{
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    struct avsp_buf AVSP_CLEANUP(avsp_buf_deinit) buf;
    struct avsp_buf AVSP_CLEANUP(avsp_buf_deinit) again;
    struct avsp_report back;
    struct avsp_err err = {0};
    avsp_arena_init(&arena, 1 << 20);
    avsp_buf_init(&buf, AVSP_RECORD_MAX_BYTES);
    avsp_buf_init(&again, AVSP_RECORD_MAX_BYTES);
    if (report->kind == AVSP_REPORT_PIECE)
        AVSP_ASSERT(avsp_name_is_safe(report->piece.file.path));
    if (report->kind == AVSP_REPORT_RENDITION)
        AVSP_ASSERT(avsp_name_is_safe(report->rendition.init_name));
    if (report->kind == AVSP_REPORT_SEGMENT)
        AVSP_ASSERT(avsp_name_is_safe(report->segment.name));
    if (report->kind == AVSP_REPORT_FAILED)
        AVSP_ASSERT(report->failure.code != AVSP_OK);
    avsp_report_write(&buf, report);
    if (avsp_buf_check(&buf, &err) != AVSP_OK)
        return;
    enum avsp_code rc = avsp_report_parse(&arena, buf.data, &back, &err);
    AVSP_ASSERT(rc == AVSP_OK);
    avsp_report_write(&again, &back);
    AVSP_ASSERT(strcmp(buf.data, avsp_buf_text(&again)) == 0);
}

/// @param chunk  bytes at a time. @return how many reports there were.
static unsigned feed(const uint8_t *data, size_t size, size_t chunk, enum avsp_code *ret_rc)
{
    struct avsp_report_stream AVSP_CLEANUP(avsp_report_stream_deinit) in;
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    struct avsp_err err = {0};
    avsp_report_stream_init(&in, 1000);
    avsp_arena_init(&arena, 256 << 10);
    unsigned n = 0;
    enum avsp_code rc = AVSP_OK;
    for (size_t at = 0; at < size && rc == AVSP_OK; at += chunk) {
        rc = avsp_report_stream_add(&in, data + at, AVSP_MIN(chunk, size - at), &err);
        for (bool got = true; rc == AVSP_OK && got;) {
            struct avsp_report report;
            rc = avsp_report_stream_next(&in, &arena, &report, &got, &err);
            if (rc == AVSP_OK && got) {
                check_report(&report);
                n++;
            }
            avsp_arena_clear(&arena);
        }
    }
    *ret_rc = rc;
    return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    char *AVSP_CLEANUP(avsp_free_ptr) line = fuzz_text(data + 1, size - 1);
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    struct avsp_step step;
    struct avsp_err err = {0};
    avsp_arena_init(&arena, 1 << 20);
    if (avsp_step_parse(&arena, line, &step, &err) == AVSP_OK) {
        struct avsp_buf AVSP_CLEANUP(avsp_buf_deinit) buf;
        avsp_buf_init(&buf, AVSP_RECORD_MAX_BYTES);
        avsp_step_write(&buf, &step);
        struct avsp_step back;
        enum avsp_code rc = avsp_step_parse(&arena, avsp_buf_text(&buf), &back, &err);
        AVSP_ASSERT(rc == AVSP_OK && back.kind == step.kind && back.threads == step.threads);
    }
    enum avsp_code whole, cut;
    unsigned n_whole = feed(data + 1, size - 1, AVSP_REPORT_STREAM_ADD_MAX_BYTES, &whole);
    unsigned n_cut = feed(data + 1, size - 1, 1 + (size_t)data[0] * 16, &cut);
    AVSP_ASSERT(n_whole == n_cut && whole == cut);
    return 0;
}
