#include "coordinator/http.h"

#include <errno.h>
#include <microhttpd.h>
#include <netdb.h>
#include <string.h>
#include <sys/socket.h>

#define IDLE_SECONDS 10u
#define HOST_MAX_BYTES 256

struct avsp_http {
    struct MHD_Daemon *daemon;
    const struct avsp_http_page *pages;
    size_t n_pages;
    void *opaque;
};

/// Queues an answer; a body of HEAD is counted and not sent (libmicrohttpd sees to that).
static enum MHD_Result answer(struct MHD_Connection *connection, unsigned status,
                              const char *content_type, const char *body, size_t len)
{
    struct MHD_Response *response =
        MHD_create_response_from_buffer(len, (void *)body, MHD_RESPMEM_MUST_COPY);
    if (response == NULL)
        return MHD_NO;
    enum MHD_Result result =
        MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, content_type);
    if (result == MHD_YES)
        result = MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    if (result == MHD_YES && status == MHD_HTTP_METHOD_NOT_ALLOWED)
        result = MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
    if (result == MHD_YES)
        result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result answer_text(struct MHD_Connection *connection, unsigned status,
                                   const char *text)
{
    return answer(connection, status, "text/plain; charset=utf-8", text, strlen(text));
}

static enum MHD_Result answer_page(const struct avsp_http *http, struct MHD_Connection *connection,
                                   const struct avsp_http_page *page)
{
    struct avsp_buf AVSP_CLEANUP(avsp_buf_deinit) body;
    avsp_buf_init(&body, AVSP_HTTP_BODY_MAX_BYTES);
    unsigned status = page->make(http->opaque, &body);
    struct avsp_err err = {0};
    if (avsp_buf_check(&body, &err) != AVSP_OK)
        return answer_text(connection, MHD_HTTP_INTERNAL_SERVER_ERROR, "memory ran out\n");
    return answer(connection, status, page->content_type, avsp_buf_text(&body), body.len);
}

/// libmicrohttpd calls once when the headers are there, and again when the body is: only then may an answer be queued without
/// the connection being closed after it.
static enum MHD_Result on_request(void *opaque, struct MHD_Connection *connection, const char *path,
                                  const char *method, const char *version, const char *upload,
                                  size_t *upload_len, void **seen)
{
    static char had_headers;
    const struct avsp_http *http = opaque;
    (void)version;
    (void)upload;
    // Answered before any body is read: nobody can keep us busy with one.
    if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
        return answer_text(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "GET and HEAD only\n");
    if (*seen == NULL) {
        *seen = &had_headers;
        return MHD_YES;
    }
    *upload_len = 0; // a body is of no use
    for (size_t i = 0; i < http->n_pages; i++)
        if (strcmp(path, http->pages[i].path) == 0)
            return answer_page(http, connection, &http->pages[i]);
    return answer_text(connection, MHD_HTTP_NOT_FOUND, "there is no such page\n");
}

static enum avsp_code not_an_address(const char *listen, struct avsp_err *err)
{
    return avsp_err_set(err, AVSP_INVALID, "\"%.200s\" is not HOST:PORT", listen);
}

/// @param ret_info  free with freeaddrinfo.
static enum avsp_code resolve(const char *listen, struct addrinfo **ret_info, struct avsp_err *err)
{
    const char *colon = strrchr(listen, ':');
    if (colon == NULL || colon == listen || (size_t)(colon - listen) >= HOST_MAX_BYTES)
        return not_an_address(listen, err);
    bool bracketed = listen[0] == '[' && colon[-1] == ']';
    char host[HOST_MAX_BYTES];
    snprintf(host, sizeof host, "%.*s", (int)(colon - listen) - 2 * bracketed, listen + bracketed);
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                                   .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    int rc = getaddrinfo(host, colon + 1, &hints, ret_info);
    if (rc == EAI_NONAME || rc == EAI_SERVICE)
        return not_an_address(listen, err);
    return rc == 0 ? AVSP_OK
                   : avsp_err_set(err, AVSP_UNAVAILABLE, "%s: %s", listen, gai_strerror(rc));
}

struct avsp_http *avsp_http_start(const char *listen, const struct avsp_http_page *pages,
                                  size_t n_pages, void *opaque, struct avsp_err *err)
{
    struct addrinfo *info = NULL;
    if (resolve(listen, &info, err) != AVSP_OK)
        return NULL;
    struct avsp_http *http = calloc(1, sizeof *http);
    if (http == NULL) {
        freeaddrinfo(info);
        (void)avsp_err_set(err, AVSP_NO_MEMORY, "memory ran out");
        return NULL;
    }
    *http = (struct avsp_http){.pages = pages, .n_pages = n_pages, .opaque = opaque};
    // A page that waits for the database keeps no other one from being answered.
    unsigned flags = MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL;
    if (info->ai_family == AF_INET6)
        flags |= MHD_USE_IPv6;
    errno = 0;
    http->daemon = MHD_start_daemon(flags, 0, NULL, NULL, on_request, http, MHD_OPTION_SOCK_ADDR,
                                    info->ai_addr, MHD_OPTION_CONNECTION_LIMIT,
                                    (unsigned)AVSP_HTTP_CONNECTIONS_MAX,
                                    MHD_OPTION_CONNECTION_TIMEOUT, IDLE_SECONDS, MHD_OPTION_END);
    freeaddrinfo(info);
    if (http->daemon != NULL)
        return http;
    if (errno == EADDRINUSE)
        (void)avsp_err_set(err, AVSP_EXISTS, "%s is in use by another program", listen);
    else
        (void)avsp_err_set_errno(err, errno != 0 ? errno : EIO, "%s", listen);
    free(http);
    return NULL;
}

int avsp_http_port(const struct avsp_http *http)
{
    return MHD_get_daemon_info(http->daemon, MHD_DAEMON_INFO_BIND_PORT)->port;
}

void avsp_http_stop(struct avsp_http *http)
{
    if (http == NULL)
        return;
    MHD_stop_daemon(http->daemon);
    free(http);
}
