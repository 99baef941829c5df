/// avspl1t-coordinator token: makes, lists and revokes tokens, in the database that coordinators share.
#ifndef AVSP_COORDINATOR_CMD_TOKEN_H
#define AVSP_COORDINATOR_CMD_TOKEN_H

#include "util/arena.h"
#include "util/cli.h"

/// Does it, and prints the result to standard output: of add the token alone, which nobody can show again.
/// @param db_url  where. @return OK; INVALID a wrong argument; NOT_FOUND; as the store says.
enum avsp_code avsp_token_run(const struct avsp_cli_parsed *args, const char *db_url,
                              struct avsp_err *err) AVSP_CHECKED;

#endif
