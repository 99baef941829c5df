/// Command lines, --help, man pages and environment variables from one table.
///
///     static const struct avsp_cli_option options[] = {
///         {"listen", "HOST:PORT", "AVSPL1T_LISTEN", "127.0.0.1:50051", "Where to listen."}, …
///     };
///     struct avsp_cli_parsed args;
///     switch (avsp_cli_parse(&program, argc, argv, &args, err)) …
///     const char *listen = avsp_cli_str(&args, "listen");
///
/// A value comes from the command line (`--name value` or `--name=value`), else from the option's environment variable,
/// else from its default. `--help`, `--version` and `--man` (the page in roff; the build makes the man pages with it) are
/// understood everywhere. Unknown options are an error that names the nearest one. One thread.
#ifndef AVSP_UTIL_CLI_H
#define AVSP_UTIL_CLI_H

#include "util/base.h"
#include "util/err.h"

struct avsp_cli_option {
    const char *name;  ///< without "--"
    const char *value; ///< name of its value in help; NULL = a switch
    const char *env;   ///< variable that gives its value, or NULL
    const char *def;   ///< text of the default; NULL = none
    const char *help;  ///< one or more sentences
    bool repeats;      ///< may be given several times
};

/// One command of a program with commands (`avspl1t encode`), or what it does where none is named.
struct avsp_cli_command {
    const char *name;      ///< "" for what the program does without one; only the first may be that
    const char *arguments; ///< "INPUT OUTPUT"; "" = none
    unsigned min_args;
    unsigned max_args;
    const char *summary; ///< one line
    const char *help;    ///< paragraphs, separated by an empty line
    const struct avsp_cli_option *options;
    size_t n_options;
};

struct avsp_cli_program {
    const char *name;
    const char *summary; ///< one line
    const char *description;
    const struct avsp_cli_command *commands;
    size_t n_commands;
    const char *notes; ///< for the man page: sections "HEADING\ntext", an empty line between; or ""
};

#define AVSP_CLI_ARGS_MAX 16
#define AVSP_CLI_VALUES_MAX 64

struct avsp_cli_parsed {
    const struct avsp_cli_command *command;
    const char *args[AVSP_CLI_ARGS_MAX];
    unsigned n_args;
    struct {
        const struct avsp_cli_option *option;
        const char *text;
    } values[AVSP_CLI_VALUES_MAX];
    unsigned n_values;
};

/// Prints help, version or man page to stdout where they were asked for.
/// @param ret_exit  true: everything asked for was printed, the program ends with 0.
/// @return OK; INVALID one line that says what is wrong and where help is. Strings are borrowed from argv and the environment.
enum avsp_code avsp_cli_parse(const struct avsp_cli_program *program, int argc, char **argv,
                              struct avsp_cli_parsed *ret_parsed, bool *ret_exit,
                              struct avsp_err *err) AVSP_CHECKED;

/// The value of an option: command line, environment or default; NULL where there is none.
const char *avsp_cli_str(const struct avsp_cli_parsed *args, const char *name);

/// Was the switch given (or its variable set to 1, true or yes)?
bool avsp_cli_flag(const struct avsp_cli_parsed *args, const char *name);

/// The @p n-th value of an option that repeats; NULL after the last.
const char *avsp_cli_nth(const struct avsp_cli_parsed *args, const char *name, unsigned n);

/// An integer option within bounds. @return OK; INVALID "--crf: 77 is not a whole number from 1 to 63".
enum avsp_code avsp_cli_i64(const struct avsp_cli_parsed *args, const char *name, int64_t min,
                            int64_t max, int64_t *ret_value, struct avsp_err *err) AVSP_CHECKED;

#endif
