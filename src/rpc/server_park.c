/// GetTask: claims, and those that wait for work.
///
/// A claim is in one of four hands: ASKING (a pool thread has it, or is about to), PARKED (the list has it), ANSWERED (gRPC has it), GIVEN BACK.
/// Who takes it out of the list, under the lock, has the duty to end it. A wake between an empty answer of the operation and the
/// parking is seen by the generation that the claim noted before it asked.
#include "rpc/access.h"
#include "rpc/server_gather.h"
#include "rpc/serving.h"
#include "rpc/wire.h"
#include "util/hash.h"

/// An answer is sent this long before the client's own deadline.
#define ANSWER_MARGIN_MS 200
#define WAIT_MAX_MS 60000
/// Those whose time is over are looked for this often at most: there may be tens of thousands.
#define TICK_MIN_US 20000
#define TASK_ARENA_BYTES (64u << 20)
#define CLAIM_REQUEST_MAX_BYTES (16 << 10)

enum hand {
    HAND_ASKING,
    HAND_PARKED,
    HAND_ANSWERED, ///< with a task
};

/// Sorts of claims that a wake has tried: whoever takes the same kinds of task, with the same encoders where these matter, finds nothing
/// either. More than a farm has at once; what does not fit in finds out at its next look.
#define SORTS_MAX 64

struct sorts {
    uint64_t tried[SORTS_MAX];
    size_t n;
};

struct parked {
    struct avsp_call *call;
    struct parked *prev, *next;
    enum hand hand;
    bool is_gone;       ///< the client went away
    bool is_last;       ///< the wait is over: an empty answer is sent
    uint64_t seen;      ///< generation noted before the operation was asked
    bool is_woken;      ///< it is asked because of a wake, which it must not swallow
    struct sorts tried; ///< by that wake, so far
    uint64_t sort;      ///< of this claim
    struct avsp_mono due;
    struct avsp_claim claim;
    struct avsp_task task;
    struct avsp_arena answer;
};

struct avsp_parking {
    pthread_mutex_t lock;
    struct parked *head, *tail;
    uint64_t generation; ///< of wakes
    bool is_closed;
};

struct avsp_parking *avsp_parking_new(void)
{
    struct avsp_parking *parking = calloc(1, sizeof *parking);
    if (parking != NULL)
        pthread_mutex_init(&parking->lock, NULL);
    return parking;
}

void avsp_parking_free(struct avsp_parking *parking)
{
    if (parking == NULL)
        return;
    AVSP_ASSERT(parking->head == NULL);
    pthread_mutex_destroy(&parking->lock);
    free(parking);
}

static void append(struct avsp_parking *parking, struct parked *p)
{
    p->hand = HAND_PARKED;
    p->prev = parking->tail;
    p->next = NULL;
    *(p->prev != NULL ? &p->prev->next : &parking->head) = p;
    parking->tail = p;
}

static void take_out(struct avsp_parking *parking, struct parked *p)
{
    *(p->prev != NULL ? &p->prev->next : &parking->head) = p->next;
    *(p->next != NULL ? &p->next->prev : &parking->tail) = p->prev;
    p->prev = p->next = NULL;
    p->hand = HAND_ASKING;
}

static uint64_t sort_of(const struct avsp_claim *claim)
{
    const uint32_t encodes = 1U << AVSP_TASK_ENCODE | 1U << AVSP_TASK_AUDIO;
    const uint32_t kinds = claim->worker.kinds;
    return avsp_hash_text((kinds & encodes) != 0 ? claim->worker.encoders : "", kinds);
}

static bool has_tried(const struct sorts *sorts, uint64_t sort)
{
    size_t i = 0;
    while (i < sorts->n && sorts->tried[i] != sort)
        i++;
    return i < sorts->n || sorts->n == SORTS_MAX;
}

static void add_sort(struct sorts *sorts, uint64_t sort)
{
    if (!has_tried(sorts, sort))
        sorts->tried[sorts->n++] = sort;
}

static void remove_sort(struct sorts *sorts, uint64_t sort)
{
    for (size_t i = 0; i < sorts->n; i++)
        if (sorts->tried[i] == sort)
            sorts->tried[i--] = sorts->tried[--sorts->n];
}

/// Has it asked for, with others that come now.
static void ask(struct avsp_call *call)
{
    avsp_gather_push(call->srv->claims, call);
}

/// Asks everything on a list linked by `next` again.
static void push_all(struct parked *list)
{
    for (struct parked *p = list, *next; p != NULL; p = next) {
        next = p->next;
        p->next = NULL;
        ask(p->call);
    }
}

void avsp_parking_wake(struct avsp_server *srv, unsigned n)
{
    if (n == 0)
        return;
    struct avsp_parking *parking = srv->parking;
    struct parked *woken = NULL, **end = &woken;
    pthread_mutex_lock(&parking->lock);
    parking->generation++;
    for (; n > 0 && parking->head != NULL; n--) {
        struct parked *p = parking->head;
        take_out(parking, p);
        p->is_woken = true;
        p->tried = (struct sorts){.tried = {p->sort}, .n = 1};
        *end = p;
        end = &p->next;
    }
    pthread_mutex_unlock(&parking->lock);
    push_all(woken);
}

/// The first parked claim of another sort than those that a wake has tried; taken out. Called with the lock.
static struct parked *heir(struct avsp_parking *parking, const struct sorts *tried)
{
    for (struct parked *p = parking->head; p != NULL; p = p->next) {
        if (has_tried(tried, p->sort))
            continue;
        take_out(parking, p);
        p->is_woken = true;
        p->tried = *tried;
        add_sort(&p->tried, p->sort);
        return p;
    }
    return NULL;
}

static void reply_none(struct avsp_call *call, bool drain)
{
    Com__Avspl1t__Task none = COM__AVSPL1T__TASK__INIT;
    none.drain = drain;
    avsp_call_reply(call, &none.base);
}

/// Answers everything on a list linked by `next`.
static void reply_none_to(struct parked *list)
{
    for (struct parked *p = list, *next; p != NULL; p = next) {
        next = p->next;
        reply_none(p->call, false);
    }
}

/// What to do with a claim that found nothing.
enum next_step { STEP_PARKED, STEP_ASK_AGAIN, STEP_REPLY, STEP_DROP };

static void nothing_found(struct parked *p)
{
    struct avsp_call *call = p->call;
    struct avsp_server *srv = call->srv;
    struct avsp_parking *parking = srv->parking;
    struct avsp_mono due = p->due;
    const bool drain = p->task.drain;
    enum next_step step = STEP_PARKED;
    struct parked *next = NULL;
    pthread_mutex_lock(&parking->lock);
    if (p->is_gone)
        step = STEP_DROP;
    else if (p->is_last || p->task.drain || parking->is_closed)
        step = STEP_REPLY;
    else if (parking->generation != p->seen)
        step = STEP_ASK_AGAIN;
    if (p->task.drain)
        remove_sort(&p->tried, p->sort); // it was given nothing: its like may find something
    if (p->is_woken && step != STEP_ASK_AGAIN) {
        next = heir(parking, &p->tried);
        p->is_woken = false;
    }
    if (step == STEP_PARKED)
        append(parking, p);
    pthread_mutex_unlock(&parking->lock);
    if (next != NULL)
        ask(next->call);
    // A parked claim is no longer ours: only what was copied may be used.
    if (step == STEP_PARKED)
        avsp_ticker_poke(srv->ticker, due);
    else if (step == STEP_ASK_AGAIN)
        ask(call);
    else if (step == STEP_REPLY)
        reply_none(call, drain);
    else
        avsp_call_drop(call);
}

/// Hands a task back that its worker never saw. An error changes nothing: the lease runs out.
static void give_back(struct parked *p)
{
    struct avsp_server *srv = p->call->srv;
    struct avsp_err ignored = {0};
    enum avsp_code rc =
        srv->ops.release(srv->opaque, p->claim.worker.id, p->task.id, p->task.token, &ignored);
    (void)rc;
}

static void found(struct parked *p)
{
    struct avsp_call *call = p->call;
    Com__Avspl1t__Task *msg = avsp_wire_make_task(&p->answer, &p->task);
    pthread_mutex_lock(&call->srv->parking->lock);
    bool is_gone = p->is_gone;
    if (!is_gone && msg != NULL)
        p->hand = HAND_ANSWERED;
    pthread_mutex_unlock(&call->srv->parking->lock);
    if (is_gone || msg == NULL)
        give_back(p);
    if (is_gone)
        avsp_call_drop(call);
    else
        avsp_call_reply(call, msg != NULL ? &msg->base : NULL);
}

/// Notes what has been told until now. @return false: the worker went away meanwhile.
static bool is_to_be_asked(struct avsp_server *srv, struct parked *p)
{
    pthread_mutex_lock(&srv->parking->lock);
    p->seen = srv->parking->generation;
    bool is_gone = p->is_gone;
    pthread_mutex_unlock(&srv->parking->lock);
    return !is_gone;
}

/// Reads a new call's question. @return NULL: it was answered with an error.
static struct parked *open_claim(struct avsp_call *call)
{
    struct avsp_err err = {0};
    if (!avsp_call_open(call))
        return NULL;
    struct parked *p = avsp_arena_alloc(&call->arena, sizeof *p);
    enum avsp_code rc = p != NULL ? AVSP_OK : avsp_arena_failed(&call->arena, &err);
    if (rc == AVSP_OK)
        rc = avsp_wire_read_claim((Com__Avspl1t__GetTaskMessage *)call->request, &p->claim, &err);
    if (rc != AVSP_OK) {
        avsp_call_fail(call, &err);
        return NULL;
    }
    p->call = call;
    avsp_arena_init(&p->answer, TASK_ARENA_BYTES);
    p->sort = sort_of(&p->claim);
    int64_t left_ms = avsp_call_left_ms(call, WAIT_MAX_MS + ANSWER_MARGIN_MS) - ANSWER_MARGIN_MS;
    int64_t wait_ms = AVSP_MIN((int64_t)p->claim.wait_ms, left_ms);
    p->is_last = wait_ms <= 0;
    p->due = avsp_mono_in_ms(AVSP_MAX(wait_ms, 0));
    pthread_mutex_lock(&call->srv->parking->lock);
    call->state = p;
    p->is_gone = call->is_gone;
    pthread_mutex_unlock(&call->srv->parking->lock);
    return p;
}

/// Who waited may have lost the right to ask. @return false: he was told.
static bool is_still_welcome(struct parked *p)
{
    struct avsp_err err = {0};
    if (avsp_call_admit(p->call, &err) == AVSP_OK)
        return true;
    if (p->is_woken)
        avsp_parking_wake(p->call->srv, 1); // what it was woken for is for another
    avsp_call_fail(p->call, &err);
    return false;
}

void avsp_parking_ask(struct avsp_server *srv, struct avsp_call **calls, size_t n)
{
    struct avsp_claim_item items[AVSP_TOGETHER_MAX];
    size_t n_items = 0;
    for (size_t i = 0; i < n; i++) {
        const bool is_new = calls[i]->state == NULL;
        struct parked *p = is_new ? open_claim(calls[i]) : calls[i]->state;
        if (p == NULL)
            continue;
        if (!is_to_be_asked(srv, p)) {
            remove_sort(&p->tried, p->sort); // it did not try: its like may find something
            nothing_found(p);
            continue;
        }
        avsp_arena_clear(&p->answer);
        p->task = (struct avsp_task){.kind = AVSP_TASK_NONE};
        if (!is_new && !is_still_welcome(p))
            continue;
        items[n_items] = (struct avsp_claim_item){.claim = &p->claim, .arena = &p->answer};
        calls[n_items++] = calls[i];
    }
    if (n_items > 0)
        srv->ops.claim_many(srv->opaque, items, n_items);
    for (size_t i = 0; i < n_items; i++) {
        struct parked *p = calls[i]->state;
        p->task = items[i].task;
        if (items[i].rc != AVSP_OK)
            avsp_call_fail(calls[i], &items[i].err);
        else if (p->task.kind == AVSP_TASK_NONE)
            nothing_found(p);
        else
            found(p);
    }
}

static void give_back_later(struct avsp_work *work)
{
    struct avsp_call *call = avsp_call_of_work(work);
    give_back(call->state);
    avsp_call_unref(call);
}

/// The worker went away.
static void on_closed(struct avsp_call *call)
{
    struct avsp_parking *parking = call->srv->parking;
    pthread_mutex_lock(&parking->lock);
    call->is_gone = true;
    struct parked *p = call->state;
    enum hand hand = p != NULL ? p->hand : HAND_ASKING;
    if (p != NULL)
        p->is_gone = true;
    if (hand == HAND_PARKED)
        take_out(parking, p);
    pthread_mutex_unlock(&parking->lock);
    if (hand == HAND_PARKED)
        avsp_call_drop(call);
    if (hand == HAND_ANSWERED) {
        avsp_call_ref(call);
        avsp_call_push(call, give_back_later);
    }
}

static void on_freed(struct avsp_call *call)
{
    struct parked *p = call->state;
    if (p != NULL)
        avsp_arena_deinit(&p->answer);
}

struct avsp_mono avsp_parking_tick(struct avsp_server *srv, struct avsp_mono now)
{
    struct avsp_parking *parking = srv->parking;
    struct parked *over = NULL, **end = &over;
    struct avsp_mono due = {INT64_MAX};
    pthread_mutex_lock(&parking->lock);
    for (struct parked *p = parking->head, *next; p != NULL; p = next) {
        next = p->next;
        if (p->due.us > now.us) {
            due.us = AVSP_MAX(AVSP_MIN(due.us, p->due.us), now.us + TICK_MIN_US);
            continue;
        }
        take_out(parking, p);
        *end = p;
        end = &p->next;
    }
    pthread_mutex_unlock(&parking->lock);
    // Not asked once more: the worker asks anew at once, and in a farm that has nothing to do that would be twice as much.
    reply_none_to(over);
    return due;
}

void avsp_parking_close(struct avsp_server *srv)
{
    struct avsp_parking *parking = srv->parking;
    pthread_mutex_lock(&parking->lock);
    parking->is_closed = true;
    struct parked *list = parking->head;
    parking->head = parking->tail = NULL;
    for (struct parked *p = list; p != NULL; p = p->next)
        p->hand = HAND_ASKING;
    pthread_mutex_unlock(&parking->lock);
    reply_none_to(list);
}

const struct avsp_method avsp_park_method = {
    .path = "/com.avspl1t.CoordinatorService/GetTask",
    .request_max_bytes = CLAIM_REQUEST_MAX_BYTES,
    .request = &com__avspl1t__get_task_message__descriptor,
    .gathers = true,
    .run = ask,
    .closed = on_closed,
    .freed = on_freed,
};
