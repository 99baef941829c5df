/// avspl1t watch without a job: follows all of them, from coordinator to coordinator.
#include "client/command.h"
#include "client/json.h"
#include "client/report.h"

#include <time.h>

#define TIMEOUT_SECONDS_MAX (365LL * 24 * 3600)
#define PROGRESS_SECONDS_MAX (AVSP_PROGRESS_MAX_MS / 1000)
/// One call lasts this long at most; then the next one begins.
#define WATCH_MS 600000
/// Between attempts where a coordinator refuses or breaks off at once.
#define PAUSE_NS 200000000
#define CURSOR_BYTES 256

struct follower {
    bool json;
    char cursor[CURSOR_BYTES]; ///< of the event that was printed last
    bool has_reached;          ///< a coordinator answered once
    struct avsp_err unprinted; ///< what came to nothing on standard output
};

static bool on_event(void *opaque, const struct avsp_job *job, const char *cursor)
{
    struct follower *follower = opaque;
    enum avsp_code rc = AVSP_OK;
    follower->has_reached = true;
    if (job != NULL && follower->json)
        rc = avsp_cmd_json_event(job, cursor, &follower->unprinted);
    else if (job != NULL)
        rc = avsp_cmd_report_event(job, &follower->unprinted);
    // Only behind what was printed.
    if (rc == AVSP_OK)
        snprintf(follower->cursor, sizeof follower->cursor, "%s", cursor);
    return rc == AVSP_OK;
}

static enum avsp_code read_query(const struct avsp_cli_parsed *args, struct avsp_arena *arena,
                                 struct follower *follower, struct avsp_watch_query *ret_query,
                                 struct avsp_err *err)
{
    int64_t seconds = 0;
    const char *after = avsp_cli_str(args, "after");
    *ret_query = (struct avsp_watch_query){.after = follower->cursor};
    if (after != NULL &&
        snprintf(follower->cursor, sizeof follower->cursor, "%s", after) >= CURSOR_BYTES)
        return avsp_err_set(err, AVSP_INVALID, "--after: not a cursor that watch --json printed");
    enum avsp_code rc = AVSP_OK;
    if (avsp_cli_str(args, "progress") != NULL)
        rc = avsp_cli_i64(args, "progress", 1, PROGRESS_SECONDS_MAX, &seconds, err);
    ret_query->progress_ms = (uint32_t)seconds * 1000;
    return rc == AVSP_OK ? avsp_cmd_labels(args, arena, AVSP_LABEL_FILTERS_MAX, &ret_query->labels,
                                           &ret_query->n_labels, err)
                         : rc;
}

/// Follows until the deadline, through broken streams and coordinators that restart. One out of reach at the very beginning is
/// an error at once.
static enum avsp_code follow(const struct avsp_cli_parsed *args,
                             const struct avsp_watch_query *query, struct follower *follower,
                             struct avsp_mono deadline, struct avsp_err *err)
{
    struct avsp_client *AVSP_CLEANUP(avsp_cmd_client_cleanup) cli =
        avsp_cmd_connect(args, true, err);
    if (cli == NULL)
        return err->code;
    while (!avsp_mono_passed(deadline)) {
        struct avsp_mono until = avsp_mono_in_ms(WATCH_MS);
        if (deadline.us < until.us)
            until = deadline;
        *err = (struct avsp_err){0};
        enum avsp_code rc = avsp_client_watch_all(cli, query, on_event, follower, until, err);
        if (follower->unprinted.code != AVSP_OK) {
            *err = follower->unprinted;
            return err->code;
        }
        bool passes = rc == AVSP_TIMEOUT || (rc == AVSP_UNAVAILABLE && follower->has_reached);
        if (rc != AVSP_OK && !passes)
            return rc;
        nanosleep(&(struct timespec){.tv_nsec = PAUSE_NS}, NULL);
    }
    return AVSP_OK;
}

int avsp_cmd_watch_all(const struct avsp_cli_parsed *args)
{
    struct avsp_err err = {0};
    int64_t seconds = 0;
    struct follower follower = {.json = avsp_cli_flag(args, "json")};
    struct avsp_watch_query query;
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    avsp_arena_init(&arena, AVSP_CMD_ARENA_BYTES);
    if (avsp_cli_i64(args, "timeout", 0, TIMEOUT_SECONDS_MAX, &seconds, &err) != AVSP_OK ||
        read_query(args, &arena, &follower, &query, &err) != AVSP_OK)
        return avsp_cmd_fail(&err);
    struct avsp_mono deadline =
        avsp_mono_in_ms((seconds > 0 ? seconds : TIMEOUT_SECONDS_MAX) * 1000);
    return follow(args, &query, &follower, deadline, &err) == AVSP_OK
               ? AVSP_EXIT_NOT_YET
               : avsp_cmd_fail_call(args, NULL, &err);
}
