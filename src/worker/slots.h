/// Who may do what now: how many tasks are taken, how many media steps run, how much temporary storage is spoken for,
/// and whether the worker goes on at all.
///
/// A *load* is a task that needs an encoder for a good while yet: claims stop where there are as many as slots. A task that
/// is nearly done gives a load back early, so that the next one is claimed and fetched before the slot is free. A task that needs the
/// memory of several slots takes them all, and counts as that many loads. Any thread.
#ifndef AVSP_WORKER_SLOTS_H
#define AVSP_WORKER_SLOTS_H

#include "util/base.h"
#include "util/time.h"

#include <pthread.h>

enum avsp_phase {
    AVSP_PHASE_RUN,
    AVSP_PHASE_DRAIN, ///< no new task; what runs is finished
    AVSP_PHASE_STOP,  ///< what runs is handed back
};

struct avsp_slots {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    enum avsp_phase phase;
    unsigned n_slots;
    unsigned n_load;
    unsigned n_light;    ///< runners of tasks without a slot that claim or work
    unsigned n_taken;    ///< slots that media steps hold
    unsigned n_waiting;  ///< media steps that wait for slots
    const void *next_up; ///< whoever waits for slots longest; NULL = nobody
    unsigned n_tasks;    ///< claimed and not over
    struct avsp_mono idle_since;
    uint32_t none_of;     ///< kinds of which there was nothing since then
    uint64_t limit_bytes; ///< 0 = none
    uint64_t used_bytes;
    uint64_t kept_bytes; ///< of these: by tasks that wait for others to get on
    const void
        *grower; ///< the task that needs more than it has taken, and waits for it; NULL = none
};

/// Is the task that waits wanted still? Asked without a lock held.
struct avsp_slots_waiter {
    bool (*should_stop)(void *opaque);
    void *opaque;
};

void avsp_slots_init(struct avsp_slots *slots, unsigned n_slots, uint64_t limit_bytes);
/// All temporary storage was given back.
void avsp_slots_deinit(struct avsp_slots *slots);

/// Phases only go forward.
void avsp_slots_set_phase(struct avsp_slots *slots, enum avsp_phase phase);
enum avsp_phase avsp_slots_phase(struct avsp_slots *slots);

/// Sleeps; returns early, with false, when the phase becomes @p until or a later one.
bool avsp_slots_sleep(struct avsp_slots *slots, int64_t ms, enum avsp_phase until);

/// Waits until a task that needs a slot may be claimed, and counts it. @return false: no more claims.
bool avsp_slots_load(struct avsp_slots *slots) AVSP_CHECKED;
/// A task that was counted once turns out to be @p n loads; does not wait.
/// @return false, and it counts once as before: others turned out so large meanwhile that they alone are as many as slots. It is to be
///         handed back, for another worker may have a slot free; here no more is claimed then.
bool avsp_slots_load_all(struct avsp_slots *slots, unsigned n) AVSP_CHECKED;
void avsp_slots_unload(struct avsp_slots *slots, unsigned n);

/// Waits until a task that needs no slot may be claimed: AVSP_SLOTS_LIGHT at once. A split that waits for encoders is not one of
/// them meanwhile (give), and counts again without waiting (again). @return false: no more claims.
#define AVSP_SLOTS_LIGHT 2
bool avsp_slots_light_take(struct avsp_slots *slots) AVSP_CHECKED;
void avsp_slots_light_give(struct avsp_slots *slots);
void avsp_slots_light_again(struct avsp_slots *slots);

/// Counts tasks that are claimed and not over.
void avsp_slots_task_begin(struct avsp_slots *slots);
void avsp_slots_task_end(struct avsp_slots *slots);
/// The coordinator has answered that there is nothing of these kinds (AVSP_KIND_BIT); 0: it has not answered.
void avsp_slots_note_none(struct avsp_slots *slots, uint32_t kinds);
/// How long there has been no task, in milliseconds; -1: there is one, or the coordinator has not said of all @p kinds since then that
/// there is none.
int64_t avsp_slots_idle_ms(struct avsp_slots *slots, uint32_t kinds);

/// Waits for @p n free slots, 1 up to all that there are. Nobody who comes later and wants fewer is let in before.
/// @param waiter  its `opaque` is another one for each that waits. @return false: stopped.
bool avsp_slots_take(struct avsp_slots *slots, unsigned n,
                     struct avsp_slots_waiter waiter) AVSP_CHECKED;
void avsp_slots_give(struct avsp_slots *slots, unsigned n);
/// How many are taken now, and how many tasks wait for some.
unsigned avsp_slots_taken(struct avsp_slots *slots, unsigned *ret_waiting);

/// Temporary storage. A task takes what it expects to need before it begins, and while it has nothing, so that no two tasks wait for
/// each other. Who finds that it needs more grows; where that has to wait, nobody else takes any meanwhile, and a second one that
/// would have to wait gives way, as do those that wait for others: it is handed back, with all that it has taken.

/// Waits until @p bytes may be used. More than there can ever be is taken as all of it: then the task has it to itself, but for what is
/// kept by those that wait for others.
/// @param ret_bytes what was taken, to be given back; perhaps less than was asked for. @return false: stopped.
bool avsp_slots_reserve(struct avsp_slots *slots, uint64_t bytes, struct avsp_slots_waiter waiter,
                        uint64_t *ret_bytes) AVSP_CHECKED;

enum avsp_growth {
    AVSP_GROWTH_DONE,
    AVSP_GROWTH_WAIT,     ///< ask again
    AVSP_GROWTH_GIVE_WAY, ///< another waits already
};

/// Takes more, up to @p wanted_bytes in all; does not wait itself.
/// @param who    the task, until avsp_slots_release
/// @param bytes  what it has taken so far; changed with DONE
enum avsp_growth avsp_slots_grow(struct avsp_slots *slots, const void *who, uint64_t wanted_bytes,
                                 uint64_t *bytes) AVSP_CHECKED;

/// Is there a task that needs more than there is? Whoever waits for others then gives way.
bool avsp_slots_is_crowded(struct avsp_slots *slots);

/// A task that waits for others keeps only what its files take: @p bytes becomes that, or stays as it is where that is more.
/// With `go_on` it counts among those again who get on.
void avsp_slots_keep(struct avsp_slots *slots, uint64_t used_bytes, uint64_t *bytes);
void avsp_slots_go_on(struct avsp_slots *slots, uint64_t bytes);

/// The task is over: gives @p bytes back.
void avsp_slots_release(struct avsp_slots *slots, const void *who, uint64_t bytes);

#endif
