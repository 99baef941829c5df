#include "rpc/wire.h"

#include <inttypes.h>

/// What google.protobuf.Timestamp allows: the years 1 to 9999.
#define SECONDS_MIN (-62135596800)
#define SECONDS_MAX 253402300799

enum avsp_code avsp_wire_range(const char *field, int64_t value, int64_t min, int64_t max,
                               struct avsp_err *err)
{
    if (value >= min && value <= max)
        return AVSP_OK;
    return avsp_err_set(err, AVSP_INVALID, "%s: %" PRId64 " is not within %" PRId64 " and %" PRId64,
                        field, value, min, max);
}

Google__Protobuf__Timestamp *avsp_wire_make_time(struct avsp_arena *arena, int64_t us)
{
    Google__Protobuf__Timestamp *msg =
        avsp_wire_new(arena, &google__protobuf__timestamp__descriptor);
    if (msg == NULL)
        return NULL;
    int64_t rest_us = us % 1000000;
    if (rest_us < 0)
        rest_us += 1000000;
    msg->seconds = (us - rest_us) / 1000000;
    msg->nanos = (int32_t)rest_us * 1000;
    return msg;
}

int64_t avsp_wire_read_time(const Google__Protobuf__Timestamp *msg)
{
    if (msg == NULL || msg->seconds < SECONDS_MIN || msg->seconds > SECONDS_MAX || msg->nanos < 0 ||
        msg->nanos > 999999999)
        return 0;
    return msg->seconds * 1000000 + msg->nanos / 1000;
}

Com__Avspl1t__AttemptToken *avsp_wire_make_token(struct avsp_arena *arena, struct avsp_token token)
{
    Com__Avspl1t__AttemptToken *msg =
        avsp_wire_new(arena, &com__avspl1t__attempt_token__descriptor);
    if (msg == NULL)
        return NULL;
    msg->attempt = token.attempt;
    msg->nonce = token.nonce;
    return msg;
}

enum avsp_code avsp_wire_read_token(const Com__Avspl1t__AttemptToken *msg,
                                    struct avsp_token *ret_token, struct avsp_err *err)
{
    *ret_token = (struct avsp_token){0, 0};
    if (msg == NULL)
        return AVSP_OK;
    *ret_token = (struct avsp_token){msg->attempt, msg->nonce};
    // A token that is there is never a base caller's.
    return avsp_wire_range("token.attempt", msg->attempt, 1, INT64_MAX, err);
}

enum avsp_task_kind avsp_wire_read_kind(int kind)
{
    return kind >= AVSP_TASK_NONE && kind <= AVSP_TASK_CLEANUP ? (enum avsp_task_kind)kind
                                                               : AVSP_TASK_NONE;
}

Com__Avspl1t__Progress *avsp_wire_make_progress(struct avsp_arena *arena,
                                                const struct avsp_progress *progress)
{
    Com__Avspl1t__Progress *msg = avsp_wire_new(arena, &com__avspl1t__progress__descriptor);
    if (msg == NULL)
        return NULL;
    msg->frames_done = progress->frames_done;
    msg->frames_total = progress->frames_total;
    msg->milli_fps = progress->milli_fps;
    return msg;
}

enum avsp_code avsp_wire_read_progress(const Com__Avspl1t__Progress *msg,
                                       struct avsp_progress *ret_progress, struct avsp_err *err)
{
    *ret_progress = (struct avsp_progress){0, 0, 0};
    if (msg == NULL)
        return AVSP_OK;
    if (msg->frames_done > INT64_MAX || msg->frames_total > INT64_MAX)
        return avsp_err_set(err, AVSP_INVALID, "progress: a number of frames over %" PRId64,
                            INT64_MAX);
    *ret_progress = (struct avsp_progress){msg->frames_done, msg->frames_total, msg->milli_fps};
    return AVSP_OK;
}

Com__Avspl1t__Failure *avsp_wire_make_failure(struct avsp_arena *arena,
                                              const struct avsp_failure *failure)
{
    Com__Avspl1t__Failure *msg = avsp_wire_new(arena, &com__avspl1t__failure__descriptor);
    if (msg == NULL)
        return NULL;
    msg->code = (char *)avsp_code_name(failure->code);
    msg->may_retry = failure->may_retry;
    msg->message = avsp_wire_clip(arena, failure->message, AVSP_TEXT_MAX_BYTES);
    msg->log_tail = avsp_wire_clip(arena, failure->log_tail, AVSP_LOG_TAIL_MAX_BYTES);
    return msg->message != NULL && msg->log_tail != NULL ? msg : NULL;
}

void avsp_wire_read_failure(const Com__Avspl1t__Failure *msg, struct avsp_failure *ret_failure)
{
    if (msg == NULL) {
        *ret_failure = (struct avsp_failure){AVSP_INTERNAL, true, "no reason was given", ""};
        return;
    }
    enum avsp_code code = avsp_code_from_name(msg->code);
    *ret_failure = (struct avsp_failure){
        .code = code != AVSP_OK ? code : AVSP_INTERNAL,
        .may_retry = msg->may_retry,
        .message = msg->message,
        .log_tail = msg->log_tail,
    };
}

Com__Avspl1t__Empty *avsp_wire_make_status(struct avsp_arena *arena,
                                           const struct avsp_attempt_status *status)
{
    Com__Avspl1t__Empty *msg = avsp_wire_new(arena, &com__avspl1t__empty__descriptor);
    if (msg == NULL)
        return NULL;
    msg->status = avsp_wire_new(arena, &com__avspl1t__attempt_status__descriptor);
    if (msg->status == NULL)
        return NULL;
    msg->status->canceled = status->canceled;
    msg->status->lease_lost = status->lease_lost;
    msg->status->hold = status->hold;
    msg->status->hand_back = status->hand_back;
    msg->status->drain = status->drain;
    return msg;
}

void avsp_wire_read_status(const Com__Avspl1t__Empty *msg, struct avsp_attempt_status *ret_status)
{
    *ret_status = (struct avsp_attempt_status){false, false};
    if (msg->status != NULL)
        *ret_status = (struct avsp_attempt_status){
            .canceled = msg->status->canceled,
            .lease_lost = msg->status->lease_lost,
            .drain = msg->status->drain,
            .hold = msg->status->hold,
            .hand_back = msg->status->hand_back,
        };
}

char **avsp_wire_make_warnings(struct avsp_arena *arena, const char *const *warnings, size_t n)
{
    char **msgs = avsp_arena_array(arena, n, sizeof *msgs);
    for (size_t i = 0; msgs != NULL && i < n; i++) {
        msgs[i] = avsp_wire_clip(arena, warnings[i], AVSP_TEXT_MAX_BYTES);
        if (msgs[i] == NULL)
            return NULL;
    }
    return msgs;
}
