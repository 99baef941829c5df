/// What the coordinator is told on its command line. Strings are borrowed from argv, the environment and static storage.
#ifndef AVSP_COORDINATOR_CONFIG_H
#define AVSP_COORDINATOR_CONFIG_H

#include "rpc/security.h"
#include "util/arena.h"
#include "util/cli.h"
#include "util/err.h"
#include "util/log.h"

/// The row of an option table that says which database it is.
#define AVSP_OPTION_DB                                                                             \
    {                                                                                              \
        "db", "URL", "AVSPL1T_DB", NULL,                                                           \
            "The database: sqlite:///ABSOLUTE/PATH, made where it does not exist, or an existing " \
            "one on "                                                                              \
            "PostgreSQL that any number of coordinators may share: "                               \
            "postgresql://USER@HOST/DATABASE, and "                                                \
            "whatever else libpq knows. Others can see a command line: give passwords in the "     \
            "environment "                                                                         \
            "or in ~/.pgpass. Default: avspl1t/coordinator.db in $XDG_STATE_HOME or "              \
            "~/.local/state."                                                                      \
    }

struct avsp_config {
    const char *listen;
    struct avsp_server_tls tls;
    bool asks_callers;   ///< who they are
    const char *keyring; ///< a file; NULL = not said
    const char *http;    ///< NULL = not served
    const char *db_url;  ///< in the arena
    int64_t lease_ms;
    int64_t max_attempts;
    int64_t split_ahead_bytes; ///< 0 = no limit
    struct avsp_log_options log;
    bool take_over;
    int ready_fd; ///< -1 = none
};

extern const struct avsp_cli_program avsp_coordinator_program;

/// Reads the parsed command line; makes the default database's folder where the default is used.
/// @return OK; INVALID a value that is out of range or not safe; DENIED, LIMIT the folder cannot be made.
enum avsp_code avsp_config_read(const struct avsp_cli_parsed *args, struct avsp_arena *arena,
                                struct avsp_config *ret_config, struct avsp_err *err) AVSP_CHECKED;

/// The database that AVSP_OPTION_DB names; makes the default's folder where there is none. @return as avsp_config_read.
enum avsp_code avsp_config_db(const struct avsp_cli_parsed *args, struct avsp_arena *arena,
                              const char **ret_url, struct avsp_err *err) AVSP_CHECKED;

/// Does an address reach this machine only: a unix socket, or a loopback host?
bool avsp_config_is_loopback(const char *listen);

#endif
