#include "coordinator/fleet.h"

#include "util/hash.h"
#include "util/time.h"

#include <string.h>

#define NOTE_EVERY_US 5000000
#define FORGET_EVERY_US 60000000
#define DRAINING_MAX_BYTES (32 << 20)

void avsp_fleet_init(struct avsp_fleet *fleet)
{
    *fleet = (struct avsp_fleet){0};
    AVSP_ASSERT(pthread_mutex_init(&fleet->lock, NULL) == 0);
    avsp_arena_init(&fleet->arena, DRAINING_MAX_BYTES);
}

void avsp_fleet_deinit(struct avsp_fleet *fleet)
{
    avsp_arena_deinit(&fleet->arena);
    pthread_mutex_destroy(&fleet->lock);
}

/// Is it time to write? Then it counts as written.
static bool is_due(struct avsp_fleet *fleet, const char *worker_id)
{
    const uint64_t hash = avsp_hash_text(worker_id, 0);
    const int64_t now_us = avsp_mono_now().us;
    pthread_mutex_lock(&fleet->lock);
    int64_t *last_us = &fleet->noted[hash % AVSP_FLEET_PLACES].us;
    uint64_t *last_hash = &fleet->noted[hash % AVSP_FLEET_PLACES].hash;
    bool due = *last_us == 0 || *last_hash != hash || now_us - *last_us >= NOTE_EVERY_US;
    if (due) {
        *last_hash = hash;
        *last_us = now_us;
    }
    pthread_mutex_unlock(&fleet->lock);
    return due;
}

void avsp_fleet_note(struct avsp_fleet *fleet, struct avsp_store *store,
                     const struct avsp_worker_info *workers, size_t n)
{
    struct avsp_worker_info due[AVSP_TOGETHER_MAX];
    size_t n_due = 0;
    AVSP_ASSERT(n <= AVSP_TOGETHER_MAX);
    for (size_t i = 0; i < n; i++)
        if (workers[i].id[0] != '\0' && is_due(fleet, workers[i].id))
            due[n_due++] = workers[i];
    struct avsp_err ignored = {0};
    if (n_due > 0)
        (void)!avsp_store_note_workers(store, due, n_due, &ignored);
}

/// Called with the lock.
static bool is_listed(const struct avsp_fleet *fleet, const char *worker_id)
{
    for (size_t i = 0; i < fleet->n_draining; i++)
        if (strcmp(fleet->draining[i], worker_id) == 0)
            return true;
    return false;
}

bool avsp_fleet_drains(struct avsp_fleet *fleet, const char *worker_id)
{
    pthread_mutex_lock(&fleet->lock);
    bool drains = is_listed(fleet, worker_id);
    pthread_mutex_unlock(&fleet->lock);
    return drains;
}

static void forget_sometimes(struct avsp_fleet *fleet, struct avsp_store *store)
{
    const int64_t now_us = avsp_mono_now().us;
    pthread_mutex_lock(&fleet->lock);
    bool due = now_us - fleet->swept_us >= FORGET_EVERY_US;
    if (due)
        fleet->swept_us = now_us;
    pthread_mutex_unlock(&fleet->lock);
    struct avsp_err ignored = {0};
    if (due)
        (void)!avsp_store_forget_workers(store, &ignored);
}

bool avsp_fleet_refresh(struct avsp_fleet *fleet, struct avsp_store *store, bool *ret_is_new)
{
    *ret_is_new = false;
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    avsp_arena_init(&arena, DRAINING_MAX_BYTES);
    const char **ids = NULL;
    size_t n = 0;
    struct avsp_err ignored = {0};
    forget_sometimes(fleet, store);
    if (avsp_store_list_draining(store, &arena, &ids, &n, &ignored) != AVSP_OK)
        return false;
    pthread_mutex_lock(&fleet->lock);
    for (size_t i = 0; !*ret_is_new && i < n; i++)
        *ret_is_new = !is_listed(fleet, ids[i]);
    struct avsp_arena before = fleet->arena;
    fleet->arena = arena;
    fleet->draining = ids;
    fleet->n_draining = n;
    pthread_mutex_unlock(&fleet->lock);
    arena = before; // goes away with its variable
    return true;
}
