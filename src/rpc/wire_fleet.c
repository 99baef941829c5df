#include "rpc/wire.h"

#define LIST_LIMIT_DEFAULT 100

_Static_assert((int)COM__AVSPL1T__WORKER_STATE__WORKER_STATE_IDLE == (int)AVSP_WORKER_IDLE, "");
_Static_assert((int)COM__AVSPL1T__WORKER_STATE__WORKER_STATE_AWAY == (int)AVSP_WORKER_AWAY, "");

Com__Avspl1t__ListWorkersMessage *
avsp_wire_make_workers_query(struct avsp_arena *arena, const struct avsp_workers_query *query)
{
    Com__Avspl1t__ListWorkersMessage *msg =
        avsp_wire_new(arena, &com__avspl1t__list_workers_message__descriptor);
    if (msg == NULL)
        return NULL;
    msg->limit = query->limit;
    msg->page = (char *)query->page;
    return msg;
}

enum avsp_code avsp_wire_read_workers_query(const Com__Avspl1t__ListWorkersMessage *msg,
                                            struct avsp_workers_query *ret_query,
                                            struct avsp_err *err)
{
    *ret_query = (struct avsp_workers_query){
        .limit = msg->limit != 0 ? msg->limit : LIST_LIMIT_DEFAULT,
        .page = msg->page,
    };
    return avsp_wire_range("limit", msg->limit, 0, AVSP_BATCH_MAX, err);
}

static bool make_tasks(struct avsp_arena *arena, const struct avsp_worker_record *worker,
                       Com__Avspl1t__Worker *msg)
{
    msg->n_tasks = worker->n_tasks;
    msg->tasks = avsp_arena_array(arena, worker->n_tasks, sizeof *msg->tasks);
    for (size_t i = 0; msg->tasks != NULL && i < worker->n_tasks; i++) {
        msg->tasks[i] = avsp_wire_new(arena, &com__avspl1t__worker_task__descriptor);
        if (msg->tasks[i] == NULL)
            return false;
        msg->tasks[i]->job_id = (char *)worker->tasks[i].job_id;
        msg->tasks[i]->kind = (Com__Avspl1t__TaskKind)worker->tasks[i].kind;
        msg->tasks[i]->index = worker->tasks[i].idx;
    }
    return msg->tasks != NULL;
}

static Com__Avspl1t__Worker *make_worker(struct avsp_arena *arena,
                                         const struct avsp_worker_record *worker)
{
    Com__Avspl1t__Worker *msg = avsp_wire_new(arena, &com__avspl1t__worker__descriptor);
    if (msg == NULL)
        return NULL;
    msg->id = (char *)worker->id;
    msg->state = (Com__Avspl1t__WorkerState)worker->state;
    msg->host = (char *)worker->host;
    msg->version = (char *)worker->version;
    msg->slots = worker->slots;
    msg->drains = worker->drains;
    msg->first_seen_at = avsp_wire_make_time(arena, worker->first_us);
    msg->last_seen_at = avsp_wire_make_time(arena, worker->seen_us);
    bool ok = msg->first_seen_at != NULL && msg->last_seen_at != NULL;
    return ok && make_tasks(arena, worker, msg) ? msg : NULL;
}

Com__Avspl1t__WorkerPage *avsp_wire_make_worker_page(struct avsp_arena *arena,
                                                     const struct avsp_worker_page *page)
{
    Com__Avspl1t__WorkerPage *msg = avsp_wire_new(arena, &com__avspl1t__worker_page__descriptor);
    if (msg == NULL)
        return NULL;
    msg->next_page = (char *)page->next_page;
    msg->n_workers = page->n_workers;
    msg->workers = avsp_arena_array(arena, page->n_workers, sizeof *msg->workers);
    for (size_t i = 0; msg->workers != NULL && i < page->n_workers; i++) {
        msg->workers[i] = make_worker(arena, &page->workers[i]);
        if (msg->workers[i] == NULL)
            return NULL;
    }
    return msg->workers != NULL ? msg : NULL;
}

static enum avsp_code read_worker(struct avsp_arena *arena, const Com__Avspl1t__Worker *from,
                                  struct avsp_worker_record *worker, struct avsp_err *err)
{
    *worker = (struct avsp_worker_record){
        .id = from->id,
        .state = (enum avsp_worker_state)from->state,
        .host = from->host,
        .version = from->version,
        .slots = from->slots,
        .drains = from->drains,
        .first_us = avsp_wire_read_time(from->first_seen_at),
        .seen_us = avsp_wire_read_time(from->last_seen_at),
        .n_tasks = from->n_tasks,
        .tasks = avsp_arena_array(arena, from->n_tasks, sizeof *worker->tasks),
    };
    if (worker->tasks == NULL)
        return avsp_arena_failed(arena, err);
    for (size_t i = 0; i < from->n_tasks; i++)
        worker->tasks[i] = (struct avsp_worker_task){from->tasks[i]->job_id,
                                                     avsp_wire_read_kind((int)from->tasks[i]->kind),
                                                     from->tasks[i]->index};
    return AVSP_OK;
}

enum avsp_code avsp_wire_read_worker_page(struct avsp_arena *arena,
                                          const Com__Avspl1t__WorkerPage *msg,
                                          struct avsp_worker_page *ret_page, struct avsp_err *err)
{
    struct avsp_worker_record *workers = avsp_arena_array(arena, msg->n_workers, sizeof *workers);
    if (workers == NULL)
        return avsp_arena_failed(arena, err);
    for (size_t i = 0; i < msg->n_workers; i++) {
        enum avsp_code rc = read_worker(arena, msg->workers[i], &workers[i], err);
        if (rc != AVSP_OK)
            return rc;
    }
    *ret_page = (struct avsp_worker_page){workers, msg->n_workers, msg->next_page};
    return AVSP_OK;
}
