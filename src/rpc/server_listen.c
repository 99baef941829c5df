/// Where a server listens. gRPC says only that binding failed; a bind of our own, tried first, says why.
#include "rpc/grpc_use.h"
#include "rpc/serving.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "util/fd.h"
#include "util/parse.h"

/// "HOST:PORT" or "[v6]:PORT" in parts.
struct place {
    char host[256];
    int64_t port;
};

static enum avsp_code parse_place(const char *address, struct place *ret, struct avsp_err *err)
{
    const char *colon = strrchr(address, ':');
    size_t n = colon != NULL ? (size_t)(colon - address) : 0;
    bool is_bracketed = n >= 2 && address[0] == '[' && address[n - 1] == ']';
    const char *host = is_bracketed ? address + 1 : address;
    size_t host_len = is_bracketed ? n - 2 : n;
    if (host_len == 0 || host_len >= sizeof ret->host ||
        (!is_bracketed && memchr(host, ':', host_len) != NULL) ||
        !avsp_parse_i64(colon + 1, 0, 65535, &ret->port))
        return avsp_err_set(err, AVSP_INVALID,
                            "listen on \"%.300s\": not HOST:PORT, [IPV6]:PORT or unix:PATH",
                            address);
    memcpy(ret->host, host, host_len);
    ret->host[host_len] = '\0';
    return AVSP_OK;
}

/// What a failed bind means for whoever chose the address.
static enum avsp_code explain(int errnum, const char *address, struct avsp_err *err)
{
    switch (errnum) {
    case EADDRINUSE:
        return avsp_err_set(err, AVSP_EXISTS,
                            "listen on %s: the address is in use by another program", address);
    case EADDRNOTAVAIL:
    case EAFNOSUPPORT:
        return avsp_err_set(err, AVSP_INVALID, "listen on %s: not an address of this machine",
                            address);
    case EACCES:
        return avsp_err_set(err, AVSP_DENIED, "listen on %s: not allowed to use this address",
                            address);
    default:
        return avsp_err_set_errno(err, errnum, "listen on %s", address);
    }
}

/// Tries to bind as gRPC will, then lets go. @return 0, or the errno.
static int try_bind(const struct sockaddr *addr, socklen_t len)
{
    int AVSP_CLEANUP(avsp_fd_cleanup) fd = socket(addr->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return errno;
    int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (addr->sa_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    return bind(fd, addr, len) == 0 ? 0 : errno;
}

/// @return OK, with the port bound.
static enum avsp_code add_port(struct avsp_server *srv, const struct avsp_server_tls *tls,
                               const char *text, int *ret_port, struct avsp_err *err)
{
    AVSP_ASSERT(srv->n_ports < AVSP_ADDRESSES_MAX);
    struct avsp_tls_port *port = &srv->ports[srv->n_ports++];
    port->tls = *tls;
    grpc_server_credentials *creds = avsp_server_credentials(port);
    int bound = grpc_server_add_http2_port(srv->grpc, text, creds);
    grpc_server_credentials_release(creds);
    *ret_port = bound;
    if (bound == 0 && tls->cert != NULL)
        return avsp_err_set(err, AVSP_INVALID,
                            "listen on %.200s: the certificate %.200s and the key %.200s do not "
                            "belong together, or they or --tls-client-ca are damaged",
                            text, tls->cert, tls->key);
    return bound != 0 ? AVSP_OK
                      : avsp_err_set(err, AVSP_UNAVAILABLE, "listen on %.300s: failed", text);
}

/// Binds one address that a name stands for.
static enum avsp_code add_address(struct avsp_server *srv,
                                  const struct avsp_server_options *options,
                                  const struct addrinfo *found, int *port, struct avsp_err *err)
{
    const char *address = options->listen;
    struct sockaddr_storage addr = {0};
    memcpy(&addr, found->ai_addr, found->ai_addrlen);
    if (addr.ss_family == AF_INET6)
        ((struct sockaddr_in6 *)&addr)->sin6_port = htons((uint16_t)*port);
    else
        ((struct sockaddr_in *)&addr)->sin_port = htons((uint16_t)*port);
    int errnum = try_bind((struct sockaddr *)&addr, found->ai_addrlen);
    if (errnum != 0)
        return explain(errnum, address, err);
    char host[NI_MAXHOST];
    if (getnameinfo((struct sockaddr *)&addr, found->ai_addrlen, host, sizeof host, NULL, 0,
                    NI_NUMERICHOST) != 0)
        return avsp_err_set(err, AVSP_INVALID, "listen on %s: not an address", address);
    char text[NI_MAXHOST + 16];
    snprintf(text, sizeof text, addr.ss_family == AF_INET6 ? "[%s]:%d" : "%s:%d", host, *port);
    int bound = 0;
    enum avsp_code rc = add_port(srv, &options->tls, text, &bound, err);
    if (rc == AVSP_OK)
        *port = bound;
    return rc;
}

static void free_addresses(struct addrinfo **list)
{
    if (*list != NULL)
        freeaddrinfo(*list);
}

/// Binds every address of the name, all with one port; a kind of address that this machine lacks is left out.
static enum avsp_code listen_tcp(struct avsp_server *srv, const struct avsp_server_options *options,
                                 struct avsp_err *err)
{
    const char *address = options->listen;
    struct place place;
    enum avsp_code rc = parse_place(address, &place, err);
    if (rc == AVSP_OK && options->tls.cert != NULL)
        rc = avsp_server_tls_check(&options->tls, err);
    if (rc != AVSP_OK)
        return rc;
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *AVSP_CLEANUP(free_addresses) list = NULL;
    int gai = getaddrinfo(place.host, NULL, &hints, &list);
    if (gai != 0)
        return avsp_err_set(err, AVSP_INVALID, "listen on %s: the name \"%s\" is not known: %s",
                            address, place.host, gai_strerror(gai));
    int port = (int)place.port;
    bool is_bound = false;
    unsigned n = 0;
    for (const struct addrinfo *at = list; at != NULL && n < AVSP_ADDRESSES_MAX;
         at = at->ai_next, n++) {
        rc = add_address(srv, options, at, &port, err);
        is_bound |= rc == AVSP_OK;
        if (rc != AVSP_OK && rc != AVSP_INVALID)
            return rc;
    }
    if (is_bound)
        srv->port = port;
    return is_bound ? AVSP_OK : rc;
}

/// Is somebody there, or is the file left over from a program that died?
static enum avsp_code clear_stale(const struct sockaddr_un *addr, struct avsp_err *err)
{
    struct stat st;
    if (lstat(addr->sun_path, &st) != 0)
        return errno == ENOENT ? AVSP_OK
                               : avsp_err_set_errno(err, errno, "listen on %s", addr->sun_path);
    if (!S_ISSOCK(st.st_mode))
        return avsp_err_set(err, AVSP_EXISTS, "listen on %s: a file that is no socket is there",
                            addr->sun_path);
    int AVSP_CLEANUP(avsp_fd_cleanup) fd =
        socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return avsp_err_set_errno(err, errno, "listen on %s", addr->sun_path);
    if (connect(fd, (const struct sockaddr *)addr, sizeof *addr) == 0 || errno != ECONNREFUSED)
        return explain(EADDRINUSE, addr->sun_path, err);
    if (unlink(addr->sun_path) != 0 && errno != ENOENT)
        return avsp_err_set_errno(err, errno, "remove the old socket %s", addr->sun_path);
    return AVSP_OK;
}

static enum avsp_code listen_unix(struct avsp_server *srv, const char *address,
                                  struct avsp_err *err)
{
    const char *path = address + strlen("unix:");
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    size_t len = strlen(path);
    if (len == 0 || len >= sizeof addr.sun_path)
        return avsp_err_set(err, AVSP_INVALID,
                            "listen on %.300s: a socket's path has 1 to %zu bytes", address,
                            sizeof addr.sun_path - 1);
    memcpy(addr.sun_path, path, len + 1);
    enum avsp_code rc = clear_stale(&addr, err);
    if (rc != AVSP_OK)
        return rc;
    int errnum = try_bind((struct sockaddr *)&addr, sizeof addr);
    if (errnum != 0)
        return explain(errnum, path, err);
    unlink(path); // our own trial's
    struct avsp_buf AVSP_CLEANUP(avsp_buf_deinit) name;
    avsp_buf_init(&name, 4 * sizeof addr.sun_path);
    avsp_unix_name(&name, path);
    int unused;
    const struct avsp_server_tls plain = {0};
    rc = avsp_buf_check(&name, err);
    return rc == AVSP_OK ? add_port(srv, &plain, avsp_buf_text(&name), &unused, err) : rc;
}

enum avsp_code avsp_listen(struct avsp_server *srv, const struct avsp_server_options *options,
                           struct avsp_err *err)
{
    return strncmp(options->listen, "unix:", strlen("unix:")) == 0
               ? listen_unix(srv, options->listen, err)
               : listen_tcp(srv, options, err);
}
