/// Starting programs, and the conversation with a media step: whatever fails, no process, descriptor or file of it is left.
/// Takes the path of `misbehaver`, which stands in for the step.
#include "torture.h"

#include "util/fd.h"
#include "util/spawn.h"
#include "worker/child.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *misbehaver;

struct fixture {
    char *folder;
    int folder_fd;
    int input_fd;
    unsigned n_segments;
};

static void *make(void)
{
    struct fixture *fx = calloc(1, sizeof *fx);
    AVSP_ASSERT(fx != NULL);
    fx->folder = torture_folder();
    torture_put_file(fx->folder, "input", "encode");
    fx->folder_fd = open(fx->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    fx->input_fd = openat(fx->folder_fd, "input", O_RDONLY | O_CLOEXEC);
    AVSP_ASSERT(fx->folder_fd >= 0 && fx->input_fd >= 0);
    return fx;
}

static void drop(void *opaque)
{
    struct fixture *fx = opaque;
    close(fx->folder_fd);
    close(fx->input_fd);
    torture_folder_remove(fx->folder);
    free(fx);
}

static enum avsp_code run_spawn(void *opaque, struct avsp_err *err)
{
    struct fixture *fx = opaque;
    static const char *const argv[] = {"true", NULL};
    static const char *const envp[] = {NULL};
    const struct avsp_spawn how = {
        .path = "/bin/true",
        .argv = argv,
        .envp = envp,
        .fds = {fx->input_fd, -1, 2},
        .n_fds = 3,
        .cwd_fd = fx->folder_fd,
        .limits = {{RLIMIT_CORE, 0}},
        .n_limits = 1,
        .own_group = true,
        .die_with_parent = true,
    };
    pid_t pid = 0;
    enum avsp_code rc = avsp_spawn(&how, &pid, err);
    if (rc != AVSP_OK)
        return rc;
    int status = -1;
    bool ended = avsp_spawn_wait(pid, avsp_mono_in_ms(20000), &status);
    AVSP_ASSERT(ended && status == 0);
    return AVSP_OK;
}

static enum avsp_code take(void *opaque, const struct avsp_report *report, struct avsp_err *err)
{
    (void)err;
    struct fixture *fx = opaque;
    fx->n_segments += report->kind == AVSP_REPORT_SEGMENT;
    return AVSP_OK;
}

static bool never(void *opaque)
{
    (void)opaque;
    return false;
}

static enum avsp_code run_child(void *opaque, struct avsp_err *err)
{
    struct fixture *fx = opaque;
    static const struct avsp_step step = {
        .kind = AVSP_STEP_ENCODE, .max_pending = 4, .crf = 30, .preset = 8, .threads = 1};
    const struct avsp_child child = {
        .program = misbehaver,
        .input_fd = fx->input_fd,
        .folder_fd = fx->folder_fd,
        .step = &step,
        .limits = {.wall_ms = 20000,
                   .silence_ms = 20000,
                   .end_ms = 20000,
                   .memory_bytes = UINT64_C(4) << 30,
                   .file_bytes = 1 << 20},
        .report = take,
        .should_stop = never,
        .opaque = fx,
    };
    char tail[AVSP_LOG_TAIL_MAX_BYTES + 1];
    enum avsp_code rc = avsp_child_run(&child, tail, err);
    AVSP_ASSERT(rc != AVSP_OK || fx->n_segments > 0);
    return rc;
}

static void check_no_child(void *opaque, enum avsp_code rc)
{
    (void)opaque;
    (void)rc;
    pid_t pid = waitpid(-1, NULL, WNOHANG);
    AVSP_ASSERT(pid < 0 && errno == ECHILD);
}

int main(int argc, char **argv)
{
    static const struct torture_case cases[] = {
        {"start a program", make, run_spawn, check_no_child, drop},
        {"a media step", make, run_child, check_no_child, drop},
    };
    AVSP_ASSERT(argc == 2);
    misbehaver = argv[1];
    return torture_run("torture/process", cases, AVSP_ARRAY_LEN(cases));
}
