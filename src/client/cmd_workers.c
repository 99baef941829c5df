/// avspl1t workers, drain: what there is to encode on, and how it goes out of service.
#include "client/command.h"
#include "client/json.h"
#include "client/report.h"

#include <string.h>

/// All workers. The list and its strings are in @p arena.
static enum avsp_code collect(struct avsp_client *cli, struct avsp_arena *arena,
                              struct avsp_worker_record **ret_workers, size_t *ret_n,
                              struct avsp_err *err)
{
    struct avsp_workers_query query = {.limit = AVSP_BATCH_MAX, .page = ""};
    struct avsp_worker_record *all = NULL;
    size_t n = 0;
    do {
        struct avsp_worker_page page;
        enum avsp_code rc = avsp_client_list_workers(cli, &query, arena, &page,
                                                     avsp_mono_in_ms(AVSP_CMD_CALL_MS), err);
        if (rc != AVSP_OK)
            return rc;
        struct avsp_worker_record *more = avsp_arena_array(arena, n + page.n_workers, sizeof *more);
        if (more == NULL)
            return avsp_arena_failed(arena, err);
        if (n > 0)
            memcpy(more, all, n * sizeof *more);
        if (page.n_workers > 0)
            memcpy(more + n, page.workers, page.n_workers * sizeof *more);
        all = more;
        n += page.n_workers;
        query.page = page.n_workers > 0 ? page.next_page : "";
    } while (query.page[0] != '\0');
    *ret_workers = all;
    *ret_n = n;
    return AVSP_OK;
}

int avsp_cmd_workers(const struct avsp_cli_parsed *args)
{
    struct avsp_err err = {0};
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    avsp_arena_init(&arena, 4 * (size_t)AVSP_CMD_ARENA_BYTES);
    struct avsp_client *AVSP_CLEANUP(avsp_cmd_client_cleanup) cli =
        avsp_cmd_connect(args, true, &err);
    if (cli == NULL)
        return avsp_cmd_fail(&err);
    struct avsp_worker_record *workers = NULL;
    size_t n = 0;
    enum avsp_code rc = collect(cli, &arena, &workers, &n, &err);
    if (rc == AVSP_OK)
        rc = avsp_cli_flag(args, "json") ? avsp_cmd_json_workers(workers, n, &err)
                                         : avsp_cmd_report_workers(workers, n, &err);
    return rc == AVSP_OK ? AVSP_EXIT_DONE : avsp_cmd_fail_call(args, NULL, &err);
}

int avsp_cmd_drain(const struct avsp_cli_parsed *args)
{
    struct avsp_err err = {0};
    struct avsp_client *AVSP_CLEANUP(avsp_cmd_client_cleanup) cli =
        avsp_cmd_connect(args, true, &err);
    if (cli == NULL)
        return avsp_cmd_fail(&err);
    enum avsp_code rc = avsp_client_drain(cli, args->args[0], !avsp_cli_flag(args, "undo"),
                                          avsp_mono_in_ms(AVSP_CMD_CALL_MS), &err);
    return rc == AVSP_OK ? AVSP_EXIT_DONE : avsp_cmd_fail_call(args, NULL, &err);
}
