#include "../cmocka_all.h"

#include "util/cli.h"
#include "util/cli_text.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static const struct avsp_cli_option options[] = {
    {"crf", "N", "TEST_CRF", "30", "Quality."},
    {"json", NULL, "TEST_JSON", NULL, "As JSON."},
    {"root", "DIR", "TEST_ROOT", NULL,
     "A folder that may be touched, and a sentence that goes on over the edge.", true},
    {"a-very-long-option-name", "VALUE", NULL, NULL, "Its description stands below it."},
};

static const struct avsp_cli_command commands[] = {
    {"encode", "INPUT OUTPUT", 2, 2, "encode a video", "First.\n\n  an example\nSecond.", options,
     AVSP_ARRAY_LEN(options)},
    {"list", "", 0, 0, "list jobs", "Lists.", NULL, 0},
};

static const struct avsp_cli_program program = {"prog",
                                                "a program",
                                                "It does things.",
                                                commands,
                                                AVSP_ARRAY_LEN(commands),
                                                "FILES\n.hidden -file\\n\n\nSEE ALSO\nothers"};

static const struct avsp_cli_command whole = {"", "", 0,       0,
                                              "", "", options, AVSP_ARRAY_LEN(options)};
static const struct avsp_cli_program single = {"single", "one thing", "It does one thing.",
                                               &whole,   1,           ""};

#define ARGV(...) ((const char *[]){"prog", __VA_ARGS__, NULL})

static struct avsp_cli_parsed args;
static struct avsp_err err;
static bool answered;

static enum avsp_code parse(const struct avsp_cli_program *prog, size_t argc,
                            const char *const *argv)
{
    err = (struct avsp_err){0};
    return avsp_cli_parse(prog, (int)argc, (char **)argv, &args, &answered, &err);
}

#define TRY(...) parse(&program, AVSP_ARRAY_LEN(ARGV(__VA_ARGS__)) - 1, ARGV(__VA_ARGS__))

static void values_come_in_both_forms(void **state)
{
    (void)state;
    assert_int_equal(TRY("encode", "--crf", "12", "in", "--root=a", "out", "--root", "b", "--json"),
                     AVSP_OK);
    assert_string_equal(args.command->name, "encode");
    assert_int_equal(args.n_args, 2);
    assert_string_equal(args.args[0], "in");
    assert_string_equal(args.args[1], "out");
    assert_string_equal(avsp_cli_str(&args, "crf"), "12");
    assert_true(avsp_cli_flag(&args, "json"));
    assert_string_equal(avsp_cli_nth(&args, "root", 0), "a");
    assert_string_equal(avsp_cli_nth(&args, "root", 1), "b");
    assert_null(avsp_cli_nth(&args, "root", 2));
    assert_null(avsp_cli_str(&args, "a-very-long-option-name"));
    assert_int_equal(TRY("encode", "--crf", "1", "--crf=2", "--", "--json", "-"), AVSP_OK);
    assert_string_equal(avsp_cli_str(&args, "crf"), "2"); // the last one counts
    assert_false(avsp_cli_flag(&args, "json"));
    assert_string_equal(args.args[0], "--json");
    assert_string_equal(args.args[1], "-");
}

static void the_command_line_goes_before_the_environment_before_the_default(void **state)
{
    (void)state;
    assert_int_equal(TRY("encode", "a", "b"), AVSP_OK);
    assert_string_equal(avsp_cli_str(&args, "crf"), "30");
    setenv("TEST_CRF", "11", 1);
    setenv("TEST_JSON", "yes", 1);
    assert_int_equal(TRY("encode", "a", "b"), AVSP_OK);
    assert_string_equal(avsp_cli_str(&args, "crf"), "11");
    assert_true(avsp_cli_flag(&args, "json"));
    assert_int_equal(TRY("encode", "a", "b", "--crf=5"), AVSP_OK);
    assert_string_equal(avsp_cli_str(&args, "crf"), "5");
    setenv("TEST_CRF", "", 1);
    setenv("TEST_JSON", "0", 1);
    assert_int_equal(TRY("encode", "a", "b"), AVSP_OK);
    assert_string_equal(avsp_cli_str(&args, "crf"), "30");
    assert_false(avsp_cli_flag(&args, "json"));
    setenv("TEST_JSON", "perhaps", 1);
    assert_int_equal(TRY("encode", "a", "b"), AVSP_INVALID);
    assert_non_null(strstr(err.text, "TEST_JSON"));
    unsetenv("TEST_CRF");
    unsetenv("TEST_JSON");
}

static void numbers_have_bounds(void **state)
{
    (void)state;
    int64_t value = 0;
    assert_int_equal(TRY("encode", "a", "b", "--crf", "77"), AVSP_OK);
    assert_int_equal(avsp_cli_i64(&args, "crf", 1, 63, &value, &err), AVSP_INVALID);
    assert_string_equal(err.text, "--crf: 77 is not a whole number from 1 to 63");
    assert_int_equal(TRY("encode", "a", "b", "--crf", "63"), AVSP_OK);
    assert_int_equal(avsp_cli_i64(&args, "crf", 1, 63, &value, &err), AVSP_OK);
    assert_int_equal(value, 63);
}

static void mistakes_are_named(void **state)
{
    (void)state;
    static const struct {
        const char *argv[6];
        const char *words[2];
    } rows[] = {
        {{"prog", "encode", "--crff", "3"}, {"--crff", "did you mean --crf?"}},
        {{"prog", "encode", "--jso"}, {"--jso", "did you mean --json?"}},
        {{"prog", "encode", "--zzzzzz"}, {"unknown option --zzzzzz", "\"prog encode --help\""}},
        {{"prog", "encode", "-v"}, {"-v", "two dashes"}},
        {{"prog", "encode", "--crf"}, {"--crf needs a value", "--crf N"}},
        {{"prog", "encode", "--json=1"}, {"--json", "takes no value"}},
        {{"prog", "encode", "a"}, {"prog encode needs INPUT OUTPUT", "too little"}},
        {{"prog", "encode", "a", "b", "c"}, {"one argument too many", "\"c\""}},
        {{"prog", "encoed"}, {"\"encoed\"", "did you mean \"encode\"?"}},
        {{"prog", "help", "nothing"}, {"unknown command", "nothing"}},
        {{"prog", "--json"}, {"--json", "options follow it"}},
        {{"prog"}, {"which command", "prog --help"}},
    };
    for (size_t i = 0; i < AVSP_ARRAY_LEN(rows); i++) {
        size_t argc = 0;
        while (rows[i].argv[argc] != NULL)
            argc++;
        assert_int_equal(parse(&program, argc, rows[i].argv), AVSP_INVALID);
        assert_false(answered);
        for (size_t k = 0; k < 2; k++)
            if (strstr(err.text, rows[i].words[k]) == NULL)
                fail_msg("no \"%s\" in: %s", rows[i].words[k], err.text);
        assert_null(strchr(err.text, '\n'));
    }
}

static void too_many_values_are_refused(void **state)
{
    (void)state;
    const char *argv[2 * AVSP_CLI_VALUES_MAX + 6] = {"prog", "encode", "a", "b"};
    size_t argc = 4;
    for (int i = 0; i < AVSP_CLI_VALUES_MAX; i++)
        argv[argc++] = "--root=x";
    assert_int_equal(parse(&program, argc, argv), AVSP_OK);
    argv[argc++] = "--root=x";
    assert_int_equal(parse(&program, argc, argv), AVSP_INVALID);
}

/// What a run prints to standard output.
static void capture(const struct avsp_cli_program *prog, const char *const *argv, char *ret_text,
                    size_t len)
{
    size_t argc = 0;
    while (argv[argc] != NULL)
        argc++;
    fflush(stdout);
    int saved = dup(STDOUT_FILENO);
    int file = memfd_create("stdout", MFD_CLOEXEC);
    dup2(file, STDOUT_FILENO);
    enum avsp_code rc = parse(prog, argc, argv);
    dup2(saved, STDOUT_FILENO);
    close(saved);
    ssize_t n = pread(file, ret_text, len - 1, 0);
    close(file);
    ret_text[n > 0 ? n : 0] = '\0';
    assert_int_equal(rc, AVSP_OK);
    assert_true(answered);
}

static void assert_width(const char *text)
{
    for (const char *line = text; *line != '\0';) {
        size_t len = strcspn(line, "\n");
        if (len > 80)
            fail_msg("%zu columns: %.*s", len, (int)len, line);
        if (len > 0 && line[len - 1] == ' ')
            fail_msg("a space at the end: \"%.*s\"", (int)len, line);
        line += len + (line[len] == '\n');
    }
}

static void help_is_printed_everywhere(void **state)
{
    (void)state;
    static char text[20000];
    capture(&program, ARGV("encode", "--help"), text, sizeof text);
    static char other[20000];
    capture(&program, ARGV("help", "encode"), other, sizeof other);
    assert_string_equal(text, other);
    assert_non_null(strstr(text, "Usage: prog encode [OPTIONS] INPUT OUTPUT\n"));
    assert_non_null(strstr(text, "\n  an example\nSecond.\n"));
    assert_non_null(
        strstr(text, "\n  --crf N                 Quality. Default: 30. Also: TEST_CRF.\n"));
    assert_non_null(
        strstr(text, "\n  --a-very-long-option-name VALUE\n                          Its"));
    assert_width(text);
    capture(&program, ARGV("--help"), text, sizeof text);
    assert_non_null(strstr(text, "\n  encode INPUT OUTPUT     encode a video\n"));
    assert_width(text);
    capture(&single, ARGV("--help"), text, sizeof text);
    assert_non_null(strstr(text, "It does one thing."));
    assert_width(text);
    capture(&program, ARGV("--version"), text, sizeof text);
    assert_string_equal(text, "prog " AVSP_VERSION "\n");
}

static void man_pages_escape_what_roff_would_read(void **state)
{
    (void)state;
    static char text[20000];
    capture(&program, ARGV("--man"), text, sizeof text);
    assert_memory_equal(text, ".TH prog 1 \"\"", 13);
    assert_non_null(strstr(text, ".SH FILES\n\\&.hidden \\-file\\en\n.SH SEE ALSO\nothers\n"));
    assert_non_null(strstr(text, ".TP\n\\fB\\-\\-crf\\fR \\fIN\\fR\n"));
    assert_non_null(strstr(text, ".SS prog encode INPUT OUTPUT\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_come_in_both_forms),
        cmocka_unit_test(the_command_line_goes_before_the_environment_before_the_default),
        cmocka_unit_test(numbers_have_bounds),
        cmocka_unit_test(mistakes_are_named),
        cmocka_unit_test(too_many_values_are_refused),
        cmocka_unit_test(help_is_printed_everywhere),
        cmocka_unit_test(man_pages_escape_what_roff_would_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
