#include "util/ranges.h"

#include "../cmocka_all.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define FILE_BYTES ((size_t)3 << 20)

struct served {
    int fd;
    char *bytes;
    uint64_t broken_from; ///< what comes behind it cannot be read
    enum avsp_code rc;
    struct avsp_err err;
};

static enum avsp_code read_file(void *opaque, uint64_t offset, void *ret_bytes, size_t len,
                                size_t *ret_len, struct avsp_err *err)
{
    const struct served *served = opaque;
    if (offset >= served->broken_from)
        return avsp_err_set(err, AVSP_DENIED, "not for you");
    *ret_len = AVSP_MIN(len, FILE_BYTES - (size_t)offset);
    memcpy(ret_bytes, served->bytes + offset, *ret_len);
    return AVSP_OK;
}

static void *serve(void *opaque)
{
    struct served *served = opaque;
    served->rc = avsp_ranges_serve(served->fd, FILE_BYTES, read_file, served, &served->err);
    close(served->fd);
    return NULL;
}

static int begin(struct served *served, pthread_t *thread)
{
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    served->fd = pair[1];
    served->bytes = malloc(FILE_BYTES);
    assert_non_null(served->bytes);
    for (size_t i = 0; i < FILE_BYTES; i++)
        served->bytes[i] = (char)(i * 31 + i / 257);
    assert_int_equal(pthread_create(thread, NULL, serve, served), 0);
    return pair[0];
}

static void end(struct served *served, int fd, pthread_t thread)
{
    close(fd);
    pthread_join(thread, NULL);
    free(served->bytes);
}

static void ranges_come_as_they_are_in_the_file(void **state)
{
    (void)state;
    struct served served = {.broken_from = UINT64_MAX};
    pthread_t thread;
    int fd = begin(&served, &thread);
    uint64_t size = 0;
    struct avsp_err err = {0};
    char *bytes = malloc(2 * AVSP_RANGES_MAX_BYTES);
    assert_true(avsp_ranges_is(fd));
    assert_int_equal(avsp_ranges_size(fd, &size, &err), AVSP_OK);
    assert_int_equal(size, FILE_BYTES);
    assert_int_equal(avsp_ranges_read(fd, bytes, 1000, 12345), 1000);
    assert_memory_equal(bytes, served.bytes + 12345, 1000);
    // Longer ones come short, as from a pipe; so does the end, and behind it there is nothing.
    assert_int_equal(avsp_ranges_read(fd, bytes, 2 * AVSP_RANGES_MAX_BYTES, 1),
                     AVSP_RANGES_MAX_BYTES);
    assert_memory_equal(bytes, served.bytes + 1, AVSP_RANGES_MAX_BYTES);
    assert_int_equal(avsp_ranges_read(fd, bytes, 1000, FILE_BYTES - 10), 10);
    assert_int_equal(avsp_ranges_read(fd, bytes, 1000, FILE_BYTES), 0);
    assert_int_equal(avsp_ranges_read(fd, bytes, 1000, UINT64_MAX - 1), 0);
    end(&served, fd, thread);
    assert_int_equal(served.rc, AVSP_OK);
    free(bytes);
}

static void what_cannot_be_read_is_an_error_on_both_sides(void **state)
{
    (void)state;
    struct served served = {.broken_from = 1000};
    pthread_t thread;
    int fd = begin(&served, &thread);
    char bytes[100];
    assert_int_equal(avsp_ranges_read(fd, bytes, 100, 0), 100);
    assert_int_equal(avsp_ranges_read(fd, bytes, 100, 5000), -1);
    assert_int_equal(errno, EIO);
    // For good: whatever comes afterwards would have a hole.
    assert_int_equal(avsp_ranges_read(fd, bytes, 100, 0), -1);
    end(&served, fd, thread);
    assert_int_equal(served.rc, AVSP_DENIED);
    assert_string_equal(served.err.text, "not for you");
}

static void a_server_that_has_gone_is_an_error(void **state)
{
    (void)state;
    int pair[2];
    uint64_t size = 0;
    char byte;
    struct avsp_err err = {0};
    signal(SIGPIPE, SIG_IGN);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    close(pair[1]);
    assert_int_equal(avsp_ranges_read(pair[0], &byte, 1, 0), -1);
    assert_int_equal(avsp_ranges_size(pair[0], &size, &err), AVSP_UNAVAILABLE);
    close(pair[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranges_come_as_they_are_in_the_file),
        cmocka_unit_test(what_cannot_be_read_is_an_error_on_both_sides),
        cmocka_unit_test(a_server_that_has_gone_is_an_error),
    };
    return cmocka_run_group_tests_name("util: ranges", tests, NULL, NULL);
}
