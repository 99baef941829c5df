/// Messages on their way: made, packed, unpacked and read. Only memory can fail here, and not gRPC's.
#include "torture.h"

#include "rpc/wire.h"

#include "../rpc/sample.h"

struct fixture {
    struct avsp_arena arena;
    struct avsp_job_spec spec;
    struct avsp_job job;
    struct avsp_task task;
    struct avsp_finish finish;
};

static void *make(void)
{
    struct fixture *fx = calloc(1, sizeof *fx);
    AVSP_ASSERT(fx != NULL);
    avsp_arena_init(&fx->arena, 64 << 20);
    struct sampler sampler = {&fx->arena, 1};
    fx->spec = sample_spec(&sampler);
    fx->job = sample_job(&sampler, true);
    fx->task = sample_task(&sampler, AVSP_TASK_SPLIT);
    fx->finish = sample_finish(&sampler);
    return fx;
}

static void drop(void *opaque)
{
    struct fixture *fx = opaque;
    avsp_arena_deinit(&fx->arena);
    free(fx);
}

static void byte_buffer_cleanup(grpc_byte_buffer **bytes)
{
    grpc_byte_buffer_destroy(*bytes);
}

/// To the other side. @param made  NULL where its arena had no room.
static enum avsp_code carry(struct avsp_arena *arena, const ProtobufCMessage *made,
                            ProtobufCMessage **ret_msg, struct avsp_err *err)
{
    if (made == NULL)
        return avsp_arena_failed(arena, err);
    grpc_byte_buffer *AVSP_CLEANUP(byte_buffer_cleanup) bytes = NULL;
    enum avsp_code rc = avsp_wire_pack(made, AVSP_RPC_ANSWER_MAX_BYTES, &bytes, err);
    if (rc == AVSP_OK)
        rc = avsp_wire_unpack(arena, made->descriptor, bytes, AVSP_RPC_ANSWER_MAX_BYTES, ret_msg,
                              err);
    return rc;
}

static enum avsp_code run_spec(void *opaque, struct avsp_err *err)
{
    struct fixture *fx = opaque;
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    avsp_arena_init(&arena, AVSP_WIRE_ARENA_BYTES);
    ProtobufCMessage *msg = NULL;
    struct avsp_job_spec back;
    enum avsp_code rc =
        carry(&arena, (ProtobufCMessage *)avsp_wire_make_spec(&arena, &fx->spec), &msg, err);
    return rc == AVSP_OK ? avsp_wire_read_spec(&arena, (Com__Avspl1t__JobDetails *)msg, &back, err)
                         : rc;
}

static enum avsp_code run_job(void *opaque, struct avsp_err *err)
{
    struct fixture *fx = opaque;
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    avsp_arena_init(&arena, AVSP_WIRE_ARENA_BYTES);
    ProtobufCMessage *msg = NULL;
    struct avsp_job back;
    enum avsp_code rc =
        carry(&arena, (ProtobufCMessage *)avsp_wire_make_job(&arena, &fx->job), &msg, err);
    return rc == AVSP_OK ? avsp_wire_read_job(&arena, (Com__Avspl1t__Job *)msg, &back, err) : rc;
}

static enum avsp_code run_task(void *opaque, struct avsp_err *err)
{
    struct fixture *fx = opaque;
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    avsp_arena_init(&arena, AVSP_WIRE_ARENA_BYTES);
    ProtobufCMessage *msg = NULL;
    struct avsp_task back;
    enum avsp_code rc =
        carry(&arena, (ProtobufCMessage *)avsp_wire_make_task(&arena, &fx->task), &msg, err);
    return rc == AVSP_OK ? avsp_wire_read_task(&arena, (Com__Avspl1t__Task *)msg, &back, err) : rc;
}

static enum avsp_code run_finish(void *opaque, struct avsp_err *err)
{
    struct fixture *fx = opaque;
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    avsp_arena_init(&arena, AVSP_WIRE_ARENA_BYTES);
    ProtobufCMessage *msg = NULL;
    struct avsp_finish back;
    enum avsp_code rc =
        carry(&arena, (ProtobufCMessage *)avsp_wire_make_finish(&arena, &fx->finish), &msg, err);
    return rc == AVSP_OK
               ? avsp_wire_read_finish(&arena, (Com__Avspl1t__FinishTaskMessage *)msg, &back, err)
               : rc;
}

int main(void)
{
    static const struct torture_case cases[] = {
        {"a job's details", make, run_spec, NULL, drop},
        {"a job", make, run_job, NULL, drop},
        {"a task", make, run_task, NULL, drop},
        {"a finish", make, run_finish, NULL, drop},
    };
    return torture_run("torture/wire", cases, AVSP_ARRAY_LEN(cases));
}
