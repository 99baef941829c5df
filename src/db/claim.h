/// What the files of claims share beside db/internal.h: store_claim.c answers, store_choose.c chooses, store_floor.c and
/// store_expired.c know where to look.
///
/// Claims that ask for the same are one group, answered in one transaction:
///
///     rc = avsp_claim_choose(&work, err);            // locks tasks for those that have none
///     … takes them …
///     rc = avsp_claim_look_at_rest(&work, err);      // what waits besides, and how floors rise once this is committed
#ifndef AVSP_DB_CLAIM_H
#define AVSP_DB_CLAIM_H

#include "db/internal.h"

// --- where to look

void avsp_floors_init(struct avsp_floors *floors);
void avsp_floors_deinit(struct avsp_floors *floors);
/// The key from which on a level is to be looked through. @param ret_seen  for avsp_floors_raise; taken before the look.
int64_t avsp_floors_get(struct avsp_floors *floors, const struct avsp_level *level,
                        uint64_t *ret_seen);
/// A look found @p key first (AVSP_FLOOR_EMPTY: nothing), and what the looking transaction claimed is committed.
void avsp_floors_raise(struct avsp_floors *floors, const struct avsp_level *level, int64_t key,
                       uint64_t seen);
/// Something became ready.
void avsp_floors_sink(struct avsp_floors *floors, int64_t key, uint32_t priorities);
/// Looks at all levels from the bottom, for what nobody told.
enum avsp_code avsp_floors_check(struct avsp_tx *tx, struct avsp_err *err) AVSP_CHECKED;

/// A condition on tasks t: cleaning up waits while another job writes to the same output.
#define AVSP_NOT_IN_THE_WAY(t)                                                                     \
    " (" t "kind <> 5 OR NOT EXISTS (SELECT 1 FROM jobs mine JOIN jobs other"                      \
    " ON other.output_key = mine.output_key AND other.state IN (1, 5)"                             \
    " WHERE mine.id = " t "job_id))"

/// The first tasks of a level that are ready now.
#define AVSP_LOOK_MAX (AVSP_WAITING_MAX + 1)
struct avsp_look {
    struct avsp_level level;
    uint64_t seen;
    size_t n;
    size_t n_encodes;
    struct {
        int64_t key;
        int64_t idx;
        int64_t created_us;
    } of[AVSP_LOOK_MAX];
};
/// The kinds of a set of bits, as five parameters of a statement; 0 where one is not in it.
struct avsp_kinds {
    int64_t of[AVSP_TASK_CLEANUP];
};
struct avsp_kinds avsp_kinds_of(uint32_t kinds);

/// @param from  the key to begin at. Locks nothing.
enum avsp_code avsp_look(struct avsp_tx *tx, const struct avsp_level *level, int64_t from,
                         struct avsp_look *ret_look, struct avsp_err *err) AVSP_CHECKED;

/// Does the task at one place come before that at the other?
bool avsp_look_before(const struct avsp_look *a, size_t i, const struct avsp_look *b, size_t k);

/// Where the level's floor is, as far as a look from it, or from the bottom, has seen.
int64_t avsp_look_floor(const struct avsp_look *look);

void avsp_expired_init(struct avsp_expired *expired);
void avsp_expired_deinit(struct avsp_expired *expired);
/// Takes the first one out of the list that lies in the asked level, or in one of a higher priority beside it.
/// @param asked  NULL: one that has no attempt left. @return false: there is none.
bool avsp_expired_take(struct avsp_expired *expired, const struct avsp_level *asked,
                       char ret_id[AVSP_ID_BYTES]);
/// Reads the list anew; tells who waits of those that are new in it. However many nobody can take: no sort of task, by pool and kind,
/// is kept out by another.
enum avsp_code avsp_expired_read(struct avsp_tx *tx, struct avsp_err *err) AVSP_CHECKED;
/// After a transaction that was not committed: what was new in the list was not told.
void avsp_expired_forget(struct avsp_expired *expired);
/// Ends one of the list that has no attempt left, so that its job fails although nobody asks for work.
/// @param ret_ended  false: there is none.
enum avsp_code avsp_expired_end(struct avsp_tx *tx, bool *ret_ended,
                                struct avsp_err *err) AVSP_CHECKED;

// --- a group

/// Floors that one transaction raises; others wait for the next.
#define AVSP_RAISES_MAX (2 * (AVSP_PRIORITY_MAX + 1) * AVSP_POOLS_MAX)

/// Pools that one caller takes from, at most.
#define AVSP_POOLS_MAX 3

/// Claims that ask for the same, answered in one transaction.
struct avsp_claim_group {
    struct avsp_claim_item *items[AVSP_DB_LIST_MAX];
    size_t n;
    bool own;
    uint32_t kinds;
    int64_t encoders; ///< number of their set; 0 = they take no encodes of ours
    int64_t pools[AVSP_POOLS_MAX];
    size_t n_pools;
};

/// One claim in a transaction.
struct avsp_claim_answer {
    struct avsp_claim_item *item;
    bool found;
    bool repeated;               ///< it was given before
    struct avsp_handout handout; ///< its row with what is spent now
    struct avsp_task task;
};

/// What a transaction does for its group.
struct avsp_claim_work {
    const struct avsp_claim_group *group;
    struct avsp_tx *tx;
    struct avsp_claim_answer *answers; ///< one a claim, in the order of the group
    size_t n_found;
    bool again; ///< something came to its end instead of being handed out: look again
    bool full;  ///< no more may be done in this transaction
    const char *bound[AVSP_DB_LIST_MAX]; ///< jobs that were bound to the group's encoders
    size_t n_bound;
    char misplaced
        [AVSP_ID_BYTES]; ///< a job that is for other encoders, and stands where we look; "" = none
    struct {
        struct avsp_level level;
        int64_t key;
        uint64_t seen;
    } raises[AVSP_RAISES_MAX]; ///< of floors, once this is committed
    size_t n_raises;
    size_t n_encodes; ///< that wait besides, as far as was looked
};

#define AVSP_SELECT_HANDOUT                                                                        \
    "SELECT " AVSP_HANDOUT_COLUMNS " FROM tasks t JOIN jobs j ON j.id = t.job_id WHERE "

/// Gives the best tasks to those claims of a group that have none yet.
enum avsp_code avsp_claim_choose(struct avsp_claim_work *work, struct avsp_err *err) AVSP_CHECKED;

/// Looks at what is left, from the top, until as many encodes wait as anybody need know of.
enum avsp_code avsp_claim_look_at_rest(struct avsp_claim_work *work,
                                       struct avsp_err *err) AVSP_CHECKED;

#endif
