/// avspl1t watch: follows a job to its end.
#include "client/command.h"
#include "client/follow.h"
#include "client/json.h"
#include "client/report.h"
#include "core/lifecycle.h"

#define TIMEOUT_SECONDS_MAX (365LL * 24 * 3600)

/// A coordinator out of reach at the very beginning is an error at once; later it is waited for.
static enum avsp_code look(const struct avsp_cli_parsed *args, struct avsp_arena *arena,
                           struct avsp_job *ret_job, struct avsp_err *err)
{
    struct avsp_client *AVSP_CLEANUP(avsp_cmd_client_cleanup) cli =
        avsp_cmd_connect(args, true, err);
    if (cli == NULL)
        return err->code;
    return avsp_client_get_job(cli, args->args[0], arena, ret_job,
                               avsp_mono_in_ms(AVSP_CMD_CALL_MS), err);
}

static enum avsp_code follow(const struct avsp_cli_parsed *args, struct avsp_mono deadline,
                             struct avsp_arena *arena, struct avsp_job *ret_job,
                             struct avsp_err *err)
{
    struct avsp_client *AVSP_CLEANUP(avsp_cmd_client_cleanup) cli =
        avsp_cmd_connect(args, false, err);
    if (cli == NULL)
        return err->code;
    struct avsp_display AVSP_CLEANUP(avsp_display_end) display = {.workers = true};
    avsp_display_begin(&display);
    avsp_display_show(&display, ret_job);
    return avsp_cmd_follow(cli, args->args[0], &display, deadline, arena, ret_job, err);
}

/// Options that mean nothing for one job alone.
static enum avsp_code check(const struct avsp_cli_parsed *args, struct avsp_err *err)
{
    static const char *const of_all[] = {"label", "after", "progress"};
    for (size_t i = 0; i < AVSP_ARRAY_LEN(of_all); i++)
        if (avsp_cli_str(args, of_all[i]) != NULL)
            return avsp_err_set(err, AVSP_INVALID, "--%s: goes without a JOB", of_all[i]);
    return AVSP_OK;
}

int avsp_cmd_watch(const struct avsp_cli_parsed *args)
{
    struct avsp_err err = {0};
    int64_t seconds = 0;
    if (args->n_args == 0)
        return avsp_cmd_watch_all(args);
    if (check(args, &err) != AVSP_OK)
        return avsp_cmd_fail(&err);
    if (avsp_cli_i64(args, "timeout", 0, TIMEOUT_SECONDS_MAX, &seconds, &err) != AVSP_OK)
        return avsp_cmd_fail(&err);
    struct avsp_mono deadline =
        avsp_mono_in_ms((seconds > 0 ? seconds : TIMEOUT_SECONDS_MAX) * 1000);
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    avsp_arena_init(&arena, AVSP_CMD_ARENA_BYTES);
    struct avsp_job job;
    enum avsp_code rc = look(args, &arena, &job, &err);
    if (rc != AVSP_OK)
        return avsp_cmd_fail_call(args, args->args[0], &err);
    if (!avsp_job_is_over(job.state))
        rc = follow(args, deadline, &arena, &job, &err);
    if (rc == AVSP_TIMEOUT) {
        avsp_cmd_say("%s", err.text);
        return AVSP_EXIT_NOT_YET;
    }
    if (rc != AVSP_OK)
        return avsp_cmd_fail_call(args, args->args[0], &err);
    return avsp_cmd_conclude(&job, avsp_cli_flag(args, "json"), avsp_cli_flag(args, "verbose"));
}
