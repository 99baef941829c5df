/// gRPC's credentials from files that may change; for src/rpc alone.
#ifndef AVSP_RPC_TLS_H
#define AVSP_RPC_TLS_H

#include "rpc/compat.h"
#include "rpc/security.h"
#include "util/file.h"

#define AVSP_TLS_FILES 3                       ///< certificate, key, authorities
#define AVSP_CLIENT_FILES (AVSP_TLS_FILES + 1) ///< the token too

/// A port's files, as they were when they were last read.
struct avsp_tls_port {
    struct avsp_server_tls tls;
    struct avsp_file_mark marks[AVSP_TLS_FILES];
};

/// Reads a server's files, so that what is wrong with them has words. @return OK; INVALID one that is no PEM; as avsp_file_read.
enum avsp_code avsp_server_tls_check(const struct avsp_server_tls *tls,
                                     struct avsp_err *err) AVSP_CHECKED;

/// @param port  lives as long as the server, and is one port's alone. @return release it.
grpc_server_credentials *avsp_server_credentials(struct avsp_tls_port *port);

/// The marks of a client's files.
void avsp_client_marks(const struct avsp_client_security *security,
                       struct avsp_file_mark ret_marks[AVSP_CLIENT_FILES]);

/// The token to show. @param ret_token  "" = none; the caller wipes it. @return OK; INVALID no token; as avsp_file_read.
enum avsp_code avsp_client_token(const struct avsp_client_security *security,
                                 char ret_token[AVSP_TOKEN_TEXT_BYTES],
                                 struct avsp_err *err) AVSP_CHECKED;

/// @param ret_creds  release them. @return OK; as avsp_server_tls_check.
enum avsp_code avsp_client_credentials(const struct avsp_client_security *security,
                                       grpc_channel_credentials **ret_creds,
                                       struct avsp_err *err) AVSP_CHECKED;

#endif
