/// Who may come in: what callers show of themselves against the tokens that the database holds.
///
///     avsp_door_init(&door, true);
///     avsp_door_refresh(&door, store);                          // once a second: what was revoked is so from then on
///     rc = avsp_door_ask(&door, store, &shown, &caller, err);   // at each call: the database is hardly ever asked
///     avsp_door_deinit(&door);
///
/// All tokens are kept in memory, so that no number of calls, with good tokens or bad, is many questions to the database; for
/// one that is not known it is asked at most a few times a second, so that a new token is good at once. Any thread.
#ifndef AVSP_COORDINATOR_DOOR_H
#define AVSP_COORDINATOR_DOOR_H

#include "core/access.h"
#include "db/store.h"
#include "util/time.h"

#include <pthread.h>

struct avsp_door {
    bool asks; ///< false: everybody may do everything
    pthread_mutex_t lock;
    struct avsp_arena arena;          ///< of what follows
    struct avsp_access_token *tokens; ///< by id; NULL = never read yet
    size_t n_tokens;
    struct avsp_mono ask_again; ///< for a token that is not known
    struct avsp_mono log_again;
    uint64_t n_refused; ///< since that was logged
};

void avsp_door_init(struct avsp_door *door, bool asks);
void avsp_door_deinit(struct avsp_door *door);

/// Reads the tokens again. A failure leaves those that are known.
void avsp_door_refresh(struct avsp_door *door, struct avsp_store *store);

/// Who is it? Logs those who are turned away, at most once a second.
/// @return OK; UNAUTHENTICATED, with words that help; UNAVAILABLE the database could not be asked yet.
enum avsp_code avsp_door_ask(struct avsp_door *door, struct avsp_store *store,
                             const struct avsp_credentials *shown, struct avsp_caller *ret_caller,
                             struct avsp_err *err) AVSP_CHECKED;

#endif
