#include "storage/s3_http.h"

#include "storage/s3_address.h"
#include "util/time.h"

#include <curl/curl.h>
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define RECEIVE_BYTES (512L << 10)
#define SEND_BYTES (2L << 20)
#define EXPECT_MS 1000L

struct avsp_s3_lane {
    CURL *curl;
    // Of the exchange that runs.
    const struct avsp_s3_rules *rules;
    const struct avsp_s3_exchange *exchange;
    struct avsp_s3_reply *reply;
    struct avsp_err *err;
    size_t sent;
    curl_off_t moved; ///< bytes in both directions, when it was last looked
    struct avsp_mono moved_at;
    bool is_refused;  ///< the address
    bool is_silent;   ///< for too long
    bool sink_failed; ///< and has set the error
    char curl_text[CURL_ERROR_SIZE];
};

static void global_init(void)
{
    AVSP_ASSERT(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK);
}

struct avsp_s3_lane *avsp_s3_lane_new(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, global_init);
    struct avsp_s3_lane *lane = calloc(1, sizeof *lane);
    if (lane != NULL)
        lane->curl = curl_easy_init();
    if (lane == NULL || lane->curl == NULL) {
        free(lane);
        return NULL;
    }
    return lane;
}

void avsp_s3_lane_free(struct avsp_s3_lane *lane)
{
    if (lane == NULL)
        return;
    curl_easy_cleanup(lane->curl);
    free(lane);
}

/// The only place where a socket is made: the address is what will be connected to, whatever name or redirection led there.
static curl_socket_t open_socket(void *opaque, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct avsp_s3_lane *lane = opaque;
    (void)purpose;
    if (!lane->rules->is_surroundings &&
        avsp_s3_address_is_forbidden(&address->addr, address->addrlen)) {
        lane->is_refused = true;
        return CURL_SOCKET_BAD;
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static size_t send_body(char *buffer, size_t size, size_t n, void *opaque)
{
    struct avsp_s3_lane *lane = opaque;
    size_t len = AVSP_MIN(size * n, lane->exchange->body_len - lane->sent);
    memcpy(buffer, (const char *)lane->exchange->body + lane->sent, len);
    lane->sent += len;
    return len;
}

static int seek_body(void *opaque, curl_off_t offset, int origin)
{
    struct avsp_s3_lane *lane = opaque;
    if (origin != SEEK_SET || offset < 0 || (uint64_t)offset > lane->exchange->body_len)
        return CURL_SEEKFUNC_FAIL;
    lane->sent = (size_t)offset;
    return CURL_SEEKFUNC_OK;
}

static size_t take_body(char *bytes, size_t size, size_t n, void *opaque)
{
    struct avsp_s3_lane *lane = opaque;
    size_t len = size * n;
    bool is_good = lane->reply->status >= 200 && lane->reply->status < 300;
    if (!is_good || lane->exchange->sink == NULL) {
        avsp_buf_append(&lane->reply->body, bytes, len);
        return lane->reply->body.sticky == AVSP_OK ? len : 0;
    }
    if (lane->exchange->sink(lane->exchange->opaque, bytes, len, lane->err))
        return len;
    lane->sink_failed = true;
    return 0;
}

static size_t take_header(char *bytes, size_t size, size_t n, void *opaque)
{
    struct avsp_s3_lane *lane = opaque;
    return avsp_s3_field(lane->reply, bytes, size * n) ? size * n : 0;
}

/// Called about once a second at least.
static int watch(void *opaque, curl_off_t download_total, curl_off_t downloaded,
                 curl_off_t upload_total, curl_off_t uploaded)
{
    struct avsp_s3_lane *lane = opaque;
    (void)download_total, (void)upload_total;
    if (atomic_load(lane->rules->is_stopped))
        return 1;
    struct avsp_mono now = avsp_mono_now();
    if (downloaded + uploaded != lane->moved) {
        lane->moved = downloaded + uploaded;
        lane->moved_at = now;
    }
    lane->is_silent = now.us - lane->moved_at.us > lane->rules->silence_ms * 1000;
    return lane->is_silent ? 1 : 0;
}

/// A header each, and none of those that libcurl would add of its own.
static struct curl_slist *make_headers(const struct avsp_s3_exchange *exchange, bool *ret_ok)
{
    struct curl_slist *list = NULL;
    *ret_ok = true;
    for (size_t i = 0; i < exchange->n_headers && *ret_ok; i++) {
        struct avsp_buf AVSP_CLEANUP(avsp_buf_deinit) line;
        avsp_buf_init_secret(&line, 64 << 10); // a token may stand in it
        avsp_buf_printf(&line, "%s: %s", exchange->headers[i].name, exchange->headers[i].value);
        struct curl_slist *longer = curl_slist_append(list, avsp_buf_text(&line));
        *ret_ok = line.sticky == AVSP_OK && longer != NULL;
        list = longer != NULL ? longer : list;
    }
    return list;
}

static void wipe_headers(struct curl_slist *list)
{
    for (struct curl_slist *at = list; at != NULL; at = at->next)
        explicit_bzero(at->data, strlen(at->data));
    curl_slist_free_all(list);
}

static void set_options(struct avsp_s3_lane *lane, struct curl_slist *headers)
{
    CURL *curl = lane->curl;
    const struct avsp_s3_rules *rules = lane->rules;
    const struct avsp_s3_exchange *exchange = lane->exchange;
    curl_easy_reset(curl); // keeps its connections
    curl_easy_setopt(curl, CURLOPT_URL, exchange->url);
    curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)rules->connect_ms);
    curl_easy_setopt(curl, CURLOPT_EXPECT_100_TIMEOUT_MS, EXPECT_MS);
    curl_easy_setopt(curl, CURLOPT_BUFFERSIZE, RECEIVE_BYTES);
    curl_easy_setopt(curl, CURLOPT_UPLOAD_BUFFERSIZE, SEND_BYTES);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "avspl1t/" AVSP_VERSION);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    curl_easy_setopt(curl, CURLOPT_OPENSOCKETDATA, lane);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, lane);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, lane);
    curl_easy_setopt(curl, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, watch);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, lane);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, lane->curl_text);
    if (rules->ca_file != NULL) {
        curl_easy_setopt(curl, CURLOPT_CAINFO, rules->ca_file);
        curl_easy_setopt(curl, CURLOPT_CAPATH, NULL); // else the system's are trusted beside it
    }
    if (rules->is_surroundings)
        curl_easy_setopt(curl, CURLOPT_PROXY, "");
    if (strcmp(exchange->method, "HEAD") == 0)
        curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
    if (exchange->body != NULL) {
        curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
        curl_easy_setopt(curl, CURLOPT_INFILESIZE_LARGE, (curl_off_t)exchange->body_len);
        curl_easy_setopt(curl, CURLOPT_READFUNCTION, send_body);
        curl_easy_setopt(curl, CURLOPT_READDATA, lane);
        curl_easy_setopt(curl, CURLOPT_SEEKFUNCTION, seek_body);
        curl_easy_setopt(curl, CURLOPT_SEEKDATA, lane);
    }
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, exchange->method);
}

/// What libcurl's end of an exchange means.
static enum avsp_code judge(struct avsp_s3_lane *lane, CURLcode code, struct avsp_err *err)
{
    const char *why = lane->curl_text[0] != '\0' ? lane->curl_text : curl_easy_strerror(code);
    if (lane->sink_failed)
        return err->code;
    if (atomic_load(lane->rules->is_stopped))
        return avsp_err_set(err, AVSP_CANCELED, "stopped");
    // Of a name with several addresses another one may have answered.
    if (lane->is_refused && code != CURLE_OK)
        return avsp_err_set(err, AVSP_DENIED,
                            "its address is of this machine's own surroundings (link-local or "
                            "metadata), where no store is ever looked for");
    switch (code) {
    case CURLE_OK:
        return AVSP_OK;
    case CURLE_ABORTED_BY_CALLBACK:
        return avsp_err_set(err, AVSP_TIMEOUT, "silent for %" PRId64 " s",
                            lane->rules->silence_ms / 1000);
    case CURLE_OPERATION_TIMEDOUT:
        return avsp_err_set(err, AVSP_TIMEOUT, "%s", why);
    case CURLE_OUT_OF_MEMORY:
        return avsp_err_set(err, AVSP_NO_MEMORY, "memory ran out");
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
        return avsp_err_set(err, AVSP_INVALID, "%s", why);
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
        return avsp_err_set(err, AVSP_INVALID,
                            "%s (AWS_CA_BUNDLE names a file with other certificates to trust)",
                            why);
    case CURLE_WRITE_ERROR:
        if (lane->reply->body.sticky == AVSP_NO_MEMORY)
            return avsp_err_set(err, AVSP_NO_MEMORY, "memory ran out");
        return avsp_err_set(err, AVSP_UNAVAILABLE, "an answer of unlikely length");
    default:
        return avsp_err_set(err, AVSP_UNAVAILABLE, "%s", why);
    }
}

enum avsp_code avsp_s3_exchange(struct avsp_s3_lane *lane, const struct avsp_s3_rules *rules,
                                const struct avsp_s3_exchange *exchange,
                                struct avsp_s3_reply *reply, struct avsp_err *err)
{
    bool ok;
    struct curl_slist *headers = make_headers(exchange, &ok);
    if (!ok) {
        wipe_headers(headers);
        return avsp_err_set(err, AVSP_NO_MEMORY, "memory ran out");
    }
    struct avsp_buf body = reply->body;
    avsp_buf_clear(&body);
    *reply = (struct avsp_s3_reply){.body = body};
    lane->rules = rules;
    lane->exchange = exchange;
    lane->reply = reply;
    lane->err = err;
    lane->sent = 0;
    lane->moved = 0;
    lane->moved_at = avsp_mono_now();
    lane->is_refused = lane->is_silent = lane->sink_failed = false;
    lane->curl_text[0] = '\0';
    set_options(lane, headers);
    CURLcode code = curl_easy_perform(lane->curl);
    curl_easy_setopt(lane->curl, CURLOPT_HTTPHEADER, NULL);
    wipe_headers(headers);
    return judge(lane, code, err);
}
