#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/record.h"
#include "core/report_stream.h"

/// Adds @p text in parts of @p step bytes and counts the reports. @return what ended it.
static enum avsp_code feed(const char *text, size_t len, size_t step, uint32_t max_lines,
                           unsigned *ret_n, struct avsp_err *err)
{
    struct avsp_report_stream AVSP_CLEANUP(avsp_report_stream_deinit) in;
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    avsp_report_stream_init(&in, max_lines);
    avsp_arena_init(&arena, 1 << 20);
    *ret_n = 0;
    enum avsp_code rc = AVSP_OK;
    for (size_t at = 0; at < len && rc == AVSP_OK; at += step) {
        rc = avsp_report_stream_add(&in, text + at, AVSP_MIN(step, len - at), err);
        for (bool got = true; rc == AVSP_OK && got;) {
            struct avsp_report report;
            rc = avsp_report_stream_next(&in, &arena, &report, &got, err);
            *ret_n += rc == AVSP_OK && got;
        }
    }
    return rc;
}

static void reports_come_whole_however_they_are_cut(void **state)
{
    (void)state;
    static const char text[] =
        "warning text=a\nprogress done=1 total=2 millifps=0\nwarning text=b\ndone\n";
    for (size_t step = 1; step <= sizeof text; step++) {
        struct avsp_err err = {0};
        unsigned n = 0;
        enum avsp_code rc = feed(text, sizeof text - 1, step, 4, &n, &err);
        assert_string_equal(err.text, "");
        assert_int_equal(rc, AVSP_OK);
        assert_int_equal(n, 4);
    }
}

static void refused(const char *text, size_t len, uint32_t max_lines, const char *why)
{
    struct avsp_err err = {0};
    unsigned n = 0;
    assert_int_equal(feed(text, len, 1000, max_lines, &n, &err), AVSP_INTERNAL);
    if (strstr(err.text, why) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", err.text, why);
}

static void what_is_no_report_is_refused(void **state)
{
    (void)state;
    static const char nul[] = "done\0 x\n";
    refused("hello\n", 6, 9, "no report");
    refused("\n", 1, 9, "no report");
    refused(nul, sizeof nul - 1, 9, "NUL");
    refused("warning text=a\nwarning text=a\nwarning text=a\n", 45, 2, "without end");
    static char endless[2 * AVSP_RECORD_MAX_BYTES];
    memset(endless, 'a', sizeof endless);
    refused(endless, sizeof endless, 9, "too long");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reports_come_whole_however_they_are_cut),
        cmocka_unit_test(what_is_no_report_is_refused),
    };
    return cmocka_run_group_tests_name("core/report_stream", tests, NULL, NULL);
}
