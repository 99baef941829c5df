#include "../cmocka_all.h"

#include "util/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static bool is_open(int fd)
{
    return fcntl(fd, F_GETFD) >= 0;
}

static void an_owner_closes_once(void **state)
{
    (void)state;
    int fd = memfd_create("test", MFD_CLOEXEC);
    int same = fd;
    assert_int_equal(avsp_fd_take(&fd), same);
    assert_int_equal(fd, -1);
    avsp_fd_cleanup(&fd);
    assert_true(is_open(same));
    int owner = same;
    avsp_fd_cleanup(&owner);
    assert_false(is_open(same));
    assert_int_equal(owner, -1);
}

static void reads_are_whole_up_to_the_end(void **state)
{
    (void)state;
    int AVSP_CLEANUP(avsp_fd_cleanup) fd = memfd_create("test", MFD_CLOEXEC);
    struct avsp_err err = {0};
    char bytes[20];
    size_t len = 0;
    assert_int_equal(avsp_fd_write_all(fd, "0123456789", 10, &err), AVSP_OK);
    assert_int_equal(avsp_fd_pread_all(fd, bytes, 4, 3, &len, &err), AVSP_OK);
    assert_int_equal(len, 4);
    assert_memory_equal(bytes, "3456", 4);
    assert_int_equal(avsp_fd_pread_all(fd, bytes, sizeof bytes, 8, &len, &err), AVSP_OK);
    assert_int_equal(len, 2);
    assert_int_equal(avsp_fd_pread_all(fd, bytes, sizeof bytes, 50, &len, &err), AVSP_OK);
    assert_int_equal(len, 0);
}

static void *drain(void *opaque)
{
    const int *fd = opaque;
    static char bytes[3000];
    size_t n = 0;
    for (ssize_t got = read(*fd, bytes, sizeof bytes); got > 0;
         got = read(*fd, bytes, sizeof bytes))
        n += (size_t)got;
    return (void *)n;
}

/// More than a pipe holds: write(2) is short again and again.
static void writes_are_whole(void **state)
{
    (void)state;
    static char big[1 << 20];
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pthread_t reader;
    assert_int_equal(pthread_create(&reader, NULL, drain, &ends[0]), 0);
    struct avsp_err err = {0};
    assert_int_equal(avsp_fd_write_all(ends[1], big, sizeof big, &err), AVSP_OK);
    close(ends[1]);
    void *n = NULL;
    pthread_join(reader, &n);
    assert_int_equal((size_t)n, sizeof big);
    close(ends[0]);
}

static void a_reader_that_left_is_an_error(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    close(ends[0]);
    signal(SIGPIPE, SIG_IGN);
    struct avsp_err err = {0};
    assert_int_not_equal(avsp_fd_write_all(ends[1], "x", 1, &err), AVSP_OK);
    assert_int_equal(err.native, EPIPE);
    close(ends[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_owner_closes_once),
        cmocka_unit_test(reads_are_whole_up_to_the_end),
        cmocka_unit_test(writes_are_whole),
        cmocka_unit_test(a_reader_that_left_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
