/// Signs of life: one thread beats once a second for every attempt that runs, and takes back what the coordinator says.
///
///     avsp_beats_add(beats, &beat);       // the first goes out at once: it makes the claim count as an attempt
///     … avsp_beat_progress(beats, &beat, done, total); avsp_beat_verdict(&beat) …
///     avsp_beats_remove(beats, &beat);
///
/// A coordinator that is away changes nothing: the work goes on, and so do the beats.
///
/// The thread is the worker's watchdog, too: an attempt that has not said for too long that it gets on (avsp_beat_alive) gets no
/// more beats; instead the coordinator is told that it failed. Whoever hangs in it (a file system that does not answer) finds
/// out when he asks for the verdict, if ever. Any thread.
#ifndef AVSP_WORKER_HEARTBEAT_H
#define AVSP_WORKER_HEARTBEAT_H

#include "rpc/client.h"

#include <pthread.h>
#include <stdatomic.h>

enum avsp_verdict_kind {
    AVSP_BEAT_GO_ON,
    AVSP_BEAT_CANCELED, ///< the job is over
    AVSP_BEAT_LOST,     ///< somebody else has the task
    AVSP_BEAT_STALLED,  ///< it did not get on, and was given up
};

/// One attempt. Zero it, set the first three, and leave the rest alone.
struct avsp_beat {
    const char *task_id; ///< borrowed until it is removed
    struct avsp_token token;
    int64_t lease_ms;
    atomic_int verdict;
    atomic_bool hold; ///< as in struct avsp_attempt_status, like the next
    atomic_bool hand_back;
    bool is_told;             ///< that it was given up
    _Atomic int64_t alive_us; ///< monotonic: until then it is taken to get on
    _Atomic int64_t sure_us;  ///< monotonic: so long the lease lasts at least
    struct avsp_progress progress;
    struct avsp_mono work_began; ///< when the first progress was noted
    struct avsp_mono due;
    uint64_t serial;
    struct avsp_beat *next;
};

struct avsp_beats {
    struct avsp_client *client;
    const char *worker_id;
    int64_t stall_ms; ///< an attempt that says nothing for so long hangs
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
                                const char *worker_id, int64_t stall_ms,
                                struct avsp_err *err) AVSP_CHECKED;
/// Ends the thread. No attempt may be left.
void avsp_beats_stop(struct avsp_beats *beats);

void avsp_beats_add(struct avsp_beats *beats, struct avsp_beat *beat);
void avsp_beats_remove(struct avsp_beats *beats, struct avsp_beat *beat);

void avsp_beat_progress(struct avsp_beats *beats, struct avsp_beat *beat, uint64_t frames_done,
                        uint64_t frames_total);

/// The next beat comes soon: whoever waits for what the answer says.
void avsp_beat_soon(struct avsp_beats *beats, struct avsp_beat *beat);

/// The attempt gets on. @param ahead_ms  what it does next may take so long without a word, and is no hang
void avsp_beat_alive(struct avsp_beat *beat, int64_t ahead_ms);

enum avsp_verdict_kind avsp_beat_verdict(const struct avsp_beat *beat);

/// Does the attempt hold its task for certain? Not while no beat has got through for as long as a lease lasts: then somebody else may
/// have the task, and the job another end, without our having heard.
bool avsp_beat_is_sure(const struct avsp_beat *beat);

/// What an answer of the coordinator says about the attempt.
void avsp_beat_judge(struct avsp_beat *beat, const struct avsp_attempt_status *status);

#endif
