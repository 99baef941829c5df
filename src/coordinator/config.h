/// What the coordinator is told on its command line. Strings are borrowed from argv, the environment and static storage.
#ifndef AVSP_COORDINATOR_CONFIG_H
#define AVSP_COORDINATOR_CONFIG_H

#include "rpc/security.h"
#include "util/arena.h"
#include "util/cli.h"
#include "util/err.h"
#include "util/log.h"

struct avsp_config {
    const char *listen;
    struct avsp_server_tls tls;
    const char *http;   ///< NULL = not served
    const char *db_url; ///< in the arena
    int64_t lease_ms;
    int64_t max_attempts;
    enum avsp_log_level log_level;
    bool take_over;
    int ready_fd; ///< -1 = none
};

extern const struct avsp_cli_program avsp_coordinator_program;

/// Reads the parsed command line; makes the default database's folder where the default is used.
/// @return OK; INVALID a value that is out of range or not safe; DENIED, LIMIT the folder cannot be made.
enum avsp_code avsp_config_read(const struct avsp_cli_parsed *args, struct avsp_arena *arena,
                                struct avsp_config *ret_config, struct avsp_err *err) AVSP_CHECKED;

/// Does an address reach this machine only: a unix socket, or a loopback host?
bool avsp_config_is_loopback(const char *listen);

#endif
