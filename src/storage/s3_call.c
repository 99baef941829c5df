#include "storage/s3_private.h"
#include "storage/s3_text.h"
#include "storage/sha256.h"
#include "util/parse.h"

#include <inttypes.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>

#define BACKOFF_FIRST_MS 100
#define BACKOFF_MAX_MS 20000
#define CORRECTIONS_MAX 4 ///< of region, place, clock, credentials, in one call
#define LAST_ACT_MS 5000
#define SKEW_MIN_S 60 ///< a clock that is off by less was not the reason
#define URL_MAX_BYTES ((size_t)64 << 10)

/// What to do about an answer.
enum verdict {
    GOOD,
    CORRECTED, ///< something was learnt: try at once
    AGAIN,     ///< later
    BAD,
};

/// One call on its way.
struct trying {
    struct avsp_s3 *s3;
    struct avsp_s3_lane *lane;
    struct avsp_s3_call *call;
    struct avsp_s3_reply *reply;
    unsigned tries;
    unsigned corrections;
    struct avsp_mono ends;
    const char *store_code; ///< what the last answer says; in the arena of the try
    const char *store_text;
};

void avsp_s3_reply_init(struct avsp_s3_reply *reply)
{
    *reply = (struct avsp_s3_reply){0};
    avsp_buf_init(&reply->body, AVSP_S3_ANSWER_MAX_BYTES);
}

void avsp_s3_reply_deinit(struct avsp_s3_reply *reply)
{
    avsp_buf_deinit(&reply->body);
}

static struct avsp_s3_span body_of(const struct avsp_s3_reply *reply)
{
    return (struct avsp_s3_span){avsp_buf_text(&reply->body), reply->body.len};
}

static const char *pick(const char *first, const char *second)
{
    return first[0] != '\0' ? first : second;
}

static enum avsp_code check_allowed(struct avsp_s3 *s3, const struct avsp_s3_endpoint *endpoint,
                                    const char *bucket, struct avsp_err *err)
{
    for (size_t i = 0; i < s3->n_allowed; i++)
        if (avsp_s3_allowed_covers(&s3->allowed[i], endpoint, bucket))
            return AVSP_OK;
    if (!s3->is_limited)
        return AVSP_OK;
    struct avsp_buf AVSP_CLEANUP(avsp_buf_deinit) shown;
    avsp_buf_init(&shown, 1024);
    avsp_s3_endpoint_show(endpoint, &shown);
    return avsp_err_set(err, AVSP_DENIED, "%s/%s is not among what --allow-s3 names",
                        avsp_buf_text(&shown), bucket);
}

/// Own credentials open what their owner meant them for: the endpoint beside them, Amazon where there is none, and what is
/// allowed by name. A job that names another endpoint is not helped with them.
static enum avsp_code check_own(struct avsp_s3 *s3, const struct avsp_s3_endpoint *endpoint,
                                const char *own_endpoint, struct avsp_err *err)
{
    struct avsp_s3_endpoint own;
    for (size_t i = 0; i < s3->n_allowed; i++)
        if (avsp_s3_allowed_covers(&s3->allowed[i], endpoint, NULL))
            return AVSP_OK;
    if (own_endpoint[0] == '\0' && avsp_s3_endpoint_is_amazon(endpoint))
        return AVSP_OK;
    if (own_endpoint[0] != '\0' && avsp_s3_endpoint_parse(own_endpoint, &own, err) == AVSP_OK &&
        avsp_s3_endpoint_equal(&own, endpoint))
        return AVSP_OK;
    return avsp_err_set(err, AVSP_DENIED,
                        "no credentials came with the location, and this machine's own are not "
                        "meant for %s: give some, or name the endpoint in AWS_ENDPOINT_URL_S3 or "
                        "--allow-s3",
                        endpoint->host);
}

/// May it be asked at @p endpoint, with these keys?
static enum avsp_code check_target(struct avsp_s3 *s3, const struct avsp_s3_target *target,
                                   const struct avsp_s3_endpoint *endpoint, const char *bucket,
                                   struct avsp_err *err)
{
    enum avsp_code rc = check_allowed(s3, endpoint, bucket, err);
    if (rc != AVSP_OK || !target->are_own)
        return rc;
    if (target->keys.access_key_id[0] == '\0' && target->why_none[0] != '\0')
        return avsp_err_set(err, AVSP_UNSUPPORTED, "%s", target->why_none);
    if (target->keys.access_key_id[0] == '\0')
        return avsp_err_set(
            err, AVSP_UNAUTHENTICATED,
            "no credentials came with the location, and this machine has none of its "
            "own (environment, profile, container or instance)");
    return check_own(s3, endpoint, target->own_endpoint, err);
}

enum avsp_code avsp_s3_target(struct avsp_s3 *s3, const struct avsp_location *at,
                              struct avsp_arena *arena, struct avsp_s3_target *ret_target,
                              struct avsp_err *err)
{
    struct avsp_s3_target t = {
        .asked = at->endpoint,
        .region = at->region,
        .keys = {at->access_key_id, at->secret_access_key.text, at->session_token.text},
        .are_own = at->access_key_id[0] == '\0' && !at->anonymous,
    };
    if (at->anonymous)
        t.keys = (struct avsp_s3_keys){"", "", ""};
    const char *own_region = "", *own_endpoint = "", *why_none = "";
    struct avsp_s3_keys own = {"", "", ""};
    if ((t.are_own || t.asked[0] == '\0') &&
        avsp_s3_own(s3, arena, &own, &own_region, &own_endpoint, &why_none, err) != AVSP_OK)
        return err->code;
    if (strcmp(own_endpoint, AVSP_S3_AMAZON) == 0)
        own_endpoint = "";
    t.asked = pick(t.asked, own_endpoint);
    if (t.are_own) {
        t.keys = own;
        t.region = pick(t.region, own_region);
    }
    t.own_endpoint = own_endpoint;
    t.why_none = why_none;
    if (strcmp(t.asked, AVSP_S3_AMAZON) == 0)
        t.asked = "";
    if (!avsp_s3_region_is_valid(t.region))
        return avsp_err_set(err, AVSP_INVALID, "\"%.100s\" is not the name of a region", t.region);
    if (t.asked[0] == '\0')
        avsp_s3_endpoint_amazon(pick(t.region, AVSP_S3_REGION_DEFAULT), &t.endpoint);
    else if (avsp_s3_endpoint_parse(t.asked, &t.endpoint, err) != AVSP_OK)
        return err->code;
    enum avsp_code rc = check_target(s3, &t, &t.endpoint, at->bucket, err);
    if (rc == AVSP_OK)
        *ret_target = t;
    return rc;
}

/// Puts the request together as it is now: with the present time, region, place and credentials.
static enum avsp_code compose(const struct trying *t, const struct avsp_s3_target *target,
                              const struct avsp_s3_place *known, struct avsp_arena *arena,
                              struct avsp_s3_request *request, const char **ret_url,
                              struct avsp_err *err)
{
    const struct avsp_s3_call *call = t->call;
    struct avsp_buf AVSP_CLEANUP(avsp_buf_deinit) host, path, url;
    avsp_buf_init(&host, URL_MAX_BYTES);
    avsp_buf_init(&path, URL_MAX_BYTES);
    avsp_buf_init(&url, URL_MAX_BYTES);
    struct avsp_s3_endpoint endpoint;
    const char *region = avsp_s3_find_place(target, known, &endpoint);
    enum avsp_code rc = known->is_led
                            ? AVSP_OK // looked at when it was learnt
                            : check_target(t->s3, target, &endpoint, call->at->bucket, err);
    if (rc == AVSP_OK)
        rc = avsp_s3_endpoint_address(&endpoint, call->at->style, call->at->bucket, call->key,
                                      &host, &path, err);
    if (rc != AVSP_OK)
        return rc;
    *request = (struct avsp_s3_request){
        .method = call->method,
        .host = avsp_arena_strdup(arena, avsp_buf_text(&host)),
        .path = avsp_arena_strdup(arena, avsp_buf_text(&path)),
        .n_params = call->n_params,
        .n_headers = call->n_headers,
        .payload_sha256 = AVSP_S3_EMPTY_SHA256,
        .region = avsp_arena_strdup(arena, region),
        .service = "s3",
        .time_s = avsp_wall_now().us / 1000000 + known->skew_s,
    };
    memcpy(request->params, call->params, sizeof call->params[0] * call->n_params);
    memcpy(request->headers, call->headers, sizeof call->headers[0] * call->n_headers);
    if (request->host == NULL || request->path == NULL || request->region == NULL)
        return avsp_arena_failed(arena, err);
    avsp_buf_printf(&url, "%s://%s%s", endpoint.tls ? "https" : "http", request->host,
                    request->path);
    if (call->n_params > 0)
        avsp_buf_puts(&url, "?");
    avsp_s3_query(&url, call->params, call->n_params, arena);
    rc = avsp_buf_check(&url, err);
    if (rc == AVSP_OK && (*ret_url = avsp_arena_strdup(arena, avsp_buf_text(&url))) == NULL)
        return avsp_arena_failed(arena, err);
    return rc;
}

/// Signs and sends what was put together.
static enum avsp_code send(struct trying *t, struct avsp_s3_request *request, const char *url,
                           const struct avsp_s3_target *target, struct avsp_arena *arena,
                           struct avsp_err *err)
{
    const struct avsp_s3_call *call = t->call;
    char hash[AVSP_SHA256_HEX_BYTES];
    if (call->body_len > 0) {
        if (avsp_sha256_hex(call->body, call->body_len, hash, err) != AVSP_OK)
            return err->code;
        request->payload_sha256 = hash;
    }
    enum avsp_code rc = avsp_s3_sign(request, &target->keys, arena, err);
    if (rc != AVSP_OK)
        return rc;
    struct avsp_s3_exchange exchange = {
        .method = request->method,
        .url = url,
        .headers = request->headers,
        .n_headers = request->n_headers,
        .body = call->body,
        .body_len = call->body_len,
        .sink = call->sink,
        .opaque = call->opaque,
    };
    static const atomic_bool never = false;
    struct avsp_s3_rules rules = t->s3->rules;
    if (call->is_last_act) {
        // Whoever stops waits for it: for no longer than it may be tried.
        int64_t left_ms = AVSP_MAX(avsp_mono_left_ms(t->ends), (int64_t)1);
        rules.is_stopped = &never;
        rules.silence_ms = AVSP_MIN(rules.silence_ms, left_ms);
        rules.connect_ms = AVSP_MIN(rules.connect_ms, left_ms);
    }
    return avsp_s3_exchange(t->lane, &rules, &exchange, t->reply, err);
}

static enum avsp_code read_error(struct trying *t, struct avsp_arena *arena, struct avsp_err *err)
{
    struct avsp_s3_span body = body_of(t->reply);
    char *code = (char *)avsp_s3_xml_text(arena, body, "Code");
    char *text = (char *)avsp_s3_xml_text(arena, body, "Message");
    if (code == NULL || text == NULL)
        return avsp_arena_failed(arena, err);
    if (code[0] != '\0')
        avsp_text_tame(code, '?', false);
    if (text[0] != '\0')
        avsp_text_tame(text, '?', false);
    t->store_code = code;
    t->store_text = text;
    return AVSP_OK;
}

static bool is_code(const struct trying *t, const char *code)
{
    return strcmp(t->store_code, code) == 0;
}

/// The place that a redirection names: in its header, or in its text.
static bool read_lead(const struct trying *t, const struct avsp_s3_target *target,
                      struct avsp_arena *arena, struct avsp_s3_endpoint *ret_endpoint)
{
    struct avsp_err ignored = {0};
    const char *text = avsp_s3_xml_text(arena, body_of(t->reply), "Endpoint");
    char address[AVSP_S3_HOST_BYTES + 16] = "";
    const char *location = t->reply->location;
    const char *host = strstr(location, "://");
    if (host != NULL) {
        size_t n = (size_t)(host - location) + 3 + strcspn(host + 3, "/?");
        if (n < sizeof address)
            snprintf(address, sizeof address, "%.*s", (int)n, location);
    } else if (text != NULL && text[0] != '\0') {
        snprintf(address, sizeof address, "%s://%.200s", target->endpoint.tls ? "https" : "http",
                 text);
    }
    return address[0] != '\0' &&
           avsp_s3_endpoint_parse(address, ret_endpoint, &ignored) == AVSP_OK &&
           avsp_s3_endpoint_may_lead(&target->endpoint, ret_endpoint);
}

/// Another region or another place. @return was anything new learnt?
static bool learn_place(struct trying *t, const struct avsp_s3_target *target,
                        struct avsp_arena *arena, struct avsp_s3_place *known)
{
    const char *told = t->reply->region;
    if (told[0] == '\0')
        told = avsp_s3_xml_text(arena, body_of(t->reply), "Region");
    if (told != NULL && told[0] != '\0' && avsp_s3_region_is_valid(told) &&
        strcmp(told, pick(known->region, pick(target->region, AVSP_S3_REGION_DEFAULT))) != 0) {
        snprintf(known->region, sizeof known->region, "%s", told);
        return true;
    }
    struct avsp_s3_endpoint led;
    struct avsp_err ignored = {0};
    const struct avsp_s3_endpoint *now = known->is_led ? &known->led_to : &target->endpoint;
    if ((t->reply->status != 301 && t->reply->status != 307) ||
        !read_lead(t, target, arena, &led) || avsp_s3_endpoint_equal(&led, now) ||
        check_allowed(t->s3, &led, t->call->at->bucket, &ignored) != AVSP_OK)
        return false;
    known->is_led = true;
    known->led_to = led;
    return true;
}

static bool learn_clock(const struct trying *t, struct avsp_s3_place *known)
{
    if (t->reply->date_s == 0)
        return false;
    int64_t skew = t->reply->date_s - avsp_wall_now().us / 1000000;
    int64_t change = skew - known->skew_s;
    known->skew_s = skew;
    return change > SKEW_MIN_S || change < -SKEW_MIN_S;
}

/// Can what is wrong be put right from here?
static bool correct(struct trying *t, const struct avsp_s3_target *target, struct avsp_arena *arena,
                    struct avsp_s3_place *known)
{
    long status = t->reply->status;
    if (t->corrections == CORRECTIONS_MAX)
        return false;
    if (is_code(t, "RequestTimeTooSkewed"))
        return learn_clock(t, known);
    if (target->are_own && (is_code(t, "ExpiredToken") || is_code(t, "InvalidAccessKeyId") ||
                            is_code(t, "TokenRefreshRequired"))) {
        avsp_s3_own_expired(t->s3);
        return t->corrections == 0;
    }
    return (status == 301 || status == 307 || status == 400 || status == 403) &&
           learn_place(t, target, arena, known);
}

static bool is_passing(const struct trying *t)
{
    static const long statuses[] = {408, 429, 500, 502, 503, 504};
    static const char *const codes[] = {"SlowDown",           "RequestTimeout",
                                        "InternalError",      "BadDigest",
                                        "OperationAborted",   "XAmzContentSHA256Mismatch",
                                        "ServiceUnavailable", "IncompleteBody"};
    for (size_t i = 0; i < AVSP_ARRAY_LEN(statuses); i++)
        if (t->reply->status == statuses[i])
            return true;
    for (size_t i = 0; i < AVSP_ARRAY_LEN(codes); i++)
        if (is_code(t, codes[i]))
            return true;
    return false;
}

static enum avsp_code code_of(const struct trying *t)
{
    static const char *const unauthenticated[] = {
        "InvalidAccessKeyId",
        "SignatureDoesNotMatch",
        "ExpiredToken",
        "InvalidToken",
        "TokenRefreshRequired",
        "RequestTimeTooSkewed",
        "AuthorizationHeaderMalformed",
    };
    for (size_t i = 0; i < AVSP_ARRAY_LEN(unauthenticated); i++)
        if (is_code(t, unauthenticated[i]))
            return AVSP_UNAUTHENTICATED;
    if (is_code(t, "QuotaExceeded") || t->reply->status == 507)
        return AVSP_NO_SPACE;
    if (is_passing(t))
        return AVSP_UNAVAILABLE;
    switch (t->reply->status) {
    case 401:
        return AVSP_UNAUTHENTICATED;
    case 403:
        return AVSP_DENIED;
    case 404:
        return AVSP_NOT_FOUND;
    case 412:
    case 416:
        return AVSP_PRECONDITION;
    default:
        return AVSP_INVALID;
    }
}

/// What a person can do about the commonest ones, beyond what the store says.
static const char *remedy(const struct trying *t)
{
    if (is_code(t, "SignatureDoesNotMatch"))
        return " (is the secret key right?)";
    if (is_code(t, "ExpiredToken") || is_code(t, "TokenRefreshRequired"))
        return " (these temporary credentials have run out: submit with fresh ones)";
    if (t->reply->status == 404 && t->store_code[0] == '\0')
        return ": there is no such object, or no such bucket";
    if (t->reply->status == 403 && t->store_code[0] == '\0')
        return ": these credentials may not do that, or may not even know whether it exists";
    return "";
}

static enum avsp_code say(const struct trying *t, struct avsp_err *err)
{
    const struct avsp_s3_reply *reply = t->reply;
    enum avsp_code code = code_of(t);
    avsp_err_set(err, code, "HTTP %ld%s%.100s%s%.300s%s%s%s%s", reply->status,
                 t->store_code[0] != '\0' ? " " : "", t->store_code,
                 t->store_text[0] != '\0' ? ": " : "", t->store_text, remedy(t),
                 reply->request_id[0] != '\0' ? " (request " : "", reply->request_id,
                 reply->request_id[0] != '\0' ? ")" : "");
    err->native = (int)reply->status;
    return code;
}

/// An answer to HEAD has no body to say what is wrong: another request gets one.
static enum avsp_code ask_why(struct trying *t, struct avsp_s3_request *request,
                              const struct avsp_s3_target *target, const char *url,
                              struct avsp_arena *arena, struct avsp_err *err)
{
    long status = t->reply->status;
    if (strcmp(t->call->method, "HEAD") != 0 || t->reply->region[0] != '\0' ||
        (status != 301 && status != 307 && status != 400 && status != 403))
        return AVSP_OK;
    struct avsp_s3_request again = *request;
    again.method = "GET";
    again.n_headers = 1;
    again.headers[0] = (struct avsp_s3_pair){"range", "bytes=0-0"};
    return send(t, &again, url, target, arena, err);
}

static enum verdict judge(struct trying *t, const struct avsp_s3_target *target,
                          const char *place_key, struct avsp_s3_place *known,
                          struct avsp_arena *arena, struct avsp_err *err)
{
    bool is_good = t->reply->status >= 200 && t->reply->status < 300;
    t->store_code = t->store_text = "";
    if (is_good && !t->call->may_hide_error)
        return GOOD;
    if (read_error(t, arena, err) != AVSP_OK)
        return BAD;
    if (is_good && t->store_code[0] == '\0')
        return GOOD;
    if (correct(t, target, arena, known)) {
        avsp_s3_remember(t->s3, place_key, known);
        t->corrections++;
        return CORRECTED;
    }
    say(t, err);
    return is_passing(t) ? AGAIN : BAD;
}

static enum verdict attempt(struct trying *t, struct avsp_err *err)
{
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    avsp_arena_init(&arena, AVSP_S3_ARENA_BYTES);
    struct avsp_s3_target target;
    struct avsp_s3_request request = {0};
    const char *url = "";
    if (avsp_s3_target(t->s3, t->call->at, &arena, &target, err) != AVSP_OK)
        return err->code == AVSP_UNAVAILABLE || err->code == AVSP_TIMEOUT ? AGAIN : BAD;
    const char *place_key = avsp_s3_place_key(&arena, &target, t->call->at->bucket);
    if (place_key == NULL) {
        avsp_arena_failed(&arena, err);
        return BAD;
    }
    struct avsp_s3_place known = avsp_s3_recall(t->s3, place_key);
    enum avsp_code rc = compose(t, &target, &known, &arena, &request, &url, err);
    struct avsp_s3_request unsigned_request = request;
    if (rc == AVSP_OK)
        rc = send(t, &request, url, &target, &arena, err);
    if (rc == AVSP_OK)
        rc = ask_why(t, &unsigned_request, &target, url, &arena, err);
    if (rc == AVSP_UNAVAILABLE || rc == AVSP_TIMEOUT)
        return AGAIN;
    return rc == AVSP_OK ? judge(t, &target, place_key, &known, &arena, err) : BAD;
}

/// Full jitter: callers that were refused together do not come back together.
static int64_t pause_ms(const struct trying *t)
{
    int64_t ceiling = BACKOFF_FIRST_MS;
    for (unsigned i = 1; i < t->tries && ceiling < BACKOFF_MAX_MS; i++)
        ceiling *= 2;
    ceiling = AVSP_MIN(ceiling, (int64_t)BACKOFF_MAX_MS);
    uint32_t random = 0;
    if (getrandom(&random, sizeof random, 0) != (ssize_t)sizeof random)
        random = (uint32_t)avsp_mono_now().us;
    int64_t ms = (int64_t)(random % (uint32_t)(ceiling + 1));
    return AVSP_MAX(ms, avsp_s3_wait_s(t->reply, avsp_wall_now().us / 1000000) * 1000);
}

static enum avsp_code give_up(const struct trying *t, struct avsp_err *err)
{
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    struct avsp_buf AVSP_CLEANUP(avsp_buf_deinit) where;
    avsp_arena_init(&arena, AVSP_S3_ARENA_BYTES);
    avsp_buf_init(&where, 1024);
    const struct avsp_location *at = t->call->at;
    struct avsp_s3_endpoint endpoint;
    struct avsp_err ignored = {0};
    int native = err->native;
    if (at->endpoint[0] != '\0' &&
        avsp_s3_endpoint_parse(at->endpoint, &endpoint, &ignored) == AVSP_OK)
        avsp_s3_endpoint_show(&endpoint, &where);
    if (t->tries > 1)
        avsp_err_wrap(err, "%u tries", t->tries);
    avsp_err_wrap(err, "s3://%.100s/%.200s: %s%s%s", at->bucket, t->call->key, t->call->method,
                  where.len > 0 ? " at " : "", avsp_buf_text(&where));
    err->native = native;
    return err->code;
}

enum avsp_code avsp_s3_call(struct avsp_s3 *s3, struct avsp_s3_lane *lane,
                            struct avsp_s3_call *call, struct avsp_s3_reply *reply,
                            struct avsp_err *err)
{
    struct trying t = {.s3 = s3,
                       .lane = lane,
                       .call = call,
                       .reply = reply,
                       .ends = avsp_mono_in_ms(s3->patience_ms)};
    if (call->is_last_act)
        t.ends = avsp_mono_in_ms(AVSP_MIN(s3->patience_ms, (int64_t)LAST_ACT_MS));
    for (;;) {
        bool is_further = call->begin != NULL && call->begin(call->opaque, call);
        if (is_further) {
            // What moves is not hopeless: patience is for what stands still.
            t.tries = 0;
            t.ends = avsp_mono_in_ms(s3->patience_ms);
        }
        t.tries++;
        enum verdict verdict = attempt(&t, err);
        if (verdict == GOOD)
            return AVSP_OK;
        if (verdict == CORRECTED)
            continue;
        int64_t ms = verdict == AGAIN ? pause_ms(&t) : 0;
        if (verdict == BAD || ms > avsp_mono_left_ms(t.ends))
            return give_up(&t, err);
        if (!avsp_s3_sleep(s3, ms) && !call->is_last_act) {
            avsp_err_set(err, AVSP_CANCELED, "stopped");
            return give_up(&t, err);
        }
    }
}
