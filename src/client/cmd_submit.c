/// avspl1t submit: hands a job to a coordinator and prints its id.
#include "client/command.h"
#include "client/json.h"
#include "client/output.h"
#include "client/stores.h"
#include "core/naming.h"

#include <unistd.h>

/// Workers may see what this machine does not: only worth a word.
static void warn_if_missing(const struct avsp_location *input)
{
    if (input->kind == AVSP_LOCATION_FS && access(input->path, R_OK) != 0)
        avsp_cmd_say("note: %s cannot be read on this machine; the workers have to see it",
                     input->path);
}

/// The worker that splits refuses to replace a presentation; where this machine sees it too, it is said before.
static enum avsp_code refuse_taken(const struct avsp_job_spec *spec, struct avsp_arena *arena,
                                   struct avsp_err *err)
{
    struct avsp_location manifest;
    enum avsp_code rc =
        avsp_location_join(arena, &spec->output, AVSP_MANIFEST_NAME, &manifest, err);
    if (rc != AVSP_OK || spec->overwrite || spec->output.kind != AVSP_LOCATION_FS)
        return rc;
    return access(manifest.path, F_OK) == 0 ? avsp_output_taken(spec->output.path, err) : AVSP_OK;
}

/// What `submit` has beyond `encode`.
static enum avsp_code read_more(const struct avsp_cli_parsed *args, struct avsp_arena *arena,
                                struct avsp_job_spec *spec, struct avsp_err *err)
{
    spec->keep_work = avsp_cli_flag(args, "keep-work");
    int64_t priority = 0;
    enum avsp_code rc = avsp_cli_i64(args, "priority", 0, AVSP_PRIORITY_MAX, &priority, err);
    spec->priority = (int32_t)priority;
    return rc == AVSP_OK
               ? avsp_cmd_labels(args, arena, AVSP_LABELS_MAX, &spec->labels, &spec->n_labels, err)
               : rc;
}

static enum avsp_code print_job(struct avsp_client *cli, const char *id, struct avsp_arena *arena,
                                struct avsp_err *err)
{
    struct avsp_job job;
    enum avsp_code rc =
        avsp_client_get_job(cli, id, arena, &job, avsp_mono_in_ms(AVSP_CMD_CALL_MS), err);
    return rc == AVSP_OK ? avsp_cmd_json_job(&job, err) : rc;
}

/// Is a coordinator there, and would it listen to us? Asked before a whole film is uploaded for it, by a call that all know.
/// @param no_job  an id that no job has
static enum avsp_code ask_first(const struct avsp_cli_parsed *args, const char *no_job,
                                struct avsp_arena *arena, struct avsp_err *err)
{
    struct avsp_job job;
    if (avsp_cli_str(args, "upload") == NULL)
        return AVSP_OK;
    struct avsp_client *AVSP_CLEANUP(avsp_cmd_client_cleanup) cli =
        avsp_cmd_connect(args, true, err);
    if (cli == NULL)
        return err->code;
    enum avsp_code rc =
        avsp_client_get_job(cli, no_job, arena, &job, avsp_mono_in_ms(AVSP_CMD_CALL_MS), err);
    // Whatever else it says is about that id, not about us.
    return rc == AVSP_UNAVAILABLE || rc == AVSP_TIMEOUT || rc == AVSP_UNAUTHENTICATED ||
                   rc == AVSP_DENIED
               ? rc
               : AVSP_OK;
}

int avsp_cmd_submit(const struct avsp_cli_parsed *args)
{
    struct avsp_err err = {0};
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    avsp_arena_init(&arena, AVSP_CMD_ARENA_BYTES);
    struct avsp_job_spec spec;
    struct avsp_storage *AVSP_CLEANUP(avsp_stores_cleanup) store = avsp_stores_open(&err);
    if (store == NULL || avsp_cmd_read_spec(args, &arena, &spec, &err) != AVSP_OK ||
        read_more(args, &arena, &spec, &err) != AVSP_OK ||
        avsp_stores_complete(store, args, !avsp_cli_flag(args, "no-credentials"), &arena, &spec,
                             &err) != AVSP_OK ||
        avsp_job_spec_check(&spec, &arena, &err) != AVSP_OK)
        return avsp_cmd_fail(&err);
    // A key makes the call safe to repeat; without one of the caller's, each submit is a job of its own.
    char fresh[AVSP_ID_BYTES];
    avsp_id_new(fresh);
    const char *key = avsp_cli_str(args, "idempotency-key");
    spec.idempotency_key = key != NULL ? key : fresh;
    // With a key the job may have been done by an earlier call: then its id is the answer.
    if (key == NULL && refuse_taken(&spec, &arena, &err) != AVSP_OK)
        return avsp_cmd_fail(&err);
    if (key == NULL && !avsp_cli_flag(args, "no-check") &&
        avsp_stores_check(store, &arena, &spec, &err) != AVSP_OK)
        return avsp_cmd_fail_place(&err);
    if (ask_first(args, fresh, &arena, &err) != AVSP_OK)
        return avsp_cmd_fail_call(args, NULL, &err);
    if (avsp_stores_upload(store, args, &arena, &spec, &err) != AVSP_OK)
        return avsp_cmd_fail_place(&err);
    warn_if_missing(&spec.input);
    for (size_t i = 0; i < spec.n_sidecars; i++)
        warn_if_missing(&spec.sidecars[i].file);
    struct avsp_client *AVSP_CLEANUP(avsp_cmd_client_cleanup) cli =
        avsp_cmd_connect(args, true, &err);
    if (cli == NULL)
        return avsp_cmd_fail(&err);
    char id[AVSP_ANY_ID_BYTES];
    if (avsp_client_submit(cli, &spec, id, avsp_mono_in_ms(AVSP_CMD_CALL_MS), &err) != AVSP_OK)
        return avsp_cmd_fail_call(args, NULL, &err);
    char line[AVSP_ANY_ID_BYTES + 1];
    snprintf(line, sizeof line, "%s\n", id);
    enum avsp_code rc =
        avsp_cli_flag(args, "json") ? print_job(cli, id, &arena, &err) : avsp_cmd_print(line, &err);
    return rc == AVSP_OK ? AVSP_EXIT_DONE : avsp_cmd_fail_call(args, id, &err);
}
