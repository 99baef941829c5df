/// What is left to code that an attacker runs inside of avspl1t-media: each attempt in a process of its own that has entered
/// the sandbox. Another process's memory, files, network and programs are out of reach; what libraries try and can do
/// without fails with an errno; what a step needs works.
#include "media/sandbox.h"

#include "util/fd.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define DIES (-1)

/// Does something that is not allowed, or is. @return 0 it worked, else the errno.
typedef int attempt_fn(void);

static int of(long rc)
{
    return rc < 0 ? errno : 0;
}

static int open_socket(void)
{
    return of(socket(AF_INET, SOCK_STREAM, 0));
}

static int open_unix_socket(void)
{
    return of(socket(AF_UNIX, SOCK_STREAM, 0));
}

/// With a descriptor that happens to be there, too.
static int connect_socket(void)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons(80),
                             .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    return of(connect(0, (struct sockaddr *)&to, sizeof to));
}

static int run_program(void)
{
    char name[] = "true";
    char *const argv[] = {name, NULL};
    return of(execv("/bin/true", argv));
}

static int make_process(void)
{
    return of(fork());
}

static int make_name_space(void)
{
    return of(unshare(CLONE_NEWUSER));
}

static int kill_parent(void)
{
    return of(kill(getppid(), SIGKILL));
}

static int signal_thread_of_parent(void)
{
    return of(syscall(SYS_tgkill, 1, 1, SIGTERM));
}

static int own_signals_of_descriptor(void)
{
    return of(fcntl(0, F_SETOWN, 1));
}

static int trace_parent(void)
{
    return of(ptrace(PTRACE_ATTACH, 1, NULL, NULL));
}

static int read_memory_of_parent(void)
{
    char byte;
    struct iovec here = {&byte, 1};
    struct iovec there = {(void *)4096, 1};
    return of(process_vm_readv(1, &here, 1, &there, 1, 0));
}

static int read_passwd(void)
{
    return of(open("/etc/passwd", O_RDONLY));
}

static int read_passwd_by_path_handle(void)
{
    return of(open("/etc/passwd", O_PATH | O_CREAT | O_EXCL, 0600));
}

static int read_neighbour(void)
{
    return of(open("../neighbour", O_RDONLY));
}

static int truncate_neighbour(void)
{
    return of(open("../neighbour", O_WRONLY | O_CREAT | O_TRUNC, 0600));
}

static int write_elsewhere(void)
{
    return of(open("../planted", O_WRONLY | O_CREAT | O_EXCL, 0600));
}

static int remove_elsewhere(void)
{
    return of(unlink("../neighbour"));
}

static int look_at_elsewhere(void)
{
    struct stat st;
    return of(stat("../neighbour", &st));
}

static int list_folder(void)
{
    char names[512];
    return of(syscall(SYS_getdents64, 5, names, sizeof names));
}

static int make_link(void)
{
    return of(symlink("/etc/passwd", "link"));
}

static int rename_file(void)
{
    return of(rename("../neighbour", "mine"));
}

static int make_code(void)
{
    return mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1,
                0) == MAP_FAILED
               ? errno
               : 0;
}

static int make_data_code(void)
{
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return page == MAP_FAILED ? 0 : of(mprotect(page, 4096, PROT_READ | PROT_EXEC));
}

static int raise_limit(void)
{
    struct rlimit limit = {RLIM_INFINITY, RLIM_INFINITY};
    return of(setrlimit(RLIMIT_FSIZE, &limit));
}

static int outlive_parent(void)
{
    return of(prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0));
}

static int be_dumped(void)
{
    return of(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0));
}

static int add_filter(void)
{
    return of(syscall(SYS_seccomp, 1, 0, NULL));
}

static int make_ring(void)
{
    char params[128] = {0};
    return of(syscall(SYS_io_uring_setup, 4, params));
}

static int be_real_time(void)
{
    struct sched_param param = {.sched_priority = 1};
    int rc = sched_setscheduler(0, SCHED_FIFO, &param);
    return rc == 0 && sched_getscheduler(0) == SCHED_FIFO ? 0 : EPERM;
}

static int control_device(void)
{
    int n = 0;
    return of(ioctl(0, FIONREAD, &n));
}

/// Calls of another architecture's table have other numbers.
static int call_of_32_bit(void)
{
#ifdef __x86_64__
    long rc = 0;
    // getpid of i386; with the number of writev here.
    __asm__ volatile("int $0x80" : "=a"(rc) : "a"(20) : "memory");
    return rc < 0 ? (int)-rc : 0;
#else
    return DIES;
#endif
}

static int call_of_x32(void)
{
#ifdef __x86_64__
    return of(syscall(0x40000000 + SYS_getpid));
#else
    return DIES;
#endif
}

static void *thread_main(void *arg)
{
    *(int *)arg = 7;
    return NULL;
}

static int make_thread(void)
{
    pthread_t thread;
    int found = 0;
    int rc = pthread_create(&thread, NULL, thread_main, &found);
    if (rc != 0)
        return rc;
    pthread_join(thread, NULL);
    return found == 7 ? 0 : EINVAL;
}

static int use_memory(void)
{
    char *block = malloc(64 << 20);
    if (block == NULL)
        return ENOMEM;
    memset(block, 1, 64 << 20);
    block = realloc(block, 128 << 20);
    free(block);
    return block != NULL ? 0 : ENOMEM;
}

static int make_file(void)
{
    int fd = open("made", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    char byte = 0;
    if (fd < 0 || write(fd, "abc", 3) != 3 || pread(fd, &byte, 1, 1) != 1 || byte != 'b' ||
        ftruncate(fd, 1) != 0)
        return errno;
    struct stat st;
    if (fstat(fd, &st) != 0 || st.st_size != 1 || fsync(fd) != 0)
        return errno;
    return of(close(fd));
}

static int remove_made_file(void)
{
    int rc = make_file();
    return rc != 0 ? rc : of(unlink("made"));
}

static int remain_what_it_is(void)
{
    struct timespec now;
    return of(clock_gettime(CLOCK_MONOTONIC, &now)) +
           (getpid() > 0 && geteuid() == getuid() ? 0 : 1);
}

/// From here on the kernel seems to have no landlock.
static void hide_landlock(void)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_landlock_create_ruleset, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog prog = {.len = AVSP_ARRAY_LEN(code), .filter = code};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog) != 0)
        _exit(2);
}

static bool landlock_is_hidden;

/// Runs it in a process that has entered. @return errno, 0, or DIES.
static int outcome(attempt_fn *attempt)
{
    int pipe_fds[2];
    assert_int_equal(pipe(pipe_fds), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        if (landlock_is_hidden)
            hide_landlock();
        struct avsp_err err = {0};
        int result = avsp_sandbox_enter(&err) == AVSP_OK ? attempt() : 999;
        if (write(pipe_fds[1], &result, sizeof result) != sizeof result)
            _exit(1);
        _exit(0);
    }
    close(pipe_fds[1]);
    int result = 998;
    ssize_t n = read(pipe_fds[0], &result, sizeof result);
    close(pipe_fds[0]);
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS)
        return DIES;
    assert_int_equal(status, 0);
    assert_int_equal(n, sizeof result);
    return result;
}

struct expectation {
    const char *what;
    attempt_fn *attempt;
    int result;
    bool not_sanitized; ///< a sanitizer's run-time needs it
};

static void check(const struct expectation *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (AVSP_SANITIZED && list[i].not_sanitized)
            continue;
        int result = outcome(list[i].attempt);
        if (result != list[i].result)
            fail_msg("%s: %d (%s), not %d", list[i].what, result,
                     result > 0 ? strerror(result) : "", list[i].result);
    }
}

static void what_reaches_others_is_death(void **state)
{
    (void)state;
    static const struct expectation list[] = {
        {"socket", open_socket, DIES, false},
        {"unix socket", open_unix_socket, DIES, false},
        {"connect", connect_socket, DIES, false},
        {"execve", run_program, DIES, false},
        {"fork", make_process, DIES, true},
        {"unshare", make_name_space, DIES, false},
        {"kill of the parent", kill_parent, DIES, false},
        {"tgkill of another process", signal_thread_of_parent, DIES, true},
        {"ptrace", trace_parent, DIES, true},
        {"process_vm_readv", read_memory_of_parent, DIES, false},
        {"symlink", make_link, DIES, false},
        {"rename", rename_file, DIES, false},
        {"seccomp", add_filter, DIES, false},
        {"io_uring_setup", make_ring, DIES, false},
        {"int 0x80", call_of_32_bit, DIES, false},
        {"x32", call_of_x32, DIES, false},
    };
    check(list, AVSP_ARRAY_LEN(list));
}

static void what_libraries_try_is_refused(void **state)
{
    (void)state;
    static const struct expectation list[] = {
        {"open of /etc/passwd", read_passwd, EACCES, true},
        {"a handle of /etc/passwd", read_passwd_by_path_handle, EACCES, false},
        {"open of a neighbour", read_neighbour, EACCES, true},
        {"truncation of a neighbour", truncate_neighbour, EACCES, false},
        {"stat", look_at_elsewhere, EACCES, true},
        {"getdents64", list_folder, EACCES, true},
        {"executable memory", make_code, EACCES, false},
        {"memory made executable", make_data_code, EACCES, false},
        {"F_SETOWN", own_signals_of_descriptor, EPERM, false},
        {"setrlimit", raise_limit, EPERM, true},
        {"prctl(PR_SET_PDEATHSIG)", outlive_parent, EPERM, true},
        {"prctl(PR_SET_DUMPABLE)", be_dumped, EPERM, true},
        {"sched_setscheduler", be_real_time, EPERM, false},
        {"ioctl", control_device, ENOTTY, false},
    };
    check(list, AVSP_ARRAY_LEN(list));
    assert_int_equal(access("../neighbour", F_OK), 0);
}

static bool has_landlock(void)
{
    return syscall(SYS_landlock_create_ruleset, NULL, 0, 1) >= 1;
}

static void new_files_are_made_in_the_working_folder_only(void **state)
{
    (void)state;
    if (!has_landlock())
        skip();
    static const struct expectation list[] = {
        {"a file elsewhere", write_elsewhere, EACCES, false},
        {"removal elsewhere", remove_elsewhere, EACCES, false},
        {"making and removing a file", remove_made_file, 0, false},
    };
    check(list, AVSP_ARRAY_LEN(list));
    assert_int_equal(access("../neighbour", F_OK), 0);
    assert_int_equal(access("../planted", F_OK), -1);
}

static void without_landlock_no_file_is_opened_or_removed_either(void **state)
{
    (void)state;
    static const struct expectation list[] = {
        {"open of /etc/passwd", read_passwd, EACCES, true},
        {"truncation of a neighbour", truncate_neighbour, EACCES, false},
        {"removal elsewhere", remove_elsewhere, EPERM, false},
        {"a new file", make_file, 0, false},
    };
    landlock_is_hidden = true;
    check(list, AVSP_ARRAY_LEN(list));
    landlock_is_hidden = false;
    unlink("made");
    assert_int_equal(access("../neighbour", F_OK), 0);
}

static void what_a_step_needs_works(void **state)
{
    (void)state;
    static const struct expectation list[] = {
        {"threads", make_thread, 0, false},
        {"memory", use_memory, 0, false},
        {"a new file", make_file, 0, false},
        {"time and identity", remain_what_it_is, 0, false},
    };
    check(list, AVSP_ARRAY_LEN(list));
    unlink("made");
}

/// As the client does it for a probe: a folder that is gone is one in which nothing can be made.
static void a_folder_without_a_name_will_do(void **state)
{
    (void)state;
    assert_int_equal(mkdir("gone", 0700), 0);
    assert_int_equal(chdir("gone"), 0);
    assert_int_equal(rmdir("../gone"), 0);
    int made = outcome(make_file);
    int thread = outcome(make_thread);
    assert_int_equal(chdir(*state), 0);
    assert_int_equal(made, ENOENT);
    assert_int_equal(thread, 0);
}

/// A folder with a neighbour; the inner one is the working folder.
static char outer[] = "/tmp/avspl1t-sandbox-XXXXXX";
static char inner[64];

static int setup(void **state)
{
    if (mkdtemp(outer) == NULL)
        return -1;
    snprintf(inner, sizeof inner, "%s/inner", outer);
    int fd = -1;
    if (mkdir(inner, 0700) != 0 || chdir(inner) != 0 ||
        (fd = open("../neighbour", O_WRONLY | O_CREAT, 0600)) < 0)
        return -1;
    *state = inner;
    return close(fd);
}

static int teardown(void **state)
{
    (void)state;
    return unlink("../neighbour") + chdir("/") + rmdir(inner) + rmdir(outer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_reaches_others_is_death),
        cmocka_unit_test(what_libraries_try_is_refused),
        cmocka_unit_test(new_files_are_made_in_the_working_folder_only),
        cmocka_unit_test(without_landlock_no_file_is_opened_or_removed_either),
        cmocka_unit_test(what_a_step_needs_works),
        cmocka_unit_test(a_folder_without_a_name_will_do),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
