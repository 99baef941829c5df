#include "client/follow.h"

#include "core/lifecycle.h"

#include <time.h>

/// One call of watch lasts this long at most; then the next one begins.
#define WATCH_MS 600000
/// For the one question after the end.
#define ASK_MS 30000
/// Between attempts where a coordinator refuses or breaks off at once.
#define PAUSE_NS 200000000

struct follower {
    struct avsp_display *display;
    bool over;
};

static bool on_change(void *opaque, const struct avsp_job *job)
{
    struct follower *follower = opaque;
    avsp_display_show(follower->display, job);
    follower->over = avsp_job_is_over(job->state);
    return !follower->over;
}

static bool worth_another_try(enum avsp_code rc)
{
    return rc == AVSP_OK || rc == AVSP_UNAVAILABLE || rc == AVSP_TIMEOUT;
}

static struct avsp_mono earlier(struct avsp_mono a, struct avsp_mono b)
{
    return a.us < b.us ? a : b;
}

/// Watches until the job is over.
static enum avsp_code watch(struct avsp_client *cli, const char *job_id, struct follower *follower,
                            struct avsp_mono deadline, struct avsp_err *err)
{
    while (!follower->over) {
        struct avsp_mono until = earlier(avsp_mono_in_ms(WATCH_MS), deadline);
        enum avsp_code rc = avsp_client_watch(cli, job_id, on_change, follower, until, err);
        if (follower->over)
            break;
        if (!worth_another_try(rc) || (rc == AVSP_UNAVAILABLE && avsp_mono_passed(deadline)))
            return rc;
        if (avsp_mono_passed(deadline))
            return avsp_err_set(err, AVSP_TIMEOUT, "job %s is not over yet", job_id);
        nanosleep(&(struct timespec){.tv_nsec = PAUSE_NS}, NULL);
    }
    return AVSP_OK;
}

enum avsp_code avsp_cmd_follow(struct avsp_client *cli, const char *job_id,
                               struct avsp_display *display, struct avsp_mono deadline,
                               struct avsp_arena *arena, struct avsp_job *ret_job,
                               struct avsp_err *err)
{
    struct follower follower = {.display = display};
    enum avsp_code rc = watch(cli, job_id, &follower, deadline, err);
    while (rc == AVSP_OK) {
        rc = avsp_client_get_job(cli, job_id, arena, ret_job,
                                 earlier(avsp_mono_in_ms(ASK_MS), deadline), err);
        if (rc == AVSP_OK || !worth_another_try(rc) || avsp_mono_passed(deadline))
            return rc;
        nanosleep(&(struct timespec){.tv_nsec = PAUSE_NS}, NULL);
        rc = AVSP_OK;
    }
    return rc;
}
