#include "worker/tidy.h"

#include "core/naming.h"
#include "util/log.h"

#include <string.h>

/// Each such failure may have taken as long as a store is waited for: after so many it is away, and another attempt's turn.
#define PASSING_MAX 4
/// For a coordinator that is away; a result waits for it as long (upstream.c).
#define AWAY_MS (10 * 60 * 1000)
#define AWAY_TICK_MS 100

void avsp_tidy_failed(const struct avsp_run *run, const struct avsp_err *err,
                      struct avsp_remains *left)
{
    if (err->code == AVSP_NOT_FOUND)
        return;
    if (err->code == AVSP_CANCELED) {
        left->why = *err;
        left->is_over = true;
        return;
    }
    avsp_run_log(run, AVSP_LOG_WARN, "task.tidy", " error=%s", AVSP_LOG_Q(err->text));
    bool is_passing = avsp_code_may_retry(err->code);
    if (left->n++ == 0 || (is_passing && left->n_passing == 0))
        left->why = *err;
    left->n_passing += is_passing;
    left->is_over |= left->n_passing == PASSING_MAX;
}

/// May the attempt remove something now? Not where it was told that it is in vain. Where no beat got through for so long that somebody
/// else may have the task, or the output, that is waited for.
static bool may_remove(struct avsp_run *run, struct avsp_remains *left)
{
    struct avsp_mono ends = avsp_mono_in_ms(AWAY_MS);
    while (!left->is_over) {
        if (avsp_run_should_stop(run)) {
            avsp_run_stopped(run, &left->why);
            left->is_over = true;
        } else if (avsp_beat_is_sure(&run->beat)) {
            return true;
        } else if (avsp_mono_passed(ends)) {
            avsp_err_set(&left->why, AVSP_UNAVAILABLE,
                         "the coordinator is away: another worker may have the task");
            left->is_over = true;
        } else {
            avsp_slots_sleep(&run->worker->slots, AWAY_TICK_MS, AVSP_PHASE_STOP);
        }
    }
    return false;
}

static bool note_file(void *opaque, const char *name, const struct avsp_stat *stat)
{
    (void)name, (void)stat;
    *(bool *)opaque = true;
    return false;
}

static bool has_files(struct avsp_run *run, const struct avsp_location *folder,
                      struct avsp_remains *left)
{
    struct avsp_err err = {0};
    bool has_file = false;
    if (avsp_storage_list(run->worker->storage, folder, note_file, &has_file, &err) == AVSP_OK)
        return has_file;
    avsp_tidy_failed(run, &err, left);
    return true;
}

static void remove_folder(struct avsp_run *run, const struct avsp_location *folder,
                          struct avsp_remains *left)
{
    struct avsp_err err = {0};
    if (may_remove(run, left) &&
        avsp_storage_remove_folder(run->worker->storage, folder, &err) != AVSP_OK)
        avsp_tidy_failed(run, &err, left);
}

static void remove_if_empty(struct avsp_run *run, const struct avsp_location *folder,
                            struct avsp_remains *left)
{
    if (!left->is_over && !has_files(run, folder, left))
        remove_folder(run, folder, left);
}

#define FOLDERS_MAX 64
#define FOLDER_NAME_BYTES 16

struct sweep {
    struct avsp_run *run;
    const struct avsp_location *folder;
    struct avsp_remains *left;
    bool all; ///< whoever made it
    bool (*keep)(void *opaque, const char *name);
    void *opaque;
    char folders[FOLDERS_MAX][FOLDER_NAME_BYTES]; ///< that files were removed from
    size_t n_folders;
};

/// A temporary of a worker that was killed.
static bool is_temporary(const char *name)
{
    const char *slash = strrchr(name, '/');
    const char *file = slash != NULL ? slash + 1 : name;
    return strncmp(file, AVSP_STORAGE_TMP_PREFIX, strlen(AVSP_STORAGE_TMP_PREFIX)) == 0;
}

static bool goes(const struct sweep *sweep, const char *name)
{
    if (sweep->all || !avsp_name_is_ours(name))
        return sweep->all || is_temporary(name);
    return sweep->keep == NULL || !sweep->keep(sweep->opaque, name);
}

static void note_folder(struct sweep *sweep, const char *name)
{
    size_t n = strcspn(name, "/");
    if (name[n] != '/' || n >= FOLDER_NAME_BYTES)
        return;
    for (size_t i = 0; i < sweep->n_folders; i++)
        if (strncmp(sweep->folders[i], name, n) == 0 && sweep->folders[i][n] == '\0')
            return;
    if (sweep->n_folders < FOLDERS_MAX)
        memcpy(sweep->folders[sweep->n_folders++], name, n);
}

static bool sweep_file(void *opaque, const char *name, const struct avsp_stat *stat)
{
    (void)stat;
    struct sweep *sweep = opaque;
    struct avsp_run *run = sweep->run;
    if (!may_remove(run, sweep->left))
        return false;
    if (!goes(sweep, name))
        return true;
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    avsp_arena_init(&arena, 64 << 10);
    struct avsp_location file;
    struct avsp_err err = {0};
    if (avsp_location_join(&arena, sweep->folder, name, &file, &err) != AVSP_OK ||
        avsp_storage_delete(run->worker->storage, &file, &err) != AVSP_OK)
        avsp_tidy_failed(run, &err, sweep->left);
    note_folder(sweep, name);
    return true;
}

static void sweep_all(struct sweep *sweep)
{
    struct avsp_err err = {0};
    if (!sweep->left->is_over && avsp_storage_list(sweep->run->worker->storage, sweep->folder,
                                                   sweep_file, sweep, &err) != AVSP_OK)
        avsp_tidy_failed(sweep->run, &err, sweep->left);
}

void avsp_tidy_output(struct avsp_run *run, bool (*keep)(void *opaque, const char *name),
                      void *opaque, struct avsp_remains *left)
{
    const struct avsp_location *output = &run->task->output;
    struct sweep sweep = {
        .run = run, .folder = output, .left = left, .keep = keep, .opaque = opaque};
    struct avsp_err err = {0};
    sweep_all(&sweep);
    if (may_remove(run, left) && avsp_storage_drop_unfinished(run->worker->storage, output,
                                                              avsp_name_is_ours, &err) != AVSP_OK)
        avsp_tidy_failed(run, &err, left);
    for (size_t i = 0; i < sweep.n_folders; i++) {
        struct avsp_location folder;
        if (avsp_location_join(run->arena, output, sweep.folders[i], &folder, &err) == AVSP_OK)
            remove_if_empty(run, &folder, left);
        else
            avsp_tidy_failed(run, &err, left);
    }
}

void avsp_tidy_work(struct avsp_run *run, struct avsp_remains *left)
{
    struct avsp_err err = {0};
    struct avsp_location folder, standard;
    if (run->task->keep_work)
        return;
    enum avsp_code rc = avsp_run_work_folder(run, &folder, &err);
    if (rc == AVSP_OK)
        rc = avsp_location_join(run->arena, &run->task->output, AVSP_WORK_NAME, &standard, &err);
    if (rc != AVSP_OK) {
        avsp_tidy_failed(run, &err, left);
        return;
    }
    const size_t n_before = left->n;
    struct sweep sweep = {.run = run, .folder = &folder, .left = left, .all = true};
    sweep_all(&sweep);
    if (left->n == n_before)
        remove_folder(run, &folder, left);
    if (avsp_location_equal(&standard, &run->task->work))
        remove_if_empty(run, &standard, left);
}

enum avsp_code avsp_tidy_check(const struct avsp_remains *left, struct avsp_err *err)
{
    if (left->why.code == AVSP_OK)
        return AVSP_OK;
    *err = left->why;
    bool is_several = left->n > 1 && err->code != AVSP_CANCELED;
    return is_several ? avsp_err_wrap(err, "%zu removals failed, such as", left->n) : err->code;
}

enum avsp_code avsp_tidy_warn(struct avsp_run *run, const struct avsp_remains *left,
                              struct avsp_err *err)
{
    char text[AVSP_TEXT_MAX_BYTES];
    enum avsp_code rc = avsp_tidy_check(left, err);
    if (rc == AVSP_OK || rc == AVSP_CANCELED)
        return rc;
    snprintf(text, sizeof text, "not all that it needs no more could be removed: %s", err->text);
    return avsp_run_warn(run, text, err);
}
