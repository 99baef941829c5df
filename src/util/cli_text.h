/// The texts that util/cli.c prints: help for a terminal of 80 columns, and a man page. Pure; one thread at a time.
#ifndef AVSP_UTIL_CLI_TEXT_H
#define AVSP_UTIL_CLI_TEXT_H

#include "util/buf.h"
#include "util/cli.h"

#define AVSP_CLI_TEXT_MAX_BYTES (1 << 20)

/// Help on @p command, or on the program where it is NULL.
void avsp_cli_help(const struct avsp_cli_program *program, const struct avsp_cli_command *command,
                   struct avsp_buf *buf);

/// The program's page in man(7) macros, without a date: the same source gives the same bytes.
void avsp_cli_man(const struct avsp_cli_program *program, struct avsp_buf *buf);

#endif
