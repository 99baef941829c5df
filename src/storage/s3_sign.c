#include "storage/s3_sign.h"

#include "storage/s3_text.h"
#include "storage/sha256.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>
#include <time.h>

#define ALGORITHM "AWS4-HMAC-SHA256"
#define HASH_BYTES 32
#define TEXT_MAX_BYTES ((size_t)256 << 10)
/// "20130524T000000Z"
#define STAMP_BYTES 17
#define DATE_LEN 8

struct scope {
    char stamp[STAMP_BYTES];
    const char *text; ///< "20130524/us-east-1/s3/aws4_request"
};

static const char *encoded(struct avsp_arena *arena, const char *text)
{
    struct avsp_buf AVSP_CLEANUP(avsp_buf_deinit) buf;
    avsp_buf_init_secret(&buf, TEXT_MAX_BYTES);
    avsp_s3_encode(&buf, text, false);
    return buf.sticky == AVSP_OK ? avsp_arena_strdup(arena, avsp_buf_text(&buf)) : NULL;
}

static int by_name(const void *a, const void *b)
{
    const struct avsp_s3_pair *x = a, *y = b;
    int names = strcmp(x->name, y->name);
    return names != 0 ? names : strcmp(x->value, y->value);
}

void avsp_s3_query(struct avsp_buf *buf, const struct avsp_s3_pair *params, size_t n,
                   struct avsp_arena *arena)
{
    struct avsp_s3_pair sorted[AVSP_S3_PAIRS_MAX];
    AVSP_ASSERT(n <= AVSP_S3_PAIRS_MAX);
    for (size_t i = 0; i < n; i++) {
        sorted[i].name = encoded(arena, params[i].name);
        sorted[i].value = encoded(arena, params[i].value);
        if (sorted[i].name == NULL || sorted[i].value == NULL) {
            buf->sticky = AVSP_NO_MEMORY;
            return;
        }
    }
    if (n > 0)
        qsort(sorted, n, sizeof sorted[0], by_name);
    for (size_t i = 0; i < n; i++)
        avsp_buf_printf(buf, "%s%s=%s", i > 0 ? "&" : "", sorted[i].name, sorted[i].value);
}

static bool hmac(const unsigned char *key, size_t key_len, const char *text,
                 unsigned char ret_mac[HASH_BYTES])
{
    unsigned n = 0;
    return HMAC(EVP_sha256(), key, (int)key_len, (const unsigned char *)text, strlen(text), ret_mac,
                &n) != NULL;
}

/// The key of one day, region and service.
static bool derive_key(const struct avsp_s3_request *request, const struct avsp_s3_keys *keys,
                       const struct scope *scope, struct avsp_arena *arena,
                       unsigned char ret_key[HASH_BYTES])
{
    char *first = avsp_arena_printf(arena, "AWS4%s", keys->secret);
    if (first == NULL)
        return false;
    char date[DATE_LEN + 1];
    snprintf(date, sizeof date, "%.*s", DATE_LEN, scope->stamp);
    unsigned char a[HASH_BYTES], b[HASH_BYTES];
    bool ok = hmac((const unsigned char *)first, strlen(first), date, a) &&
              hmac(a, sizeof a, request->region, b) && hmac(b, sizeof b, request->service, a) &&
              hmac(a, sizeof a, "aws4_request", ret_key);
    OPENSSL_cleanse(a, sizeof a);
    OPENSSL_cleanse(b, sizeof b);
    return ok;
}

static void put_header_value(struct avsp_buf *buf, const char *value)
{
    // Runs of spaces count as one, and those at the ends not at all.
    while (*value == ' ')
        value++;
    for (const char *c = value; *c != '\0'; c++)
        if (*c != ' ' || (c[1] != ' ' && c[1] != '\0'))
            avsp_buf_append(buf, c, 1);
}

/// The request as both sides write it down in order to sign it.
static const char *canonical(const struct avsp_s3_request *request,
                             const struct avsp_s3_pair *headers, size_t n_headers,
                             const char *signed_names, struct avsp_arena *arena)
{
    struct avsp_buf AVSP_CLEANUP(avsp_buf_deinit) buf;
    avsp_buf_init_secret(&buf, TEXT_MAX_BYTES); // a token is among the headers, or in the query
    avsp_buf_printf(&buf, "%s\n%s\n", request->method, request->path);
    avsp_s3_query(&buf, request->params, request->n_params, arena);
    avsp_buf_puts(&buf, "\n");
    for (size_t i = 0; i < n_headers; i++) {
        avsp_buf_printf(&buf, "%s:", headers[i].name);
        put_header_value(&buf, headers[i].value);
        avsp_buf_puts(&buf, "\n");
    }
    avsp_buf_printf(&buf, "\n%s\n%s", signed_names, request->payload_sha256);
    return buf.sticky == AVSP_OK ? avsp_arena_strdup(arena, avsp_buf_text(&buf)) : NULL;
}

/// The headers that are signed, sorted, the host among them; and their names with ';' between.
static const char *gather(const struct avsp_s3_request *request, bool all,
                          struct avsp_s3_pair ret_headers[AVSP_S3_PAIRS_MAX + 1], size_t *ret_n,
                          struct avsp_arena *arena)
{
    size_t n = 0;
    ret_headers[n++] = (struct avsp_s3_pair){"host", request->host};
    for (size_t i = 0; all && i < request->n_headers; i++)
        ret_headers[n++] = request->headers[i];
    qsort(ret_headers, n, sizeof ret_headers[0], by_name);
    struct avsp_buf AVSP_CLEANUP(avsp_buf_deinit) names;
    avsp_buf_init(&names, TEXT_MAX_BYTES);
    for (size_t i = 0; i < n; i++)
        avsp_buf_printf(&names, "%s%s", i > 0 ? ";" : "", ret_headers[i].name);
    *ret_n = n;
    return names.sticky == AVSP_OK ? avsp_arena_strdup(arena, avsp_buf_text(&names)) : NULL;
}

static bool make_scope(const struct avsp_s3_request *request, struct avsp_arena *arena,
                       struct scope *ret_scope)
{
    time_t at = (time_t)request->time_s;
    struct tm tm = {0};
    gmtime_r(&at, &tm);
    if (strftime(ret_scope->stamp, sizeof ret_scope->stamp, "%Y%m%dT%H%M%SZ", &tm) == 0)
        return false;
    ret_scope->text = avsp_arena_printf(arena, "%.*s/%s/%s/aws4_request", DATE_LEN,
                                        ret_scope->stamp, request->region, request->service);
    return ret_scope->text != NULL;
}

/// The signature over the signed headers, as hex.
static enum avsp_code signature(const struct avsp_s3_request *request,
                                const struct avsp_s3_keys *keys, const struct scope *scope,
                                const char *canonical_text, struct avsp_arena *arena,
                                char ret_hex[AVSP_SHA256_HEX_BYTES], struct avsp_err *err)
{
    char hash[AVSP_SHA256_HEX_BYTES];
    enum avsp_code rc = avsp_sha256_hex(canonical_text, strlen(canonical_text), hash, err);
    if (rc != AVSP_OK)
        return rc;
    const char *text =
        avsp_arena_printf(arena, ALGORITHM "\n%s\n%s\n%s", scope->stamp, scope->text, hash);
    if (text == NULL)
        return avsp_arena_failed(arena, err);
    unsigned char key[HASH_BYTES], mac[HASH_BYTES];
    bool ok = derive_key(request, keys, scope, arena, key) && hmac(key, sizeof key, text, mac);
    OPENSSL_cleanse(key, sizeof key);
    if (!ok)
        return avsp_err_set(err, AVSP_INTERNAL, "libcrypto gives no HMAC");
    for (size_t i = 0; i < sizeof mac; i++)
        snprintf(ret_hex + 2 * i, 3, "%02x", mac[i]);
    return AVSP_OK;
}

/// @param all  false: the host alone. @param ret_names  of the headers that are signed.
static enum avsp_code sign_headers(const struct avsp_s3_request *request,
                                   const struct avsp_s3_keys *keys, const struct scope *scope,
                                   bool all, struct avsp_arena *arena, const char **ret_names,
                                   char ret_hex[AVSP_SHA256_HEX_BYTES], struct avsp_err *err)
{
    struct avsp_s3_pair headers[AVSP_S3_PAIRS_MAX + 1];
    size_t n = 0;
    *ret_names = gather(request, all, headers, &n, arena);
    const char *text =
        *ret_names != NULL ? canonical(request, headers, n, *ret_names, arena) : NULL;
    return text != NULL ? signature(request, keys, scope, text, arena, ret_hex, err)
                        : avsp_arena_failed(arena, err);
}

static void add_header(struct avsp_s3_request *request, const char *name, const char *value)
{
    AVSP_ASSERT(request->n_headers < AVSP_S3_PAIRS_MAX);
    request->headers[request->n_headers++] = (struct avsp_s3_pair){name, value};
}

static void add_param(struct avsp_s3_request *request, const char *name, const char *value)
{
    AVSP_ASSERT(request->n_params < AVSP_S3_PAIRS_MAX);
    request->params[request->n_params++] = (struct avsp_s3_pair){name, value};
}

enum avsp_code avsp_s3_sign(struct avsp_s3_request *request, const struct avsp_s3_keys *keys,
                            struct avsp_arena *arena, struct avsp_err *err)
{
    struct scope scope;
    char hex[AVSP_SHA256_HEX_BYTES];
    if (keys->access_key_id[0] == '\0')
        return AVSP_OK;
    add_header(request, "x-amz-content-sha256", request->payload_sha256);
    const char *stamp =
        make_scope(request, arena, &scope) ? avsp_arena_strdup(arena, scope.stamp) : NULL;
    if (stamp == NULL)
        return avsp_arena_failed(arena, err);
    add_header(request, "x-amz-date", stamp);
    if (keys->token[0] != '\0')
        add_header(request, "x-amz-security-token", keys->token);
    const char *names = NULL;
    enum avsp_code rc = sign_headers(request, keys, &scope, true, arena, &names, hex, err);
    if (rc != AVSP_OK)
        return rc;
    const char *authorization =
        avsp_arena_printf(arena, ALGORITHM " Credential=%s/%s,SignedHeaders=%s,Signature=%s",
                          keys->access_key_id, scope.text, names, hex);
    if (authorization == NULL)
        return avsp_arena_failed(arena, err);
    add_header(request, "authorization", authorization);
    return AVSP_OK;
}

enum avsp_code avsp_s3_presign(struct avsp_s3_request *request, const struct avsp_s3_keys *keys,
                               int64_t seconds, struct avsp_arena *arena, const char **ret_query,
                               struct avsp_err *err)
{
    struct scope scope;
    char hex[AVSP_SHA256_HEX_BYTES];
    struct avsp_buf AVSP_CLEANUP(avsp_buf_deinit) buf;
    avsp_buf_init_secret(&buf, TEXT_MAX_BYTES);
    if (!make_scope(request, arena, &scope))
        return avsp_arena_failed(arena, err);
    const char *stamp = avsp_arena_strdup(arena, scope.stamp);
    const char *credential = avsp_arena_printf(arena, "%s/%s", keys->access_key_id, scope.text);
    const char *expires = avsp_arena_printf(arena, "%jd", (intmax_t)seconds);
    if (stamp == NULL || credential == NULL || expires == NULL)
        return avsp_arena_failed(arena, err);
    request->payload_sha256 = AVSP_S3_UNSIGNED;
    add_param(request, "X-Amz-Algorithm", ALGORITHM);
    add_param(request, "X-Amz-Credential", credential);
    add_param(request, "X-Amz-Date", stamp);
    add_param(request, "X-Amz-Expires", expires);
    if (keys->token[0] != '\0')
        add_param(request, "X-Amz-Security-Token", keys->token);
    add_param(request, "X-Amz-SignedHeaders", "host");
    const char *names = NULL;
    enum avsp_code rc = sign_headers(request, keys, &scope, false, arena, &names, hex, err);
    if (rc != AVSP_OK)
        return rc;
    avsp_s3_query(&buf, request->params, request->n_params, arena);
    avsp_buf_printf(&buf, "&X-Amz-Signature=%s", hex);
    rc = avsp_buf_check(&buf, err);
    if (rc == AVSP_OK && (*ret_query = avsp_arena_strdup(arena, avsp_buf_text(&buf))) == NULL)
        return avsp_arena_failed(arena, err);
    return rc;
}
