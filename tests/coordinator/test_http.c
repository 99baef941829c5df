/// The side port: what it answers, and that a page that waits keeps nobody from another.
#include "../cmocka_all.h"

#include "coordinator/http.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ANSWER_MAX_MS 60000

static atomic_bool is_waiting, may_go_on;

static unsigned make_slow(void *opaque, struct avsp_buf *body)
{
    (void)opaque;
    atomic_store(&is_waiting, true);
    while (!atomic_load(&may_go_on))
        usleep(1000);
    avsp_buf_puts(body, "slow\n");
    return 200;
}

static unsigned make_quick(void *opaque, struct avsp_buf *body)
{
    (void)opaque;
    avsp_buf_puts(body, "quick\n");
    return 503;
}

static const struct avsp_http_page pages[] = {
    {"/slow", "text/plain", make_slow},
    {"/quick", "text/plain", make_quick},
};

static struct avsp_http *start(void)
{
    struct avsp_err err = {0};
    struct avsp_http *http =
        avsp_http_start("127.0.0.1:0", pages, AVSP_ARRAY_LEN(pages), NULL, &err);
    if (http == NULL)
        fail_msg("%s", err.text);
    return http;
}

static int ask(const struct avsp_http *http, const char *request)
{
    const struct sockaddr_in to = {.sin_family = AF_INET,
                                   .sin_port = htons((uint16_t)avsp_http_port(http)),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&to, sizeof to), 0);
    assert_int_equal(send(fd, request, strlen(request), MSG_NOSIGNAL), strlen(request));
    return fd;
}

/// Reads until the other side closes. @return false: no answer came in time.
static bool read_answer(int fd, char *ret_text, size_t size)
{
    struct pollfd on = {.fd = fd, .events = POLLIN};
    size_t len = 0;
    ssize_t n = 1;
    while (n > 0 && poll(&on, 1, ANSWER_MAX_MS) == 1) {
        n = recv(fd, ret_text + len, size - 1 - len, 0);
        len += n > 0 ? (size_t)n : 0;
    }
    ret_text[len] = '\0';
    close(fd);
    return n == 0 && len > 0;
}

#define GET(path) "GET " path " HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"

static void a_page_that_waits_holds_up_no_other(void **state)
{
    (void)state;
    struct avsp_http *http = start();
    char text[1024];
    int slow = ask(http, GET("/slow"));
    while (!atomic_load(&is_waiting))
        usleep(1000);
    const bool is_answered = read_answer(ask(http, GET("/quick")), text, sizeof text);
    atomic_store(&may_go_on, true);
    assert_true(is_answered);
    assert_non_null(strstr(text, "503"));
    assert_non_null(strstr(text, "\r\n\r\nquick\n"));
    assert_true(read_answer(slow, text, sizeof text));
    assert_non_null(strstr(text, "\r\n\r\nslow\n"));
    avsp_http_stop(http);
}

static void what_is_no_page_is_refused(void **state)
{
    (void)state;
    struct avsp_http *http = start();
    char text[1024];
    assert_true(read_answer(ask(http, GET("/other")), text, sizeof text));
    assert_non_null(strstr(text, " 404 "));
    assert_true(read_answer(ask(http, "DELETE /quick HTTP/1.0\r\n\r\n"), text, sizeof text));
    assert_non_null(strstr(text, " 405 "));
    assert_non_null(strstr(text, "Allow: GET, HEAD"));
    assert_true(read_answer(ask(http, "HEAD /quick HTTP/1.0\r\n\r\n"), text, sizeof text));
    assert_null(strstr(text, "quick"));
    avsp_http_stop(http);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_page_that_waits_holds_up_no_other),
        cmocka_unit_test(what_is_no_page_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
