/// avspl1t list: the jobs of a coordinator, newest first.
#include "client/command.h"
#include "client/json.h"
#include "client/report.h"

#include <string.h>

#define LIST_MAX 100000

/// @return false where @p text is not a state.
static bool state_of(const char *text, enum avsp_job_state *ret_state)
{
    static const enum avsp_job_state all[] = {AVSP_JOB_RUNNING, AVSP_JOB_PAUSED, AVSP_JOB_FINISHED,
                                              AVSP_JOB_FAILED, AVSP_JOB_CANCELED};
    for (size_t i = 0; i < AVSP_ARRAY_LEN(all); i++)
        if (strcmp(text, avsp_job_state_name(all[i])) == 0) {
            *ret_state = all[i];
            return true;
        }
    return false;
}

static enum avsp_code read_filter(const struct avsp_cli_parsed *args,
                                  struct avsp_job_filter *ret_filter, int64_t *ret_limit,
                                  struct avsp_err *err)
{
    *ret_filter = (struct avsp_job_filter){.page = ""};
    const char *state = avsp_cli_str(args, "state");
    if (state != NULL && !state_of(state, &ret_filter->state))
        return avsp_err_set(
            err, AVSP_INVALID,
            "--state: \"%.64s\" is not running, paused, finished, failed or canceled", state);
    return avsp_cli_i64(args, "limit", 1, LIST_MAX, ret_limit, err);
}

/// Pages until there are @p limit jobs or no more.
static enum avsp_code collect(struct avsp_client *cli, struct avsp_job_filter *filter, size_t limit,
                              struct avsp_arena *arena, struct avsp_job *jobs, size_t *ret_n,
                              struct avsp_err *err)
{
    size_t n = 0;
    for (;;) {
        filter->limit = (uint32_t)AVSP_MIN(limit - n, (size_t)AVSP_BATCH_MAX);
        struct avsp_job_page page;
        enum avsp_code rc = avsp_client_list_jobs(cli, filter, arena, &page,
                                                  avsp_mono_in_ms(AVSP_CMD_CALL_MS), err);
        if (rc != AVSP_OK)
            return rc;
        size_t n_new = AVSP_MIN(page.n_jobs, limit - n);
        if (n_new > 0)
            memcpy(&jobs[n], page.jobs, n_new * sizeof jobs[0]);
        n += n_new;
        *ret_n = n;
        if (n == limit || n_new == 0 || page.next_page[0] == '\0')
            return AVSP_OK;
        filter->page = page.next_page;
    }
}

int avsp_cmd_list(const struct avsp_cli_parsed *args)
{
    struct avsp_err err = {0};
    struct avsp_job_filter filter;
    int64_t limit = 0;
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    avsp_arena_init(&arena, 4 * (size_t)AVSP_CMD_ARENA_BYTES);
    if (read_filter(args, &filter, &limit, &err) != AVSP_OK ||
        avsp_cmd_labels(args, &arena, AVSP_LABEL_FILTERS_MAX, &filter.labels, &filter.n_labels,
                        &err) != AVSP_OK)
        return avsp_cmd_fail(&err);
    struct avsp_client *AVSP_CLEANUP(avsp_cmd_client_cleanup) cli =
        avsp_cmd_connect(args, true, &err);
    if (cli == NULL)
        return avsp_cmd_fail(&err);
    struct avsp_job *jobs = avsp_arena_array(&arena, (size_t)limit, sizeof jobs[0]);
    if (jobs == NULL) {
        avsp_arena_failed(&arena, &err);
        return avsp_cmd_fail(&err);
    }
    size_t n = 0;
    enum avsp_code rc = collect(cli, &filter, (size_t)limit, &arena, jobs, &n, &err);
    if (rc == AVSP_OK)
        rc = avsp_cli_flag(args, "json") ? avsp_cmd_json_jobs(jobs, n, &err)
                                         : avsp_cmd_report_jobs(jobs, n, &err);
    return rc == AVSP_OK ? AVSP_EXIT_DONE : avsp_cmd_fail_call(args, NULL, &err);
}
