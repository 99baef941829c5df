/// avspl1t status: how a job stands, and how it came there.
#include "client/command.h"
#include "client/json.h"
#include "client/report.h"
#include "client/stores.h"

#include <string.h>

/// All attempts that ended. Strings and the list are in @p arena.
static enum avsp_code collect(struct avsp_client *cli, const char *job_id, struct avsp_arena *arena,
                              struct avsp_attempt_record **ret_attempts, size_t *ret_n,
                              struct avsp_err *err)
{
    struct avsp_attempts_query query = {.job_id = job_id, .limit = AVSP_BATCH_MAX, .page = ""};
    struct avsp_attempt_record *all = NULL;
    size_t n = 0;
    size_t room = 0;
    do {
        struct avsp_attempt_page page;
        enum avsp_code rc = avsp_client_list_attempts(cli, &query, arena, &page,
                                                      avsp_mono_in_ms(AVSP_CMD_CALL_MS), err);
        if (rc != AVSP_OK)
            return rc;
        if (n + page.n_attempts > room || all == NULL) {
            room = 2 * (n + page.n_attempts);
            struct avsp_attempt_record *more = avsp_arena_array(arena, room, sizeof *more);
            if (more == NULL)
                return avsp_arena_failed(arena, err);
            if (n > 0)
                memcpy(more, all, n * sizeof *more);
            all = more;
        }
        if (page.n_attempts > 0)
            memcpy(all + n, page.attempts, page.n_attempts * sizeof *all);
        n += page.n_attempts;
        query.page = page.n_attempts > 0 ? page.next_page : "";
    } while (query.page[0] != '\0');
    *ret_attempts = all;
    *ret_n = n;
    return AVSP_OK;
}

static enum avsp_code print_history(struct avsp_client *cli, const struct avsp_job *job, bool json,
                                    struct avsp_arena *arena, struct avsp_err *err)
{
    struct avsp_attempt_record *attempts = NULL;
    size_t n = 0;
    enum avsp_code rc = collect(cli, job->id, arena, &attempts, &n, err);
    if (rc != AVSP_OK)
        return rc;
    return json ? avsp_cmd_json_history(job, attempts, n, err)
                : avsp_cmd_report_history(job, attempts, n, err);
}

#define SIGN_MAX_S 604800

/// The job, and where a player finds its presentation.
static enum avsp_code print_job(const struct avsp_cli_parsed *args, const struct avsp_job *job,
                                struct avsp_arena *arena, struct avsp_err *err)
{
    int64_t sign_seconds = 0;
    if (avsp_cli_str(args, "sign") != NULL &&
        avsp_cli_i64(args, "sign", 1, SIGN_MAX_S, &sign_seconds, err) != AVSP_OK)
        return err->code;
    struct avsp_storage *AVSP_CLEANUP(avsp_stores_cleanup) store = avsp_stores_open(err);
    const char *url =
        store != NULL ? avsp_stores_url(store, &job->manifest, sign_seconds, arena, err) : NULL;
    if (url == NULL)
        return err->code;
    return avsp_cli_flag(args, "json") ? avsp_cmd_json_status(job, url, err)
                                       : avsp_cmd_report_job(job, url, err);
}

int avsp_cmd_status(const struct avsp_cli_parsed *args)
{
    struct avsp_err err = {0};
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    avsp_arena_init(&arena, 4 * (size_t)AVSP_CMD_ARENA_BYTES);
    struct avsp_client *AVSP_CLEANUP(avsp_cmd_client_cleanup) cli =
        avsp_cmd_connect(args, true, &err);
    if (cli == NULL)
        return avsp_cmd_fail(&err);
    const bool json = avsp_cli_flag(args, "json");
    struct avsp_job job;
    enum avsp_code rc = avsp_client_get_job(cli, args->args[0], &arena, &job,
                                            avsp_mono_in_ms(AVSP_CMD_CALL_MS), &err);
    if (rc == AVSP_OK && avsp_cli_flag(args, "attempts"))
        rc = print_history(cli, &job, json, &arena, &err);
    else if (rc == AVSP_OK)
        rc = print_job(args, &job, &arena, &err);
    return rc == AVSP_OK ? avsp_cmd_exit_of(&job) : avsp_cmd_fail_call(args, args->args[0], &err);
}
