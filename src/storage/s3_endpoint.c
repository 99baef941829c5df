#include "storage/s3_endpoint.h"

#include "storage/s3_text.h"
#include "util/parse.h"

#include <string.h>
#include <strings.h>

#define PORT_HTTP 80
#define PORT_HTTPS 443

static enum avsp_code not_one(const char *text, const char *why, struct avsp_err *err)
{
    return avsp_err_set(err, AVSP_INVALID, "the S3 endpoint \"%.200s\" %s", text, why);
}

static bool is_host_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
}

/// Takes the host off the front: a name, or an IPv6 address in brackets. @return what comes behind it; NULL = it is none.
static const char *take_host(const char *text, char ret_host[AVSP_S3_HOST_BYTES])
{
    size_t n = text[0] == '[' ? strcspn(text, "]") + 1 : strcspn(text, ":/");
    if (n < 1 || n >= AVSP_S3_HOST_BYTES || strlen(text) < n)
        return NULL;
    for (size_t i = 0; i < n; i++) {
        char c = text[i];
        ret_host[i] = (char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
    }
    ret_host[n] = '\0';
    size_t plain = 0;
    if (text[0] == '[')
        plain = n > 2 && strspn(ret_host + 1, "0123456789abcdef:.") == n - 2 ? n : 0;
    else
        while (plain < n && is_host_char(ret_host[plain]))
            plain++;
    return plain == n ? text + n : NULL;
}

enum avsp_code avsp_s3_endpoint_parse(const char *text, struct avsp_s3_endpoint *ret_endpoint,
                                      struct avsp_err *err)
{
    struct avsp_s3_endpoint e = {.tls = true};
    const char *at = text;
    if (strncasecmp(at, "http://", 7) == 0) {
        e.tls = false;
        at += 7;
    } else if (strncasecmp(at, "https://", 8) == 0) {
        at += 8;
    } else if (strstr(at, "://") != NULL) {
        return not_one(text, "is neither http:// nor https://", err);
    }
    e.port = e.tls ? PORT_HTTPS : PORT_HTTP;
    at = take_host(at, e.host);
    if (at == NULL)
        return not_one(text, "has no host", err);
    if (*at == ':') {
        char digits[8] = "";
        size_t n = strspn(at + 1, "0123456789");
        int64_t port = 0;
        if (n < sizeof digits)
            memcpy(digits, at + 1, n);
        if (!avsp_parse_i64(digits, 1, 65535, &port))
            return not_one(text, "has no port behind its ':'", err);
        e.port = (unsigned)port;
        at += 1 + n;
    }
    if (at[strspn(at, "/")] != '\0')
        return not_one(text, "has more than a host and a port", err);
    *ret_endpoint = e;
    return AVSP_OK;
}

void avsp_s3_endpoint_amazon(const char *region, struct avsp_s3_endpoint *ret_endpoint)
{
    *ret_endpoint = (struct avsp_s3_endpoint){.tls = true, .port = PORT_HTTPS};
    snprintf(ret_endpoint->host, sizeof ret_endpoint->host, "s3.%.63s.amazonaws.com%s", region,
             strncmp(region, "cn-", 3) == 0 ? ".cn" : "");
}

static bool ends_with(const char *text, const char *ending)
{
    size_t n = strlen(text), m = strlen(ending);
    return n >= m && strcmp(text + n - m, ending) == 0;
}

/// Takes the last label off the first @p n bytes of a host's name.
static struct avsp_s3_span take_label(const char *host, size_t *n)
{
    size_t from = *n, end = *n;
    while (from > 0 && host[from - 1] != '.')
        from--;
    *n = from > 0 ? from - 1 : 0;
    return (struct avsp_s3_span){host + from, end - from};
}

static bool begins_with(struct avsp_s3_span label, const char *text)
{
    return label.len >= strlen(text) && memcmp(label.text, text, strlen(text)) == 0;
}

/// The label of the service is "s3" or longer: alone, or before that of the region (S3[.dualstack].REGION, S3.REGION.vpce).
bool avsp_s3_endpoint_is_amazon(const struct avsp_s3_endpoint *endpoint)
{
    static const char *const domains[] = {".amazonaws.com", ".amazonaws.com.cn"};
    size_t n = 0;
    for (size_t i = 0; i < AVSP_ARRAY_LEN(domains); i++)
        if (ends_with(endpoint->host, domains[i]))
            n = strlen(endpoint->host) - strlen(domains[i]);
    struct avsp_s3_span label = take_label(endpoint->host, &n);
    if (begins_with(label, "s3"))
        return true;
    if (begins_with(label, "vpce"))
        (void)take_label(endpoint->host, &n);
    label = take_label(endpoint->host, &n);
    if (begins_with(label, "dualstack"))
        label = take_label(endpoint->host, &n);
    return begins_with(label, "s3");
}

bool avsp_s3_endpoint_equal(const struct avsp_s3_endpoint *a, const struct avsp_s3_endpoint *b)
{
    return a->tls == b->tls && a->port == b->port && strcmp(a->host, b->host) == 0;
}

bool avsp_s3_endpoint_may_lead(const struct avsp_s3_endpoint *from,
                               const struct avsp_s3_endpoint *to)
{
    bool amazon = avsp_s3_endpoint_is_amazon(from) && avsp_s3_endpoint_is_amazon(to);
    return (to->tls || !from->tls) && (amazon || strcmp(from->host, to->host) == 0);
}

static bool has_own_port(const struct avsp_s3_endpoint *e)
{
    return e->port != (e->tls ? PORT_HTTPS : PORT_HTTP);
}

void avsp_s3_endpoint_show(const struct avsp_s3_endpoint *endpoint, struct avsp_buf *buf)
{
    avsp_buf_printf(buf, "%s://%s", endpoint->tls ? "https" : "http", endpoint->host);
    if (has_own_port(endpoint))
        avsp_buf_printf(buf, ":%u", endpoint->port);
}

/// Can it be a label of a host's name, and of a certificate's with a '*'?
static bool is_one_label(const char *bucket)
{
    size_t n = strlen(bucket);
    return n >= 3 && n <= 63 && strspn(bucket, "abcdefghijklmnopqrstuvwxyz0123456789-") == n &&
           bucket[0] != '-' && bucket[n - 1] != '-';
}

static bool is_bucket(const char *bucket)
{
    size_t n = strlen(bucket);
    return n > 0 && n < 256 && strchr(bucket, '/') == NULL && strcmp(bucket, ".") != 0 &&
           strcmp(bucket, "..") != 0;
}

/// A name that may stand in front of the host: also one with dots, where it was asked for.
static bool is_host_name(const char *bucket)
{
    size_t n = strlen(bucket);
    return n >= 3 && n <= 63 && strspn(bucket, "abcdefghijklmnopqrstuvwxyz0123456789-.") == n;
}

enum avsp_code avsp_s3_endpoint_address(const struct avsp_s3_endpoint *endpoint,
                                        enum avsp_s3_style style, const char *bucket,
                                        const char *key, struct avsp_buf *host,
                                        struct avsp_buf *path, struct avsp_err *err)
{
    if (!is_bucket(bucket))
        return avsp_err_set(err, AVSP_INVALID, "\"%.100s\" is not the name of a bucket", bucket);
    if (style == AVSP_S3_STYLE_VIRTUAL && !is_host_name(bucket))
        return avsp_err_set(
            err, AVSP_INVALID,
            "the bucket \"%.100s\" cannot stand in a host's name: use the path style", bucket);
    size_t n = strlen(bucket);
    bool may_be_there = style == AVSP_S3_STYLE_VIRTUAL ||
                        (style == AVSP_S3_STYLE_AUTO && avsp_s3_endpoint_is_amazon(endpoint));
    bool is_there =
        may_be_there && strncmp(endpoint->host, bucket, n) == 0 && endpoint->host[n] == '.';
    bool in_host = style == AVSP_S3_STYLE_VIRTUAL || (may_be_there && is_one_label(bucket));
    if (in_host && !is_there)
        avsp_buf_printf(host, "%s.", bucket);
    avsp_buf_puts(host, endpoint->host);
    if (has_own_port(endpoint))
        avsp_buf_printf(host, ":%u", endpoint->port);
    avsp_buf_puts(path, "/");
    if (!in_host && !is_there) {
        avsp_s3_encode(path, bucket, false);
        avsp_buf_puts(path, key[0] != '\0' ? "/" : "");
    }
    avsp_s3_encode(path, key, true);
    // Half an address is another one.
    enum avsp_code rc = avsp_buf_check(host, err);
    return rc == AVSP_OK ? avsp_buf_check(path, err) : rc;
}

enum avsp_code avsp_s3_allowed_parse(const char *text, struct avsp_s3_allowed *ret_allowed,
                                     struct avsp_err *err)
{
    const char *scheme = strstr(text, "://");
    const char *host = scheme != NULL ? scheme + 3 : text;
    size_t n = (size_t)(host - text) + strcspn(host, "/");
    char endpoint[2 * AVSP_S3_HOST_BYTES];
    if (n >= sizeof endpoint)
        return not_one(text, "is too long", err);
    snprintf(endpoint, sizeof endpoint, "%.*s", (int)n, text);
    enum avsp_code rc = avsp_s3_endpoint_parse(endpoint, &ret_allowed->endpoint, err);
    if (rc != AVSP_OK)
        return rc;
    const char *bucket = text + n + (text[n] == '/');
    if (bucket[0] != '\0' && !is_bucket(bucket))
        return avsp_err_set(err, AVSP_INVALID, "\"%.100s\" is not the name of a bucket", bucket);
    snprintf(ret_allowed->bucket, sizeof ret_allowed->bucket, "%s", bucket);
    return AVSP_OK;
}

bool avsp_s3_allowed_covers(const struct avsp_s3_allowed *allowed,
                            const struct avsp_s3_endpoint *endpoint, const char *bucket)
{
    bool all_amazon = strcmp(allowed->endpoint.host, "s3.amazonaws.com") == 0;
    if (all_amazon ? !avsp_s3_endpoint_is_amazon(endpoint)
                   : !avsp_s3_endpoint_equal(&allowed->endpoint, endpoint))
        return false;
    return bucket == NULL || allowed->bucket[0] == '\0' || strcmp(allowed->bucket, bucket) == 0;
}
