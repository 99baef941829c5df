#include "util/cli.h"

#include "util/cli_text.h"
#include "util/fd.h"
#include "util/parse.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#define NAME_MAX_BYTES 64

/// Does it do something without a command?
static bool has_plain_use(const struct avsp_cli_program *program)
{
    return program->commands[0].name[0] == '\0';
}

/// How far apart two names are: insertions, deletions, exchanges; NAME_MAX_BYTES where one is too long to be a typing error.
static unsigned edit_distance(const char *a, const char *b)
{
    size_t n_a = strlen(a);
    size_t n_b = strlen(b);
    if (n_a >= NAME_MAX_BYTES || n_b >= NAME_MAX_BYTES)
        return NAME_MAX_BYTES;
    unsigned row[NAME_MAX_BYTES];
    for (size_t j = 0; j <= n_b; j++)
        row[j] = (unsigned)j;
    for (size_t i = 1; i <= n_a; i++) {
        unsigned diagonal = row[0];
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= n_b; j++) {
            unsigned exchange = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            row[j] = AVSP_MIN(exchange, AVSP_MIN(row[j], row[j - 1]) + 1);
        }
    }
    return row[n_b];
}

/// Is @p candidate nearer to what was typed than anything before, and near enough to be meant?
static bool is_nearer(const char *typed, const char *candidate, unsigned *best)
{
    size_t len = strlen(typed);
    bool is_beginning = len >= 3 && strncmp(typed, candidate, len) == 0;
    unsigned distance = is_beginning ? 1 : edit_distance(typed, candidate);
    if (distance >= *best || distance > 1 + len / 3)
        return false;
    *best = distance;
    return true;
}

static const struct avsp_cli_option *find_option(const struct avsp_cli_command *command,
                                                 const char *name, size_t len)
{
    for (size_t i = 0; i < command->n_options; i++) {
        const struct avsp_cli_option *option = &command->options[i];
        if (strlen(option->name) == len && memcmp(option->name, name, len) == 0)
            return option;
    }
    return NULL;
}

/// "avspl1t encode", or the program's name alone.
static const char *spoken_name(const struct avsp_cli_program *program,
                               const struct avsp_cli_command *command, char *ret_text, size_t len)
{
    snprintf(ret_text, len, "%s%s%s", program->name, command->name[0] != '\0' ? " " : "",
             command->name);
    return ret_text;
}

/// Sets INVALID: the problem, then where help is.
static enum avsp_code AVSP_PRINTF(4, 5)
    usage_error(const struct avsp_cli_program *program, const struct avsp_cli_command *command,
                struct avsp_err *err, const char *fmt, ...)
{
    char problem[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(problem, sizeof problem, fmt, ap);
    va_end(ap);
    char name[2 * NAME_MAX_BYTES];
    if (command != NULL)
        spoken_name(program, command, name, sizeof name);
    else
        snprintf(name, sizeof name, "%s", program->name);
    return avsp_err_set(err, AVSP_INVALID, "%s (see \"%s --help\")", problem, name);
}

static enum avsp_code unknown_option(const struct avsp_cli_program *program,
                                     const struct avsp_cli_command *command, const char *name,
                                     size_t len, struct avsp_err *err)
{
    char typed[NAME_MAX_BYTES];
    snprintf(typed, sizeof typed, "%.*s", (int)AVSP_MIN(len, sizeof typed - 1), name);
    static const char *const everywhere[] = {"help", "version", "man"};
    const char *nearest = NULL;
    unsigned best = NAME_MAX_BYTES;
    for (size_t i = 0; i < command->n_options; i++)
        if (is_nearer(typed, command->options[i].name, &best))
            nearest = command->options[i].name;
    for (size_t i = 0; i < AVSP_ARRAY_LEN(everywhere); i++)
        if (is_nearer(typed, everywhere[i], &best))
            nearest = everywhere[i];
    if (nearest == NULL)
        return usage_error(program, command, err, "unknown option --%s", typed);
    return usage_error(program, command, err, "unknown option --%s: did you mean --%s?", typed,
                       nearest);
}

static enum avsp_code unknown_command(const struct avsp_cli_program *program, const char *name,
                                      struct avsp_err *err)
{
    const char *nearest = NULL;
    unsigned best = NAME_MAX_BYTES;
    for (size_t i = 0; i < program->n_commands; i++)
        if (is_nearer(name, program->commands[i].name, &best))
            nearest = program->commands[i].name;
    if (nearest == NULL)
        return usage_error(program, NULL, err, "unknown command \"%.64s\"", name);
    return usage_error(program, NULL, err, "unknown command \"%.64s\": did you mean \"%s\"?", name,
                       nearest);
}

static const struct avsp_cli_command *find_command(const struct avsp_cli_program *program,
                                                   const char *name)
{
    for (size_t i = 0; i < program->n_commands; i++)
        if (name[0] != '\0' && strcmp(program->commands[i].name, name) == 0)
            return &program->commands[i];
    return NULL;
}

static enum avsp_code store_value(const struct avsp_cli_program *program,
                                  struct avsp_cli_parsed *parsed,
                                  const struct avsp_cli_option *option, const char *text,
                                  struct avsp_err *err)
{
    unsigned place = parsed->n_values;
    for (unsigned i = 0; !option->repeats && i < parsed->n_values; i++)
        if (parsed->values[i].option == option)
            place = i; // given again: the last one counts
    if (place == AVSP_CLI_VALUES_MAX)
        return usage_error(program, parsed->command, err, "more than %d options",
                           AVSP_CLI_VALUES_MAX);
    parsed->values[place].option = option;
    parsed->values[place].text = text;
    parsed->n_values = AVSP_MAX(parsed->n_values, place + 1);
    return AVSP_OK;
}

/// Takes one "--name", "--name=value" or "--name value". @param idx  of the option; left on the last word it took.
static enum avsp_code take_option(const struct avsp_cli_program *program, int argc, char **argv,
                                  int *idx, struct avsp_cli_parsed *parsed, struct avsp_err *err)
{
    const char *name = argv[*idx] + 2;
    size_t len = strcspn(name, "=");
    const char *value = name[len] == '=' ? name + len + 1 : NULL;
    const struct avsp_cli_option *option = find_option(parsed->command, name, len);
    if (option == NULL)
        return unknown_option(program, parsed->command, name, len, err);
    if (option->value == NULL) {
        if (value != NULL)
            return usage_error(program, parsed->command, err, "--%s takes no value", option->name);
        return store_value(program, parsed, option, "1", err);
    }
    if (value == NULL) {
        if (*idx + 1 >= argc)
            return usage_error(program, parsed->command, err, "--%s needs a value: --%s %s",
                               option->name, option->name, option->value);
        value = argv[++*idx];
    }
    return store_value(program, parsed, option, value, err);
}

static bool is_switched_on(const char *text)
{
    return strcmp(text, "1") == 0 || strcmp(text, "true") == 0 || strcmp(text, "yes") == 0;
}

static bool is_switched_off(const char *text)
{
    return text[0] == '\0' || strcmp(text, "0") == 0 || strcmp(text, "false") == 0 ||
           strcmp(text, "no") == 0;
}

static bool was_given(const struct avsp_cli_parsed *parsed, const struct avsp_cli_option *option)
{
    for (unsigned i = 0; i < parsed->n_values; i++)
        if (parsed->values[i].option == option)
            return true;
    return false;
}

/// Fills in from the environment what the command line left out. An empty variable counts as absent.
static enum avsp_code take_environment(const struct avsp_cli_program *program,
                                       struct avsp_cli_parsed *parsed, struct avsp_err *err)
{
    for (size_t i = 0; i < parsed->command->n_options; i++) {
        const struct avsp_cli_option *option = &parsed->command->options[i];
        const char *text = option->env != NULL ? getenv(option->env) : NULL;
        if (text == NULL || text[0] == '\0' || was_given(parsed, option))
            continue;
        if (option->value == NULL && !is_switched_on(text) && !is_switched_off(text))
            return usage_error(program, parsed->command, err, "%s: \"%.64s\" is not 1 or 0",
                               option->env, text);
        enum avsp_code rc = store_value(program, parsed, option, text, err);
        if (rc != AVSP_OK)
            return rc;
    }
    return AVSP_OK;
}

static enum avsp_code check_arguments(const struct avsp_cli_program *program,
                                      const struct avsp_cli_parsed *parsed, struct avsp_err *err)
{
    const struct avsp_cli_command *command = parsed->command;
    if (parsed->n_args >= command->min_args)
        return AVSP_OK;
    char name[2 * NAME_MAX_BYTES];
    return usage_error(program, command, err, "%s: %s needs %s",
                       parsed->n_args == 0 ? "nothing given" : "too little given",
                       spoken_name(program, command, name, sizeof name), command->arguments);
}

static enum avsp_code print(struct avsp_buf *buf, bool *ret_exit, struct avsp_err *err)
{
    *ret_exit = true;
    enum avsp_code rc = avsp_buf_check(buf, err);
    if (rc == AVSP_OK)
        rc = avsp_fd_write_all(STDOUT_FILENO, buf->data, buf->len, err);
    return rc == AVSP_OK ? AVSP_OK : avsp_err_wrap(err, "write to standard output");
}

/// Answers --help, --version and --man. @param command  NULL = of the whole program.
static enum avsp_code answer(const struct avsp_cli_program *program,
                             const struct avsp_cli_command *command, const char *word,
                             bool *ret_exit, struct avsp_err *err)
{
    struct avsp_buf AVSP_CLEANUP(avsp_buf_deinit) buf;
    avsp_buf_init(&buf, AVSP_CLI_TEXT_MAX_BYTES);
    if (strcmp(word, "--version") == 0)
        avsp_buf_printf(&buf, "%s %s\n", program->name, AVSP_VERSION);
    else if (strcmp(word, "--man") == 0)
        avsp_cli_man(program, &buf);
    else
        avsp_cli_help(program, command, &buf);
    return print(&buf, ret_exit, err);
}

static bool asks_for_text(const char *word)
{
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 ||
           strcmp(word, "--version") == 0 || strcmp(word, "--man") == 0;
}

static enum avsp_code take_words(const struct avsp_cli_program *program, int argc, char **argv,
                                 int first, struct avsp_cli_parsed *parsed, bool *ret_exit,
                                 struct avsp_err *err)
{
    const struct avsp_cli_command *command = parsed->command;
    bool options_end = false;
    for (int i = first; i < argc; i++) {
        const char *word = argv[i];
        enum avsp_code rc = AVSP_OK;
        if (!options_end && asks_for_text(word))
            return answer(program, command, word, ret_exit, err);
        if (!options_end && strcmp(word, "--") == 0)
            options_end = true;
        else if (!options_end && strncmp(word, "--", 2) == 0)
            rc = take_option(program, argc, argv, &i, parsed, err);
        else if (!options_end && word[0] == '-' && word[1] != '\0')
            rc = usage_error(program, command, err,
                             "unknown option %.64s: options begin with two dashes", word);
        else if (parsed->n_args >= AVSP_MIN(command->max_args, (unsigned)AVSP_CLI_ARGS_MAX))
            rc = usage_error(program, command, err, "one argument too many: \"%.256s\"", word);
        else
            parsed->args[parsed->n_args++] = word;
        if (rc != AVSP_OK)
            return rc;
    }
    return AVSP_OK;
}

/// Is a command named in front of all else, or help about one asked for?
static bool names_command(const struct avsp_cli_program *program, int argc, char **argv)
{
    if (!has_plain_use(program))
        return true;
    if (program->n_commands == 1 || argc < 2)
        return false;
    return strcmp(argv[1], "help") == 0 || find_command(program, argv[1]) != NULL;
}

/// Finds the command in front of all else, or answers what is asked about the program as a whole.
static enum avsp_code take_command(const struct avsp_cli_program *program, int argc, char **argv,
                                   struct avsp_cli_parsed *parsed, bool *ret_exit,
                                   struct avsp_err *err)
{
    if (argc < 2)
        return usage_error(program, NULL, err, "which command?");
    const char *word = argv[1];
    if (asks_for_text(word))
        return answer(program, NULL, word, ret_exit, err);
    if (word[0] == '-')
        return usage_error(program, NULL, err, "\"%.64s\" before the command: options follow it",
                           word);
    bool wants_help = strcmp(word, "help") == 0;
    if (wants_help && argc < 3)
        return answer(program, NULL, "--help", ret_exit, err);
    parsed->command = find_command(program, wants_help ? argv[2] : word);
    if (parsed->command == NULL)
        return unknown_command(program, wants_help ? argv[2] : word, err);
    return wants_help ? answer(program, parsed->command, "--help", ret_exit, err) : AVSP_OK;
}

enum avsp_code avsp_cli_parse(const struct avsp_cli_program *program, int argc, char **argv,
                              struct avsp_cli_parsed *ret_parsed, bool *ret_exit,
                              struct avsp_err *err)
{
    *ret_parsed = (struct avsp_cli_parsed){.command = &program->commands[0]};
    *ret_exit = false;
    int first = 1;
    if (names_command(program, argc, argv)) {
        enum avsp_code rc = take_command(program, argc, argv, ret_parsed, ret_exit, err);
        if (rc != AVSP_OK || *ret_exit)
            return rc;
        first = 2;
    }
    enum avsp_code rc = take_words(program, argc, argv, first, ret_parsed, ret_exit, err);
    if (rc != AVSP_OK || *ret_exit)
        return rc;
    rc = check_arguments(program, ret_parsed, err);
    return rc == AVSP_OK ? take_environment(program, ret_parsed, err) : rc;
}

static const struct avsp_cli_option *known_option(const struct avsp_cli_parsed *args,
                                                  const char *name)
{
    const struct avsp_cli_option *option = find_option(args->command, name, strlen(name));
    AVSP_ASSERT(option != NULL);
    return option;
}

const char *avsp_cli_nth(const struct avsp_cli_parsed *args, const char *name, unsigned n)
{
    const struct avsp_cli_option *option = known_option(args, name);
    unsigned seen = 0;
    for (unsigned i = 0; i < args->n_values; i++)
        if (args->values[i].option == option && seen++ == n)
            return args->values[i].text;
    return seen == 0 && n == 0 ? option->def : NULL;
}

const char *avsp_cli_str(const struct avsp_cli_parsed *args, const char *name)
{
    return avsp_cli_nth(args, name, 0);
}

bool avsp_cli_flag(const struct avsp_cli_parsed *args, const char *name)
{
    const char *text = avsp_cli_str(args, name);
    return text != NULL && is_switched_on(text);
}

enum avsp_code avsp_cli_i64(const struct avsp_cli_parsed *args, const char *name, int64_t min,
                            int64_t max, int64_t *ret_value, struct avsp_err *err)
{
    const char *text = avsp_cli_str(args, name);
    if (text == NULL)
        return avsp_err_set(err, AVSP_INVALID, "--%s is needed", name);
    if (avsp_parse_i64(text, min, max, ret_value))
        return AVSP_OK;
    return avsp_err_set(err, AVSP_INVALID,
                        "--%s: %.64s is not a whole number from %" PRId64 " to %" PRId64, name,
                        text, min, max);
}
