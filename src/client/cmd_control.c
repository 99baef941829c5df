/// avspl1t retry, pause, resume, priority, delete: what people do to a job, but for cancel.
#include "client/command.h"
#include "client/json.h"
#include "util/parse.h"

typedef enum avsp_code call_fn(struct avsp_client *cli, const char *job_id,
                               struct avsp_mono deadline, struct avsp_err *err);

/// With --json the job is printed as it stands now.
static enum avsp_code print_job(const struct avsp_cli_parsed *args, struct avsp_client *cli,
                                struct avsp_err *err)
{
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    avsp_arena_init(&arena, AVSP_CMD_ARENA_BYTES);
    struct avsp_job job;
    if (!avsp_cli_flag(args, "json"))
        return AVSP_OK;
    enum avsp_code rc = avsp_client_get_job(cli, args->args[0], &arena, &job,
                                            avsp_mono_in_ms(AVSP_CMD_CALL_MS), err);
    return rc == AVSP_OK ? avsp_cmd_json_job(&job, err) : rc;
}

static int control(const struct avsp_cli_parsed *args, call_fn *call)
{
    struct avsp_err err = {0};
    struct avsp_client *AVSP_CLEANUP(avsp_cmd_client_cleanup) cli =
        avsp_cmd_connect(args, true, &err);
    if (cli == NULL)
        return avsp_cmd_fail(&err);
    enum avsp_code rc = call(cli, args->args[0], avsp_mono_in_ms(AVSP_CMD_CALL_MS), &err);
    if (rc == AVSP_OK)
        rc = print_job(args, cli, &err);
    return rc == AVSP_OK ? AVSP_EXIT_DONE : avsp_cmd_fail_call(args, args->args[0], &err);
}

static enum avsp_code retry(struct avsp_client *cli, const char *job_id, struct avsp_mono deadline,
                            struct avsp_err *err)
{
    return avsp_client_retry(cli, job_id, false, deadline, err);
}

static enum avsp_code repin(struct avsp_client *cli, const char *job_id, struct avsp_mono deadline,
                            struct avsp_err *err)
{
    return avsp_client_retry(cli, job_id, true, deadline, err);
}

int avsp_cmd_retry(const struct avsp_cli_parsed *args)
{
    return control(args, avsp_cli_flag(args, "repin") ? repin : retry);
}

int avsp_cmd_pause(const struct avsp_cli_parsed *args)
{
    return control(args, avsp_client_pause);
}

int avsp_cmd_resume(const struct avsp_cli_parsed *args)
{
    return control(args, avsp_client_resume);
}

int avsp_cmd_priority(const struct avsp_cli_parsed *args)
{
    struct avsp_err err = {0};
    int64_t priority = 0;
    if (!avsp_parse_i64(args->args[1], 0, AVSP_PRIORITY_MAX, &priority)) {
        avsp_cmd_say("priority: \"%.64s\" is not a whole number from 0 to %d", args->args[1],
                     AVSP_PRIORITY_MAX);
        return AVSP_EXIT_USAGE;
    }
    struct avsp_client *AVSP_CLEANUP(avsp_cmd_client_cleanup) cli =
        avsp_cmd_connect(args, true, &err);
    if (cli == NULL)
        return avsp_cmd_fail(&err);
    enum avsp_code rc = avsp_client_set_priority(cli, args->args[0], (int32_t)priority,
                                                 avsp_mono_in_ms(AVSP_CMD_CALL_MS), &err);
    if (rc == AVSP_OK)
        rc = print_job(args, cli, &err);
    return rc == AVSP_OK ? AVSP_EXIT_DONE : avsp_cmd_fail_call(args, args->args[0], &err);
}

int avsp_cmd_delete(const struct avsp_cli_parsed *args)
{
    struct avsp_err err = {0};
    struct avsp_client *AVSP_CLEANUP(avsp_cmd_client_cleanup) cli =
        avsp_cmd_connect(args, true, &err);
    if (cli == NULL)
        return avsp_cmd_fail(&err);
    const char *id = args->args[0];
    if (avsp_client_delete(cli, id, avsp_cli_flag(args, "force"), avsp_mono_in_ms(AVSP_CMD_CALL_MS),
                           &err) != AVSP_OK)
        return avsp_cmd_fail_call(args, id, &err);
    if (avsp_cli_flag(args, "json") && avsp_cmd_json_deleted(id, &err) != AVSP_OK)
        return avsp_cmd_fail(&err);
    return AVSP_EXIT_DONE;
}
