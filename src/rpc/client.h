/// The service, called: what workers and clients say to a coordinator.
///
///     struct avsp_client *cli = avsp_client_new("127.0.0.1:50051", true, NULL, err);
///     avsp_client_submit(cli, &spec, job_id, deadline, err);
///
/// One client serves all threads of a process at once. Each call blocks until its answer or its deadline. A gRPC status
/// becomes the code of rpc/status.c; the message is the coordinator's. Calls wait for a coordinator that is away (start,
/// restart) as long as their deadline allows, except where `fail_fast` is said: then UNAVAILABLE comes at once. Calls that are
/// safe to repeat are repeated by the caller; submit is safe with an idempotency key only.
/// Of every call: UNAVAILABLE nobody could be reached (by the deadline, where the client is patient) or the connection broke:
/// the call may have been done; TIMEOUT a coordinator is there and did not answer; CANCELED avsp_client_shutdown; INTERNAL an
/// answer that is not what the protocol says; INVALID and LIMIT also before anything is sent (a text that is not UTF-8; over 4 MiB).
/// Give a claim a deadline some seconds beyond its wait_ms. A list of names is resolved once; one name again after each failure.
/// Threads of gRPC are started with all signals blocked; its descriptors are close-on-exec.
#ifndef AVSP_RPC_CLIENT_H
#define AVSP_RPC_CLIENT_H

#include "core/model.h"
#include "rpc/security.h"
#include "util/arena.h"
#include "util/err.h"
#include "util/id.h"
#include "util/time.h"

struct avsp_client;

/// @param target     "host:port", several with commas, "unix:PATH" or a gRPC name ("dns:///name:port"); copied
/// @param fail_fast  true: an unreachable coordinator is an error at once
/// @param security   its strings are borrowed as long as the client lives; NULL: plain text, and nobody in particular
/// @return free with avsp_client_free; NULL with @p err: INVALID a target that is not one, a file that is no PEM; NOT_FOUND,
///         DENIED, …: a file that cannot be read.
struct avsp_client *avsp_client_new(const char *target, bool fail_fast,
                                    const struct avsp_client_security *security,
                                    struct avsp_err *err) AVSP_CHECKED;
void avsp_client_free(struct avsp_client *cli);

/// Were files of certificates or of the token replaced by ones that are no good, so that the former are in use yet?
/// @param ret_why  what is wrong with them; code OK where the answer is no. As far as calls have looked. Any thread.
bool avsp_client_refuses_files(struct avsp_client *cli, struct avsp_err *ret_why) AVSP_CHECKED;

/// Ends all calls of all threads now and later with CANCELED. Async-signal-unsafe; any thread.
void avsp_client_shutdown(struct avsp_client *cli);

enum avsp_code avsp_client_submit(struct avsp_client *cli, const struct avsp_job_spec *spec,
                                  char ret_job_id[AVSP_ANY_ID_BYTES], struct avsp_mono deadline,
                                  struct avsp_err *err) AVSP_CHECKED;
enum avsp_code avsp_client_get_job(struct avsp_client *cli, const char *job_id,
                                   struct avsp_arena *arena, struct avsp_job *ret_job,
                                   struct avsp_mono deadline, struct avsp_err *err) AVSP_CHECKED;
enum avsp_code avsp_client_list_jobs(struct avsp_client *cli, const struct avsp_job_filter *filter,
                                     struct avsp_arena *arena, struct avsp_job_page *ret_page,
                                     struct avsp_mono deadline, struct avsp_err *err) AVSP_CHECKED;
enum avsp_code
avsp_client_list_attempts(struct avsp_client *cli, const struct avsp_attempts_query *query,
                          struct avsp_arena *arena, struct avsp_attempt_page *ret_page,
                          struct avsp_mono deadline, struct avsp_err *err) AVSP_CHECKED;
enum avsp_code avsp_client_cancel(struct avsp_client *cli, const char *job_id,
                                  struct avsp_mono deadline, struct avsp_err *err) AVSP_CHECKED;

/// @param repin  begin its encodes anew, with the encoders that there are.
enum avsp_code avsp_client_retry(struct avsp_client *cli, const char *job_id, bool repin,
                                 struct avsp_mono deadline, struct avsp_err *err) AVSP_CHECKED;
enum avsp_code avsp_client_pause(struct avsp_client *cli, const char *job_id,
                                 struct avsp_mono deadline, struct avsp_err *err) AVSP_CHECKED;
enum avsp_code avsp_client_resume(struct avsp_client *cli, const char *job_id,
                                  struct avsp_mono deadline, struct avsp_err *err) AVSP_CHECKED;
enum avsp_code avsp_client_set_priority(struct avsp_client *cli, const char *job_id,
                                        int32_t priority, struct avsp_mono deadline,
                                        struct avsp_err *err) AVSP_CHECKED;
enum avsp_code avsp_client_delete(struct avsp_client *cli, const char *job_id, bool force,
                                  struct avsp_mono deadline, struct avsp_err *err) AVSP_CHECKED;

enum avsp_code avsp_client_list_workers(struct avsp_client *cli,
                                        const struct avsp_workers_query *query,
                                        struct avsp_arena *arena, struct avsp_worker_page *ret_page,
                                        struct avsp_mono deadline,
                                        struct avsp_err *err) AVSP_CHECKED;
/// @param drain  false: takes it back.
enum avsp_code avsp_client_drain(struct avsp_client *cli, const char *worker_id, bool drain,
                                 struct avsp_mono deadline, struct avsp_err *err) AVSP_CHECKED;

/// Follows a job: @p each gets it at once and after every change (at most about 10 a second) until it is over, @p each
/// returns false, or the deadline. The job is valid during the call of @p each only.
/// @return OK the job is over or @p each stopped it; UNAVAILABLE the stream broke: watch again.
enum avsp_code avsp_client_watch(struct avsp_client *cli, const char *job_id,
                                 bool (*each)(void *opaque, const struct avsp_job *job),
                                 void *opaque, struct avsp_mono deadline,
                                 struct avsp_err *err) AVSP_CHECKED;

/// Follows all jobs: @p each gets those that are not over, then each whose state changed, with the cursor to go on behind it
/// (job NULL: all that was to be told so far is told), until @p each returns false, or the deadline. Valid during the call of
/// @p each only.
/// @return OK @p each stopped it; UNAVAILABLE the stream broke: go on with the last cursor; INVALID the cursor, or a label.
enum avsp_code
avsp_client_watch_all(struct avsp_client *cli, const struct avsp_watch_query *query,
                      bool (*each)(void *opaque, const struct avsp_job *job, const char *cursor),
                      void *opaque, struct avsp_mono deadline, struct avsp_err *err) AVSP_CHECKED;

/// @param ret_task  kind NONE where there was nothing within claim->wait_ms.
enum avsp_code avsp_client_claim(struct avsp_client *cli, const struct avsp_claim *claim,
                                 struct avsp_arena *arena, struct avsp_task *ret_task,
                                 struct avsp_mono deadline, struct avsp_err *err) AVSP_CHECKED;
enum avsp_code avsp_client_heartbeat(struct avsp_client *cli, const char *worker_id,
                                     const char *task_id, struct avsp_token token,
                                     const struct avsp_progress *progress,
                                     struct avsp_attempt_status *ret_status,
                                     struct avsp_mono deadline, struct avsp_err *err) AVSP_CHECKED;
enum avsp_code avsp_client_report(struct avsp_client *cli, const char *worker_id,
                                  const char *task_id, struct avsp_token token,
                                  const struct avsp_outputs *outputs,
                                  struct avsp_attempt_status *ret_status, struct avsp_mono deadline,
                                  struct avsp_err *err) AVSP_CHECKED;
enum avsp_code avsp_client_finish(struct avsp_client *cli, const struct avsp_finish *finish,
                                  struct avsp_mono deadline, struct avsp_err *err) AVSP_CHECKED;
enum avsp_code avsp_client_release(struct avsp_client *cli, const char *worker_id,
                                   const char *task_id, struct avsp_token token,
                                   struct avsp_mono deadline, struct avsp_err *err) AVSP_CHECKED;
enum avsp_code
avsp_client_list_outputs(struct avsp_client *cli, const struct avsp_outputs_query *query,
                         struct avsp_arena *arena, struct avsp_outputs_page *ret_page,
                         struct avsp_mono deadline, struct avsp_err *err) AVSP_CHECKED;

#endif
