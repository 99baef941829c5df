#include "../cmocka_all.h"

#include "util/log.h"
#include "util/log_json.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static void values_are_quoted(void **state)
{
    (void)state;
    assert_string_equal(AVSP_LOG_Q("plain"), "\"plain\"");
    assert_string_equal(AVSP_LOG_Q("a b=c"), "\"a b=c\"");
    assert_string_equal(AVSP_LOG_Q("say \"x\\y\""), "\"say \\\"x\\\\y\\\"\"");
    assert_string_equal(AVSP_LOG_Q("one\ntwo\x1b[1m\x7f"), "\"one\\x0atwo\\x1b[1m\\x7f\"");
    assert_string_equal(AVSP_LOG_Q("é"), "\"é\"");
}

static void a_long_value_is_cut_within_its_quotes(void **state)
{
    (void)state;
    char big[3 * AVSP_LOG_Q_BYTES];
    memset(big, '\n', sizeof big); // four bytes each
    big[sizeof big - 1] = '\0';
    const char *text = AVSP_LOG_Q(big);
    size_t len = strlen(text);
    assert_in_range(len, AVSP_LOG_Q_BYTES - 16, AVSP_LOG_Q_BYTES - 1);
    assert_int_equal(text[0], '"');
    assert_int_equal(text[len - 1], '"');
}

/// What one event writes to standard error.
static void capture(char *ret_text, size_t len, enum avsp_log_level level, const char *value)
{
    fflush(stderr);
    int saved = dup(STDERR_FILENO);
    int file = memfd_create("stderr", MFD_CLOEXEC);
    dup2(file, STDERR_FILENO);
    avsp_log(level, "test.event", "value=%s", value);
    dup2(saved, STDERR_FILENO);
    close(saved);
    ssize_t n = pread(file, ret_text, len - 1, 0);
    ret_text[n > 0 ? n : 0] = '\0';
    close(file);
}

static void an_event_is_one_line_of_logfmt(void **state)
{
    (void)state;
    char text[8192];
    capture(text, sizeof text, AVSP_LOG_INFO, "7");
    assert_memory_equal(text, "time=20", 7);
    assert_non_null(strstr(text, " level=info event=test.event value=7\n"));
    static char big[10000];
    memset(big, 'x', sizeof big - 1);
    capture(text, sizeof text, AVSP_LOG_WARN, big);
    assert_int_equal(text[strlen(text) - 1], '\n');
    assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
}

static void levels_are_kept_out(void **state)
{
    (void)state;
    char text[1000];
    capture(text, sizeof text, AVSP_LOG_DEBUG, "7");
    assert_string_equal(text, "");
    avsp_log_begin(&(struct avsp_log_options){.level = AVSP_LOG_DEBUG});
    capture(text, sizeof text, AVSP_LOG_DEBUG, "7");
    assert_non_null(strstr(text, "level=debug"));
    avsp_log_begin(&(struct avsp_log_options){.level = AVSP_LOG_INFO});
}

static void a_line_can_be_an_object(void **state)
{
    (void)state;
    char text[16384];
    avsp_log_begin(&(struct avsp_log_options){.level = AVSP_LOG_INFO, .is_json = true});
    capture(text, sizeof text, AVSP_LOG_INFO, AVSP_LOG_Q("a \"b\" \\ \n \xc2\x9b \u00e4"));
    assert_memory_equal(text, "{\"time\":\"20", 11);
    assert_non_null(strstr(text, "\"level\":\"info\",\"event\":\"test.event\","
                                 "\"value\":\"a \\\"b\\\" \\\\ \\u000a ?? \u00e4\"}\n"));
    static char big[10000];
    memset(big, '"', sizeof big - 1);
    capture(text, sizeof text, AVSP_LOG_INFO, big);
    assert_string_equal(text + strlen(text) - 2, "}\n");
    avsp_log_begin(&(struct avsp_log_options){.level = AVSP_LOG_INFO});
}

static void fields_keep_their_types(void **state)
{
    (void)state;
    static const struct {
        const char *fields, *json;
    } rows[] = {
        {"", ""},
        {"n=7 m=-1 z=0 s=007 d=- e= t=1.5",
         ",\"n\":7,\"m\":-1,\"z\":0,\"s\":\"007\",\"d\":\"-\",\"e\":\"\",\"t\":\"1.5\""},
        {"id=1234567890123456", ",\"id\":\"1234567890123456\""},
        {"job=ab \"c=d", ",\"job\":\"ab\",\"\\\"c\":\"d\""},
        {"why=\"cut off", ",\"why\":\"cut off\""},
        {"why=\"cut off\\", ",\"why\":\"cut off\\\\\""},
        {"a=\"x\" alone b=\"\\x1b\"", ",\"a\":\"x\",\"alone\":true,\"b\":\"\\u001b\""},
    };
    char out[200];
    for (size_t i = 0; i < AVSP_ARRAY_LEN(rows); i++) {
        assert_int_equal(avsp_log_json(rows[i].fields, out, sizeof out), strlen(rows[i].json));
        assert_string_equal(out, rows[i].json);
    }
    // What does not fit is left out, as a whole.
    for (size_t len = 1; len < 20; len++) {
        size_t n = avsp_log_json("a=1 b=\"22\"", out, len);
        assert_true(n < len && (n == 0 || n == 6 || n == 15));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_quoted),
        cmocka_unit_test(a_long_value_is_cut_within_its_quotes),
        cmocka_unit_test(an_event_is_one_line_of_logfmt),
        cmocka_unit_test(levels_are_kept_out),
        cmocka_unit_test(a_line_can_be_an_object),
        cmocka_unit_test(fields_keep_their_types),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
