/// Command lines of the three programs (util/cli.h), and what they make of them. Input: program, then one argument a line.
#include "client/command.h"
#include "coordinator/config.h"
#include "fuzz.h"
#include "worker/config.h"

#include <stdarg.h>
#include <stdio.h>

#define ARGS_MAX 40

/// main() of avspl1t, which keeps its table to itself, under another name; its commands end in `seen`.
int avsp_client_main(int argc, char **argv);

static struct avsp_cli_parsed seen;
static bool is_seen;

static int see(const struct avsp_cli_parsed *args)
{
    seen = *args;
    is_seen = true;
    return 0;
}

#define COMMAND(name)                                                                              \
    int avsp_cmd_##name(const struct avsp_cli_parsed *args)                                        \
    {                                                                                              \
        return see(args);                                                                          \
    }
COMMAND(encode)
COMMAND(submit)
COMMAND(status)
COMMAND(watch)
COMMAND(list)
COMMAND(cancel)
COMMAND(retry)
COMMAND(pause)
COMMAND(resume)
COMMAND(priority)
COMMAND(workers)
COMMAND(drain)
COMMAND(delete)
COMMAND(probe)
COMMAND(verify)

void avsp_cmd_say(const char *fmt, ...)
{
    char text[AVSP_ERR_TEXT_BYTES];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    AVSP_ASSERT(n > 0);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    // Nothing is to be made in the home folder, and help is not to be read.
    unsetenv("HOME");
    unsetenv("XDG_STATE_HOME");
    AVSP_ASSERT(freopen("/dev/null", "w", stdout) != NULL);
    return 0;
}

static void take_values(const struct avsp_cli_parsed *args)
{
    struct avsp_err err = {0};
    for (size_t i = 0; i < args->command->n_options; i++) {
        const struct avsp_cli_option *option = &args->command->options[i];
        int64_t number = 0;
        (void)avsp_cli_flag(args, option->name);
        if (option->value == NULL || avsp_cli_str(args, option->name) == NULL)
            continue;
        (void)avsp_cli_nth(args, option->name, 3);
        (void)!avsp_cli_i64(args, option->name, -1, 1000, &number, &err);
    }
}

static void run_client(int argc, char **argv)
{
    is_seen = false;
    (void)avsp_client_main(argc, argv);
    if (is_seen)
        take_values(&seen);
}

static void run_daemon(const struct avsp_cli_program *program, int argc, char **argv)
{
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    avsp_arena_init(&arena, 1 << 20);
    struct avsp_cli_parsed args;
    struct avsp_config coordinator;
    struct avsp_worker_config worker;
    struct avsp_err err = {0};
    bool is_answered = false;
    if (avsp_cli_parse(program, argc, argv, &args, &is_answered, &err) != AVSP_OK) {
        AVSP_ASSERT(err.text[0] != '\0' && strchr(err.text, '\n') == NULL);
        return;
    }
    if (is_answered)
        return;
    take_values(&args);
    // A command of a daemon has options of its own.
    bool is_service = args.command->name[0] == '\0';
    if (program == &avsp_coordinator_program && is_service &&
        avsp_cli_str(&args, "ready-fd") == NULL)
        (void)!avsp_config_read(&args, &arena, &coordinator, &err);
    if (program == &avsp_worker_program)
        (void)!avsp_worker_config_read(&args, &worker, &err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    uint8_t program = data[0] % 3;
    data++;
    size--;
    char name[] = "program";
    char *argv[ARGS_MAX + 2] = {name};
    int argc = 1;
    for (char *line; argc <= ARGS_MAX && (line = fuzz_line(&data, &size)) != NULL;)
        argv[argc++] = line;
    if (program == 0)
        run_client(argc, argv);
    else
        run_daemon(program == 1 ? &avsp_coordinator_program : &avsp_worker_program, argc, argv);
    for (int i = 1; i < argc; i++)
        free(argv[i]);
    return 0;
}
