/// avspl1t verify: is this presentation what its playlists say?
#include "client/command.h"
#include "client/json.h"
#include "client/presentation.h"
#include "client/verify_decode.h"
#include "client/verify_report.h"

int avsp_cmd_verify(const struct avsp_cli_parsed *args)
{
    struct avsp_err err = {0};
    bool fast = avsp_cli_flag(args, "fast");
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    avsp_arena_init(&arena, AVSP_CMD_ARENA_BYTES);
    struct avsp_presentation AVSP_CLEANUP(avsp_presentation_close) presentation = {0};
    if (avsp_presentation_open(&arena, args->args[0], &presentation, &err) != AVSP_OK)
        return avsp_cmd_fail(&err);
    struct avsp_findings AVSP_CLEANUP(avsp_findings_deinit) found;
    avsp_findings_init(&found);
    struct avsp_verify_decode decode = {.verbose = avsp_cli_flag(args, "verbose")};
    struct avsp_verify AVSP_CLEANUP(avsp_verify_deinit) v = {
        .files = {&presentation, avsp_presentation_read},
        .found = &found,
        .decode = fast ? NULL : avsp_verify_decode,
        .decode_opaque = &decode,
    };
    enum avsp_code rc = avsp_verify_run(&v, presentation.playlist, &err);
    if (rc == AVSP_OK)
        rc = found.sticky != AVSP_OK ? avsp_err_set(&err, AVSP_NO_MEMORY, "memory ran out") : rc;
    if (rc == AVSP_OK)
        rc = avsp_cli_flag(args, "json")
                 ? avsp_cmd_json_verify(avsp_location_show(&arena, &presentation.folder), fast, &v,
                                        &err)
                 : avsp_verify_print(&v, fast, &err);
    if (rc != AVSP_OK) {
        avsp_cmd_say("%s", err.text);
        return AVSP_EXIT_FAILED;
    }
    return found.n_errors > 0 ? AVSP_EXIT_FAILED : AVSP_EXIT_DONE;
}
