#include "rpc/wire.h"

#define LIST_LIMIT_DEFAULT 100

Com__Avspl1t__ListAttemptsMessage *
avsp_wire_make_attempts_query(struct avsp_arena *arena, const struct avsp_attempts_query *query)
{
    Com__Avspl1t__ListAttemptsMessage *msg =
        avsp_wire_new(arena, &com__avspl1t__list_attempts_message__descriptor);
    if (msg == NULL)
        return NULL;
    msg->job_id = (char *)query->job_id;
    msg->limit = query->limit;
    msg->page = (char *)query->page;
    return msg;
}

enum avsp_code avsp_wire_read_attempts_query(const Com__Avspl1t__ListAttemptsMessage *msg,
                                             struct avsp_attempts_query *ret_query,
                                             struct avsp_err *err)
{
    *ret_query = (struct avsp_attempts_query){
        .job_id = msg->job_id,
        .limit = msg->limit != 0 ? msg->limit : LIST_LIMIT_DEFAULT,
        .page = msg->page,
    };
    return avsp_wire_range("limit", msg->limit, 0, AVSP_BATCH_MAX, err);
}

static Com__Avspl1t__Attempt *make_attempt(struct avsp_arena *arena,
                                           const struct avsp_attempt_record *attempt)
{
    Com__Avspl1t__Attempt *msg = avsp_wire_new(arena, &com__avspl1t__attempt__descriptor);
    if (msg == NULL)
        return NULL;
    msg->task_id = (char *)attempt->task_id;
    msg->kind = (Com__Avspl1t__TaskKind)attempt->kind;
    msg->index = attempt->idx;
    msg->attempt = attempt->attempt;
    msg->worker_id = (char *)attempt->worker_id;
    msg->outcome = (char *)attempt->outcome;
    msg->claimed_at = avsp_wire_make_time(arena, attempt->claimed_us);
    msg->ended_at = avsp_wire_make_time(arena, attempt->ended_us);
    if (attempt->failure.code != AVSP_OK)
        msg->failure = avsp_wire_make_failure(arena, &attempt->failure);
    return msg->claimed_at != NULL && msg->ended_at != NULL &&
                   (attempt->failure.code == AVSP_OK || msg->failure != NULL)
               ? msg
               : NULL;
}

Com__Avspl1t__AttemptPage *avsp_wire_make_attempt_page(struct avsp_arena *arena,
                                                       const struct avsp_attempt_page *page)
{
    Com__Avspl1t__AttemptPage *msg = avsp_wire_new(arena, &com__avspl1t__attempt_page__descriptor);
    if (msg == NULL)
        return NULL;
    msg->next_page = (char *)page->next_page;
    msg->n_attempts = page->n_attempts;
    msg->attempts = avsp_arena_array(arena, page->n_attempts, sizeof *msg->attempts);
    for (size_t i = 0; msg->attempts != NULL && i < page->n_attempts; i++) {
        msg->attempts[i] = make_attempt(arena, &page->attempts[i]);
        if (msg->attempts[i] == NULL)
            return NULL;
    }
    return msg->attempts != NULL ? msg : NULL;
}

enum avsp_code avsp_wire_read_attempt_page(struct avsp_arena *arena,
                                           const Com__Avspl1t__AttemptPage *msg,
                                           struct avsp_attempt_page *ret_page, struct avsp_err *err)
{
    struct avsp_attempt_record *attempts =
        avsp_arena_array(arena, msg->n_attempts, sizeof *attempts);
    if (attempts == NULL)
        return avsp_arena_failed(arena, err);
    for (size_t i = 0; i < msg->n_attempts; i++) {
        const Com__Avspl1t__Attempt *from = msg->attempts[i];
        attempts[i] = (struct avsp_attempt_record){
            .task_id = from->task_id,
            .kind = avsp_wire_read_kind((int)from->kind),
            .idx = from->index,
            .attempt = from->attempt,
            .worker_id = from->worker_id,
            .claimed_us = avsp_wire_read_time(from->claimed_at),
            .ended_us = avsp_wire_read_time(from->ended_at),
            .outcome = from->outcome,
            .failure = {AVSP_OK, false, "", ""},
        };
        if (from->failure != NULL)
            avsp_wire_read_failure(from->failure, &attempts[i].failure);
    }
    *ret_page = (struct avsp_attempt_page){attempts, msg->n_attempts, msg->next_page};
    return AVSP_OK;
}
