#include "s3_stub.h"

#include "storage/s3_text.h"
#include "util/buf.h"
#include "util/fd.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define OBJECTS_MAX 64
#define CONNECTIONS_MAX 32
#define HEAD_MAX_BYTES 8192
#define BODY_MAX_BYTES ((size_t)64 << 20)

/// An object, or a part of an upload: then its key is "?ID.NUMBER", and "?ID" is the upload itself.
struct object {
    char key[256]; ///< "" = this place is free
    char *bytes;
    size_t len;
};

struct s3_stub {
    pthread_mutex_t lock;
    struct object objects[OBJECTS_MAX];
    unsigned n_uploads;
    const char *(*odd)(void *opaque, const char *method, const char *target);
    void *opaque;
    int fd;
    char endpoint[64];
    pthread_t thread;
    struct connection {
        struct s3_stub *stub;
        int fd;
        pthread_t thread;
    } connections[CONNECTIONS_MAX];
    size_t n_connections;
    bool is_stopping;
};

struct request {
    char head[HEAD_MAX_BYTES + 1];
    char method[16];
    char target[2048];
    char key[1024];
    char *body;
    size_t body_len;
};

// --- what is there; with the lock

static struct object *find(struct s3_stub *stub, const char *key)
{
    for (size_t i = 0; i < OBJECTS_MAX; i++)
        if (strcmp(stub->objects[i].key, key) == 0)
            return &stub->objects[i];
    return NULL;
}

static void forget(struct object *object)
{
    free(object->bytes);
    *object = (struct object){0};
}

static void keep(struct s3_stub *stub, const char *key, const char *bytes, size_t len)
{
    struct object *object = find(stub, key);
    if (object == NULL)
        object = find(stub, "");
    AVSP_ASSERT(object != NULL);
    forget(object);
    object->bytes = malloc(len + 1);
    AVSP_ASSERT(object->bytes != NULL);
    memcpy(object->bytes, bytes, len);
    object->len = len;
    snprintf(object->key, sizeof object->key, "%s", key);
}

static void forget_upload(struct s3_stub *stub, const char *id)
{
    char prefix[64];
    int n = snprintf(prefix, sizeof prefix, "?%s", id);
    for (size_t i = 0; i < OBJECTS_MAX; i++)
        if (strncmp(stub->objects[i].key, prefix, (size_t)n) == 0)
            forget(&stub->objects[i]);
}

// --- requests

/// The value of a header field or of a parameter; false: it has none.
static bool value_of(const char *in, const char *name, const char *end, char ret_value[256])
{
    const char *at = strcasestr(in, name);
    if (at == NULL)
        return false;
    at += strlen(name);
    snprintf(ret_value, 256, "%.*s", (int)strcspn(at, end), at);
    avsp_s3_decode(ret_value);
    return true;
}

static const char *status_of(int status)
{
    switch (status) {
    case 200:
        return "200 OK";
    case 204:
        return "204 No Content";
    case 206:
        return "206 Partial Content";
    case 416:
        return "416 Range Not Satisfiable";
    default:
        return "404 Not Found";
    }
}

static void answer(struct avsp_buf *out, int status, const char *fields, const char *body,
                   size_t len, bool with_body)
{
    avsp_buf_printf(out, "HTTP/1.1 %s\r\nContent-Length: %zu\r\n%s\r\n", status_of(status), len,
                    fields);
    if (with_body)
        avsp_buf_append(out, body, len);
}

static void answer_text(struct avsp_buf *out, int status, const char *text)
{
    answer(out, status, "", text, strlen(text), true);
}

static void get(struct s3_stub *stub, const struct request *request, struct avsp_buf *out)
{
    const struct object *object = find(stub, request->key);
    const bool is_head = strcmp(request->method, "HEAD") == 0;
    char range[256], fields[256];
    if (object == NULL) {
        answer(out, 404, "", "<Error><Code>NoSuchKey</Code></Error>", is_head ? 0 : 37, !is_head);
        return;
    }
    if (!value_of(request->head, "\r\nrange: bytes=", "\r\n", range)) {
        answer(out, 200, "ETag: \"1\"\r\n", object->bytes, object->len, !is_head);
        return;
    }
    char *end = NULL;
    const size_t from = strtoull(range, &end, 10);
    const size_t to = AVSP_MIN(strtoull(end + 1, NULL, 10) + 1, object->len);
    if (from >= object->len) {
        answer_text(out, 416, "<Error><Code>InvalidRange</Code></Error>");
        return;
    }
    snprintf(fields, sizeof fields, "ETag: \"1\"\r\nContent-Range: bytes %zu-%zu/%zu\r\n", from,
             to - 1, object->len);
    answer(out, 206, fields, object->bytes + from, to - from, !is_head);
}

static void complete(struct s3_stub *stub, const struct request *request, const char *id,
                     struct avsp_buf *out)
{
    struct avsp_buf AVSP_CLEANUP(avsp_buf_deinit) all;
    char key[300];
    avsp_buf_init(&all, BODY_MAX_BYTES);
    snprintf(key, sizeof key, "?%s", id);
    if (find(stub, key) == NULL) {
        answer_text(out, 404, "<Error><Code>NoSuchUpload</Code></Error>");
        return;
    }
    for (unsigned i = 1;; i++) {
        snprintf(key, sizeof key, "?%s.%u", id, i);
        const struct object *part = find(stub, key);
        if (part == NULL)
            break;
        avsp_buf_append(&all, part->bytes, part->len);
    }
    forget_upload(stub, id);
    keep(stub, request->key, avsp_buf_text(&all), all.len);
    answer_text(out, 200, "<CompleteMultipartUploadResult/>");
}

static void post(struct s3_stub *stub, const struct request *request, struct avsp_buf *out)
{
    char id[256], key[300], text[400];
    if (value_of(request->target, "uploadId=", "&", id)) {
        complete(stub, request, id, out);
        return;
    }
    snprintf(id, sizeof id, "u%u", ++stub->n_uploads);
    snprintf(key, sizeof key, "?%.250s", id);
    keep(stub, key, "", 0);
    snprintf(text, sizeof text, "<UploadId>%s</UploadId>", id);
    answer_text(out, 200, text);
}

static void list(struct s3_stub *stub, const struct request *request, struct avsp_buf *out)
{
    struct avsp_buf AVSP_CLEANUP(avsp_buf_deinit) text;
    char prefix[256] = "";
    avsp_buf_init(&text, 1 << 20);
    (void)value_of(request->target, "prefix=", "&", prefix);
    avsp_buf_puts(&text, "<ListBucketResult>");
    for (size_t i = 0; i < OBJECTS_MAX; i++) {
        const struct object *object = &stub->objects[i];
        if (object->key[0] != '\0' && object->key[0] != '?' &&
            strncmp(object->key, prefix, strlen(prefix)) == 0)
            avsp_buf_printf(&text,
                            "<Contents><Key>%s</Key><Size>%zu</Size><LastModified>"
                            "2026-11-25T18:41:18Z</LastModified></Contents>",
                            object->key, object->len);
    }
    avsp_buf_puts(&text, "</ListBucketResult>");
    answer_text(out, 200, avsp_buf_text(&text));
}

static void put(struct s3_stub *stub, const struct request *request, struct avsp_buf *out)
{
    char id[256], number[256], key[600];
    snprintf(key, sizeof key, "%.500s", request->key);
    if (value_of(request->target, "uploadId=", "&", id) &&
        value_of(request->target, "partNumber=", "&", number))
        snprintf(key, sizeof key, "?%s.%s", id, number);
    keep(stub, key, request->body, request->body_len);
    answer(out, 200, "ETag: \"1\"\r\n", "", 0, false);
}

static void drop(struct s3_stub *stub, const struct request *request, struct avsp_buf *out)
{
    char id[256];
    struct object *object = find(stub, request->key);
    if (value_of(request->target, "uploadId=", "&", id))
        forget_upload(stub, id);
    else if (object != NULL)
        forget(object);
    answer(out, 204, "", "", 0, false);
}

static void serve_one(struct s3_stub *stub, const struct request *request, struct avsp_buf *out)
{
    const char *odd =
        stub->odd != NULL ? stub->odd(stub->opaque, request->method, request->target) : NULL;
    pthread_mutex_lock(&stub->lock);
    if (odd != NULL)
        avsp_buf_puts(out, odd);
    else if (strcmp(request->method, "PUT") == 0)
        put(stub, request, out);
    else if (strcmp(request->method, "POST") == 0)
        post(stub, request, out);
    else if (strcmp(request->method, "DELETE") == 0)
        drop(stub, request, out);
    else if (request->key[0] == '\0')
        list(stub, request, out);
    else
        get(stub, request, out);
    pthread_mutex_unlock(&stub->lock);
}

// --- connections

/// @return false: the other side has closed.
static bool read_request(int fd, struct request *request)
{
    char length[256], path[2048];
    size_t n = 0;
    *request = (struct request){0};
    while (n < HEAD_MAX_BYTES && strstr(request->head, "\r\n\r\n") == NULL) {
        if (recv(fd, request->head + n, 1, 0) != 1)
            return false;
        n++;
    }
    const int method_len = (int)strcspn(request->head, " ");
    const char *target = request->head + method_len + 1;
    snprintf(request->method, sizeof request->method, "%.*s", method_len, request->head);
    snprintf(request->target, sizeof request->target, "%.*s", (int)strcspn(target, " "), target);
    snprintf(path, sizeof path, "%.*s", (int)strcspn(request->target, "?"), request->target);
    avsp_s3_decode(path);
    if (strncmp(path, "/b/", 3) == 0)
        snprintf(request->key, sizeof request->key, "%.1000s", path + 3);
    if (!value_of(request->head, "\r\ncontent-length: ", "\r\n", length))
        return true;
    request->body_len = strtoull(length, NULL, 10);
    AVSP_ASSERT(request->body_len <= BODY_MAX_BYTES);
    request->body = malloc(request->body_len + 1);
    AVSP_ASSERT(request->body != NULL);
    if (strcasestr(request->head, "\r\nexpect: 100-continue") != NULL)
        (void)!send(fd, "HTTP/1.1 100 Continue\r\n\r\n", 25, MSG_NOSIGNAL);
    return request->body_len == 0 ||
           recv(fd, request->body, request->body_len, MSG_WAITALL) == (ssize_t)request->body_len;
}

static void *serve(void *opaque)
{
    struct connection *connection = opaque;
    struct request request;
    while (read_request(connection->fd, &request)) {
        struct avsp_buf AVSP_CLEANUP(avsp_buf_deinit) out;
        avsp_buf_init(&out, 2 * BODY_MAX_BYTES);
        serve_one(connection->stub, &request, &out);
        AVSP_ASSERT(out.sticky == AVSP_OK);
        free(request.body);
        request.body = NULL;
        for (size_t n = 0, done = 0; done < out.len; done += n) {
            ssize_t sent = send(connection->fd, out.data + done, out.len - done, MSG_NOSIGNAL);
            if (sent <= 0)
                break;
            n = (size_t)sent;
        }
    }
    free(request.body);
    return NULL;
}

static void *accept_all(void *opaque)
{
    struct s3_stub *stub = opaque;
    for (;;) {
        int fd = accept4(stub->fd, NULL, NULL, SOCK_CLOEXEC);
        pthread_mutex_lock(&stub->lock);
        bool is_over = stub->is_stopping || fd < 0;
        if (!is_over) {
            AVSP_ASSERT(stub->n_connections < CONNECTIONS_MAX);
            struct connection *connection = &stub->connections[stub->n_connections++];
            *connection = (struct connection){.stub = stub, .fd = fd};
            AVSP_ASSERT(pthread_create(&connection->thread, NULL, serve, connection) == 0);
        }
        pthread_mutex_unlock(&stub->lock);
        if (is_over) {
            if (fd >= 0)
                close(fd);
            return NULL;
        }
    }
}

struct s3_stub *s3_stub_start(const char *(*odd)(void *opaque, const char *method,
                                                 const char *target),
                              void *opaque)
{
    struct s3_stub *stub = calloc(1, sizeof *stub);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    AVSP_ASSERT(stub != NULL && pthread_mutex_init(&stub->lock, NULL) == 0);
    stub->odd = odd;
    stub->opaque = opaque;
    stub->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    AVSP_ASSERT(bind(stub->fd, (struct sockaddr *)&at, sizeof at) == 0 &&
                listen(stub->fd, CONNECTIONS_MAX) == 0 &&
                getsockname(stub->fd, (struct sockaddr *)&at, &len) == 0);
    snprintf(stub->endpoint, sizeof stub->endpoint, "http://127.0.0.1:%d", ntohs(at.sin_port));
    AVSP_ASSERT(pthread_create(&stub->thread, NULL, accept_all, stub) == 0);
    return stub;
}

void s3_stub_stop(struct s3_stub *stub)
{
    pthread_mutex_lock(&stub->lock);
    stub->is_stopping = true;
    pthread_mutex_unlock(&stub->lock);
    shutdown(stub->fd, SHUT_RDWR); // wakes accept
    pthread_join(stub->thread, NULL);
    for (size_t i = 0; i < stub->n_connections; i++) {
        shutdown(stub->connections[i].fd, SHUT_RDWR);
        pthread_join(stub->connections[i].thread, NULL);
        close(stub->connections[i].fd);
    }
    close(stub->fd);
    for (size_t i = 0; i < OBJECTS_MAX; i++)
        forget(&stub->objects[i]);
    pthread_mutex_destroy(&stub->lock);
    free(stub);
}

struct avsp_location s3_stub_location(const struct s3_stub *stub, const char *key)
{
    struct avsp_location at = avsp_location_s3("b", key);
    at.endpoint = stub->endpoint;
    at.access_key_id = "id";
    at.secret_access_key.text = "secret";
    at.session_token.text = "token";
    return at;
}

bool s3_stub_holds(struct s3_stub *stub, const char *key, const void *bytes, size_t len)
{
    pthread_mutex_lock(&stub->lock);
    const struct object *object = find(stub, key);
    const bool is_there = object != NULL && object->len == len && bytes != NULL &&
                          memcmp(object->bytes, bytes, len) == 0;
    const bool is_as_said = bytes == NULL ? object == NULL : is_there;
    pthread_mutex_unlock(&stub->lock);
    return is_as_said;
}

unsigned s3_stub_n_unfinished(struct s3_stub *stub)
{
    unsigned n = 0;
    pthread_mutex_lock(&stub->lock);
    for (size_t i = 0; i < OBJECTS_MAX; i++)
        n += stub->objects[i].key[0] == '?' && strchr(stub->objects[i].key, '.') == NULL;
    pthread_mutex_unlock(&stub->lock);
    return n;
}
