/// How a connection is protected, on both of its ends: files with certificates and a token, which may be replaced at any time.
///
/// Both ends look whether their files have changed, a server at each new connection, a client at a call (at most once a
/// second), and go over to what is there now; connections that exist stay as they are. What cannot be read or does not fit
/// together leaves the former in place. Everything is PEM. Strings are borrowed as long as the server or client lives.
#ifndef AVSP_RPC_SECURITY_H
#define AVSP_RPC_SECURITY_H

#include "util/base.h"
#include "util/cli.h"
#include "util/err.h"

#define AVSP_PEM_MAX_BYTES ((size_t)1 << 20) ///< of a file: all authorities of the web are 220 KiB
#define AVSP_TOKEN_TEXT_BYTES 256

/// Of a server. cert NULL: plain text.
struct avsp_server_tls {
    const char *cert;      ///< its certificate, and those between it and a root
    const char *key;       ///< of cert
    const char *client_ca; ///< who may have signed a caller's certificate; NULL: none is asked for
};

/// Of a client. All zeros: plain text, and nobody in particular. A unix socket is always plain text.
struct avsp_client_security {
    bool tls;
    const char *ca;   ///< who must have signed the coordinator's; NULL: whom the system trusts
    const char *cert; ///< shown to the coordinator; NULL: none
    const char *key;  ///< of cert
    const char
        *server_name;       ///< that the coordinator's is for; NULL: the (first) host of the target
    const char *token_file; ///< holds the token to show; NULL: none
    char token[AVSP_TOKEN_TEXT_BYTES]; ///< where there is no file; "" = none
    bool insecure;                     ///< the token may go over a network in plain text
};

/// Rows of an option table: what a client of the coordinator may be told about it.
#define AVSP_CLIENT_SECURITY_OPTIONS                                                               \
    {"tls", NULL, "AVSPL1T_TLS", NULL,                                                             \
     "Speak TLS with the coordinator, whose certificate must be signed by an authority that this " \
     "system trusts."},                                                                            \
        {"tls-ca", "FILE", "AVSPL1T_TLS_CA", NULL,                                                 \
         "The same, with the authorities of this file (PEM) in place of the system's."},           \
        {"tls-cert", "FILE", "AVSPL1T_TLS_CERT", NULL,                                             \
         "The certificate to show to the coordinator, as one that it knows us by."},               \
        {"tls-key", "FILE", "AVSPL1T_TLS_KEY", NULL, "The key of --tls-cert."},                    \
        {"tls-name", "NAME", "AVSPL1T_TLS_NAME", NULL,                                             \
         "The name that the coordinator's certificate must be for. Default: the host of "          \
         "--coordinator, the first one where there are several."},                                 \
        {"token-file", "FILE", "AVSPL1T_TOKEN_FILE", NULL,                                         \
         "A file with the token that the coordinator knows us by; the variable AVSPL1T_TOKEN may " \
         "hold the token itself."},                                                                \
    {                                                                                              \
        "insecure", NULL, "AVSPL1T_INSECURE", NULL,                                                \
            "Show the token also where a network lies between and there is no TLS."                \
    }

/// Reads these, and takes AVSPL1T_TOKEN out of the environment, so that no child and nobody who looks at this process finds it
/// there. @return OK; INVALID options that do not fit together.
enum avsp_code avsp_client_security_read(const struct avsp_cli_parsed *args,
                                         struct avsp_client_security *ret_security,
                                         struct avsp_err *err) AVSP_CHECKED;

#endif
