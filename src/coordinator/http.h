/// The coordinator's side port for load balancers and Prometheus: a few pages, each made when it is asked for.
///
///     static const struct avsp_http_page pages[] = {{"/healthz", "text/plain", my_health}, …};
///     struct avsp_http *http = avsp_http_start("127.0.0.1:9090", pages, n, opaque, err);
///     …
///     avsp_http_stop(http);        // after the gRPC server, so that probes hear "no" while it drains
///
/// GET and HEAD only; at most AVSP_HTTP_CONNECTIONS_MAX connections at once, each idle for at most 10 s. libmicrohttpd runs a
/// thread for each: pages are made side by side, so that one that waits keeps nobody from another.
#ifndef AVSP_COORDINATOR_HTTP_H
#define AVSP_COORDINATOR_HTTP_H

#include "util/buf.h"
#include "util/err.h"

#define AVSP_HTTP_CONNECTIONS_MAX 64
#define AVSP_HTTP_BODY_MAX_BYTES ((size_t)1 << 20)

struct avsp_http;

struct avsp_http_page {
    const char *path;
    const char *content_type;
    /// Writes the body; any thread. @return the HTTP status: 200, 503.
    unsigned (*make)(void *opaque, struct avsp_buf *body);
};

/// @param listen  "HOST:PORT" or "[::1]:PORT"; port 0 takes any free one.
/// @param pages   static storage. @param opaque  lives until stop.
/// @return free with avsp_http_stop; NULL with @p err: INVALID not an address; EXISTS in use; DENIED; LIMIT.
struct avsp_http *avsp_http_start(const char *listen, const struct avsp_http_page *pages,
                                  size_t n_pages, void *opaque, struct avsp_err *err) AVSP_CHECKED;

/// The port in use.
int avsp_http_port(const struct avsp_http *http);

/// Safe on NULL.
void avsp_http_stop(struct avsp_http *http);

#endif
