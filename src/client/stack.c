#include "client/stack.h"

#include "util/fd.h"
#include "util/programs.h"
#include "util/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/// A local worker that is started again claims within this what it lost: shorter than a daemon's lease, since no network
/// lies between.
#define LEASE_SECONDS "5"
#define STARTS_MAX 6
#define RESTART_MS 100
#define FORGIVEN_MS 60000
/// An empty database is made in well under a second; a machine that is busy beyond that is given up on.
#define READY_MS 60000

/// In all at most 1.5 s: an interrupted encode ends within two, but where it uploads.
#define WORKER_STOP_MS 700
/// A second until an upload that stands still is broken off, and five for the store to take back its parts (storage/s3_call.c): they cost
/// money, and nobody sees them.
#define UPLOADER_STOP_MS 6500
#define COORDINATOR_STOP_MS 400
#define ORPHANS_MS 400

#define READY_FD 3
#define ARGS_MAX 16
#define LAST_WORDS_BYTES 400

#define OURS "AVSPL1T_"

/// Of our variables, those that tune a coordinator and a worker wherever they run. All others are for us, or for programs
/// that serve others: their addresses, tokens and keys.
static const char *const tuning[] = {
    OURS "LIBEXEC=",      OURS "LOG_LEVEL=",   OURS "MEMORY_LIMIT=",
    OURS "S3_TIMEOUT=",   OURS "SPLIT_AHEAD=", OURS "STALL_SECONDS=",
    OURS "TASK_SECONDS=", OURS "THREADS=",     OURS "WORK_LIMIT=",
};

/// What names a file or a folder: the children run in another one.
static const char *const paths[] = {
    OURS "LIBEXEC=",
    "AWS_CA_BUNDLE=",
    "AWS_CONFIG_FILE=",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=",
    "AWS_SHARED_CREDENTIALS_FILE=",
};

static bool is_among(const char *entry, const char *const *names, size_t n_names)
{
    for (size_t i = 0; i < n_names; i++)
        if (strncmp(entry, names[i], strlen(names[i])) == 0)
            return true;
    return false;
}

/// A variable with its path made absolute; in the arena.
static const char *from_here(struct avsp_arena *arena, const char *entry)
{
    char here[PATH_MAX];
    const char *path = strchr(entry, '=') + 1;
    if (path[0] == '\0' || path[0] == '/' || getcwd(here, sizeof here) == NULL)
        return entry;
    return avsp_arena_printf(arena, "%.*s%s/%s", (int)(path - entry), entry, here, path);
}

/// The environment of the children: ours, as far as it concerns them.
static enum avsp_code make_environment(struct avsp_stack *stack, struct avsp_err *err)
{
    size_t n = 0;
    size_t n_passed = 0;
    while (environ[n] != NULL)
        n++;
    stack->env = avsp_arena_array(stack->arena, n + 2, sizeof *stack->env);
    if (stack->env == NULL)
        return avsp_arena_failed(stack->arena, err);
    for (size_t i = 0; i < n; i++) {
        const char *entry = environ[i];
        if (strncmp(entry, OURS, strlen(OURS)) == 0 &&
            !is_among(entry, tuning, AVSP_ARRAY_LEN(tuning)))
            continue;
        if (is_among(entry, paths, AVSP_ARRAY_LEN(paths)))
            entry = from_here(stack->arena, entry);
        if (entry == NULL)
            return avsp_arena_failed(stack->arena, err);
        stack->env[n_passed++] = entry;
    }
    stack->env[n_passed++] = OURS "LOG_FORMAT=text"; // people read it
    stack->env[n_passed] = NULL;
    return AVSP_OK;
}

static enum avsp_code spawn(struct avsp_stack *stack, struct avsp_stack_child *child,
                            const char *const *args, int ready_fd, struct avsp_err *err)
{
    char program[PATH_MAX];
    enum avsp_code rc = avsp_program_find(child->name, program, sizeof program, err);
    if (rc != AVSP_OK)
        return rc;
    struct avsp_spawn how = {
        .path = program,
        .argv = args,
        .envp = stack->env,
        .fds = {-1, stack->log_fd, stack->log_fd, ready_fd},
        .n_fds = READY_FD + 1,
        .cwd_fd = stack->options.state_fd,
        .own_group = true, // a terminal's Ctrl-C reaches us alone, and we end them in order
        .die_with_parent = true,
    };
    child->n_starts++;
    child->forgiven_at = avsp_mono_in_ms(FORGIVEN_MS);
    return avsp_spawn(&how, &child->pid, err);
}

static enum avsp_code start_coordinator(struct avsp_stack *stack, struct avsp_err *err)
{
    const char *db =
        avsp_arena_printf(stack->arena, "sqlite://%s/jobs.db", stack->options.state_path);
    if (db == NULL)
        return avsp_arena_failed(stack->arena, err);
    const char *const args[ARGS_MAX] = {stack->coordinator.name, "--listen",
                                        "unix:" AVSP_STACK_SOCKET, "--db", db, "--lease-seconds",
                                        LEASE_SECONDS, "--ready-fd", "3",
                                        // Nobody else reaches its socket.
                                        "--auth", "never", stack->is_ours ? NULL : "--take-over"};
    int pair[2];
    if (pipe2(pair, O_CLOEXEC) != 0)
        return avsp_err_set_errno(err, errno, "pipe");
    avsp_fd_cleanup(&stack->ready_fd);
    stack->ready_fd = pair[0];
    stack->ready_by = avsp_mono_in_ms(READY_MS);
    int AVSP_CLEANUP(avsp_fd_cleanup) theirs = pair[1];
    return spawn(stack, &stack->coordinator, args, theirs, err);
}

static enum avsp_code start_worker(struct avsp_stack *stack, struct avsp_err *err)
{
    const char *const args[ARGS_MAX] = {stack->worker.name,
                                        "--coordinator",
                                        "unix:" AVSP_STACK_SOCKET,
                                        "--work-dir",
                                        stack->options.work_dir,
                                        "--drain-seconds",
                                        "0",
                                        stack->options.slots != NULL ? "--slots" : NULL,
                                        stack->options.slots};
    return spawn(stack, &stack->worker, args, -1, err);
}

static enum avsp_code open_log(struct avsp_stack *stack, struct avsp_err *err)
{
    const char *path = stack->options.log_path;
    int flags = O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC;
    stack->log_fd = path != NULL ? open(path, flags, 0666)
                                 : openat(stack->options.state_fd, "log", flags, 0600);
    return stack->log_fd >= 0 ? AVSP_OK
                              : avsp_err_set_errno(err, errno, "%s", path != NULL ? path : "log");
}

enum avsp_code avsp_stack_open(struct avsp_stack *stack, const struct avsp_stack_options *options,
                               struct avsp_arena *arena, struct avsp_err *err)
{
    *stack = (struct avsp_stack){
        .options = *options,
        .arena = arena,
        .coordinator = {.name = "avspl1t-coordinator", .wanted = true},
        .worker = {.name = "avspl1t-worker"},
        .ready_fd = -1,
        .log_fd = -1,
    };
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    enum avsp_code rc = make_environment(stack, err);
    if (rc == AVSP_OK)
        rc = open_log(stack, err);
    if (rc == AVSP_OK)
        rc = start_coordinator(stack, err);
    if (rc != AVSP_OK)
        avsp_stack_close(stack);
    return rc;
}

enum avsp_code avsp_stack_ready(struct avsp_stack *stack, bool *ret_ready, struct avsp_err *err)
{
    char word;
    ssize_t n = read(stack->ready_fd, &word, 1);
    if (n < 0 && errno == EINTR)
        return AVSP_OK;
    avsp_fd_cleanup(&stack->ready_fd);
    *ret_ready = n == 1;
    if (n != 1 || stack->worker.wanted)
        return AVSP_OK;
    stack->is_ours = true;
    stack->worker.wanted = true;
    return start_worker(stack, err);
}

/// @return UNAVAILABLE where it ended too often.
static enum avsp_code note_end(struct avsp_stack *stack, struct avsp_stack_child *child, int status,
                               struct avsp_err *err)
{
    child->pid = 0;
    if (avsp_mono_passed(child->forgiven_at))
        child->n_starts = 0;
    child->start_at = avsp_mono_in_ms((int64_t)RESTART_MS << child->n_starts);
    if (child->n_starts < STARTS_MAX)
        return AVSP_OK;
    char text[AVSP_SPAWN_STATUS_BYTES];
    const char *words = avsp_stack_log_tail(stack, LAST_WORDS_BYTES);
    size_t len = strlen(words);
    while (len > 0 && words[len - 1] == '\n')
        len--;
    const char *last = len > 0 ? memrchr(words, '\n', len) : NULL;
    last = last != NULL ? last + 1 : words;
    return avsp_err_set(err, AVSP_UNAVAILABLE, "%s ended %u times, the last time with %s: %.*s",
                        child->name, child->n_starts, avsp_spawn_status_text(status, text),
                        (int)(words + len - last), last);
}

enum avsp_code avsp_stack_reap(struct avsp_stack *stack, struct avsp_err *err)
{
    enum avsp_code rc = AVSP_OK;
    int status = 0;
    // Orphans of a worker that died come to us too.
    for (pid_t pid = waitpid(-1, &status, WNOHANG); pid > 0; pid = waitpid(-1, &status, WNOHANG)) {
        enum avsp_code ended = AVSP_OK;
        if (pid == stack->coordinator.pid)
            ended = note_end(stack, &stack->coordinator, status, err);
        else if (pid == stack->worker.pid)
            ended = note_end(stack, &stack->worker, status, err);
        if (rc == AVSP_OK)
            rc = ended;
    }
    return rc;
}

static bool is_down(const struct avsp_stack_child *child)
{
    return child->wanted && child->pid == 0;
}

enum avsp_code avsp_stack_tick(struct avsp_stack *stack, struct avsp_err *err)
{
    enum avsp_code rc = AVSP_OK;
    if (stack->ready_fd >= 0 && avsp_mono_passed(stack->ready_by))
        return avsp_err_set(err, AVSP_TIMEOUT, "%s did not begin to work within %d s",
                            stack->coordinator.name, READY_MS / 1000);
    if (is_down(&stack->coordinator) && avsp_mono_passed(stack->coordinator.start_at))
        rc = start_coordinator(stack, err);
    if (rc == AVSP_OK && is_down(&stack->worker) && avsp_mono_passed(stack->worker.start_at))
        rc = start_worker(stack, err);
    return rc;
}

int avsp_stack_left_ms(const struct avsp_stack *stack)
{
    const struct avsp_stack_child *children[] = {&stack->coordinator, &stack->worker};
    int left = stack->ready_fd >= 0 ? avsp_mono_left_ms(stack->ready_by) : -1;
    for (size_t i = 0; i < AVSP_ARRAY_LEN(children); i++) {
        if (!is_down(children[i]))
            continue;
        int ms = avsp_mono_left_ms(children[i]->start_at);
        left = left < 0 ? ms : AVSP_MIN(left, ms);
    }
    return left;
}

const char *avsp_stack_log_tail(const struct avsp_stack *stack, size_t bytes)
{
    struct stat st;
    struct avsp_err ignored = {0};
    char *text = avsp_arena_alloc(stack->arena, bytes + 1);
    if (text == NULL || stack->log_fd < 0 || fstat(stack->log_fd, &st) != 0)
        return "";
    size_t len = 0;
    bool is_cut = (uint64_t)st.st_size > bytes;
    uint64_t from = is_cut ? (uint64_t)st.st_size - bytes : 0;
    if (avsp_fd_pread_all(stack->log_fd, text, bytes, from, &len, &ignored) != AVSP_OK)
        return "";
    text[len] = '\0';
    const char *line = is_cut ? strchr(text, '\n') : NULL;
    return line != NULL && line[1] != '\0' ? line + 1 : text;
}

static void stop(struct avsp_stack_child *child, int64_t ms)
{
    child->wanted = false;
    if (child->pid == 0)
        return;
    int status = 0;
    pid_t pid = child->pid;
    child->pid = 0;
    kill(pid, SIGTERM);
    bool ended = avsp_spawn_wait(pid, avsp_mono_in_ms(ms), &status);
    // What else is in its group ends with it; a group that is empty already is no matter.
    kill(-pid, SIGKILL);
    if (!ended)
        (void)!avsp_spawn_wait(pid, avsp_mono_in_ms(ORPHANS_MS), &status);
}

/// Waits for media steps that outlived their worker: they die with it, and come to us.
static void reap_orphans(void)
{
    struct avsp_mono deadline = avsp_mono_in_ms(ORPHANS_MS);
    for (;;) {
        pid_t pid = waitpid(-1, NULL, WNOHANG);
        if ((pid < 0 && errno == ECHILD) || avsp_mono_passed(deadline))
            return;
        if (pid == 0)
            usleep(5000);
    }
}

void avsp_stack_close(struct avsp_stack *stack)
{
    if (stack->arena == NULL)
        return;
    stop(&stack->worker, stack->options.uploads ? UPLOADER_STOP_MS : WORKER_STOP_MS);
    stop(&stack->coordinator, COORDINATOR_STOP_MS);
    reap_orphans();
    avsp_fd_cleanup(&stack->ready_fd);
    avsp_fd_cleanup(&stack->log_fd);
    stack->arena = NULL;
}
