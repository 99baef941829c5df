/// Starting, refusing, stopping; and what is left behind.
#include "fake.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

static struct fake fake;

/// Starts on @p listen and must be refused.
static enum avsp_code refused(const char *listen, char *text, size_t size)
{
    struct avsp_err err = {0};
    struct avsp_server_options options = {.listen = listen};
    assert_null(avsp_server_start(&options, &fake_ops, &fake, &err));
    assert_true(size >= sizeof err.text);
    memcpy(text, err.text, sizeof err.text);
    return err.code;
}

static void bad_addresses_are_refused(void **state)
{
    (void)state;
    char text[AVSP_ERR_TEXT_BYTES];
    const char *bad[] = {"",
                         "50051",
                         "127.0.0.1",
                         "127.0.0.1:",
                         ":50051",
                         "127.0.0.1:x",
                         "::1:50051",
                         "127.0.0.1:65536",
                         "[::1]",
                         "no.such.host.invalid:1",
                         "192.0.2.1:0",
                         "unix:"};
    for (size_t i = 0; i < AVSP_ARRAY_LEN(bad); i++) {
        assert_int_equal(refused(bad[i], text, sizeof text), AVSP_INVALID);
        assert_non_null(strstr(text, bad[i]));
    }
    char deep[300];
    memset(deep, 'a', sizeof deep - 1);
    deep[sizeof deep - 1] = '\0';
    memcpy(deep, "unix:/", 6);
    assert_int_equal(refused(deep, text, sizeof text), AVSP_INVALID);
    assert_int_equal(refused("unix:/nonexistent/sock", text, sizeof text), AVSP_NOT_FOUND);
}

static void a_port_in_use_is_named(void **state)
{
    (void)state;
    char text[AVSP_ERR_TEXT_BYTES];
    fake_start(&fake, NULL);
    assert_int_equal(refused(fake.listen, text, sizeof text), AVSP_EXISTS);
    assert_non_null(strstr(text, fake.listen));
    assert_non_null(strstr(text, "in use"));
    fake_stop(&fake, 0, 1000);
    // And free again at once.
    char listen[128];
    snprintf(listen, sizeof listen, "%s", fake.listen);
    struct avsp_err err = {0};
    struct avsp_server_options options = {.listen = listen};
    struct avsp_server *srv = avsp_server_start(&options, &fake_ops, &fake, &err);
    assert_non_null(srv);
    avsp_server_stop(srv, 0, 1000);
}

static void names_and_ipv6_work(void **state)
{
    (void)state;
    const char *places[] = {"localhost:0", "[::1]:0", "0.0.0.0:0"};
    const char *hosts[] = {"localhost", "[::1]", "127.0.0.1"};
    for (size_t i = 0; i < AVSP_ARRAY_LEN(places); i++) {
        fake_start(&fake, NULL);
        struct avsp_err err = {0};
        struct avsp_server_options options = {.listen = places[i]};
        struct avsp_server *srv = avsp_server_start(&options, &fake_ops, &fake, &err);
        if (srv == NULL && i == 1) { // a machine without IPv6
            print_message("%s\n", err.text);
            fake_stop(&fake, 0, 1000);
            continue;
        }
        assert_non_null(srv);
        char target[64];
        snprintf(target, sizeof target, "%s:%d", hosts[i], avsp_server_port(srv));
        struct avsp_client *cli = avsp_client_new(target, false, NULL, &err);
        assert_non_null(cli);
        assert_int_equal(avsp_client_cancel(cli, "j", avsp_mono_in_ms(10000), &err), AVSP_OK);
        avsp_client_free(cli);
        avsp_server_stop(srv, 0, 1000);
        fake_stop(&fake, 0, 1000);
    }
}

static void a_stale_socket_is_replaced_a_live_one_not(void **state)
{
    (void)state;
    char dir[] = "/tmp/avspl1t-rpc-XXXXXX", listen[64], text[AVSP_ERR_TEXT_BYTES];
    assert_non_null(mkdtemp(dir));
    snprintf(listen, sizeof listen, "unix:%s/sock", dir);
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    snprintf(addr.sun_path, sizeof addr.sun_path, "%s/sock", dir);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof addr), 0);
    assert_int_equal(close(fd), 0); // dead, its file is still there
    fake_start(&fake, dir);
    assert_int_equal(refused(listen, text, sizeof text), AVSP_EXISTS);
    fake_stop(&fake, 0, 1000);
    assert_int_equal(access(addr.sun_path, F_OK), -1);

    fd = open(addr.sun_path, O_CREAT | O_WRONLY, 0600); // somebody's file
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(refused(listen, text, sizeof text), AVSP_EXISTS);
    struct stat st;
    assert_int_equal(stat(addr.sun_path, &st), 0);
    assert_int_equal(unlink(addr.sun_path), 0);
    assert_int_equal(rmdir(dir), 0);
}

static void targets_are_checked(void **state)
{
    (void)state;
    const char *bad[] = {"",
                         "host",
                         "host:0",
                         "host:99999",
                         "a b:1",
                         "http://x:1",
                         "1.2.3.4:1,x",
                         "unix:",
                         ":50051",
                         "::1:5",
                         "no.such.host.invalid:1,neither.this.invalid:2"};
    for (size_t i = 0; i < AVSP_ARRAY_LEN(bad); i++) {
        struct avsp_err err = {0};
        struct avsp_client *cli = avsp_client_new(bad[i], true, NULL, &err);
        if (cli != NULL)
            print_message("taken: \"%s\"\n", bad[i]);
        assert_null(cli);
        assert_int_equal(err.code, AVSP_INVALID);
    }
}

/// A port that nobody listens on, nor can as long as @p ret_fd is open.
static int deaf_port(int *ret_fd)
{
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof addr;
    *ret_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(*ret_fd, (struct sockaddr *)&addr, len), 0);
    assert_int_equal(getsockname(*ret_fd, (struct sockaddr *)&addr, &len), 0);
    return ntohs(addr.sin_port);
}

static void out_of_reach_is_said_plainly(void **state)
{
    (void)state;
    char target[64], want[200];
    int fd = -1;
    snprintf(target, sizeof target, "127.0.0.1:%d", deaf_port(&fd));
    struct avsp_err err = {0};
    struct avsp_client *cli = avsp_client_new(target, true, NULL, &err);
    assert_non_null(cli);
    assert_int_equal(avsp_client_cancel(cli, "j", avsp_mono_in_ms(10000), &err), AVSP_UNAVAILABLE);
    snprintf(want, sizeof want, "coordinator %s cannot be reached: connection refused", target);
    assert_string_equal(err.text, want);
    avsp_client_free(cli);

    cli = avsp_client_new("unix:/nonexistent/sock", true, NULL, &err);
    assert_non_null(cli);
    assert_int_equal(avsp_client_cancel(cli, "j", avsp_mono_in_ms(10000), &err), AVSP_UNAVAILABLE);
    assert_string_equal(
        err.text, "coordinator unix:/nonexistent/sock cannot be reached: there is no such socket");
    avsp_client_free(cli);

    cli = avsp_client_new(target, false, NULL, &err); // a patient one, until its deadline
    assert_non_null(cli);
    assert_int_equal(avsp_client_cancel(cli, "j", avsp_mono_in_ms(300), &err), AVSP_UNAVAILABLE);
    assert_non_null(strstr(err.text, "cannot be reached"));
    avsp_client_free(cli);
    close(fd);
}

static void a_list_survives_the_loss_of_one(void **state)
{
    (void)state;
    fake_start(&fake, NULL);
    char target[200];
    int fd = -1;
    snprintf(target, sizeof target, "127.0.0.1:%d,%s", deaf_port(&fd), fake.listen);
    struct avsp_err err = {0};
    struct avsp_client *cli = avsp_client_new(target, false, NULL, &err);
    assert_non_null(cli);
    for (int i = 0; i < 10; i++)
        assert_int_equal(avsp_client_cancel(cli, "j", avsp_mono_in_ms(10000), &err), AVSP_OK);
    avsp_client_free(cli);
    fake_stop(&fake, 0, 1000);
    close(fd);
}

static void a_coordinator_that_comes_back_is_found(void **state)
{
    (void)state;
    char dir[] = "/tmp/avspl1t-rpc-XXXXXX";
    assert_non_null(mkdtemp(dir));
    fake_start(&fake, dir);
    struct avsp_err err = {0};
    struct avsp_client *cli = avsp_client_new(fake.listen, false, NULL, &err);
    assert_non_null(cli);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(avsp_client_cancel(cli, "j", avsp_mono_in_ms(20000), &err), AVSP_OK);
        fake_stop(&fake, 0, 1000);
        fake_start(&fake, dir);
    }
    assert_int_equal(avsp_client_cancel(cli, "j", avsp_mono_in_ms(20000), &err), AVSP_OK);
    avsp_client_free(cli);
    fake_stop(&fake, 0, 1000);
    assert_int_equal(rmdir(dir), 0);
}

/// Something that hangs at the server on a thread of its own.
struct hanger {
    struct avsp_client *cli;
    pthread_t thread;
    enum avsp_code rc;
    enum avsp_task_kind kind;
};

static void *hang_in_claim(void *opaque)
{
    struct hanger *h = opaque;
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    avsp_arena_init(&arena, 1 << 20);
    struct avsp_claim claim = {
        .worker = {"w", "h", "v", 1, 0x3e}, .own = true, .claim_id = "", .wait_ms = 60000};
    struct avsp_task task = {.kind = AVSP_TASK_ENCODE};
    struct avsp_err err = {0};
    h->rc = avsp_client_claim(h->cli, &claim, &arena, &task, avsp_mono_in_ms(70000), &err);
    h->kind = task.kind;
    return NULL;
}

static bool go_on(void *opaque, const struct avsp_job *job)
{
    (void)opaque;
    (void)job;
    return true;
}

static void *hang_in_watch(void *opaque)
{
    struct hanger *h = opaque;
    struct avsp_err err = {0};
    h->rc = avsp_client_watch(h->cli, "j", go_on, NULL, avsp_mono_in_ms(70000), &err);
    return NULL;
}

static void a_stop_ends_what_hangs(void **state)
{
    (void)state;
    fake_start(&fake, NULL);
    struct avsp_err err = {0};
    struct hanger claims[4], watches[2];
    struct avsp_client *cli = avsp_client_new(fake.listen, true, NULL, &err);
    assert_non_null(cli);
    for (size_t i = 0; i < AVSP_ARRAY_LEN(claims); i++) {
        claims[i].cli = cli;
        pthread_create(&claims[i].thread, NULL, hang_in_claim, &claims[i]);
    }
    for (size_t i = 0; i < AVSP_ARRAY_LEN(watches); i++) {
        watches[i].cli = cli;
        pthread_create(&watches[i].thread, NULL, hang_in_watch, &watches[i]);
    }
    assert_true(fake_wait(&fake, &fake.n_claims, AVSP_ARRAY_LEN(claims)));
    assert_true(fake_wait(&fake, &fake.n_looks, AVSP_ARRAY_LEN(watches)));
    int64_t began_us = avsp_mono_now().us;
    avsp_server_stop(fake.srv, 100, 20000);
    assert_in_range(avsp_mono_now().us - began_us, 100000, 15000000); // not the grace, nor the wait
    for (size_t i = 0; i < AVSP_ARRAY_LEN(claims); i++) {
        pthread_join(claims[i].thread, NULL);
        assert_int_equal(claims[i].rc, AVSP_OK);
        assert_int_equal(claims[i].kind, AVSP_TASK_NONE);
    }
    for (size_t i = 0; i < AVSP_ARRAY_LEN(watches); i++) {
        pthread_join(watches[i].thread, NULL);
        assert_int_equal(watches[i].rc, AVSP_UNAVAILABLE);
    }
    avsp_client_free(cli);
    avsp_buf_deinit(&fake.seen);
}

static void what_is_too_large_is_refused(void **state)
{
    (void)state;
    fake_start(&fake, NULL);
    struct avsp_err err = {0};
    struct avsp_client *cli = avsp_client_new(fake.listen, true, NULL, &err);
    assert_non_null(cli);
    static char path[3000];
    memset(path, 'p', sizeof path - 1);
    path[0] = '/';
    static struct avsp_location files[2000];
    for (size_t i = 0; i < AVSP_ARRAY_LEN(files); i++)
        files[i] = avsp_location_fs(path);
    struct avsp_finish finish = {
        .worker_id = "w",
        .task_id = "t",
        .succeeded = true,
        .files_kind = AVSP_TASK_SPLIT,
        .files = files,
        .n_files = AVSP_ARRAY_LEN(files),
    };
    assert_int_equal(avsp_client_finish(cli, &finish, avsp_mono_in_ms(10000), &err), AVSP_LIMIT);
    finish.n_files = 1000; // 3 MiB
    assert_int_equal(avsp_client_finish(cli, &finish, avsp_mono_in_ms(10000), &err), AVSP_OK);
    avsp_client_free(cli);
    fake_stop(&fake, 0, 1000);
}

static void bad_fields_are_named(void **state)
{
    (void)state;
    fake_start(&fake, NULL);
    struct avsp_err err = {0};
    struct avsp_client *cli = avsp_client_new(fake.listen, true, NULL, &err);
    assert_non_null(cli);
    struct avsp_location none = avsp_location_none();
    struct avsp_location fs = avsp_location_fs("/in");
    struct avsp_job_spec good = {.input = fs, .work = none, .output = fs, .idempotency_key = ""};
    struct {
        struct avsp_job_spec spec;
        const char *field;
    } bad[] = {{good, "av1_encode_job.crf"},
               {good, "av1_encode_job.seconds_per_segment"},
               {good, "av1_encode_job.input_file"},
               {good, "av1_encode_job.output_directory"},
               {good, "av1_encode_job.input_file.fsfile.path: not UTF-8"}};
    bad[0].spec.crf = 64;
    bad[1].spec.segment_seconds = -1;
    bad[2].spec.input = none;
    bad[3].spec.output = none;
    bad[4].spec.input.path = "/caf\xe9.mp4";
    char id[AVSP_ANY_ID_BYTES];
    for (size_t i = 0; i < AVSP_ARRAY_LEN(bad); i++) {
        assert_int_equal(avsp_client_submit(cli, &bad[i].spec, id, avsp_mono_in_ms(10000), &err),
                         AVSP_INVALID);
        if (strncmp(err.text, bad[i].field, strlen(bad[i].field)) != 0)
            print_message("%s\n", err.text);
        assert_memory_equal(err.text, bad[i].field, strlen(bad[i].field));
    }
    assert_int_equal(avsp_client_submit(cli, &good, id, avsp_mono_in_ms(10000), &err), AVSP_OK);
    char *seen = fake_seen(&fake); // with the defaults filled in
    assert_non_null(strstr(seen, "spec 4 30 8 0"));
    assert_non_null(strstr(seen, "/in/.avspl1t-work"));
    free(seen);
    avsp_client_free(cli);
    fake_stop(&fake, 0, 1000);
}

static unsigned count_dir(const char *path)
{
    unsigned n = 0;
    DIR *dir = opendir(path);
    assert_non_null(dir);
    while (readdir(dir) != NULL)
        n++;
    closedir(dir);
    return n;
}

/// How many descriptors would a child inherit, 0 to 2 aside?
static unsigned count_inheritable(void)
{
    unsigned n = 0;
    for (int fd = 3; fd < 256; fd++) {
        int flags = fcntl(fd, F_GETFD);
        if (flags >= 0 && (flags & FD_CLOEXEC) == 0) {
            char link[64], name[128] = "";
            snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
            if (readlink(link, name, sizeof name - 1) > 0)
                print_message("inheritable: %d %s\n", fd, name);
            n++;
        }
    }
    return n;
}

static void one_life(void)
{
    char dir[] = "/tmp/avspl1t-rpc-XXXXXX";
    assert_non_null(mkdtemp(dir));
    fake_start(&fake, dir);
    struct avsp_err err = {0};
    struct avsp_client *cli = avsp_client_new(fake.listen, false, NULL, &err);
    assert_non_null(cli);
    assert_int_equal(avsp_client_cancel(cli, "j", avsp_mono_in_ms(10000), &err), AVSP_OK);
    avsp_client_free(cli);
    fake_stop(&fake, 0, 1000);
    assert_int_equal(rmdir(dir), 0);
}

/// What a folder of /proc counts once it is down to @p n_most; gRPC's threads end a little after it was told to.
static unsigned settled(const char *path, unsigned n_most)
{
    struct avsp_mono deadline = avsp_mono_in_ms(10000);
    unsigned n = count_dir(path);
    while (n > n_most && !avsp_mono_passed(deadline)) {
        usleep(10000);
        n = count_dir(path);
    }
    return n;
}

static void nothing_is_left_behind(void **state)
{
    (void)state;
    one_life(); // what is made once in a process
    unsigned n_fds = count_dir("/proc/self/fd"), n_threads = count_dir("/proc/self/task");
    for (int i = 0; i < 10; i++)
        one_life();
    assert_in_range(settled("/proc/self/fd", n_fds), 0, n_fds);
    assert_in_range(settled("/proc/self/task", n_threads), 0, n_threads);
}

static void children_inherit_no_descriptor(void **state)
{
    (void)state;
    unsigned before = count_inheritable();
    fake_start(&fake, NULL);
    struct avsp_err err = {0};
    struct avsp_client *cli = avsp_client_new(fake.listen, false, NULL, &err);
    char host[64] = "", target[128]; // a name: gRPC's resolver opens sockets of its own
    assert_int_equal(gethostname(host, sizeof host - 1), 0);
    snprintf(target, sizeof target, "dns:///%s:1", host);
    struct avsp_client *by_name = avsp_client_new(target, true, NULL, &err);
    assert_non_null(cli);
    assert_non_null(by_name);
    assert_int_equal(avsp_client_cancel(cli, "j", avsp_mono_in_ms(10000), &err), AVSP_OK);
    assert_int_equal(avsp_client_cancel(by_name, "j", avsp_mono_in_ms(10000), &err),
                     AVSP_UNAVAILABLE);
    assert_int_equal(count_inheritable(), before);
    avsp_client_free(by_name);
    avsp_client_free(cli);
    fake_stop(&fake, 0, 1000);
}

static void write_file(const char *path, const char *text)
{
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    fputs(text, f);
    assert_int_equal(fclose(f), 0);
}

/// Calls until what is said of the files is as wanted.
static void wait_until_refused(struct avsp_client *cli, bool want, struct avsp_err *ret_why)
{
    const struct avsp_mono end = avsp_mono_in_ms(10000);
    struct avsp_err err = {0};
    while (avsp_client_refuses_files(cli, ret_why) != want && !avsp_mono_passed(end)) {
        assert_int_equal(avsp_client_cancel(cli, "j", avsp_mono_in_ms(10000), &err), AVSP_OK);
        usleep(50000);
    }
    assert_int_equal(avsp_client_refuses_files(cli, ret_why), want);
}

/// The former one is shown meanwhile, and somebody can say so.
static void a_token_that_is_none_is_told_of(void **state)
{
    (void)state;
    char path[] = "/tmp/avspl1t-rpc-XXXXXX";
    close(mkstemp(path));
    write_file(path, "good\n");
    fake_start(&fake, NULL);
    fake.token = "good";
    struct avsp_err err = {0};
    struct avsp_err why = {0};
    const struct avsp_client_security security = {.token_file = path};
    struct avsp_client *cli = avsp_client_new(fake.listen, false, &security, &err);
    assert_non_null(cli);
    wait_until_refused(cli, false, &why);
    write_file(path, "no token at all\n");
    wait_until_refused(cli, true, &why);
    assert_non_null(strstr(why.text, "--token-file: the first line of "));
    assert_int_equal(avsp_client_cancel(cli, "j", avsp_mono_in_ms(10000), &err), AVSP_OK);
    write_file(path, "good\n");
    wait_until_refused(cli, false, &why);
    avsp_client_free(cli);
    fake_stop(&fake, 0, 1000);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_addresses_are_refused),
        cmocka_unit_test(a_port_in_use_is_named),
        cmocka_unit_test(names_and_ipv6_work),
        cmocka_unit_test(a_stale_socket_is_replaced_a_live_one_not),
        cmocka_unit_test(targets_are_checked),
        cmocka_unit_test(out_of_reach_is_said_plainly),
        cmocka_unit_test(a_list_survives_the_loss_of_one),
        cmocka_unit_test(a_coordinator_that_comes_back_is_found),
        cmocka_unit_test(a_stop_ends_what_hangs),
        cmocka_unit_test(what_is_too_large_is_refused),
        cmocka_unit_test(bad_fields_are_named),
        cmocka_unit_test(a_token_that_is_none_is_told_of),
        cmocka_unit_test(nothing_is_left_behind),
        cmocka_unit_test(children_inherit_no_descriptor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
