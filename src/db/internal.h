/// What the files of the store share; nothing outside of src/db includes it.
///
///     struct avsp_tx AVSP_CLEANUP(avsp_tx_end) tx = {0};
///     rc = avsp_tx_begin(store, AVSP_DB_WRITE, &tx, err);
///     … statements on tx.db, by the clock tx.now_us …
///     if (rc == AVSP_OK)
///         rc = avsp_tx_commit(&tx, err);      // then tells who waits, outside of it
///
/// A transaction that was not committed is rolled back where its variable ends. Whole transactions are repeated after a
/// deadlock or a broken connection, in one way:
///
///     unsigned tries = 0;
///     do
///         rc = cancel_once(store, job_id, err);
///     while (avsp_tx_again(&tries, rc, err));
///
/// What was read in order to be changed is locked (AVSP_DB_LOCK), tasks before jobs. No row is written by more than one worker.
#ifndef AVSP_DB_INTERNAL_H
#define AVSP_DB_INTERNAL_H

#include "core/lifecycle.h"
#include "db/connections.h"
#include "db/driver.h"
#include "db/store.h"

#include <pthread.h>

// --- where claims look (store_floor.c)

/// What a claim looks through: what is ready of one pool and one priority, and of the kinds that the caller takes.
struct avsp_level {
    int64_t pool;
    int64_t priority;
    uint32_t kinds; ///< bit 1 << avsp_task_kind
};

#define AVSP_LEVELS_MAX 128
#define AVSP_FLOOR_EMPTY INT64_MAX ///< nothing is ready there

/// The fair keys below which nothing is ready, as far as this coordinator knows. Any thread.
struct avsp_floors {
    pthread_mutex_t lock;
    size_t n, next;
    uint64_t n_sunk; ///< counts what became ready
    struct {
        struct avsp_level level;
        int64_t key;
    } of[AVSP_LEVELS_MAX];
};

/// Tasks whose leases had run out at the last sweep, some of each sort; those that were claimed since are gone from it. Any thread.
#define AVSP_EXPIRED_MAX 256
struct avsp_expired {
    pthread_mutex_t lock;
    size_t n;
    struct avsp_expired_task {
        char id[AVSP_ID_BYTES];
        bool is_last;            ///< no attempt was left then
        struct avsp_level level; ///< of its own kind
    } of[AVSP_EXPIRED_MAX];
};

/// When something is done again whose cost grows with what an old snapshot keeps: it takes a twentieth of the time at most. All
/// zeros: at once. One thread at a time (the sweep's).
struct avsp_pace {
    int64_t last_us; ///< it was done last; this and the next on the database's clock
    int64_t due_us;
};

/// Numbers of sets of encoders that were asked for lately; any thread.
struct avsp_encoders_cache {
    pthread_mutex_t lock;
    struct avsp_encoders_set {
        int64_t id; ///< 0 = none
        char text[AVSP_TEXT_MAX_BYTES];
    } sets[16];
    size_t next;
};

struct avsp_store {
    const struct avsp_db_driver *driver;
    struct avsp_connections
        connections[AVSP_DB_WRITE + 1]; ///< by mode: reading never waits for a commit
    struct avsp_db_bus *bus; ///< tells the other coordinators; NULL where the driver has none
    struct avsp_store_options options;
    struct avsp_encoders_cache encoders;
    _Atomic int64_t epoch_us;      ///< since then heartbeats could reach us
    _Atomic int64_t last_sweep_us; ///< 0 = none yet
    struct avsp_floors floors;
    struct avsp_expired expired;
    struct avsp_pace floors_pace, expired_pace, held_pace;
    _Atomic bool is_outdated;        ///< the schema has become too new for us
    _Atomic int64_t clock_offset_us; ///< tests move the clock with it
};

struct avsp_tx {
    struct avsp_store *store;
    enum avsp_db_mode mode;
    bool is_single;          ///< one statement, and no transaction around it
    struct avsp_db *db;      ///< NULL = not begun, or over
    int64_t now_us;          ///< the database's clock when it began
    struct avsp_arena arena; ///< for what lives no longer than the transaction
    struct avsp_ready ready; ///< tasks that became claimable
    bool changed;            ///< some job changed
    struct {
        char job_id[AVSP_ID_BYTES]; ///< "" = none
        enum avsp_job_state state;
        char why[AVSP_TEXT_MAX_BYTES];
    } over; ///< the job that came to its end; one at most in each transaction
};

/// Waits for a connection and begins. @return as the driver's begin; UNAVAILABLE also where the schema has become too new;
/// avsp_tx_end is safe after any answer.
enum avsp_code avsp_tx_begin(struct avsp_store *store, enum avsp_db_mode mode,
                             struct avsp_tx *ret_tx, struct avsp_err *err) AVSP_CHECKED;
/// The same, and starts a statement, which saves a round trip. @param ret_rows  to be ended before the transaction is; safe after
/// any answer.
enum avsp_code avsp_tx_begin_query(struct avsp_store *store, enum avsp_db_mode mode,
                                   const char *sql, const struct avsp_db_value *values,
                                   size_t n_values, struct avsp_tx *ret_tx,
                                   struct avsp_db_rows *ret_rows,
                                   struct avsp_err *err) AVSP_CHECKED;
/// A statement that reads, and is all of its transaction, which has no clock.
enum avsp_code avsp_tx_begin_single(struct avsp_store *store, const char *sql,
                                    const struct avsp_db_value *values, size_t n_values,
                                    struct avsp_tx *ret_tx, struct avsp_db_rows *ret_rows,
                                    struct avsp_err *err) AVSP_CHECKED;
/// The same as avsp_tx_begin whatever the schema is.
enum avsp_code avsp_tx_begin_any(struct avsp_store *store, enum avsp_db_mode mode,
                                 struct avsp_tx *ret_tx, struct avsp_err *err) AVSP_CHECKED;
enum avsp_code avsp_tx_commit(struct avsp_tx *tx, struct avsp_err *err) AVSP_CHECKED;
void avsp_tx_end(struct avsp_tx *tx);

/// Is the whole transaction to be run again? Clears @p err and waits a little first; gives up after a few times.
bool avsp_tx_again(unsigned *tries, enum avsp_code rc, struct avsp_err *err) AVSP_CHECKED;

/// Notes that tasks became claimable. @param key  none has a lower one. @param priority  -1 = several, or not known.
void avsp_tx_ready(struct avsp_tx *tx, int64_t n, int64_t key, int64_t priority);

/// Somebody else was faster: the whole transaction is to be run again.
enum avsp_code avsp_tx_lost_race(struct avsp_err *err, const char *what);

/// Runs a statement in a transaction. @param ret_changed  rows changed; 0 means that a race was lost.
enum avsp_code avsp_tx_exec(struct avsp_tx *tx, const char *sql, const struct avsp_db_value *values,
                            size_t n_values, int64_t *ret_changed,
                            struct avsp_err *err) AVSP_CHECKED;

/// Runs a query whose answer is one integer. @param ret_value  left alone where there is no row.
enum avsp_code avsp_tx_i64(struct avsp_tx *tx, const char *sql, const struct avsp_db_value *values,
                           size_t n_values, int64_t *ret_value, struct avsp_err *err) AVSP_CHECKED;

/// Sends a statement without waiting for it, and waits for all that was sent (see avsp_db_send).
/// @return CONFLICT does not come: what lost a race is to be run again as a whole.
enum avsp_code avsp_tx_send(struct avsp_tx *tx, const char *sql, const struct avsp_db_value *values,
                            size_t n_values, int64_t want, struct avsp_err *err) AVSP_CHECKED;
enum avsp_code avsp_tx_flush(struct avsp_tx *tx, struct avsp_err *err) AVSP_CHECKED;

/// A copy of a column in an arena. @return false where memory ran out.
bool avsp_column(struct avsp_arena *arena, struct avsp_db_rows *rows, int column,
                 const char **ret_text) AVSP_CHECKED;

/// Reads the number that a page token "NUMBER.REST" begins with. @param ret_rest  within @p page.
bool avsp_page_number(const char *page, int64_t *ret_number, const char **ret_rest) AVSP_CHECKED;

// --- locations and credentials (store_location.c, store_secrets.c)

/// Which folder of a job something lies in, and so whose credentials open it. Stored: never change a number.
enum avsp_role {
    AVSP_ROLE_INPUT = 1,
    AVSP_ROLE_WORK = 2,
    AVSP_ROLE_OUTPUT = 3,
    AVSP_ROLE_SIDECAR = 16, ///< the first file of subtitles; the others follow
};

/// A location as a column, without credentials, in @p arena.
enum avsp_code avsp_location_store(struct avsp_arena *arena, const struct avsp_location *loc,
                                   const char **ret_text, struct avsp_err *err) AVSP_CHECKED;

/// A column as a location; "" gives NONE. Strings are in @p arena. @return OK; CORRUPT; NO_MEMORY.
enum avsp_code avsp_location_load(struct avsp_arena *arena, const char *text,
                                  struct avsp_location *ret_loc, struct avsp_err *err) AVSP_CHECKED;

/// One spelling for each output folder, so that two jobs cannot share one by writing it differently.
const char *avsp_output_key(struct avsp_arena *arena,
                            const struct avsp_location *output) AVSP_CHECKED;

/// Keeps the credentials of a new job.
enum avsp_code avsp_secrets_store(struct avsp_tx *tx, const char *job_id,
                                  const struct avsp_job_spec *spec,
                                  struct avsp_err *err) AVSP_CHECKED;

/// A job's input, work and output, by role; index 0 is unused. And its files of subtitles.
struct avsp_places {
    struct avsp_location at[AVSP_ROLE_OUTPUT + 1];
    struct avsp_sidecar *sidecars; ///< borrowed: credentials are added to what stands there
    size_t n_sidecars;
};

/// Adds the credentials to a job's places. @param with_secret  false: the public half only.
enum avsp_code avsp_secrets_load(struct avsp_tx *tx, const char *job_id, bool with_secret,
                                 struct avsp_arena *arena, struct avsp_places *places,
                                 struct avsp_err *err) AVSP_CHECKED;

/// Forgets the secrets of a job that needs them no more; the public halves stay for displays.
enum avsp_code avsp_secrets_forget(struct avsp_tx *tx, const char *job_id,
                                   struct avsp_err *err) AVSP_CHECKED;

/// What lies in a folder inherits its credentials, and region and endpoint where it names none.
void avsp_location_inherit(struct avsp_location *loc, const struct avsp_location *folder);

// --- labels (store_labels.c)

enum avsp_code avsp_labels_store(struct avsp_tx *tx, const char *job_id,
                                 const struct avsp_job_spec *spec,
                                 struct avsp_err *err) AVSP_CHECKED;

#define AVSP_HAS_LABEL(name, value)                                                                \
    " AND (" name " = '' OR EXISTS (SELECT 1 FROM labels l WHERE l.job_id = jobs.id"               \
    " AND l.name = " name " AND l.value = " value "))"
/// Labels that jobs must have: AVSP_LABEL_FILTERS_MAX pairs of parameters, which avsp_label_values fills.
#define AVSP_HAVE_LABELS(n1, v1, n2, v2, n3, v3, n4, v4)                                           \
    AVSP_HAS_LABEL(n1, v1) AVSP_HAS_LABEL(n2, v2) AVSP_HAS_LABEL(n3, v3) AVSP_HAS_LABEL(n4, v4)

/// @param n  at most AVSP_LABEL_FILTERS_MAX; the rest is "", which stands for any job.
void avsp_label_values(const struct avsp_label *labels, size_t n,
                       struct avsp_db_value ret_values[2 * AVSP_LABEL_FILTERS_MAX]);

/// Reads a job's labels, by name, into a spec. Strings are in @p arena.
enum avsp_code avsp_labels_load(struct avsp_tx *tx, const char *job_id, struct avsp_arena *arena,
                                struct avsp_job_spec *spec, struct avsp_err *err) AVSP_CHECKED;

// --- rows of jobs (store_jobs.c)

#define AVSP_JOB_COLUMNS                                                                           \
    "id, state, created_us, ended_us, version, idempotency_key, input, work, output,"              \
    " segment_seconds, crf, preset, overwrite, manifest, fail_code, fail_may_retry, fail_message," \
    " fail_log, frames_done, frames_total, tasks_done, n_tasks, priority, picture, owner, "        \
    "choice, dash, keep_work, sound, sidecars"
#define AVSP_JOB_N_COLUMNS 30

/// Reads a job from a row that begins with AVSP_JOB_COLUMNS, and what belongs to it, but for its running tasks. Strings are in
/// @p arena.
enum avsp_code avsp_job_read(struct avsp_tx *tx, struct avsp_db_rows *rows,
                             struct avsp_arena *arena, struct avsp_job *ret_job,
                             struct avsp_err *err) AVSP_CHECKED;

// --- rows of tasks (store_task.c)

/// Who split a job. Stored: never change a number.
enum avsp_flavour {
    AVSP_FLAVOUR_UNKNOWN = 0,
    AVSP_FLAVOUR_OURS = 1,
    AVSP_FLAVOUR_BASE = 2,
};

/// Who may have a task. Stored: never change a number.
enum avsp_pool {
    AVSP_POOL_ANY = 1,
    AVSP_POOL_OURS = 2, ///< from here on: workers of ours with the encoders of that number
};
#define AVSP_PRIORITIES_ALL ((1U << (AVSP_PRIORITY_MAX + 1)) - 1)

/// What decisions about a task need of it and its job. Strings are in the transaction's arena.
struct avsp_task_row {
    const char *id;
    const char *job_id;
    enum avsp_task_kind kind;
    uint32_t track;
    uint32_t idx;
    uint32_t n_segments;
    enum avsp_task_state state;
    struct avsp_token token; ///< of the newest claim
    int64_t spent;
    int64_t claims;
    bool started;
    bool own;
    const char *worker_id;
    int64_t claimed_us;
    uint64_t frames; ///< of its piece
    struct avsp_progress progress;
    enum avsp_flavour flavour;
    enum avsp_job_state job_state;
    int64_t lease_until_us;
    int64_t encoders; ///< that its job is bound to; 0 = none yet
};

/// The columns of tasks t and jobs j that make a row, and how many these are; what else a statement selects comes behind them.
#define AVSP_TASK_ROW_COLUMNS                                                                      \
    "t.id, t.job_id, t.kind, t.track, t.idx, t.n_segments, t.state, t.attempt, t.nonce,"           \
    " t.spent, t.claims, t.started, t.own, t.worker_id, t.claimed_us, t.frames, t.frames_done,"    \
    " t.frames_total, t.milli_fps, j.flavour, j.state, t.lease_until_us, j.encoders"
#define AVSP_TASK_ROW_N_COLUMNS 23
enum avsp_code avsp_task_row_read(struct avsp_tx *tx, struct avsp_db_rows *rows,
                                  struct avsp_task_row *ret_row, struct avsp_err *err) AVSP_CHECKED;

/// @return OK; NOT_FOUND.
enum avsp_code avsp_task_load(struct avsp_tx *tx, const char *task_id,
                              struct avsp_task_row *ret_row, struct avsp_err *err) AVSP_CHECKED;

/// The same, and nobody else changes the task before the transaction ends. Before any other lock: tasks come before jobs.
enum avsp_code avsp_task_lock(struct avsp_tx *tx, const char *task_id,
                              struct avsp_task_row *ret_row, struct avsp_err *err) AVSP_CHECKED;

/// Begins to write (as avsp_tx_begin), with the lock of several tasks. @param n  1..AVSP_DB_LIST_MAX.
/// @param ret_rows  those that there are, in the transaction's arena.
enum avsp_code avsp_tx_begin_tasks(struct avsp_store *store, const char *const *ids, size_t n,
                                   struct avsp_tx *ret_tx, struct avsp_task_row **ret_rows,
                                   size_t *ret_n, struct avsp_err *err) AVSP_CHECKED;
/// NULL where it is not among them.
const struct avsp_task_row *avsp_task_find(const struct avsp_task_row *rows, size_t n,
                                           const char *task_id);

/// Does the caller hold the task now?
bool avsp_task_is_held(const struct avsp_task_row *row, const char *worker_id,
                       struct avsp_token token);

/// Where an event leads that makes a task wait for a worker again: while its job is paused it is held.
enum avsp_task_state avsp_task_back(const struct avsp_task_row *row, enum avsp_task_event event);

/// The virtual time of start-time fair queuing: the highest key that was handed out.
enum avsp_code avsp_virtual_time(struct avsp_tx *tx, int64_t *ret_key,
                                 struct avsp_err *err) AVSP_CHECKED;

/// A task to be made. Zeros and NULL stand for "none".
struct avsp_new_task {
    const char *job_id;
    enum avsp_task_kind kind;
    enum avsp_pool pool;
    int64_t not_before_us;
    const struct avsp_piece *piece; ///< ENCODE, AUDIO
};

/// Makes a task, with the next fair key of its job, unless one of the same identity is there whose result still stands. Locks
/// the job, so that none comes into being that its end does not see.
/// @param ret_made  false: there was one, or the job is over (which only a cleanup may follow).
enum avsp_code avsp_task_make(struct avsp_tx *tx, const struct avsp_new_task *task, bool *ret_made,
                              struct avsp_err *err) AVSP_CHECKED;

/// Keeps how an attempt ended.
/// @param failure  NULL where it did not fail.
enum avsp_code avsp_attempt_store(struct avsp_tx *tx, const struct avsp_task_row *row,
                                  const char *outcome, const struct avsp_failure *failure,
                                  struct avsp_err *err) AVSP_CHECKED;

/// The same for one that did not fail, not waited for (avsp_tx_flush).
enum avsp_code avsp_attempt_send(struct avsp_tx *tx, const struct avsp_task_row *row,
                                 const char *outcome, struct avsp_err *err) AVSP_CHECKED;

/// An attempt failed: the task is tried again, or its job fails. @p row is of this transaction.
enum avsp_code avsp_attempt_fail(struct avsp_tx *tx, const struct avsp_task_row *row,
                                 const struct avsp_failure *failure,
                                 struct avsp_err *err) AVSP_CHECKED;

/// A lease ran out and the task is to be claimed again: keeps the old attempt, or fails the job where that was the last.
/// @param ret_spent  what the task has spent now. @param ret_over  true: it is not claimable any more.
enum avsp_code avsp_attempt_lost(struct avsp_tx *tx, const struct avsp_task_row *row,
                                 int64_t *ret_spent, bool *ret_over,
                                 struct avsp_err *err) AVSP_CHECKED;

/// Would avsp_attempt_lost end the task?
bool avsp_attempt_is_last(const struct avsp_store *store, const struct avsp_task_row *row);

/// Leases are judged only after heartbeats could reach us for a full one; a gap in the sweep shows that they could not.
bool avsp_leases_count(const struct avsp_tx *tx);

// --- what a claim gives (store_handout.c); db/claim.h has the rest of claims

/// A claimed task, as it was before, with what its worker needs. Texts are in the transaction's arena.
struct avsp_handout {
    struct avsp_task_row row;
    struct avsp_token token; ///< of this claim
    int64_t created_us;
    const char *claim_id; ///< of the claim before
    const char *input;
    const char *places[AVSP_ROLE_OUTPUT + 1]; ///< by role
    int32_t segment_seconds;
    int32_t crf;
    int32_t preset;
    bool overwrite;
    struct avsp_picture_options picture;
    struct avsp_sound_options sound;
    const char *choice;   ///< as stored
    const char *sidecars; ///< likewise
    bool dash;
    bool keep_work;
    int64_t released; ///< the end of its job's window
};
/// Behind AVSP_TASK_ROW_COLUMNS.
#define AVSP_HANDOUT_COLUMNS                                                                       \
    AVSP_TASK_ROW_COLUMNS                                                                          \
    ", t.created_us, t.input, j.input, j.work, j.output, j.segment_seconds,"                       \
    " j.crf, j.preset, j.overwrite, t.claim_id, j.picture, j.choice, j.dash, j.keep_work,"         \
    " coalesce(" AVSP_RELEASED("t.job_id") ", 0), j.sound, j.sidecars"
enum avsp_code avsp_handout_read(struct avsp_tx *tx, struct avsp_db_rows *rows,
                                 struct avsp_handout *ret_handout,
                                 struct avsp_err *err) AVSP_CHECKED;
/// @param n_waiting  encodes that wait besides. @param arena  of the answer.
enum avsp_code avsp_handout_make(struct avsp_tx *tx, const struct avsp_handout *handout,
                                 uint32_t n_waiting, struct avsp_arena *arena,
                                 struct avsp_task *ret_task, struct avsp_err *err) AVSP_CHECKED;

// --- windows, pauses, further tries (store_window.c, store_retry.c, store_delete.c)

/// The end of a job's window, as an expression; NULL where it has never moved.
#define AVSP_RELEASED(job_id)                                                                      \
    "(SELECT m.released FROM windows m WHERE m.job_id = " job_id                                   \
    " ORDER BY m.released DESC LIMIT 1)"

/// The same; 0 where it has never moved. Nobody else moves it while the job is locked.
enum avsp_code avsp_window_read(struct avsp_tx *tx, const char *job_id, int64_t *ret_released,
                                struct avsp_err *err) AVSP_CHECKED;

/// An encode was handed out: lets the next ones of its job go, once enough of the window is used up.
enum avsp_code avsp_window_advance(struct avsp_tx *tx, const struct avsp_handout *handout,
                                   struct avsp_err *err) AVSP_CHECKED;

/// Lets go whatever a running job holds within its window. Its tasks queue as if they came now, for what waited on old keys
/// would all come first; and with the job's priority as it is now.
enum avsp_code avsp_window_refill(struct avsp_tx *tx, const char *job_id,
                                  struct avsp_err *err) AVSP_CHECKED;

/// Holds what is ready of a paused job.
enum avsp_code avsp_window_close(struct avsp_tx *tx, const char *job_id,
                                 struct avsp_err *err) AVSP_CHECKED;

/// Runs a failed or canceled job again, with all attempts anew: what is done stays done.
/// @param from_start  its pieces and segments are gone: it begins with the split.
/// @param ret_changed  false: it was neither, or another job that is not over has its output.
enum avsp_code avsp_job_revive(struct avsp_tx *tx, const char *job_id, bool from_start,
                               bool *ret_changed, struct avsp_err *err) AVSP_CHECKED;

/// Removes some rows of deleted jobs whose cleanup is over. @param ret_more  there are more.
enum avsp_code avsp_purge(struct avsp_tx *tx, bool *ret_more, struct avsp_err *err) AVSP_CHECKED;

// --- pieces that are gone (store_piece.c)

/// Does a finish say that the piece of its task is gone, and was it tried often enough?
bool avsp_piece_is_gone(const struct avsp_tx *tx, const struct avsp_task_row *row,
                        const struct avsp_finish *finish);

/// Ends the attempt of a task whose piece is gone: the split makes it again, or the job fails where that has not helped.
enum avsp_code avsp_piece_gone(struct avsp_tx *tx, const struct avsp_task_row *row,
                               const struct avsp_failure *failure,
                               struct avsp_err *err) AVSP_CHECKED;

/// A piece was reported once more: who is still to take it takes this file, with all attempts anew.
enum avsp_code avsp_piece_renew(struct avsp_tx *tx, const char *job_id,
                                const struct avsp_piece *piece, struct avsp_err *err) AVSP_CHECKED;

/// Was the piece of any task found to be gone, and is it not made again yet?
enum avsp_code avsp_piece_any_gone(struct avsp_tx *tx, const char *job_id, bool *ret_any,
                                   struct avsp_err *err) AVSP_CHECKED;

/// Waits any task for its piece, be it gone or not yet reported since a retry from the start?
enum avsp_code avsp_piece_any_missing(struct avsp_tx *tx, const char *job_id, bool *ret_any,
                                      struct avsp_err *err) AVSP_CHECKED;

// --- sets of encoders (store_encoders.c)

void avsp_encoders_cache_init(struct avsp_encoders_cache *cache);
void avsp_encoders_cache_deinit(struct avsp_encoders_cache *cache);

/// The number of a set, for good; a transaction of its own where it is not known here.
/// @param text  as a worker says; NULL counts as "". @return OK; INVALID too long.
enum avsp_code avsp_encoders_id(struct avsp_store *store, const char *text, int64_t *ret_id,
                                struct avsp_err *err) AVSP_CHECKED;

/// Do the bytes that the task makes have to fit to those of its job's other ones?
bool avsp_encoders_matter(const struct avsp_task_row *row);

/// Binds a job that is bound to no set yet. The caller holds the lock of one of its tasks; whoever binds it first wins.
/// @param may_wait  for somebody else who has hold of the job.
/// @param ret_fits  false: it is bound to another one, or somebody else has hold of it.
enum avsp_code avsp_encoders_bind(struct avsp_tx *tx, const char *job_id, int64_t id, bool may_wait,
                                  bool *ret_fits, struct avsp_err *err) AVSP_CHECKED;

/// Moves what is ready of a bound job to its set's pool: nobody else need look at it from here on. A transaction of its own, and
/// by whoever stumbles over it: a claim that binds a job would wait there for others that are about to take its tasks.
enum avsp_code avsp_encoders_sort(struct avsp_store *store, const char *job_id,
                                  struct avsp_err *err) AVSP_CHECKED;

/// Fills what a job says of its encoders. Strings are in @p arena.
enum avsp_code avsp_encoders_load(struct avsp_tx *tx, const char *job_id, struct avsp_arena *arena,
                                  struct avsp_job *job, struct avsp_err *err) AVSP_CHECKED;

// --- ends and what follows (store_end.c)

/// Ends a running job; what is left of it is canceled and cleaned up. A job that is over stays as it is.
/// @param failure   FAILED only. @param manifest  FINISHED only.
enum avsp_code avsp_job_end(struct avsp_tx *tx, const char *job_id, enum avsp_job_state state,
                            const struct avsp_failure *failure,
                            const struct avsp_location *manifest,
                            struct avsp_err *err) AVSP_CHECKED;

/// What a new task, or a job's end, needs of the job.
struct avsp_job_row {
    enum avsp_job_state state;
    int64_t priority;
};

/// Cancels what is left of a job, and locks it as avsp_job_lock does.
enum avsp_code avsp_tasks_cancel(struct avsp_tx *tx, const char *job_id,
                                 enum avsp_job_state *ret_state, struct avsp_err *err) AVSP_CHECKED;

/// Nobody else moves the job, or makes a task of it, before the transaction ends.
/// @return OK; NOT_FOUND.
enum avsp_code avsp_job_lock(struct avsp_tx *tx, const char *job_id, struct avsp_job_row *ret_row,
                             struct avsp_err *err) AVSP_CHECKED;

/// Says that there is none of that id, or none that the caller may know of. @return NOT_FOUND.
enum avsp_code avsp_no_job(const char *job_id, struct avsp_err *err);

/// A job's state. @return OK; NOT_FOUND, also where it is deleted.
enum avsp_code avsp_job_state(struct avsp_tx *tx, const char *job_id,
                              enum avsp_job_state *ret_state, struct avsp_err *err) AVSP_CHECKED;

/// Refuses while a worker removes what an earlier job left in an output: a new one's files would be in its way. A worker that
/// fell silent blocks nobody: its task waits for the new job's end. Locks what waits to remove something there, until the
/// transaction ends. @return OK; EXISTS.
enum avsp_code avsp_output_check(struct avsp_tx *tx, const char *output_key,
                                 struct avsp_err *err) AVSP_CHECKED;

/// A condition on jobs j: its split is done, and nothing of it is open. An old snapshot keeps what was open once, so what is open
/// is looked for from the end that claims come to last.
#define AVSP_NOTHING_OPEN                                                                          \
    "CASE WHEN NOT EXISTS (SELECT 1 FROM tasks s WHERE s.job_id = j.id AND s.kind = 1"             \
    " AND s.state = 3) THEN 0 WHEN (SELECT h.idx FROM tasks h WHERE h.job_id = j.id"               \
    " AND h.state = 6 ORDER BY h.kind DESC, h.track DESC, h.idx DESC LIMIT 1) IS NOT NULL THEN 0"  \
    " WHEN (SELECT u.idx FROM tasks u WHERE u.job_id = j.id AND u.state IN (1, 2)"                 \
    " ORDER BY u.kind DESC, u.idx DESC LIMIT 1) IS NOT NULL THEN 0 ELSE 1 END = 1"

/// Makes the manifest task of a job where nothing before it is unfinished, exactly once whatever races.
enum avsp_code avsp_job_follow_up(struct avsp_tx *tx, const char *job_id,
                                  struct avsp_err *err) AVSP_CHECKED;

struct avsp_job_sums {
    int64_t frames_done;
    int64_t frames_total;
    int64_t tasks_done;
    int64_t n_tasks;
    int64_t version; ///< grows with each of them; a job that runs adds it to its own
};

/// Adds up what is known of a job's tasks.
enum avsp_code avsp_job_add_up(struct avsp_tx *tx, const char *job_id,
                               struct avsp_job_sums *ret_sums, struct avsp_err *err) AVSP_CHECKED;

// --- what tasks make (store_outputs.c)

/// Stores a warning of a job, clipped to AVSP_TEXT_MAX_BYTES, once; those beyond AVSP_WARNINGS_MAX are dropped.
enum avsp_code avsp_warning_store(struct avsp_tx *tx, const char *job_id, const char *text,
                                  struct avsp_err *err) AVSP_CHECKED;

/// Stores outputs of a task; equal facts are no change.
/// @param ret_clash  "" or, in the transaction's arena, how they contradict what is stored: the job must fail.
/// @return OK; INVALID outputs that this task cannot have.
enum avsp_code avsp_outputs_store(struct avsp_tx *tx, const struct avsp_task_row *row,
                                  const struct avsp_outputs *outputs, const char **ret_clash,
                                  struct avsp_err *err) AVSP_CHECKED;

/// Are these what almost every encode has to say: its segments, and the rendition that they belong to?
bool avsp_outputs_are_plain(const struct avsp_task_row *row, const struct avsp_outputs *outputs);

/// Stores plain outputs, not waited for (avsp_tx_flush), which fails unless all segments are new and the rendition is stored with
/// the same facts; the long way decides then.
enum avsp_code avsp_outputs_send(struct avsp_tx *tx, const struct avsp_task_row *row,
                                 const struct avsp_outputs *outputs,
                                 struct avsp_err *err) AVSP_CHECKED;

/// Fails the job of a task for a contradiction, and the task with it.
enum avsp_code avsp_outputs_clash(struct avsp_tx *tx, const struct avsp_task_row *row,
                                  const char *clash, struct avsp_err *err) AVSP_CHECKED;

#endif
