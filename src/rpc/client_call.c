#include "rpc/client_private.h"
#include "rpc/wire.h"

#include <string.h>

#define UNARY_OPS 6

void avsp_flight_begin(const struct avsp_client *cli, const struct avsp_flight *flight,
                       struct avsp_headers *ret_headers, grpc_op *ret_op)
{
    memset(ret_headers, 0, sizeof *ret_headers);
    memset(ret_op, 0, sizeof *ret_op);
    if (flight->link->token[0] != '\0') {
        char value[sizeof "Bearer " + AVSP_TOKEN_TEXT_BYTES];
        snprintf(value, sizeof value, "Bearer %s", flight->link->token);
        ret_headers->list[0].key = grpc_slice_from_static_string("authorization");
        ret_headers->list[0].value = grpc_slice_from_copied_string(value);
        ret_headers->n = 1;
        explicit_bzero(value, sizeof value);
    }
    ret_op->op = GRPC_OP_SEND_INITIAL_METADATA;
    ret_op->flags = GRPC_INITIAL_METADATA_WAIT_FOR_READY_EXPLICITLY_SET;
    if (!cli->fail_fast)
        ret_op->flags |= GRPC_INITIAL_METADATA_WAIT_FOR_READY;
    ret_op->data.send_initial_metadata.count = ret_headers->n;
    ret_op->data.send_initial_metadata.metadata = ret_headers->list;
}

void avsp_headers_drop(struct avsp_headers *headers)
{
    for (size_t i = 0; i < headers->n; i++)
        grpc_slice_unref(headers->list[i].value);
}

static gpr_timespec timespec_of(struct avsp_mono deadline)
{
    int64_t left_us = deadline.us - avsp_mono_now().us;
    return gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC),
                        gpr_time_from_micros(AVSP_MAX(left_us, 0), GPR_TIMESPAN));
}

enum avsp_code avsp_flight_open(struct avsp_client *cli, const char *method,
                                struct avsp_mono deadline, struct avsp_flight *ret_flight,
                                struct avsp_err *err)
{
    struct avsp_flight *flight = ret_flight;
    *flight = (struct avsp_flight){.deadline = timespec_of(deadline)};
    flight->cq = grpc_completion_queue_create_for_pluck(NULL);
    grpc_slice path = grpc_slice_from_copied_string(method);
    pthread_mutex_lock(&cli->lock);
    flight->link = avsp_link_take(cli);
    pthread_mutex_unlock(&cli->lock);
    flight->call = grpc_channel_create_call(flight->link->channel, NULL, GRPC_PROPAGATE_DEFAULTS,
                                            flight->cq, path, NULL, flight->deadline, NULL);
    grpc_slice_unref(path);
    pthread_mutex_lock(&cli->lock);
    bool is_shut_down = cli->is_shut_down;
    flight->next = cli->flights;
    if (flight->next != NULL)
        flight->next->prev = flight;
    cli->flights = flight;
    pthread_mutex_unlock(&cli->lock);
    if (!is_shut_down)
        return AVSP_OK;
    avsp_flight_close(cli, flight);
    return avsp_err_set(err, AVSP_CANCELED, "stopped");
}

void avsp_flight_close(struct avsp_client *cli, struct avsp_flight *flight)
{
    pthread_mutex_lock(&cli->lock);
    *(flight->prev != NULL ? &flight->prev->next : &cli->flights) = flight->next;
    if (flight->next != NULL)
        flight->next->prev = flight->prev;
    grpc_channel *unused = avsp_link_give(flight->link);
    pthread_mutex_unlock(&cli->lock);
    grpc_call_unref(flight->call);
    if (unused != NULL)
        grpc_channel_destroy(unused);
    grpc_completion_queue_shutdown(flight->cq);
    // A pluck queue with nothing left is over at once; `next` on one is not allowed.
    grpc_completion_queue_destroy(flight->cq);
}

void avsp_flight_start(struct avsp_flight *flight, const grpc_op *ops, size_t n, void *tag)
{
    grpc_call_error rc = grpc_call_start_batch(flight->call, ops, n, tag, NULL);
    AVSP_ASSERT(rc == GRPC_CALL_OK); // anything else is a batch that gRPC's contract forbids
}

bool avsp_flight_wait(struct avsp_flight *flight, void *tag)
{
    grpc_event event =
        grpc_completion_queue_pluck(flight->cq, tag, gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);
    AVSP_ASSERT(event.type == GRPC_OP_COMPLETE);
    return event.success != 0;
}

enum avsp_code avsp_client_bad_answer(struct avsp_err *err)
{
    if (err->code == AVSP_INVALID)
        err->code = AVSP_INTERNAL; // it is the other side's mistake, not the caller's
    return avsp_err_wrap(err, "the coordinator's answer");
}

/// Fills in the whole of a unary call but for its first op.
static void make_ops(grpc_op ops[UNARY_OPS], grpc_byte_buffer *request,
                     grpc_metadata_array *headers, grpc_byte_buffer **answer,
                     struct avsp_outcome *outcome)
{
    memset(ops, 0, UNARY_OPS * sizeof *ops);
    ops[1].op = GRPC_OP_SEND_MESSAGE;
    ops[1].data.send_message.send_message = request;
    ops[2].op = GRPC_OP_SEND_CLOSE_FROM_CLIENT;
    ops[3].op = GRPC_OP_RECV_INITIAL_METADATA;
    ops[3].data.recv_initial_metadata.recv_initial_metadata = headers;
    ops[4].op = GRPC_OP_RECV_MESSAGE;
    ops[4].data.recv_message.recv_message = answer;
    ops[5].op = GRPC_OP_RECV_STATUS_ON_CLIENT;
    ops[5].data.recv_status_on_client.status = &outcome->status;
    ops[5].data.recv_status_on_client.status_details = &outcome->details;
    ops[5].data.recv_status_on_client.trailing_metadata = &outcome->trailers;
}

static void bytes_cleanup(grpc_byte_buffer **bytes)
{
    if (*bytes != NULL)
        grpc_byte_buffer_destroy(*bytes);
}

/// Sends and waits. @p ret_answer is NULL where none came.
static void exchange(struct avsp_client *cli, struct avsp_flight *flight, grpc_byte_buffer *request,
                     grpc_byte_buffer **ret_answer, struct avsp_outcome *outcome)
{
    grpc_metadata_array headers;
    grpc_metadata_array_init(&headers);
    grpc_op ops[UNARY_OPS];
    make_ops(ops, request, &headers, ret_answer, outcome);
    struct avsp_headers shown;
    avsp_flight_begin(cli, flight, &shown, &ops[0]);
    avsp_flight_start(flight, ops, UNARY_OPS, flight);
    avsp_headers_drop(&shown);
    avsp_flight_wait(flight, flight);
    grpc_metadata_array_destroy(&headers);
}

enum avsp_code avsp_client_call(struct avsp_client *cli, const char *method,
                                const ProtobufCMessage *request,
                                const ProtobufCMessageDescriptor *answer_type,
                                struct avsp_arena *arena, ProtobufCMessage **ret_msg,
                                struct avsp_mono deadline, struct avsp_err *err)
{
    grpc_byte_buffer *AVSP_CLEANUP(bytes_cleanup) sent = NULL;
    grpc_byte_buffer *AVSP_CLEANUP(bytes_cleanup) answer = NULL;
    enum avsp_code rc = avsp_wire_pack(request, AVSP_RPC_REQUEST_MAX_BYTES, &sent, err);
    if (rc != AVSP_OK)
        return rc;
    struct avsp_flight flight;
    rc = avsp_flight_open(cli, method, deadline, &flight, err);
    if (rc != AVSP_OK)
        return rc;
    struct avsp_outcome AVSP_CLEANUP(avsp_outcome_deinit) outcome;
    avsp_outcome_init(&outcome);
    exchange(cli, &flight, sent, &answer, &outcome);
    avsp_flight_close(cli, &flight);
    if (outcome.status == GRPC_STATUS_OK)
        atomic_store(&cli->has_answered, true);
    if (outcome.status != GRPC_STATUS_OK)
        return avsp_outcome_error(cli, &outcome, err);
    rc = avsp_wire_unpack(arena, answer_type, answer, AVSP_RPC_ANSWER_MAX_BYTES, ret_msg, err);
    return rc == AVSP_OK ? rc : avsp_client_bad_answer(err);
}
