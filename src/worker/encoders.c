#include "worker/encoders.h"

#include "util/fd.h"
#include "util/parse.h"
#include "util/spawn.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

/// It loads libraries and prints a line; a cold disk, or a sanitizer, makes it slow.
#define ANSWER_MS 30000

void avsp_encoders_init(struct avsp_encoders *encoders, const char *program)
{
    *encoders = (struct avsp_encoders){.program = program};
    AVSP_ASSERT(pthread_mutex_init(&encoders->lock, NULL) == 0);
}

void avsp_encoders_deinit(struct avsp_encoders *encoders)
{
    pthread_mutex_destroy(&encoders->lock);
}

/// Runs the program to its end. @param answer  an open file for what it prints.
static enum avsp_code run(const char *program, int answer, struct avsp_err *err)
{
    static const char *const argv[] = {"avspl1t-media", "--encoders", NULL};
    static const char *const no_environment[] = {NULL};
    const struct avsp_spawn how = {
        .path = program,
        .argv = argv,
        .envp = no_environment,
        .fds = {-1, answer, -1},
        .n_fds = 3,
        .cwd_fd = -1,
        .own_group = true,
        .die_with_parent = true,
    };
    pid_t pid = 0;
    int status = 0;
    enum avsp_code rc = avsp_spawn(&how, &pid, err);
    if (rc != AVSP_OK)
        return rc;
    if (!avsp_spawn_wait(pid, avsp_mono_in_ms(ANSWER_MS), &status)) {
        kill(pid, SIGKILL);
        (void)!avsp_spawn_wait(pid, avsp_mono_in_ms(ANSWER_MS), &status);
        return avsp_err_set(err, AVSP_TIMEOUT, "no answer within %d seconds", ANSWER_MS / 1000);
    }
    char text[AVSP_SPAWN_STATUS_BYTES];
    if (status != 0)
        return avsp_err_set(err, AVSP_INTERNAL, "it ended with %s",
                            avsp_spawn_status_text(status, text));
    return AVSP_OK;
}

static enum avsp_code ask(const char *program, char ret_text[AVSP_TEXT_MAX_BYTES],
                          struct avsp_err *err)
{
    int AVSP_CLEANUP(avsp_fd_cleanup) answer = memfd_create("avspl1t-encoders", MFD_CLOEXEC);
    size_t len = 0;
    if (answer < 0)
        return avsp_err_set_errno(err, errno, "memfd_create");
    enum avsp_code rc = run(program, answer, err);
    if (rc == AVSP_OK)
        rc = avsp_fd_pread_all(answer, ret_text, AVSP_TEXT_MAX_BYTES, 0, &len, err);
    if (rc != AVSP_OK)
        return rc;
    if (len < 2 || len == AVSP_TEXT_MAX_BYTES || ret_text[len - 1] != '\n')
        return avsp_err_set(err, AVSP_INTERNAL, "its answer is not one line");
    ret_text[len - 1] = '\0';
    avsp_text_tame(ret_text, '?', false);
    return AVSP_OK;
}

enum avsp_code avsp_encoders_learn(struct avsp_encoders *encoders, struct avsp_err *err)
{
    char text[AVSP_TEXT_MAX_BYTES];
    if (ask(encoders->program, text, err) != AVSP_OK)
        return avsp_err_wrap(err, "ask %s what it encodes with", encoders->program);
    pthread_mutex_lock(&encoders->lock);
    memcpy(encoders->text, text, sizeof text);
    pthread_mutex_unlock(&encoders->lock);
    return AVSP_OK;
}

const char *avsp_encoders_text(struct avsp_encoders *encoders, char ret_text[AVSP_TEXT_MAX_BYTES])
{
    pthread_mutex_lock(&encoders->lock);
    memcpy(ret_text, encoders->text, AVSP_TEXT_MAX_BYTES);
    pthread_mutex_unlock(&encoders->lock);
    return ret_text;
}
