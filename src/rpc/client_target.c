/// From "host:port[,host:port…]" to what gRPC calls a target.
///
/// gRPC resolves one name, or takes a list of numeric addresses of one family. One name stays a name (it is resolved again after
/// a failure); several are resolved here, once; where families mix, IPv4 goes along as mapped IPv6.
#include "rpc/client_private.h"
#include "rpc/grpc_use.h"

#include "util/buf.h"
#include "util/parse.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <string.h>
#include <sys/un.h>

#define TARGET_MAX_BYTES 4096
#define ADDRESSES_MAX 64

struct addresses {
    struct sockaddr_storage list[ADDRESSES_MAX];
    size_t n;
    bool has_v6;
};

static enum avsp_code not_a_target(const char *target, const char *why, struct avsp_err *err)
{
    return avsp_err_set(err, AVSP_INVALID, "coordinator \"%.300s\": %s", target, why);
}

/// Splits "host:port" or "[v6]:port" in place.
static bool split_place(char *text, const char **ret_host, int64_t *ret_port)
{
    char *colon = strrchr(text, ':');
    if (colon == NULL || !avsp_parse_i64(colon + 1, 1, 65535, ret_port))
        return false;
    *colon = '\0';
    size_t n = strlen(text);
    bool is_bracketed = n >= 2 && text[0] == '[' && text[n - 1] == ']';
    if (is_bracketed)
        text[n - 1] = '\0';
    *ret_host = is_bracketed ? text + 1 : text;
    return **ret_host != '\0' && (is_bracketed || strchr(text, ':') == NULL) &&
           strpbrk(*ret_host, "/ \t\n") == NULL;
}

/// Does @p host never mean anything else? (c-ares 1.18, which gRPC asks, forgets 10 bytes with each "localhost".)
static bool is_fixed(const char *host)
{
    struct in_addr v4;
    struct in6_addr v6;
    return inet_pton(AF_INET, host, &v4) == 1 || inet_pton(AF_INET6, host, &v6) == 1 ||
           strcmp(host, "localhost") == 0;
}

/// Adds all addresses of a name; a name that is not known adds none.
static void resolve(struct addresses *all, const char *host, int64_t port)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *list = NULL;
    if (getaddrinfo(host, NULL, &hints, &list) != 0)
        return;
    for (const struct addrinfo *at = list; at != NULL && all->n < ADDRESSES_MAX; at = at->ai_next) {
        struct sockaddr_storage *addr = &all->list[all->n++];
        memcpy(addr, at->ai_addr, at->ai_addrlen);
        if (addr->ss_family == AF_INET6) {
            ((struct sockaddr_in6 *)addr)->sin6_port = htons((uint16_t)port);
            all->has_v6 = true;
        } else {
            ((struct sockaddr_in *)addr)->sin_port = htons((uint16_t)port);
        }
    }
    freeaddrinfo(list);
}

static void write_addresses(const struct addresses *all, struct avsp_buf *name)
{
    avsp_buf_puts(name, all->has_v6 ? "ipv6:" : "ipv4:");
    for (size_t i = 0; i < all->n; i++) {
        char host[INET6_ADDRSTRLEN] = "";
        const struct sockaddr_storage *addr = &all->list[i];
        const char *comma = i > 0 ? "," : "";
        if (addr->ss_family == AF_INET6) {
            const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)addr;
            inet_ntop(AF_INET6, &v6->sin6_addr, host, sizeof host);
            avsp_buf_printf(name, "%s[%s]:%d", comma, host, ntohs(v6->sin6_port));
            continue;
        }
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)addr;
        inet_ntop(AF_INET, &v4->sin_addr, host, sizeof host);
        avsp_buf_printf(name, all->has_v6 ? "%s[::ffff:%s]:%d" : "%s%s:%d", comma, host,
                        ntohs(v4->sin_port));
    }
}

/// A list of places, or one that needs no name service. @param authority  gets the first host.
static enum avsp_code parse_list(const char *target, char *text, struct avsp_buf *name,
                                 struct avsp_buf *authority, struct avsp_err *err)
{
    struct addresses *AVSP_CLEANUP(avsp_free_ptr) all = calloc(1, sizeof *all);
    if (all == NULL)
        return avsp_err_set(err, AVSP_NO_MEMORY, "memory ran out");
    for (char *rest = text, *part; (part = strsep(&rest, ",")) != NULL;) {
        const char *host;
        int64_t port;
        if (!split_place(part, &host, &port))
            return not_a_target(target, "not HOST:PORT, with commas between several", err);
        if (authority->len == 0)
            avsp_buf_puts(authority, host);
        resolve(all, host, port);
    }
    if (all->n == 0)
        return not_a_target(target, "none of these names is known", err);
    write_addresses(all, name);
    return AVSP_OK;
}

static enum avsp_code parse_unix(const char *target, struct avsp_buf *name, struct avsp_err *err)
{
    size_t len = strlen(target) - strlen("unix:");
    if (len == 0 || len >= sizeof((struct sockaddr_un *)NULL)->sun_path)
        return not_a_target(target, "a socket's path has 1 to 107 bytes", err);
    avsp_unix_name(name, target + strlen("unix:"));
    return AVSP_OK;
}

static enum avsp_code parse(const char *target, struct avsp_buf *name, struct avsp_buf *authority,
                            struct avsp_err *err)
{
    if (avsp_target_is_unix(target))
        return parse_unix(target, name, err);
    if (strncmp(target, "dns:", strlen("dns:")) == 0 ||
        strncmp(target, "ipv4:", strlen("ipv4:")) == 0 ||
        strncmp(target, "ipv6:", strlen("ipv6:")) == 0) {
        avsp_buf_puts(name, target);
        return AVSP_OK;
    }
    char *AVSP_CLEANUP(avsp_free_ptr) text = strdup(target);
    char *AVSP_CLEANUP(avsp_free_ptr) one = strdup(target);
    if (text == NULL || one == NULL)
        return avsp_err_set(err, AVSP_NO_MEMORY, "memory ran out");
    const char *host;
    int64_t port;
    if (strchr(target, ',') == NULL && split_place(one, &host, &port) && !is_fixed(host)) {
        avsp_buf_printf(name, "dns:///%s", target);
        return AVSP_OK;
    }
    return parse_list(target, text, name, authority, err);
}

bool avsp_target_is_unix(const char *target)
{
    return strncmp(target, "unix:", strlen("unix:")) == 0;
}

static bool is_loopback(const char *host)
{
    struct in_addr v4;
    struct in6_addr v6;
    if (inet_pton(AF_INET, host, &v4) == 1)
        return ntohl(v4.s_addr) >> IN_CLASSA_NSHIFT == IN_LOOPBACKNET;
    if (inet_pton(AF_INET6, host, &v6) == 1)
        return IN6_IS_ADDR_LOOPBACK(&v6) != 0;
    return strcmp(host, "localhost") == 0;
}

bool avsp_target_is_local(const char *target)
{
    if (avsp_target_is_unix(target))
        return true;
    char *AVSP_CLEANUP(avsp_free_ptr) text = strdup(target);
    if (text == NULL)
        return false;
    for (char *rest = text, *part; (part = strsep(&rest, ",")) != NULL;) {
        const char *host;
        int64_t port;
        if (!split_place(part, &host, &port) || !is_loopback(host))
            return false;
    }
    return true;
}

enum avsp_code avsp_target_parse(const char *target, char **ret_name, char **ret_authority,
                                 struct avsp_err *err)
{
    struct avsp_buf AVSP_CLEANUP(avsp_buf_deinit) name;
    struct avsp_buf AVSP_CLEANUP(avsp_buf_deinit) authority;
    avsp_buf_init(&name, TARGET_MAX_BYTES);
    avsp_buf_init(&authority, TARGET_MAX_BYTES);
    enum avsp_code rc = parse(target, &name, &authority, err);
    if (rc == AVSP_OK)
        rc = avsp_buf_check(&name, err);
    if (rc == AVSP_OK)
        rc = avsp_buf_check(&authority, err);
    if (rc != AVSP_OK)
        return rc;
    char *AVSP_CLEANUP(avsp_free_ptr) copy = strdup(avsp_buf_text(&name));
    *ret_authority = strdup(avsp_buf_text(&authority));
    if (copy == NULL || *ret_authority == NULL)
        return avsp_err_set(err, AVSP_NO_MEMORY, "memory ran out");
    *ret_name = copy;
    copy = NULL;
    return AVSP_OK;
}
