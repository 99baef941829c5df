/// Signs of life: one thread beats once a second for every attempt that runs, and takes back what the coordinator says.
///
///     avsp_beats_add(beats, &beat);       // the first goes out at once: it makes the claim count as an attempt
///     … avsp_beat_progress(beats, &beat, done, total); avsp_beat_verdict(&beat) …
///     avsp_beats_remove(beats, &beat);
///
/// A coordinator that is away changes nothing: the work goes on, and so do the beats. Any thread.
#ifndef AVSP_WORKER_HEARTBEAT_H
#define AVSP_WORKER_HEARTBEAT_H

#include "rpc/client.h"

#include <pthread.h>
#include <stdatomic.h>

enum avsp_verdict_kind {
    AVSP_BEAT_GO_ON,
    AVSP_BEAT_CANCELED, ///< the job is over
    AVSP_BEAT_LOST,     ///< somebody else has the task
};

/// One attempt. Zero it, set the first three, and leave the rest alone.
struct avsp_beat {
    const char *task_id; ///< borrowed until it is removed
    struct avsp_token token;
    int64_t lease_ms;
    atomic_int verdict;
    atomic_bool hold; ///< as in struct avsp_attempt_status, like the next
    atomic_bool hand_back;
    struct avsp_progress progress;
    struct avsp_mono work_began; ///< when the first progress was noted
    struct avsp_mono due;
    uint64_t serial;
    struct avsp_beat *next;
};

struct avsp_beats {
    struct avsp_client *client;
    const char *worker_id;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct avsp_beat *first;
    uint64_t last_serial;
    bool is_over;
    bool is_away;               ///< the last beat did not get through
    atomic_bool is_drain_asked; ///< a coordinator asks the worker to take no new task
    pthread_t thread;
};

/// @param client, worker_id  borrowed until stop.
/// @return OK; LIMIT no thread.
enum avsp_code avsp_beats_start(struct avsp_beats *beats, struct avsp_client *client,
                                const char *worker_id, struct avsp_err *err) AVSP_CHECKED;
/// Ends the thread. No attempt may be left.
void avsp_beats_stop(struct avsp_beats *beats);

void avsp_beats_add(struct avsp_beats *beats, struct avsp_beat *beat);
void avsp_beats_remove(struct avsp_beats *beats, struct avsp_beat *beat);

void avsp_beat_progress(struct avsp_beats *beats, struct avsp_beat *beat, uint64_t frames_done,
                        uint64_t frames_total);

enum avsp_verdict_kind avsp_beat_verdict(const struct avsp_beat *beat);

/// What an answer of the coordinator says about the attempt.
void avsp_beat_judge(struct avsp_beat *beat, const struct avsp_attempt_status *status);

#endif
