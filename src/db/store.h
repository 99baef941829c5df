/// The coordinator's memory: jobs, tasks and what they made, in SQL. One interface, one driver a database system (sqlite.c,
/// postgres.c); the SQL is common to both and stands once (store_*.c).
///
///     struct avsp_store *store = avsp_store_open("sqlite:///var/lib/avspl1t/db", &options, err);
///     avsp_store_submit(store, &spec, job_id, err);
///     avsp_store_claim(store, &claim, arena, &task, err);     // task.kind NONE: nothing to do
///     avsp_store_finish(store, &finish, err);
///     avsp_store_sweep(store, err);     // about once a second and often within half a lease, from any coordinator
///
/// Every call is one transaction (or a fixed few, each of which leaves a sound state), may block on the disk, and may be
/// called from any thread and any number of processes on one database. Deadlocks and broken connections are retried where
/// nothing can have happened yet. Once a newer program has changed the schema so that this one does not fit any more, which
/// the sweep finds out, all calls answer UNAVAILABLE and the sweep says why. Every state change is one guarded statement;
/// rules about states and what follows from a finish stand in core/lifecycle.h. Secrets are stored in a table of their
/// own and come back only in tasks. Times are the database's clock (one function in the driver).
/// Errors: UNAVAILABLE the database cannot be reached or is busy: retry; NO_SPACE disk full; INTERNAL; others as said.
#ifndef AVSP_DB_STORE_H
#define AVSP_DB_STORE_H

#include "core/access.h"
#include "core/model.h"
#include "core/together.h"
#include "crypto/keyring.h"
#include "util/arena.h"
#include "util/err.h"
#include "util/id.h"

struct avsp_store;

/// Tasks of one kind that are not over.
struct avsp_task_stats {
    int64_t n_ready;   ///< claimable now
    int64_t n_delayed; ///< claimable later: a retry that waits
    int64_t n_running;
    int64_t n_held; ///< not claimable: of a paused job, or beyond its window
};

/// What stands in the database at one moment, whichever coordinator put it there.
struct avsp_store_stats {
    int64_t n_jobs; ///< not over, nor paused
    int64_t n_paused;
    struct avsp_task_stats tasks[AVSP_TASK_N_KINDS];
    int64_t oldest_ready_us; ///< age of the oldest claimable task; 0 = none
    int64_t n_working;       ///< workers that hold a task
    int64_t n_idle;          ///< workers heard of lately that hold none, and are not to drain
    int64_t n_draining;      ///< heard of lately
    int64_t n_away;          ///< not heard of lately
};

struct avsp_store_options {
    int64_t lease_ms;          ///< how long a worker may be silent; 1000..
    int64_t max_attempts;      ///< 1..
    int64_t split_ahead_bytes; ///< of pieces of one job that may wait for encoders; 0 = any number
    /// Called after the commit of a change, outside of any lock, from the calling thread, or from one of the store's own where
    /// another coordinator's change was heard of (`n_ready` is UINT32_MAX after a time of deafness): `n_ready` tasks became
    /// claimable, and some job changed (for parked claims and watchers). May be NULL.
    void (*changed)(void *opaque, unsigned n_ready);
    /// A job came to its end (FINISHED, FAILED, CANCELED), told once, likewise after the commit. @p why is "" unless it
    /// failed; borrowed for the call. May be NULL.
    void (*job_over)(void *opaque, const char *job_id, enum avsp_job_state state, const char *why);
    /// A change was committed, which took @p us microseconds; outside of any lock. May be NULL.
    void (*committed)(void *opaque, int64_t us);
    void *opaque;
    /// Seals credentials, and opens them; an empty one refuses them. Borrowed for the store's life; its keys may be exchanged at
    /// any time. NULL: they are kept as they are, for whoever has no secrets.
    struct avsp_keyring *keyring;
};

/// Opens the database, making it and bringing its schema up to date where needed.
/// @param url  "sqlite:///ABSOLUTE/PATH" (a network file system is refused), or "postgresql://…", "postgres://…", "host=… …" as
///             libpq knows them; no error repeats it, for it may hold a password.
/// @return close with avsp_store_close; NULL with @p err: INVALID the URL, or a database that is not ours; PRECONDITION a
///         schema from the future; NOT_FOUND; EXISTS another program's tables; DENIED; LIMIT; UNAVAILABLE waiting may help.
struct avsp_store *avsp_store_open(const char *url, const struct avsp_store_options *options,
                                   struct avsp_err *err) AVSP_CHECKED;
void avsp_store_close(struct avsp_store *store);

/// Stores a job and its split task. @p spec has passed avsp_job_spec_check.
/// @return OK; EXISTS an unfinished job has the same output folder (the text names that job, if it has the same owner); the job of the
///         same owner and idempotency key is given again where its spec is equal, PRECONDITION where it is not; PRECONDITION also for
///         credentials where there is no key to seal them.
enum avsp_code avsp_store_submit(struct avsp_store *store, const struct avsp_job_spec *spec,
                                 char ret_job_id[AVSP_ID_BYTES], struct avsp_err *err) AVSP_CHECKED;

/// @return OK; NOT_FOUND.
enum avsp_code avsp_store_get_job(struct avsp_store *store, const char *job_id,
                                  struct avsp_arena *arena, struct avsp_job *ret_job,
                                  struct avsp_err *err) AVSP_CHECKED;

/// @return OK; INVALID a page token that is not ours.
enum avsp_code avsp_store_list_jobs(struct avsp_store *store, const struct avsp_job_filter *filter,
                                    struct avsp_arena *arena, struct avsp_job_page *ret_page,
                                    struct avsp_err *err) AVSP_CHECKED;

/// @return OK; NOT_FOUND; INVALID a page token that is not ours.
enum avsp_code avsp_store_list_attempts(struct avsp_store *store,
                                        const struct avsp_attempts_query *query,
                                        struct avsp_arena *arena,
                                        struct avsp_attempt_page *ret_page,
                                        struct avsp_err *err) AVSP_CHECKED;

/// Jobs whose state changed, in the order of the changes, each once and as it is now; also those that were deleted within a
/// minute. Whoever goes on from page to page misses no job whose state changed, whatever coordinator and transaction it was:
/// changes are numbered here, after their commit, one caller at a time. Or (`working`) jobs that a worker works at.
/// @return OK; INVALID `after` is no cursor of ours.
enum avsp_code avsp_store_list_changes(struct avsp_store *store,
                                       const struct avsp_changes_query *query,
                                       struct avsp_arena *arena, struct avsp_changes_page *ret_page,
                                       struct avsp_err *err) AVSP_CHECKED;

/// Ends a running job as canceled; a job that is over stays as it is (no error). @return OK; NOT_FOUND.
enum avsp_code avsp_store_cancel(struct avsp_store *store, const char *job_id,
                                 struct avsp_err *err) AVSP_CHECKED;

/// Runs a failed or canceled job again, with all attempts anew. What is done stays done, unless what was made is removed
/// already: then it begins with the split. A job that is not over stays as it is.
/// @param repin  nothing that its encodes made counts any more, also where it is not over: it begins with the split, and is
///               bound to the encoders that its next encode is made with. One that is bound to none stays as it is.
/// @return OK; NOT_FOUND; PRECONDITION it is finished, or its credentials are forgotten; EXISTS another job that is not over
///         has its output, or what is in there is being removed at this moment.
enum avsp_code avsp_store_retry(struct avsp_store *store, const char *job_id, bool repin,
                                struct avsp_err *err) AVSP_CHECKED;

/// From now on nothing more of a job is handed out; what runs is finished. A paused job stays as it is.
/// @return OK; NOT_FOUND; PRECONDITION it is over.
enum avsp_code avsp_store_pause(struct avsp_store *store, const char *job_id,
                                struct avsp_err *err) AVSP_CHECKED;

/// The reverse; its tasks queue as if they came now. A running job stays as it is. @return as avsp_store_pause.
enum avsp_code avsp_store_resume(struct avsp_store *store, const char *job_id,
                                 struct avsp_err *err) AVSP_CHECKED;

/// @param priority  0..AVSP_PRIORITY_MAX. @return OK; NOT_FOUND; PRECONDITION it is over.
enum avsp_code avsp_store_set_priority(struct avsp_store *store, const char *job_id,
                                       int32_t priority, struct avsp_err *err) AVSP_CHECKED;

/// Forgets a job that is over, and its secrets: nobody is shown it any more. Its rows go with the next sweeps, once what a
/// failed one left is cleaned up; its presentation stays. @param force  one that is not over is canceled first.
/// @return OK; NOT_FOUND, also where it is deleted already; PRECONDITION it is not over.
enum avsp_code avsp_store_delete(struct avsp_store *store, const char *job_id, bool force,
                                 struct avsp_err *err) AVSP_CHECKED;

/// Takes the next task for a worker: by priority, then fair between jobs, then by index; ready ones and those whose lease
/// ran out. A base worker gets base kinds only, and nothing of a job whose split one of ours did. The first encode of a job
/// of ours binds it to its worker's encoders; who has other ones gets no encode of it. The same claim id gives
/// the same running task again, at no cost.
/// @param ret_task  kind NONE where there is nothing; with credentials otherwise.
enum avsp_code avsp_store_claim(struct avsp_store *store, const struct avsp_claim *claim,
                                struct avsp_arena *arena, struct avsp_task *ret_task,
                                struct avsp_err *err) AVSP_CHECKED;

/// The same for several callers, in as few transactions as will do. @param n  at most AVSP_TOGETHER_MAX.
void avsp_store_claim_many(struct avsp_store *store, struct avsp_claim_item *items, size_t n);

/// Extends the lease, stores progress; the first heartbeat of a claim makes it count as an attempt. A stale token sets
/// `lease_lost`; a job that is over sets `canceled`. For a base caller (token.attempt 0) the worker id is the fence.
/// @return OK; NOT_FOUND an unknown task.
enum avsp_code avsp_store_heartbeat(struct avsp_store *store, const char *worker_id,
                                    const char *task_id, struct avsp_token token,
                                    const struct avsp_progress *progress,
                                    struct avsp_attempt_status *ret_status,
                                    struct avsp_err *err) AVSP_CHECKED;

/// The same for several callers, as avsp_store_claim_many: each is answered once its own is committed.
void avsp_store_heartbeat_many(struct avsp_store *store, struct avsp_beat_item *items, size_t n);

/// Stores what a task made so far: new pieces become tasks at once. Facts that are there already are no change; the same
/// identity with other facts fails the job. Extends the lease.
/// @return OK (ret_status as in heartbeat; nothing is stored where it says lost or canceled); NOT_FOUND; INVALID outputs
///         that this task cannot have, or a base caller.
enum avsp_code avsp_store_report(struct avsp_store *store, const char *worker_id,
                                 const char *task_id, struct avsp_token token,
                                 const struct avsp_outputs *outputs,
                                 struct avsp_attempt_status *ret_status,
                                 struct avsp_err *err) AVSP_CHECKED;

/// Ends an attempt. The same finish twice changes nothing the second time; a finish that nobody superseded counts even
/// after the lease ran out. After the commit the manifest task is made where this was the last one before it. A failure because
/// the task's piece is not there (input_gone) makes the split begin again where that was tried often enough.
/// @return OK; CONFLICT a stale token, a job that is over, or outputs that contradict what is stored (the job has failed
///         then); for a base caller: OK, no change; NOT_FOUND; INVALID a result that does not fit the task's kind.
enum avsp_code avsp_store_finish(struct avsp_store *store, const struct avsp_finish *finish,
                                 struct avsp_err *err) AVSP_CHECKED;

/// The same for several callers, as avsp_store_claim_many.
void avsp_store_finish_many(struct avsp_store *store, struct avsp_finish_item *items, size_t n);

/// Hands a task back at no cost: claimable at once. @param ret_job_id  left alone where it failed.
/// @return OK (also where the token is stale); NOT_FOUND.
enum avsp_code avsp_store_release(struct avsp_store *store, const char *worker_id,
                                  const char *task_id, struct avsp_token token,
                                  char ret_job_id[AVSP_ID_BYTES],
                                  struct avsp_err *err) AVSP_CHECKED;

/// For whoever starts the coordinator and its workers together, before any of them: nobody else uses the database, and no
/// worker of an earlier coordinator lives. What is claimed is claimable at once, at no cost; a failed job whose cleanup has
/// not begun runs again, with all attempts anew, and keeps what is done.
enum avsp_code avsp_store_take_over(struct avsp_store *store, struct avsp_err *err) AVSP_CHECKED;

/// One page of what a job made, for its manifest task. @return OK; CONFLICT a stale token; NOT_FOUND; INVALID.
enum avsp_code avsp_store_list_outputs(struct avsp_store *store,
                                       const struct avsp_outputs_query *query,
                                       struct avsp_arena *arena, struct avsp_outputs_page *ret_page,
                                       struct avsp_err *err) AVSP_CHECKED;

/// Notes that workers were heard of, and what they are. One of slots 0: nothing but its id is known. What was written some
/// seconds ago is not written again.
enum avsp_code avsp_store_note_workers(struct avsp_store *store,
                                       const struct avsp_worker_info *workers, size_t n,
                                       struct avsp_err *err) AVSP_CHECKED;

/// Asks a worker to take no new task and to end, until that is undone (@p drain false) or it is forgotten.
/// @return OK; NOT_FOUND no worker of that id was heard of.
enum avsp_code avsp_store_drain(struct avsp_store *store, const char *worker_id, bool drain,
                                struct avsp_err *err) AVSP_CHECKED;

/// The ids of workers that are to drain, in @p arena.
enum avsp_code avsp_store_list_draining(struct avsp_store *store, struct avsp_arena *arena,
                                        const char ***ret_ids, size_t *ret_n,
                                        struct avsp_err *err) AVSP_CHECKED;

/// Forgets workers that were not seen for a day.
enum avsp_code avsp_store_forget_workers(struct avsp_store *store,
                                         struct avsp_err *err) AVSP_CHECKED;

/// Workers that were seen within a day, with what they do.
enum avsp_code avsp_store_list_workers(struct avsp_store *store,
                                       const struct avsp_workers_query *query,
                                       struct avsp_arena *arena, struct avsp_worker_page *ret_page,
                                       struct avsp_err *err) AVSP_CHECKED;

/// Keeps a new token. @param lifetime_us  0 = for ever. Its times are not read. @return OK; LIMIT there are too many.
enum avsp_code avsp_store_add_token(struct avsp_store *store, const struct avsp_access_token *token,
                                    int64_t lifetime_us, struct avsp_err *err) AVSP_CHECKED;

/// @param live_only  without those that have expired. @param ret_tokens  by name, in @p arena.
enum avsp_code avsp_store_list_tokens(struct avsp_store *store, bool live_only,
                                      struct avsp_arena *arena,
                                      struct avsp_access_token **ret_tokens, size_t *ret_n,
                                      struct avsp_err *err) AVSP_CHECKED;

/// @return OK; NOT_FOUND.
enum avsp_code avsp_store_revoke_token(struct avsp_store *store, const char *id,
                                       struct avsp_err *err) AVSP_CHECKED;

/// Whose a job is, which never changes. @return OK; NOT_FOUND.
enum avsp_code avsp_store_job_owner(struct avsp_store *store, const char *job_id,
                                    struct avsp_arena *arena, const char **ret_owner,
                                    struct avsp_err *err) AVSP_CHECKED;

/// Seals by the keyring's first key what others of its keys sealed; costs next to nothing where there is nothing to do.
/// @param ret_missing  a key that is not there and that a job which is not over needs; "" = none.
enum avsp_code avsp_store_rekey(struct avsp_store *store, char ret_missing[AVSP_KEY_ID_BYTES],
                                struct avsp_err *err) AVSP_CHECKED;

/// Counts what is not over: one pass over the open tasks, for monitoring. @return OK.
enum avsp_code avsp_store_get_stats(struct avsp_store *store, struct avsp_store_stats *ret_stats,
                                    struct avsp_err *err) AVSP_CHECKED;

/// Tends what no request tends: leases that ran out, back-offs that ended, follow-up tasks that a crash left out. Calls
/// `changed` where something became claimable. A gap between sweeps of more than half a lease (a suspended machine, a
/// database that was away) gives every lease one full length more.
enum avsp_code avsp_store_sweep(struct avsp_store *store, struct avsp_err *err) AVSP_CHECKED;

#endif
