#include "step_kit.h"

#include "core/record.h"
#include "core/report_stream.h"
#include "util/fd.h"

#include <dirent.h>
#include <libavutil/log.h>
#include <libavutil/mem.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

/// What libav may allocate at once: a header that promises more is refused, as under the child's own limit.
#define ALLOC_MAX_BYTES ((size_t)256 << 20)

static char folder[] = "/tmp/avspl1t-fuzz-XXXXXX";

static void remove_files(void)
{
    DIR *dir = opendir(".");
    AVSP_ASSERT(dir != NULL);
    for (const struct dirent *entry; (entry = readdir(dir)) != NULL;)
        (void)unlinkat(dirfd(dir), entry->d_name, 0); // "." and ".." stay
    closedir(dir);
}

static void remove_folder(void)
{
    remove_files();
    rmdir(folder);
}

void step_kit_init(void)
{
    AVSP_ASSERT(mkdtemp(folder) != NULL && chdir(folder) == 0);
    atexit(remove_folder);
    av_log_set_level(AV_LOG_FATAL);
    av_max_alloc(ALLOC_MAX_BYTES);
}

int step_kit_file(const uint8_t *data, size_t size)
{
    int fd = memfd_create("input", MFD_CLOEXEC);
    struct avsp_err err = {0};
    AVSP_ASSERT(fd >= 0 && avsp_fd_write_all(fd, data, size, &err) == AVSP_OK);
    return fd;
}

/// Takes the reports and acknowledges the files, until the step closes its end.
static void *be_parent(void *opaque)
{
    int fd = *(int *)opaque;
    struct avsp_report_stream AVSP_CLEANUP(avsp_report_stream_deinit) in;
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    avsp_report_stream_init(&in, UINT32_MAX);
    avsp_arena_init(&arena, 256 << 10);
    char bytes[AVSP_REPORT_STREAM_ADD_MAX_BYTES];
    for (ssize_t n; (n = read(fd, bytes, sizeof bytes)) > 0;) {
        struct avsp_err err = {0};
        enum avsp_code rc = avsp_report_stream_add(&in, bytes, (size_t)n, &err);
        for (bool got = true; rc == AVSP_OK && got;) {
            struct avsp_report report;
            rc = avsp_report_stream_next(&in, &arena, &report, &got, &err);
            if (rc == AVSP_OK && got &&
                (report.kind == AVSP_REPORT_PIECE || report.kind == AVSP_REPORT_SEGMENT))
                (void)send(fd, "ack\n", 4, MSG_NOSIGNAL); // a step that failed does not wait for it
            avsp_arena_clear(&arena);
        }
        if (rc != AVSP_OK)
            fprintf(stderr, "the step's own report is refused: %s\n", err.text);
        AVSP_ASSERT(rc == AVSP_OK);
    }
    return NULL;
}

static void send_request(int fd, const struct avsp_step *step)
{
    struct avsp_buf AVSP_CLEANUP(avsp_buf_deinit) line;
    struct avsp_err err = {0};
    avsp_buf_init(&line, AVSP_RECORD_MAX_BYTES);
    avsp_step_write(&line, step);
    AVSP_ASSERT(avsp_fd_write_all(fd, line.data, line.len, &err) == AVSP_OK);
}

void step_kit_run(step_run *run, const struct avsp_step *step, int input_fd)
{
    int pair[2];
    pthread_t parent;
    struct avsp_step asked;
    struct avsp_err err = {0};
    AVSP_ASSERT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
    send_request(pair[0], step);
    AVSP_ASSERT(pthread_create(&parent, NULL, be_parent, &pair[0]) == 0);
    struct avsp_control *ctl = avsp_control_open(pair[1], &asked, &err);
    AVSP_ASSERT(ctl != NULL);
    enum avsp_code rc = run(input_fd, &asked, ctl, &err);
    if (rc == AVSP_OK)
        rc = avsp_control_drain(ctl, &err);
    AVSP_ASSERT(rc == AVSP_OK || err.text[0] != '\0');
    // The last word, as main.c says it.
    const struct avsp_report failed = {
        .kind = AVSP_REPORT_FAILED, .failure = {.code = rc, .message = err.text, .log_tail = ""}};
    const struct avsp_report done = {.kind = AVSP_REPORT_DONE};
    (void)!avsp_control_report(ctl, rc == AVSP_OK ? &done : &failed, &err);
    avsp_control_close(ctl);
    close(pair[1]);
    pthread_join(parent, NULL);
    close(pair[0]);
    remove_files();
}
