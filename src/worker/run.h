/// One attempt of one task, from its claim to its report: what every kind of task works with. One thread, except where said.
#ifndef AVSP_WORKER_RUN_H
#define AVSP_WORKER_RUN_H

#include "storage/serve.h"
#include "util/log.h"
#include "worker/child.h"
#include "worker/worker.h"

#define AVSP_RUN_RENDITIONS_MAX 128 ///< that one task makes

struct avsp_run {
    struct avsp_worker *worker;
    const struct avsp_task *task;
    struct avsp_arena *arena; ///< lives as long as the attempt
    struct avsp_beat beat;
    struct avsp_attempt attempt;
    struct avsp_outputs made; ///< for the finish; strings in the arena
    size_t segments_cap;
    struct avsp_piece_batch *batch; ///< SPLIT: what is not stored yet; NULL elsewhere
    struct avsp_location *files;    ///< of base jobs
    size_t n_files;
    enum avsp_task_kind files_kind;
    struct avsp_time_range extent; ///< SPLIT: of the presentation on the source's timeline
    int64_t probed_us;             ///< duration of the file that was probed last
    uint64_t reserved_bytes;       ///< of temporary storage, where that is limited
    bool is_handed_back;           ///< it is ended at no cost, for another time
    uint64_t copied_bytes;         ///< of the input, to the attempt's folder, by avsp_input_fetch
    bool is_input_gone;            ///< the piece that it is to encode is not there
    unsigned n_loads;              ///< it counts as so many (worker/slots.h)
    unsigned n_slots;              ///< that its step holds; 0 = it needs none
    int64_t encoders;              ///< that its claim told of, as avsp_step_encoders says
    char log_tail[AVSP_LOG_TAIL_MAX_BYTES + 1];
};

/// Logs an event of an attempt: its fields begin with task, kind, job, index and attempt.
/// @param fmt  of more fields, which begin with a space; "" = none
void avsp_run_log(const struct avsp_run *run, enum avsp_log_level level, const char *event,
                  const char *fmt, ...) AVSP_PRINTF(4, 5);

/// Is the attempt in vain, or the worker stopping? Whoever asks gets on: a thread that hangs does not, and after --stall-seconds
/// the attempt is given up (worker/heartbeat.h). Any thread. The signature fits avsp_child and avsp_slots_waiter.
bool avsp_run_should_stop(void *run);

/// What follows writes so much to storage in one call, which may take its time.
void avsp_run_will_write(struct avsp_run *run, uint64_t bytes);

/// CANCELED with the reason.
enum avsp_code avsp_run_stopped(const struct avsp_run *run, struct avsp_err *err);

/// Gives back so many of its loads: others may be claimed.
void avsp_run_unload(struct avsp_run *run, unsigned n);

/// The input for the child: the file itself where storage has a descriptor for it, else a fetched copy, or ranges of it.
struct avsp_input {
    struct avsp_reader *reader;
    struct avsp_serving serving;
    int own_fd; ///< of the copy; -1 = there is none
    int fd;     ///< for the child; borrowed from one of the two
    uint64_t bytes;
};

/// Opens @p file, which makes its size known; close with avsp_input_close. @return as avsp_storage_open.
enum avsp_code avsp_input_open(struct avsp_run *run, const struct avsp_location *file,
                               struct avsp_input *ret_input, struct avsp_err *err) AVSP_CHECKED;

/// Sets `fd`. Takes the temporary storage for a copy, where one is needed, and for @p more_bytes that the task will write:
/// all at once, so that two tasks never wait for each other. @return OK; LIMIT no room for a copy; CANCELED; as storage.
enum avsp_code avsp_input_fetch(struct avsp_run *run, struct avsp_input *input, uint64_t more_bytes,
                                struct avsp_err *err) AVSP_CHECKED;

/// The same for a task that reads its input once, front to back: of a large one it gets ranges as it goes, and no copy is made,
/// where what comes so is certain, or a copy would find no room. After the step: avsp_serving_end(&input->serving, rc, err).
enum avsp_code avsp_input_stream(struct avsp_run *run, struct avsp_input *input,
                                 uint64_t more_bytes, struct avsp_err *err) AVSP_CHECKED;
void avsp_input_close(struct avsp_input *input);

/// Gives back the temporary storage that was taken for an input, before that of the next one is taken, or at the end.
void avsp_run_release(struct avsp_run *run);

/// Threads that an encode may get in the course of its step; one where an attempt failed, or fell silent.
uint32_t avsp_run_most_threads(const struct avsp_run *run);

/// Threads for an encode that holds its slots, as things are now: its bytes do not depend on them. Any thread. The signature fits
/// avsp_child.
uint32_t avsp_run_threads(void *run);

/// Runs a media step with the limits of the configuration. @param report as struct avsp_child's, `opaque` is the run.
enum avsp_code avsp_run_step(struct avsp_run *run, const struct avsp_step *step, int input_fd,
                             enum avsp_code (*report)(void *opaque,
                                                      const struct avsp_report *report,
                                                      struct avsp_err *err),
                             struct avsp_err *err) AVSP_CHECKED;

/// Notes progress, for heartbeats and for the claim of the next task.
void avsp_run_progress(struct avsp_run *run, const struct avsp_progress *progress);

/// Keeps a warning for the finish; those beyond AVSP_WARNINGS_MAX are dropped.
enum avsp_code avsp_run_warn(struct avsp_run *run, const char *text,
                             struct avsp_err *err) AVSP_CHECKED;

/// A deep copy of a rendition into `made`. @return OK; LIMIT there are AVSP_RUN_RENDITIONS_MAX already; NO_MEMORY.
enum avsp_code avsp_run_keep_rendition(struct avsp_run *run, const struct avsp_rendition *rendition,
                                       struct avsp_err *err) AVSP_CHECKED;

/// A deep copy of a segment into `made`. @return OK; LIMIT; NO_MEMORY.
enum avsp_code avsp_run_keep_segment(struct avsp_run *run, const struct avsp_segment *segment,
                                     struct avsp_err *err) AVSP_CHECKED;

/// The folder of the job's pieces. @return OK; INVALID a job id that is no name.
enum avsp_code avsp_run_work_folder(const struct avsp_run *run, struct avsp_location *ret_folder,
                                    struct avsp_err *err) AVSP_CHECKED;

/// The kinds of task. @return OK: `made` and `files` are the result; CANCELED it was stopped; else why it failed.
enum avsp_code avsp_task_split(struct avsp_run *run, struct avsp_err *err) AVSP_CHECKED;
enum avsp_code avsp_task_encode(struct avsp_run *run, struct avsp_err *err) AVSP_CHECKED;
enum avsp_code avsp_task_manifest(struct avsp_run *run, struct avsp_err *err) AVSP_CHECKED;
enum avsp_code avsp_task_manifest_base(struct avsp_run *run, struct avsp_err *err) AVSP_CHECKED;
enum avsp_code avsp_task_cleanup(struct avsp_run *run, struct avsp_err *err) AVSP_CHECKED;

#endif
