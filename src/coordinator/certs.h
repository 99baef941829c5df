/// Tells of certificates that were replaced while the coordinator runs: gRPC takes them up by itself at the next connection
/// (rpc/tls.h), or, without a word, does not.
///
///     avsp_certs_init(&certs, &config->tls);
///     avsp_certs_look(&certs);            // now and then
///
/// One thread.
#ifndef AVSP_COORDINATOR_CERTS_H
#define AVSP_COORDINATOR_CERTS_H

#include "rpc/security.h"
#include "util/err.h"
#include "util/file.h"

#define AVSP_CERTS_FILES 3

struct avsp_certs {
    struct avsp_server_tls tls; ///< all NULL: plain text
    struct avsp_file_mark marks[AVSP_CERTS_FILES];
    struct avsp_err refused; ///< why they were, when they were last read
};

/// @param tls  its strings are borrowed for as long as @p certs is used.
void avsp_certs_init(struct avsp_certs *certs, const struct avsp_server_tls *tls);

/// Logs `tls.read` where files have changed and are good, `tls.refused` where they are not: the former ones are served on then.
void avsp_certs_look(struct avsp_certs *certs);

#endif
