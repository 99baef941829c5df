/// avspl1t cancel: ends a job.
#include "client/command.h"
#include "client/json.h"

int avsp_cmd_cancel(const struct avsp_cli_parsed *args)
{
    struct avsp_err err = {0};
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    avsp_arena_init(&arena, AVSP_CMD_ARENA_BYTES);
    struct avsp_client *AVSP_CLEANUP(avsp_cmd_client_cleanup) cli =
        avsp_cmd_connect(args, true, &err);
    if (cli == NULL)
        return avsp_cmd_fail(&err);
    const char *id = args->args[0];
    struct avsp_job job;
    enum avsp_code rc = avsp_client_cancel(cli, id, avsp_mono_in_ms(AVSP_CMD_CALL_MS), &err);
    if (rc == AVSP_OK)
        rc = avsp_client_get_job(cli, id, &arena, &job, avsp_mono_in_ms(AVSP_CMD_CALL_MS), &err);
    if (rc != AVSP_OK)
        return avsp_cmd_fail_call(args, id, &err);
    if (job.state != AVSP_JOB_CANCELED)
        avsp_cmd_say("job %s was over before: %s", job.id, avsp_job_state_name(job.state));
    if (avsp_cli_flag(args, "json") && avsp_cmd_json_job(&job, &err) != AVSP_OK)
        return avsp_cmd_fail(&err);
    return job.state == AVSP_JOB_CANCELED ? AVSP_EXIT_DONE : AVSP_EXIT_FAILED;
}
