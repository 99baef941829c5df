/// Between protobuf and core/model.h, in both directions; client and server share it.
///
///     Com__Avspl1t__JobId *msg;
///     avsp_wire_unpack(arena, &com__avspl1t__job_id__descriptor, bytes, (ProtobufCMessage **)&msg, err);
///     …
///     grpc_byte_buffer *bytes;
///     avsp_wire_pack(&msg->base, &bytes, err);
///
/// Unpacked messages and everything made here live in an arena; strings are shared, never copied. What comes in is checked twice: by its
/// type before it is unpacked (UTF-8 without NUL, lengths), by its meaning in the read functions (ranges, counts, names). A
/// refusal is INVALID and names the field as in "av1_encode_job.input_file.fsfile.path: not UTF-8". Any thread.
///
/// read: protobuf → model; @return OK, INVALID, NO_MEMORY. make: model → protobuf; NULL where the arena is full.
#ifndef AVSP_RPC_WIRE_H
#define AVSP_RPC_WIRE_H

#include "core/model.h"
#include "rpc/compat.h"
#include "util/arena.h"
#include "util/err.h"

#include "avspl1t.pb-c.h"

/// What one message may take while it is unpacked: bounds what a small message of many empty parts can cost.
#define AVSP_WIRE_ARENA_BYTES (96u << 20)

/// Serialises @p msg, after the same check of its strings that the receiver makes.
/// @param ret_bytes  returned: free with grpc_byte_buffer_destroy.
/// @return OK; INVALID naming a field; LIMIT over @p max_bytes; NO_MEMORY.
enum avsp_code avsp_wire_pack(const ProtobufCMessage *msg, size_t max_bytes,
                              grpc_byte_buffer **ret_bytes, struct avsp_err *err) AVSP_CHECKED;

/// @param bytes  borrowed for the call; NULL is the empty message.
/// @return OK; INVALID not protobuf, or a bad string; LIMIT over @p max_bytes or the arena's ceiling.
enum avsp_code avsp_wire_unpack(struct avsp_arena *arena, const ProtobufCMessageDescriptor *type,
                                grpc_byte_buffer *bytes, size_t max_bytes,
                                ProtobufCMessage **ret_msg, struct avsp_err *err) AVSP_CHECKED;

/// Checks every string of a serialised message (wire_scan.c). @return OK; INVALID naming the field.
enum avsp_code avsp_wire_scan(const ProtobufCMessageDescriptor *type, const uint8_t *bytes,
                              size_t len, struct avsp_err *err) AVSP_CHECKED;

/// @p text as valid UTF-8 of at most @p max_bytes: the end is cut off, bad bytes become '?'. NULL: the arena is full.
char *avsp_wire_clip(struct avsp_arena *arena, const char *text, size_t max_bytes) AVSP_CHECKED;

/// A fresh message of @p type in the arena; NULL: the arena is full.
void *avsp_wire_new(struct avsp_arena *arena, const ProtobufCMessageDescriptor *type) AVSP_CHECKED;

// wire_location.c. An absent file or folder is NONE, and NULL the other way.
void avsp_wire_read_file(const Com__Avspl1t__File *msg, struct avsp_location *ret_file);
void avsp_wire_read_folder(const Com__Avspl1t__Folder *msg, struct avsp_location *ret_folder);
/// False where the arena is full; @p ret_msg is NULL for NONE.
bool avsp_wire_make_file(struct avsp_arena *arena, const struct avsp_location *file,
                         Com__Avspl1t__File **ret_msg) AVSP_CHECKED;
bool avsp_wire_make_folder(struct avsp_arena *arena, const struct avsp_location *folder,
                           Com__Avspl1t__Folder **ret_msg) AVSP_CHECKED;
/// A list of files; each must be one. @p field names the list in an error.
enum avsp_code avsp_wire_read_files(struct avsp_arena *arena, const char *field,
                                    Com__Avspl1t__File *const *msgs, size_t n,
                                    struct avsp_location **ret_files,
                                    struct avsp_err *err) AVSP_CHECKED;
Com__Avspl1t__File **avsp_wire_make_files(struct avsp_arena *arena,
                                          const struct avsp_location *files, size_t n) AVSP_CHECKED;

// wire_common.c
Google__Protobuf__Timestamp *avsp_wire_make_time(struct avsp_arena *arena, int64_t us) AVSP_CHECKED;
/// Microseconds since 1970, 0 where there is none.
int64_t avsp_wire_read_time(const Google__Protobuf__Timestamp *msg);
Com__Avspl1t__AttemptToken *avsp_wire_make_token(struct avsp_arena *arena,
                                                 struct avsp_token token) AVSP_CHECKED;
/// An absent token is a base caller's: 0/0.
enum avsp_code avsp_wire_read_token(const Com__Avspl1t__AttemptToken *msg,
                                    struct avsp_token *ret_token,
                                    struct avsp_err *err) AVSP_CHECKED;
/// NONE for one that this program does not know.
enum avsp_task_kind avsp_wire_read_kind(int kind);
Com__Avspl1t__Progress *avsp_wire_make_progress(struct avsp_arena *arena,
                                                const struct avsp_progress *progress) AVSP_CHECKED;
enum avsp_code avsp_wire_read_progress(const Com__Avspl1t__Progress *msg,
                                       struct avsp_progress *ret_progress,
                                       struct avsp_err *err) AVSP_CHECKED;
/// Options that are the defaults are none. @return false: no memory.
bool avsp_wire_make_picture(struct avsp_arena *arena, const struct avsp_picture_options *options,
                            Com__Avspl1t__PictureOptions **ret_msg) AVSP_CHECKED;
enum avsp_code avsp_wire_read_picture(const Com__Avspl1t__PictureOptions *msg,
                                      struct avsp_picture_options *ret_options,
                                      struct avsp_err *err) AVSP_CHECKED;
/// Likewise.
bool avsp_wire_make_sound(struct avsp_arena *arena, const struct avsp_sound_options *options,
                          Com__Avspl1t__SoundOptions **ret_msg) AVSP_CHECKED;
enum avsp_code avsp_wire_read_sound(const Com__Avspl1t__SoundOptions *msg,
                                    struct avsp_sound_options *ret_options,
                                    struct avsp_err *err) AVSP_CHECKED;
Com__Avspl1t__Failure *avsp_wire_make_failure(struct avsp_arena *arena,
                                              const struct avsp_failure *failure) AVSP_CHECKED;
/// An absent failure is one without a reason, that a retry may help.
void avsp_wire_read_failure(const Com__Avspl1t__Failure *msg, struct avsp_failure *ret_failure);
Com__Avspl1t__Empty *avsp_wire_make_status(struct avsp_arena *arena,
                                           const struct avsp_attempt_status *status) AVSP_CHECKED;
void avsp_wire_read_status(const Com__Avspl1t__Empty *msg, struct avsp_attempt_status *ret_status);
char **avsp_wire_make_warnings(struct avsp_arena *arena, const char *const *warnings,
                               size_t n) AVSP_CHECKED;
/// INVALID "field: 7 is not within 0 and 3" where @p value is out of range.
enum avsp_code avsp_wire_range(const char *field, int64_t value, int64_t min, int64_t max,
                               struct avsp_err *err) AVSP_CHECKED;

// wire_job.c
/// No message where all is as by default.
bool avsp_wire_make_choice(struct avsp_arena *arena, const struct avsp_choice *choice,
                           Com__Avspl1t__TrackChoice **ret_tracks,
                           Com__Avspl1t__TimeRange **ret_range) AVSP_CHECKED;
struct avsp_choice avsp_wire_read_choice(const Com__Avspl1t__TrackChoice *tracks,
                                         const Com__Avspl1t__TimeRange *range);
bool avsp_wire_make_sidecars(struct avsp_arena *arena, const struct avsp_sidecar *sidecars,
                             size_t n, Com__Avspl1t__Sidecar ***ret_msgs,
                             size_t *ret_n) AVSP_CHECKED;
enum avsp_code avsp_wire_read_sidecars(struct avsp_arena *arena, Com__Avspl1t__Sidecar *const *msgs,
                                       size_t n, struct avsp_sidecar **ret_sidecars, size_t *ret_n,
                                       struct avsp_err *err) AVSP_CHECKED;
Com__Avspl1t__JobDetails *avsp_wire_make_spec(struct avsp_arena *arena,
                                              const struct avsp_job_spec *spec) AVSP_CHECKED;
/// Takes over what is there; avsp_job_spec_check judges it. INVALID only where there is no av1_encode_job.
enum avsp_code avsp_wire_read_spec(struct avsp_arena *arena, const Com__Avspl1t__JobDetails *msg,
                                   struct avsp_job_spec *ret_spec,
                                   struct avsp_err *err) AVSP_CHECKED;
/// Secrets and the log's tail are left out.
Com__Avspl1t__Job *avsp_wire_make_job(struct avsp_arena *arena,
                                      const struct avsp_job *job) AVSP_CHECKED;
enum avsp_code avsp_wire_read_job(struct avsp_arena *arena, const Com__Avspl1t__Job *msg,
                                  struct avsp_job *ret_job, struct avsp_err *err) AVSP_CHECKED;
Com__Avspl1t__ListJobsMessage *
avsp_wire_make_filter(struct avsp_arena *arena, const struct avsp_job_filter *filter) AVSP_CHECKED;
enum avsp_code avsp_wire_read_filter(struct avsp_arena *arena,
                                     const Com__Avspl1t__ListJobsMessage *msg,
                                     struct avsp_job_filter *ret_filter,
                                     struct avsp_err *err) AVSP_CHECKED;
Com__Avspl1t__JobPage *avsp_wire_make_page(struct avsp_arena *arena,
                                           const struct avsp_job_page *page) AVSP_CHECKED;
enum avsp_code avsp_wire_read_page(struct avsp_arena *arena, const Com__Avspl1t__JobPage *msg,
                                   struct avsp_job_page *ret_page,
                                   struct avsp_err *err) AVSP_CHECKED;

Com__Avspl1t__WatchJobsMessage *
avsp_wire_make_watch(struct avsp_arena *arena, const struct avsp_watch_query *query) AVSP_CHECKED;
enum avsp_code avsp_wire_read_watch(struct avsp_arena *arena,
                                    const Com__Avspl1t__WatchJobsMessage *msg,
                                    struct avsp_watch_query *ret_query,
                                    struct avsp_err *err) AVSP_CHECKED;

// wire_history.c
Com__Avspl1t__ListAttemptsMessage *
avsp_wire_make_attempts_query(struct avsp_arena *arena,
                              const struct avsp_attempts_query *query) AVSP_CHECKED;
enum avsp_code avsp_wire_read_attempts_query(const Com__Avspl1t__ListAttemptsMessage *msg,
                                             struct avsp_attempts_query *ret_query,
                                             struct avsp_err *err) AVSP_CHECKED;
Com__Avspl1t__AttemptPage *
avsp_wire_make_attempt_page(struct avsp_arena *arena,
                            const struct avsp_attempt_page *page) AVSP_CHECKED;
enum avsp_code avsp_wire_read_attempt_page(struct avsp_arena *arena,
                                           const Com__Avspl1t__AttemptPage *msg,
                                           struct avsp_attempt_page *ret_page,
                                           struct avsp_err *err) AVSP_CHECKED;

// wire_fleet.c
Com__Avspl1t__ListWorkersMessage *
avsp_wire_make_workers_query(struct avsp_arena *arena,
                             const struct avsp_workers_query *query) AVSP_CHECKED;
enum avsp_code avsp_wire_read_workers_query(const Com__Avspl1t__ListWorkersMessage *msg,
                                            struct avsp_workers_query *ret_query,
                                            struct avsp_err *err) AVSP_CHECKED;
Com__Avspl1t__WorkerPage *
avsp_wire_make_worker_page(struct avsp_arena *arena,
                           const struct avsp_worker_page *page) AVSP_CHECKED;
enum avsp_code avsp_wire_read_worker_page(struct avsp_arena *arena,
                                          const Com__Avspl1t__WorkerPage *msg,
                                          struct avsp_worker_page *ret_page,
                                          struct avsp_err *err) AVSP_CHECKED;

// wire_task.c
Com__Avspl1t__GetTaskMessage *avsp_wire_make_claim(struct avsp_arena *arena,
                                                   const struct avsp_claim *claim) AVSP_CHECKED;
/// A message without `worker` is a base worker's: own = false, the base kinds, no wait.
enum avsp_code avsp_wire_read_claim(const Com__Avspl1t__GetTaskMessage *msg,
                                    struct avsp_claim *ret_claim,
                                    struct avsp_err *err) AVSP_CHECKED;
/// A task of kind NONE is the empty message.
Com__Avspl1t__Task *avsp_wire_make_task(struct avsp_arena *arena,
                                        const struct avsp_task *task) AVSP_CHECKED;
enum avsp_code avsp_wire_read_task(struct avsp_arena *arena, const Com__Avspl1t__Task *msg,
                                   struct avsp_task *ret_task, struct avsp_err *err) AVSP_CHECKED;

// wire_finish.c
Com__Avspl1t__FinishTaskMessage *
avsp_wire_make_finish(struct avsp_arena *arena, const struct avsp_finish *finish) AVSP_CHECKED;
enum avsp_code avsp_wire_read_finish(struct avsp_arena *arena,
                                     const Com__Avspl1t__FinishTaskMessage *msg,
                                     struct avsp_finish *ret_finish,
                                     struct avsp_err *err) AVSP_CHECKED;

// wire_outputs.c
Com__Avspl1t__Outputs *avsp_wire_make_outputs(struct avsp_arena *arena,
                                              const struct avsp_outputs *outputs) AVSP_CHECKED;
/// An absent message is an empty one.
enum avsp_code avsp_wire_read_outputs(struct avsp_arena *arena, const Com__Avspl1t__Outputs *msg,
                                      struct avsp_outputs *ret_outputs,
                                      struct avsp_err *err) AVSP_CHECKED;

#endif
