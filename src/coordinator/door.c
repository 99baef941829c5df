#include "coordinator/door.h"

#include "crypto/bearer.h"
#include "util/log.h"
#include "util/time.h"

#include <inttypes.h>
#include <string.h>

#define TOKENS_ARENA_BYTES (16u << 20)
#define ASK_AGAIN_MS 50
#define LOG_AGAIN_MS 1000

void avsp_door_init(struct avsp_door *door, bool asks)
{
    *door = (struct avsp_door){.asks = asks};
    pthread_mutex_init(&door->lock, NULL);
    avsp_arena_init(&door->arena, TOKENS_ARENA_BYTES);
}

void avsp_door_deinit(struct avsp_door *door)
{
    avsp_arena_deinit(&door->arena);
    pthread_mutex_destroy(&door->lock);
}

static int compare_ids(const void *a, const void *b)
{
    return strcmp(((const struct avsp_access_token *)a)->id,
                  ((const struct avsp_access_token *)b)->id);
}

void avsp_door_refresh(struct avsp_door *door, struct avsp_store *store)
{
    if (!door->asks)
        return;
    struct avsp_err ignored = {0}; // the sweep says what is wrong with the database
    struct avsp_arena arena;
    struct avsp_access_token *tokens = NULL;
    size_t n = 0;
    avsp_arena_init(&arena, TOKENS_ARENA_BYTES);
    if (avsp_store_list_tokens(store, true, &arena, &tokens, &n, &ignored) == AVSP_OK) {
        qsort(tokens, n, sizeof *tokens, compare_ids);
        pthread_mutex_lock(&door->lock);
        struct avsp_arena former = door->arena;
        door->arena = arena;
        door->tokens = tokens;
        door->n_tokens = n;
        pthread_mutex_unlock(&door->lock);
        arena = former;
    }
    avsp_arena_deinit(&arena);
}

/// Looks a token up among those that are known.
static bool find(struct avsp_door *door, const struct avsp_bearer *shown,
                 struct avsp_caller *ret_caller)
{
    bool is_good = false;
    const struct avsp_access_token key = {.id = shown->id};
    pthread_mutex_lock(&door->lock);
    const struct avsp_access_token *token =
        door->tokens == NULL ? NULL
                             : bsearch(&key, door->tokens, door->n_tokens, sizeof key, compare_ids);
    if (token != NULL) {
        struct avsp_bearer kept;
        snprintf(kept.id, sizeof kept.id, "%s", token->id);
        snprintf(kept.hash, sizeof kept.hash, "%s", token->hash);
        is_good = avsp_bearer_equal(&kept, shown);
    }
    if (is_good) {
        ret_caller->access = token->role;
        snprintf(ret_caller->name, sizeof ret_caller->name, "%s", token->name);
    }
    pthread_mutex_unlock(&door->lock);
    return is_good;
}

static bool has_read(struct avsp_door *door)
{
    pthread_mutex_lock(&door->lock);
    const bool has = door->tokens != NULL;
    pthread_mutex_unlock(&door->lock);
    return has;
}

/// May the database be asked about a token that is not known?
static bool may_ask_again(struct avsp_door *door)
{
    pthread_mutex_lock(&door->lock);
    bool may = avsp_mono_passed(door->ask_again);
    if (may)
        door->ask_again = avsp_mono_in_ms(ASK_AGAIN_MS);
    pthread_mutex_unlock(&door->lock);
    return may;
}

static enum avsp_code ask_token(struct avsp_door *door, struct avsp_store *store,
                                const struct avsp_credentials *shown,
                                struct avsp_caller *ret_caller, struct avsp_err *err)
{
    struct avsp_bearer bearer;
    if (!avsp_bearer_read(shown->bearer, shown->bearer_len, &bearer))
        return avsp_err_set(err, AVSP_UNAUTHENTICATED,
                            "what was given as a token is none: those are made by "
                            "avspl1t-coordinator token add");
    if (find(door, &bearer, ret_caller))
        return AVSP_OK;
    if (may_ask_again(door)) {
        avsp_door_refresh(door, store);
        if (find(door, &bearer, ret_caller))
            return AVSP_OK;
    }
    if (!has_read(door))
        return avsp_err_set(err, AVSP_UNAVAILABLE,
                            "the database could not be asked for tokens yet");
    return avsp_err_set(err, AVSP_UNAUTHENTICATED,
                        "the token %s is not known here: it was revoked, it has expired, or it is "
                        "another database's",
                        bearer.id);
}

static enum avsp_code ask(struct avsp_door *door, struct avsp_store *store,
                          const struct avsp_credentials *shown, struct avsp_caller *ret_caller,
                          struct avsp_err *err)
{
    if (shown->bearer != NULL)
        return ask_token(door, store, shown, ret_caller, err);
    for (size_t i = 0; i < shown->n_uris; i++)
        if (avsp_access_of_uri(shown->uris[i], ret_caller))
            return AVSP_OK;
    if (shown->has_certificate)
        return avsp_err_set(err, AVSP_UNAUTHENTICATED,
                            "the certificate says no role: it needs a URI of the form "
                            "avspl1t:ROLE:NAME among its subject's alternative names");
    return avsp_err_set(err, AVSP_UNAUTHENTICATED,
                        "this coordinator asks who is calling: give a token with --token-file or "
                        "in AVSPL1T_TOKEN, or a certificate");
}

/// Counts those who were turned away, and says so now and then.
static void note_refusal(struct avsp_door *door, const struct avsp_err *err)
{
    pthread_mutex_lock(&door->lock);
    uint64_t n = ++door->n_refused;
    bool tell = avsp_mono_passed(door->log_again);
    if (tell) {
        door->log_again = avsp_mono_in_ms(LOG_AGAIN_MS);
        door->n_refused = 0;
    }
    pthread_mutex_unlock(&door->lock);
    if (tell)
        avsp_log(AVSP_LOG_WARN, "caller.refused", "n=%" PRIu64 " why=%s", n, AVSP_LOG_Q(err->text));
}

enum avsp_code avsp_door_ask(struct avsp_door *door, struct avsp_store *store,
                             const struct avsp_credentials *shown, struct avsp_caller *ret_caller,
                             struct avsp_err *err)
{
    *ret_caller = (struct avsp_caller){.access = door->asks ? 0 : AVSP_ACCESS_ALL};
    if (!door->asks)
        return AVSP_OK;
    enum avsp_code rc = ask(door, store, shown, ret_caller, err);
    if (rc == AVSP_UNAUTHENTICATED)
        note_refusal(door, err);
    return rc;
}
