#include "../cmocka_all.h"

#include "util/log.h"

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
    enum avsp_log_level level = AVSP_LOG_INFO;
    assert_true(avsp_log_level_parse("debug", &level));
    avsp_log_set_level(level);
    capture(text, sizeof text, AVSP_LOG_DEBUG, "7");
    assert_non_null(strstr(text, "level=debug"));
    avsp_log_set_level(AVSP_LOG_INFO);
    assert_false(avsp_log_level_parse("loud", &level));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_quoted),
        cmocka_unit_test(a_long_value_is_cut_within_its_quotes),
        cmocka_unit_test(an_event_is_one_line_of_logfmt),
        cmocka_unit_test(levels_are_kept_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
