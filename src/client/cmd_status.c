/// avspl1t status: how a job stands.
#include "client/command.h"
#include "client/json.h"
#include "client/report.h"

int avsp_cmd_status(const struct avsp_cli_parsed *args)
{
    struct avsp_err err = {0};
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    avsp_arena_init(&arena, AVSP_CMD_ARENA_BYTES);
    struct avsp_client *AVSP_CLEANUP(avsp_cmd_client_cleanup) cli =
        avsp_cmd_connect(args, true, &err);
    if (cli == NULL)
        return avsp_cmd_fail(&err);
    struct avsp_job job;
    if (avsp_client_get_job(cli, args->args[0], &arena, &job, avsp_mono_in_ms(AVSP_CMD_CALL_MS),
                            &err) != AVSP_OK)
        return avsp_cmd_fail_call(args, args->args[0], &err);
    enum avsp_code rc = avsp_cli_flag(args, "json") ? avsp_cmd_json_job(&job, &err)
                                                    : avsp_cmd_report_job(&job, &err);
    return rc == AVSP_OK ? avsp_cmd_exit_of(&job) : avsp_cmd_fail(&err);
}
