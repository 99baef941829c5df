#include "worker/slots.h"

#include "util/cond.h"

/// How often a waiter looks whether its task is still wanted.
#define TICK_MS 200

void avsp_slots_init(struct avsp_slots *slots, unsigned n_slots, uint64_t limit_bytes)
{
    *slots = (struct avsp_slots){
        .n_slots = n_slots, .limit_bytes = limit_bytes, .idle_since = avsp_mono_now()};
    avsp_cond_init(&slots->changed);
    AVSP_ASSERT(pthread_mutex_init(&slots->lock, NULL) == 0);
}

void avsp_slots_deinit(struct avsp_slots *slots)
{
    AVSP_ASSERT(slots->used_bytes == 0);
    pthread_cond_destroy(&slots->changed);
    pthread_mutex_destroy(&slots->lock);
}

void avsp_slots_set_phase(struct avsp_slots *slots, enum avsp_phase phase)
{
    pthread_mutex_lock(&slots->lock);
    slots->phase = AVSP_MAX(slots->phase, phase);
    pthread_cond_broadcast(&slots->changed);
    pthread_mutex_unlock(&slots->lock);
}

enum avsp_phase avsp_slots_phase(struct avsp_slots *slots)
{
    pthread_mutex_lock(&slots->lock);
    enum avsp_phase phase = slots->phase;
    pthread_mutex_unlock(&slots->lock);
    return phase;
}

bool avsp_slots_sleep(struct avsp_slots *slots, int64_t ms, enum avsp_phase until)
{
    struct avsp_mono deadline = avsp_mono_in_ms(ms);
    pthread_mutex_lock(&slots->lock);
    while (slots->phase < until && !avsp_mono_passed(deadline))
        avsp_cond_wait_until(&slots->changed, &slots->lock, deadline);
    bool went_through = slots->phase < until;
    pthread_mutex_unlock(&slots->lock);
    return went_through;
}

bool avsp_slots_load(struct avsp_slots *slots)
{
    pthread_mutex_lock(&slots->lock);
    while (slots->phase == AVSP_PHASE_RUN && slots->n_load >= slots->n_slots)
        pthread_cond_wait(&slots->changed, &slots->lock);
    bool may = slots->phase == AVSP_PHASE_RUN;
    if (may)
        slots->n_load++;
    pthread_mutex_unlock(&slots->lock);
    return may;
}

/// Counts one of the numbers down and wakes whoever waits for that.
static void count_down(struct avsp_slots *slots, unsigned *number, unsigned n)
{
    pthread_mutex_lock(&slots->lock);
    AVSP_ASSERT(*number >= n);
    *number -= n;
    pthread_cond_broadcast(&slots->changed);
    pthread_mutex_unlock(&slots->lock);
}

bool avsp_slots_load_all(struct avsp_slots *slots, unsigned n)
{
    pthread_mutex_lock(&slots->lock);
    AVSP_ASSERT(n > 0 && slots->n_load > 0);
    bool may = slots->n_load - 1 < slots->n_slots;
    if (may)
        slots->n_load += n - 1;
    pthread_mutex_unlock(&slots->lock);
    return may;
}

void avsp_slots_unload(struct avsp_slots *slots, unsigned n)
{
    count_down(slots, &slots->n_load, n);
}

bool avsp_slots_light_take(struct avsp_slots *slots)
{
    pthread_mutex_lock(&slots->lock);
    while (slots->phase == AVSP_PHASE_RUN && slots->n_light >= AVSP_SLOTS_LIGHT)
        pthread_cond_wait(&slots->changed, &slots->lock);
    bool may = slots->phase == AVSP_PHASE_RUN;
    slots->n_light += may;
    pthread_mutex_unlock(&slots->lock);
    return may;
}

void avsp_slots_light_give(struct avsp_slots *slots)
{
    count_down(slots, &slots->n_light, 1);
}

void avsp_slots_light_again(struct avsp_slots *slots)
{
    pthread_mutex_lock(&slots->lock);
    slots->n_light++;
    pthread_mutex_unlock(&slots->lock);
}

void avsp_slots_task_begin(struct avsp_slots *slots)
{
    pthread_mutex_lock(&slots->lock);
    slots->n_tasks++;
    pthread_mutex_unlock(&slots->lock);
}

void avsp_slots_task_end(struct avsp_slots *slots)
{
    pthread_mutex_lock(&slots->lock);
    AVSP_ASSERT(slots->n_tasks > 0);
    slots->n_tasks--;
    slots->idle_since = avsp_mono_now();
    slots->none_of = 0;
    pthread_mutex_unlock(&slots->lock);
}

void avsp_slots_note_none(struct avsp_slots *slots, uint32_t kinds)
{
    pthread_mutex_lock(&slots->lock);
    slots->none_of = kinds == 0 ? 0 : slots->none_of | kinds;
    pthread_mutex_unlock(&slots->lock);
}

int64_t avsp_slots_idle_ms(struct avsp_slots *slots, uint32_t kinds)
{
    pthread_mutex_lock(&slots->lock);
    bool is_idle = slots->n_tasks == 0 && (kinds & ~slots->none_of) == 0;
    int64_t ms = is_idle ? (avsp_mono_now().us - slots->idle_since.us) / 1000 : -1;
    pthread_mutex_unlock(&slots->lock);
    return ms;
}

/// One tick of a wait; false where it is in vain. The lock is held by the caller, and given up while the waiter is asked.
static bool wait_tick(struct avsp_slots *slots, struct avsp_slots_waiter waiter)
{
    avsp_cond_wait_until(&slots->changed, &slots->lock, avsp_mono_in_ms(TICK_MS));
    pthread_mutex_unlock(&slots->lock);
    bool stop = waiter.should_stop(waiter.opaque);
    pthread_mutex_lock(&slots->lock);
    return !stop;
}

/// May @p who take @p n slots now? It is next, unless somebody else is: those who want few would pass those who want many by for ever.
static bool may_take(struct avsp_slots *slots, unsigned n, const void *who)
{
    if (slots->next_up == NULL)
        slots->next_up = who;
    return slots->next_up == who && n <= slots->n_slots - slots->n_taken;
}

bool avsp_slots_take(struct avsp_slots *slots, unsigned n, struct avsp_slots_waiter waiter)
{
    AVSP_ASSERT(n > 0 && n <= slots->n_slots && waiter.opaque != NULL);
    pthread_mutex_lock(&slots->lock);
    bool wanted = true;
    slots->n_waiting++;
    while (wanted && !may_take(slots, n, waiter.opaque))
        wanted = wait_tick(slots, waiter);
    slots->n_waiting--;
    if (wanted)
        slots->n_taken += n;
    if (slots->next_up == waiter.opaque)
        slots->next_up = NULL;
    pthread_cond_broadcast(&slots->changed);
    pthread_mutex_unlock(&slots->lock);
    return wanted;
}

void avsp_slots_give(struct avsp_slots *slots, unsigned n)
{
    count_down(slots, &slots->n_taken, n);
}

unsigned avsp_slots_taken(struct avsp_slots *slots, unsigned *ret_waiting)
{
    pthread_mutex_lock(&slots->lock);
    unsigned n = slots->n_taken;
    *ret_waiting = slots->n_waiting;
    pthread_mutex_unlock(&slots->lock);
    return n;
}

/// What a task that asks for so much gets. What waiting tasks keep is not there for as long as it waits for it.
static uint64_t share(const struct avsp_slots *slots, uint64_t bytes)
{
    return AVSP_MIN(bytes, slots->limit_bytes - slots->kept_bytes);
}

static bool has_room(const struct avsp_slots *slots, uint64_t bytes)
{
    return bytes <= slots->limit_bytes - slots->used_bytes;
}

bool avsp_slots_reserve(struct avsp_slots *slots, uint64_t bytes, struct avsp_slots_waiter waiter,
                        uint64_t *ret_bytes)
{
    if (slots->limit_bytes == 0) {
        *ret_bytes = 0;
        return true;
    }
    pthread_mutex_lock(&slots->lock);
    bool wanted = true;
    while (wanted && (slots->grower != NULL || !has_room(slots, share(slots, bytes))))
        wanted = wait_tick(slots, waiter);
    if (wanted) {
        *ret_bytes = share(slots, bytes);
        slots->used_bytes += *ret_bytes;
    }
    pthread_mutex_unlock(&slots->lock);
    return wanted;
}

enum avsp_growth avsp_slots_grow(struct avsp_slots *slots, const void *who, uint64_t wanted_bytes,
                                 uint64_t *bytes)
{
    AVSP_ASSERT(wanted_bytes >= *bytes && wanted_bytes <= slots->limit_bytes);
    enum avsp_growth growth = AVSP_GROWTH_GIVE_WAY;
    pthread_mutex_lock(&slots->lock);
    if (has_room(slots, wanted_bytes - *bytes)) {
        slots->used_bytes += wanted_bytes - *bytes;
        *bytes = wanted_bytes;
        slots->grower = slots->grower == who ? NULL : slots->grower;
        pthread_cond_broadcast(&slots->changed);
        growth = AVSP_GROWTH_DONE;
    } else if (slots->grower == NULL || slots->grower == who) {
        slots->grower = who;
        growth = AVSP_GROWTH_WAIT;
    }
    pthread_mutex_unlock(&slots->lock);
    return growth;
}

bool avsp_slots_is_crowded(struct avsp_slots *slots)
{
    pthread_mutex_lock(&slots->lock);
    bool is_crowded = slots->grower != NULL;
    pthread_mutex_unlock(&slots->lock);
    return is_crowded;
}

void avsp_slots_keep(struct avsp_slots *slots, uint64_t used_bytes, uint64_t *bytes)
{
    pthread_mutex_lock(&slots->lock);
    uint64_t kept = AVSP_MIN(used_bytes, *bytes);
    slots->used_bytes -= *bytes - kept;
    slots->kept_bytes += kept;
    *bytes = kept;
    pthread_cond_broadcast(&slots->changed);
    pthread_mutex_unlock(&slots->lock);
}

void avsp_slots_go_on(struct avsp_slots *slots, uint64_t bytes)
{
    pthread_mutex_lock(&slots->lock);
    AVSP_ASSERT(bytes <= slots->kept_bytes);
    slots->kept_bytes -= bytes;
    pthread_mutex_unlock(&slots->lock);
}

void avsp_slots_release(struct avsp_slots *slots, const void *who, uint64_t bytes)
{
    pthread_mutex_lock(&slots->lock);
    AVSP_ASSERT(bytes <= slots->used_bytes);
    slots->used_bytes -= bytes;
    slots->grower = slots->grower == who ? NULL : slots->grower;
    pthread_cond_broadcast(&slots->changed);
    pthread_mutex_unlock(&slots->lock);
}
