#include "worker/heartbeat.h"

#include "util/cond.h"
#include "util/log.h"

#include <inttypes.h>
#include <string.h>

#define INTERVAL_MS 1000
/// Of a split that waits for its encoders: what it waits for may be over the next moment.
#define HOLD_INTERVAL_MS 250
#define DEADLINE_MIN_MS 250
#define DEADLINE_MAX_MS 10000

/// What a beat needs, copied: the attempt may end while the call is under way.
struct copy {
    char task_id[AVSP_TEXT_MAX_BYTES];
    struct avsp_token token;
    int64_t lease_ms;
    struct avsp_progress progress;
    uint64_t serial;
};

static void copy_beat(const struct avsp_beat *beat, struct copy *copy)
{
    snprintf(copy->task_id, sizeof copy->task_id, "%s", beat->task_id);
    copy->token = beat->token;
    copy->lease_ms = beat->lease_ms;
    copy->serial = beat->serial;
    copy->progress = beat->progress;
    int64_t us = avsp_mono_now().us - beat->work_began.us;
    if (beat->work_began.us > 0 && us > 0 && beat->progress.frames_done < UINT32_MAX)
        copy->progress.milli_fps = (uint32_t)AVSP_MIN(
            beat->progress.frames_done * UINT64_C(1000000000) / (uint64_t)us, (uint64_t)UINT32_MAX);
}

static struct avsp_beat *find(const struct avsp_beats *beats, uint64_t serial)
{
    struct avsp_beat *beat = beats->first;
    while (beat != NULL && beat->serial != serial)
        beat = beat->next;
    return beat;
}

/// The attempt whose beat comes next; none for one that was given up and is over for the coordinator.
static struct avsp_beat *most_due(const struct avsp_beats *beats)
{
    struct avsp_beat *due = NULL;
    for (struct avsp_beat *beat = beats->first; beat != NULL; beat = beat->next)
        if (!beat->is_told && (due == NULL || beat->due.us < due->due.us))
            due = beat;
    return due;
}

/// A quarter of the lease, so that three more fit in before it runs out.
static int64_t deadline_ms(int64_t lease_ms)
{
    return AVSP_MAX(AVSP_MIN(lease_ms / 4, DEADLINE_MAX_MS), DEADLINE_MIN_MS);
}

void avsp_beat_judge(struct avsp_beat *beat, const struct avsp_attempt_status *status)
{
    if (status->canceled)
        atomic_store(&beat->verdict, AVSP_BEAT_CANCELED);
    else if (status->lease_lost)
        atomic_store(&beat->verdict, AVSP_BEAT_LOST);
    atomic_store(&beat->hand_back, status->hand_back);
    atomic_store(&beat->hold, status->hold);
}

/// Beats for one attempt. @return false: the coordinator is away.
static bool beat_once(struct avsp_beats *beats, const struct copy *copy,
                      struct avsp_attempt_status *status, struct avsp_err *err)
{
    enum avsp_code rc = avsp_client_heartbeat(beats->client, beats->worker_id, copy->task_id,
                                              copy->token, &copy->progress, status,
                                              avsp_mono_in_ms(deadline_ms(copy->lease_ms)), err);
    // The task is gone, or the token is stale: as much as a lost lease.
    if (rc == AVSP_NOT_FOUND || rc == AVSP_CONFLICT)
        *status = (struct avsp_attempt_status){.lease_lost = true};
    return rc == AVSP_OK || status->lease_lost;
}

/// Does it hang? From then on it does, whatever comes: the coordinator is going to be told.
static bool is_stalled(const struct avsp_beats *beats, struct avsp_beat *beat)
{
    int go_on = AVSP_BEAT_GO_ON;
    if (avsp_mono_now().us - atomic_load(&beat->alive_us) > beats->stall_ms * 1000)
        atomic_compare_exchange_strong(&beat->verdict, &go_on, AVSP_BEAT_STALLED);
    return avsp_beat_verdict(beat) == AVSP_BEAT_STALLED;
}

/// Ends an attempt in the place of whoever hangs in it. @return false: the coordinator is away.
static bool give_up(struct avsp_beats *beats, const struct copy *copy, struct avsp_err *err)
{
    char text[AVSP_TEXT_MAX_BYTES];
    snprintf(text, sizeof text,
             "no progress for %" PRId64
             " seconds on worker %s: something that it waits for, perhaps "
             "a file system, does not answer",
             beats->stall_ms / 1000, beats->worker_id);
    const struct avsp_finish finish = {
        .worker_id = beats->worker_id,
        .task_id = copy->task_id,
        .token = copy->token,
        .failure = {.code = AVSP_TIMEOUT, .may_retry = true, .message = text, .log_tail = ""},
    };
    enum avsp_code rc = avsp_client_finish(beats->client, &finish,
                                           avsp_mono_in_ms(deadline_ms(copy->lease_ms)), err);
    if (rc != AVSP_OK && rc != AVSP_NOT_FOUND && rc != AVSP_CONFLICT)
        return false;
    avsp_log(AVSP_LOG_ERROR, "task.stalled", "task=%s error=%s", copy->task_id, AVSP_LOG_Q(text));
    return true;
}

static void note_contact(struct avsp_beats *beats, bool there, const struct avsp_err *err)
{
    if (beats->is_away == !there)
        return;
    beats->is_away = !there;
    if (there)
        avsp_log(AVSP_LOG_INFO, "coordinator.back", "worker=%s", beats->worker_id);
    else
        avsp_log(AVSP_LOG_WARN, "coordinator.away", "worker=%s error=%s", beats->worker_id,
                 AVSP_LOG_Q(err->text));
}

static void wait_for(struct avsp_beats *beats, const struct avsp_beat *beat)
{
    if (beat == NULL) {
        pthread_cond_wait(&beats->changed, &beats->lock);
        return;
    }
    avsp_cond_wait_until(&beats->changed, &beats->lock, beat->due);
}

static void *run(void *opaque)
{
    struct avsp_beats *beats = opaque;
    struct copy copy;
    pthread_mutex_lock(&beats->lock);
    while (!beats->is_over) {
        struct avsp_beat *beat = most_due(beats);
        if (beat == NULL || !avsp_mono_passed(beat->due)) {
            wait_for(beats, beat);
            continue;
        }
        copy_beat(beat, &copy);
        const bool stalled = is_stalled(beats, beat);
        pthread_mutex_unlock(&beats->lock);
        struct avsp_attempt_status status = {0};
        struct avsp_err err = {0};
        const struct avsp_mono asked = avsp_mono_now();
        bool there = stalled ? give_up(beats, &copy, &err) : beat_once(beats, &copy, &status, &err);
        note_contact(beats, there, &err);
        if (status.drain)
            atomic_store(&beats->is_drain_asked, true);
        pthread_mutex_lock(&beats->lock);
        beat = find(beats, copy.serial);
        if (beat == NULL)
            continue;
        if (stalled) {
            beat->is_told = there;
        } else if (there) {
            avsp_beat_judge(beat, &status);
            atomic_store(&beat->sure_us, asked.us + copy.lease_ms * 1000);
        }
        const int64_t interval_ms = atomic_load(&beat->hold) ? HOLD_INTERVAL_MS : INTERVAL_MS;
        beat->due = avsp_mono_in_ms(AVSP_MIN(interval_ms, AVSP_MAX(copy.lease_ms / 4, 50)));
    }
    pthread_mutex_unlock(&beats->lock);
    return NULL;
}

enum avsp_code avsp_beats_start(struct avsp_beats *beats, struct avsp_client *client,
                                const char *worker_id, int64_t stall_ms, struct avsp_err *err)
{
    *beats = (struct avsp_beats){.client = client, .worker_id = worker_id, .stall_ms = stall_ms};
    avsp_cond_init(&beats->changed);
    AVSP_ASSERT(pthread_mutex_init(&beats->lock, NULL) == 0);
    int rc = pthread_create(&beats->thread, NULL, run, beats);
    return rc == 0 ? AVSP_OK : avsp_err_set_errno(err, rc, "start a thread");
}

void avsp_beats_stop(struct avsp_beats *beats)
{
    pthread_mutex_lock(&beats->lock);
    AVSP_ASSERT(beats->first == NULL);
    beats->is_over = true;
    pthread_cond_broadcast(&beats->changed);
    pthread_mutex_unlock(&beats->lock);
    pthread_join(beats->thread, NULL);
    pthread_cond_destroy(&beats->changed);
    pthread_mutex_destroy(&beats->lock);
}

void avsp_beats_add(struct avsp_beats *beats, struct avsp_beat *beat)
{
    pthread_mutex_lock(&beats->lock);
    beat->serial = ++beats->last_serial;
    beat->due = avsp_mono_now();
    avsp_beat_alive(beat, 0);
    beat->next = beats->first;
    beats->first = beat;
    pthread_cond_broadcast(&beats->changed);
    pthread_mutex_unlock(&beats->lock);
}

void avsp_beats_remove(struct avsp_beats *beats, struct avsp_beat *beat)
{
    pthread_mutex_lock(&beats->lock);
    struct avsp_beat **at = &beats->first;
    while (*at != beat)
        at = &(*at)->next;
    *at = beat->next;
    pthread_mutex_unlock(&beats->lock);
}

void avsp_beat_progress(struct avsp_beats *beats, struct avsp_beat *beat, uint64_t frames_done,
                        uint64_t frames_total)
{
    pthread_mutex_lock(&beats->lock);
    beat->progress.frames_done = frames_done;
    beat->progress.frames_total = frames_total;
    if (beat->work_began.us == 0)
        beat->work_began = avsp_mono_now();
    pthread_mutex_unlock(&beats->lock);
}

void avsp_beat_soon(struct avsp_beats *beats, struct avsp_beat *beat)
{
    const struct avsp_mono soon = avsp_mono_in_ms(HOLD_INTERVAL_MS);
    pthread_mutex_lock(&beats->lock);
    beat->due.us = AVSP_MIN(beat->due.us, soon.us);
    pthread_cond_broadcast(&beats->changed);
    pthread_mutex_unlock(&beats->lock);
}

void avsp_beat_alive(struct avsp_beat *beat, int64_t ahead_ms)
{
    atomic_store(&beat->alive_us, avsp_mono_in_ms(ahead_ms).us);
}

enum avsp_verdict_kind avsp_beat_verdict(const struct avsp_beat *beat)
{
    return (enum avsp_verdict_kind)atomic_load(&beat->verdict);
}

bool avsp_beat_is_sure(const struct avsp_beat *beat)
{
    return avsp_beat_verdict(beat) == AVSP_BEAT_GO_ON &&
           avsp_mono_now().us < atomic_load(&beat->sure_us);
}
