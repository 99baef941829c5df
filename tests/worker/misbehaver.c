/// Stands in for avspl1t-media and does what its input says: the ways in which a media step can end, and go wrong.
#include "core/step.h"
#include "util/fd.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define HASH "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void put(const void *bytes, size_t len)
{
    struct avsp_err err = {0};
    if (avsp_fd_write_all(AVSP_STEP_CONTROL_FD, bytes, len, &err) != AVSP_OK)
        _exit(3);
}

static void say(const struct avsp_report *report)
{
    struct avsp_buf buf;
    avsp_buf_init(&buf, 1 << 16);
    avsp_report_write(&buf, report);
    put(buf.data, buf.len);
    avsp_buf_deinit(&buf);
}

static void say_kind(enum avsp_report_kind kind)
{
    say(&(struct avsp_report){.kind = kind});
}

static void make_file(const char *name, const char *text)
{
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (fd < 0 || write(fd, text, strlen(text)) < 0 || close(fd) != 0)
        _exit(4);
}

/// @param start_s  a test's segments have two seconds each
static void say_segment_at(uint32_t idx, int64_t start_s, const char *name, uint64_t bytes)
{
    say(&(struct avsp_report){.kind = AVSP_REPORT_SEGMENT,
                              .segment = {.rendition = "v0",
                                          .idx = idx,
                                          .name = name,
                                          .start_ticks = start_s * 12800,
                                          .duration_ticks = 100,
                                          .frames = 1,
                                          .bytes = bytes,
                                          .sha256 = HASH}});
}

static void say_segment(uint32_t idx, const char *name, uint64_t bytes)
{
    say_segment_at(idx, (int64_t)idx * 2, name, bytes);
}

static void say_rendition(void)
{
    say(&(struct avsp_report){.kind = AVSP_REPORT_RENDITION,
                              .rendition = {.name = "v0",
                                            .kind = AVSP_MEDIA_VIDEO,
                                            .init_name = "init.mp4",
                                            .init_bytes = 4,
                                            .init_sha256 = HASH,
                                            .codecs = "av01.0.00M.08",
                                            .timescale = 12800,
                                            .width_px = 64,
                                            .height_px = 64,
                                            .frame_rate = {25, 1},
                                            .video_range = "SDR",
                                            .language = "und",
                                            .title = ""}});
}

/// A good encode of one segment.
static void encode(uint32_t idx)
{
    make_file("init.mp4", "init");
    make_file("seg.m4s", "segment");
    say(&(struct avsp_report){.kind = AVSP_REPORT_PROGRESS, .progress = {1, 1, 0}});
    say_rendition();
    say_segment(idx, "seg.m4s", 7);
    say(&(struct avsp_report){.kind = AVSP_REPORT_WARNING, .warning = "a warning"});
    say_kind(AVSP_REPORT_DONE);
}

/// 6 MiB in two seconds, and then two seconds for another one that began later, before a good encode.
static void grow(void)
{
    static const char block[64 << 10] = {1};
    int fd = open("grown", O_WRONLY | O_CREAT | O_EXCL, 0600);
    for (unsigned i = 0; fd >= 0 && i < 96; i++) {
        if (write(fd, block, sizeof block) != (ssize_t)sizeof block)
            _exit(4);
        usleep(20000);
    }
    close(fd);
    usleep(2000000);
}

/// Is the world as it was promised: an empty environment, four descriptors, an empty working folder of our own?
static void look_around(void)
{
    DIR *dir = opendir("/proc/self/fd");
    unsigned n = 0;
    while (dir != NULL && readdir(dir) != NULL)
        n++;
    if (dir != NULL)
        closedir(dir);
    // ".", "..", the four, and the one that reads them.
    bool fine = environ[0] == NULL && n == 7 && getpgrp() == getpid();
    struct avsp_err err = {0};
    if (!fine)
        avsp_err_set(&err, AVSP_PRECONDITION, "%u entries, environment %s, group %d of %d", n,
                     environ[0] == NULL ? "empty" : environ[0], getpgrp(), getpid());
    say(&(struct avsp_report){
        .kind = fine ? AVSP_REPORT_DONE : AVSP_REPORT_FAILED,
        .failure = {.code = AVSP_PRECONDITION, .message = err.text, .log_tail = ""}});
}

static void flood_stderr(void)
{
    for (int i = 0; i < 20000; i++)
        fprintf(stderr, "line %d \x1b[31m\xff\n", i);
}

static void leave_grandchild(void)
{
    pid_t pid = fork();
    if (pid == 0) {
        pause();
        _exit(0);
    }
    char text[32];
    snprintf(text, sizeof text, "%d", pid);
    make_file("grandchild", text);
}

static void eat_memory(void)
{
    for (size_t i = 0; i < 64; i++) {
        char *p = mmap(NULL, 8 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (p != MAP_FAILED)
            memset(p, 1, 8 << 20);
    }
    pause();
}

static void *wait_for_ever(void *unused)
{
    pause();
    return unused;
}

static void start_threads(void)
{
    pthread_attr_t small;
    pthread_t thread;
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 16384);
    for (unsigned i = 0; i < 5000 && pthread_create(&thread, &small, wait_for_ever, NULL) == 0; i++)
        ;
    pause();
}

static void write_much(void)
{
    static char block[1 << 20];
    int fd = open("much", O_WRONLY | O_CREAT, 0600);
    while (write(fd, block, sizeof block) > 0)
        ;
}

static void die(int sig)
{
    signal(sig, SIG_DFL);
    kill(getpid(), sig);
}

/// An encode that goes on only where it is told so many threads.
static void ask_for_threads(const char *number)
{
    char wanted[32], answer[32] = {0};
    int n = snprintf(wanted, sizeof wanted, "ack threads=%s\n", number);
    make_file("init.mp4", "init");
    make_file("seg.m4s", "segment");
    say_rendition();
    say_segment(0, "seg.m4s", 7);
    if (recv(AVSP_STEP_CONTROL_FD, answer, (size_t)n, MSG_WAITALL) == n &&
        strcmp(answer, wanted) == 0)
        say_kind(AVSP_REPORT_DONE);
}

static void *compute(void *opaque)
{
    for (unsigned i = 1; i <= 25; i++) {
        struct timespec used;
        do
            clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
        while (used.tv_sec == 0 && used.tv_nsec < (long)i * 10000000);
        usleep(90000);
    }
    return opaque;
}

/// Says nothing for a good while, but one of its threads does something now and then.
static void think(void)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, compute, NULL) == 0 && pthread_join(thread, NULL) == 0)
        say_kind(AVSP_REPORT_DONE);
}

/// What needs only one thing said or done before the end. @return exit status, -1: not one of these.
static int simple(const char *what)
{
    if (strcmp(what, "done") == 0)
        say_kind(AVSP_REPORT_DONE);
    else if (strcmp(what, "failed") == 0)
        say(&(struct avsp_report){
            .kind = AVSP_REPORT_FAILED,
            .failure = {.code = AVSP_CORRUPT, .message = "the file is damaged", .log_tail = ""}});
    else if (strcmp(what, "garbage") == 0)
        put("\x01\x02 is no report\n", strlen("\x01\x02 is no report\n"));
    else if (strcmp(what, "nul") == 0)
        put("done\0 x\n", 8);
    else if (strcmp(what, "silent") == 0)
        return 0;
    else if (strcmp(what, "status") == 0)
        return say_kind(AVSP_REPORT_DONE), 7;
    else if (strcmp(what, "segv") == 0)
        die(SIGSEGV);
    else if (strcmp(what, "killed") == 0)
        die(SIGKILL);
    else if (strcmp(what, "cpu") == 0)
        die(SIGXCPU);
    else if (strcmp(what, "sandbox") == 0)
        die(SIGSYS);
    else if (strcmp(what, "hang") == 0)
        pause();
    else if (strcmp(what, "think") == 0)
        think();
    else if (strncmp(what, "share", 5) == 0)
        ask_for_threads(what + 5);
    else if (strcmp(what, "memory") == 0)
        eat_memory();
    else if (strcmp(what, "file") == 0)
        write_much();
    else if (strcmp(what, "look") == 0)
        look_around();
    else
        return -1;
    return 0;
}

static int elaborate(const char *what)
{
    if (strncmp(what, "encode", 6) == 0) {
        encode((uint32_t)strtoul(what + 6, NULL, 10));
    } else if (strncmp(what, "grow", 4) == 0) {
        grow();
        encode((uint32_t)strtoul(what + 4, NULL, 10));
    } else if (strcmp(what, "wrong-size") == 0) {
        make_file("init.mp4", "init");
        make_file("seg.m4s", "short");
        say_rendition();
        say_segment(0, "seg.m4s", 700);
        say_kind(AVSP_REPORT_DONE);
    } else if (strcmp(what, "link") == 0) {
        make_file("init.mp4", "init");
        if (symlink("/etc/passwd", "seg.m4s") != 0)
            return 5;
        say_rendition();
        say_segment(0, "seg.m4s", 7);
        say_kind(AVSP_REPORT_DONE);
    } else if (strcmp(what, "hard-link") == 0) {
        make_file("init.mp4", "init");
        make_file("other", "segment");
        if (link("other", "seg.m4s") != 0)
            return 5;
        say_rendition();
        say_segment(0, "seg.m4s", 7);
        say_kind(AVSP_REPORT_DONE);
    } else if (strcmp(what, "fifo") == 0) {
        make_file("init.mp4", "init");
        if (mkfifo("seg.m4s", 0600) != 0)
            return 5;
        say_rendition();
        say_segment(0, "seg.m4s", 7);
        say_kind(AVSP_REPORT_DONE);
    } else if (strcmp(what, "far-away") == 0) {
        make_file("init.mp4", "init");
        make_file("seg.m4s", "segment");
        say_rendition();
        say_segment_at(900000, 0, "seg.m4s", 7);
        say_kind(AVSP_REPORT_DONE);
    } else if (strcmp(what, "canceled") == 0) {
        say(&(struct avsp_report){
            .kind = AVSP_REPORT_FAILED,
            .failure = {.code = AVSP_CANCELED, .message = "stopped", .log_tail = ""}});
    } else if (strcmp(what, "threads") == 0) {
        start_threads();
    } else if (strcmp(what, "after-end") == 0) {
        say_kind(AVSP_REPORT_DONE);
        say_segment(0, "seg.m4s", 7);
    } else if (strcmp(what, "no-end") == 0) {
        say_kind(AVSP_REPORT_DONE);
        pause();
    } else if (strcmp(what, "deaf") == 0) {
        for (uint32_t i = 0;; i++)
            say_segment(i % 1000, "seg.m4s", 7);
    } else if (strcmp(what, "endless-line") == 0) {
        for (;;)
            put("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", 32);
    } else if (strcmp(what, "log") == 0) {
        flood_stderr();
        return 1;
    } else if (strcmp(what, "grandchild") == 0) {
        leave_grandchild();
        say_kind(AVSP_REPORT_DONE);
    } else {
        return 6;
    }
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--encoders") == 0)
        return puts("misbehaver 1") < 0;
    char what[64] = "";
    struct avsp_err err = {0};
    size_t n = 0;
    if (avsp_fd_pread_all(AVSP_STEP_INPUT_FD, what, sizeof what - 1, 0, &n, &err) != AVSP_OK)
        return 8;
    // The request is read, so that nothing of ours is lost when we end before it came.
    char request[4096];
    if (recv(AVSP_STEP_CONTROL_FD, request, sizeof request, 0) <= 0)
        return 9;
    int status = simple(what);
    return status >= 0 ? status : elaborate(what);
}
