/// Server reflection: what grpcurl and its like ask. v1 and v1alpha have the same messages on the wire.
#include "rpc/descriptors.h"
#include "rpc/serving.h"
#include "rpc/wire.h"

#include "descriptor.pb-c.h"
#include "reflection.pb-c.h"

#include <string.h>

#define INDEX_ARENA_BYTES (8u << 20)
#define REFLECTION_REQUEST_MAX_BYTES (4 << 10)

typedef Grpc__Reflection__V1__ServerReflectionRequest request_msg;
typedef Grpc__Reflection__V1__ServerReflectionResponse response_msg;

/// What we serve; unpacked once, read by all threads.
struct avsp_reflection {
    struct avsp_arena arena;
    Google__Protobuf__FileDescriptorSet *set;
    ProtobufCBinaryData *packed; ///< each file of the set, on its own
};

static void *alloc_on_arena(void *opaque, size_t bytes)
{
    return avsp_arena_alloc(opaque, bytes);
}

static void free_on_arena(void *opaque, void *p)
{
    (void)opaque;
    (void)p;
}

static bool load(struct avsp_reflection *reflection)
{
    ProtobufCAllocator allocator = {alloc_on_arena, free_on_arena, &reflection->arena};
    reflection->set = google__protobuf__file_descriptor_set__unpack(
        &allocator, avsp_descriptors_len, avsp_descriptors);
    if (reflection->set == NULL)
        return false;
    reflection->packed =
        avsp_arena_array(&reflection->arena, reflection->set->n_file, sizeof *reflection->packed);
    for (size_t i = 0; reflection->packed != NULL && i < reflection->set->n_file; i++) {
        const ProtobufCMessage *file = &reflection->set->file[i]->base;
        size_t len = protobuf_c_message_get_packed_size(file);
        uint8_t *bytes = avsp_arena_alloc(&reflection->arena, len);
        if (bytes == NULL)
            return false;
        protobuf_c_message_pack(file, bytes);
        reflection->packed[i] = (ProtobufCBinaryData){len, bytes};
    }
    return reflection->packed != NULL;
}

struct avsp_reflection *avsp_reflection_new(void)
{
    struct avsp_reflection *reflection = calloc(1, sizeof *reflection);
    if (reflection == NULL)
        return NULL;
    avsp_arena_init(&reflection->arena, INDEX_ARENA_BYTES);
    if (load(reflection))
        return reflection;
    avsp_reflection_free(reflection);
    return NULL;
}

void avsp_reflection_free(struct avsp_reflection *reflection)
{
    if (reflection == NULL)
        return;
    avsp_arena_deinit(&reflection->arena);
    free(reflection);
}

/// What is left of @p symbol behind "name." or name itself ("" then); NULL where it does not begin so.
static const char *behind(const char *symbol, const char *name)
{
    size_t n = strlen(name);
    if (n == 0)
        return symbol;
    if (strncmp(symbol, name, n) != 0)
        return NULL;
    if (symbol[n] == '\0')
        return symbol + n;
    return symbol[n] == '.' ? symbol + n + 1 : NULL;
}

/// Does a file define the symbol: a message, an enum, a service, or something within one of them?
static bool defines(const Google__Protobuf__FileDescriptorProto *file, const char *symbol)
{
    const char *rest = behind(symbol, file->package != NULL ? file->package : "");
    if (rest == NULL || rest[0] == '\0')
        return false;
    for (size_t i = 0; i < file->n_message_type; i++)
        if (behind(rest, file->message_type[i]->name) != NULL)
            return true;
    for (size_t i = 0; i < file->n_enum_type; i++)
        if (behind(rest, file->enum_type[i]->name) != NULL)
            return true;
    for (size_t i = 0; i < file->n_service; i++)
        if (behind(rest, file->service[i]->name) != NULL)
            return true;
    return false;
}

/// One answer, with everything in it that its message may need.
struct answer {
    response_msg msg;
    Grpc__Reflection__V1__ErrorResponse error;
    Grpc__Reflection__V1__FileDescriptorResponse file;
    Grpc__Reflection__V1__ListServiceResponse list;
};

static void fail(struct answer *answer, int code, const char *text)
{
    answer->msg.message_response_case =
        GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_ERROR_RESPONSE;
    answer->msg.error_response = &answer->error;
    answer->error.error_code = code;
    answer->error.error_message = (char *)text;
}

static void give_file(struct avsp_reflection *reflection, size_t i, struct answer *answer)
{
    answer->msg.message_response_case =
        GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_FILE_DESCRIPTOR_RESPONSE;
    answer->msg.file_descriptor_response = &answer->file;
    answer->file.n_file_descriptor_proto = 1;
    answer->file.file_descriptor_proto = &reflection->packed[i];
}

static void find_file(struct avsp_reflection *reflection, const char *name, struct answer *answer)
{
    for (size_t i = 0; i < reflection->set->n_file; i++) {
        if (strcmp(reflection->set->file[i]->name, name) == 0) {
            give_file(reflection, i, answer);
            return;
        }
    }
    fail(answer, GRPC_STATUS_NOT_FOUND, "there is no such file");
}

static void find_symbol(struct avsp_reflection *reflection, const char *symbol,
                        struct answer *answer)
{
    for (size_t i = 0; i < reflection->set->n_file; i++) {
        if (defines(reflection->set->file[i], symbol)) {
            give_file(reflection, i, answer);
            return;
        }
    }
    fail(answer, GRPC_STATUS_NOT_FOUND, "there is no such symbol");
}

static void list_services(struct avsp_arena *arena, struct avsp_reflection *reflection,
                          struct answer *answer)
{
    size_t n = 0;
    for (size_t i = 0; i < reflection->set->n_file; i++)
        n += reflection->set->file[i]->n_service;
    Grpc__Reflection__V1__ServiceResponse **list = avsp_arena_array(arena, n, sizeof *list);
    n = 0;
    for (size_t i = 0; list != NULL && i < reflection->set->n_file; i++) {
        const Google__Protobuf__FileDescriptorProto *file = reflection->set->file[i];
        for (size_t k = 0; k < file->n_service; k++) {
            Grpc__Reflection__V1__ServiceResponse *service =
                avsp_wire_new(arena, &grpc__reflection__v1__service_response__descriptor);
            char *name = avsp_arena_printf(arena, "%s.%s", file->package, file->service[k]->name);
            if (service == NULL || name == NULL) {
                fail(answer, GRPC_STATUS_RESOURCE_EXHAUSTED, "memory ran out");
                return;
            }
            service->name = name;
            list[n++] = service;
        }
    }
    answer->msg.message_response_case =
        GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_LIST_SERVICES_RESPONSE;
    answer->msg.list_services_response = &answer->list;
    answer->list.n_service = n;
    answer->list.service = list;
}

static void make_answer(struct avsp_call *call, struct avsp_arena *arena, request_msg *request,
                        struct answer *answer)
{
    struct avsp_reflection *reflection = call->srv->reflection;
    grpc__reflection__v1__server_reflection_response__init(&answer->msg);
    grpc__reflection__v1__error_response__init(&answer->error);
    grpc__reflection__v1__file_descriptor_response__init(&answer->file);
    grpc__reflection__v1__list_service_response__init(&answer->list);
    answer->msg.valid_host = request->host;
    answer->msg.original_request = request;
    switch (request->message_request_case) {
    case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_FILE_BY_FILENAME:
        find_file(reflection, request->file_by_filename, answer);
        break;
    case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_FILE_CONTAINING_SYMBOL:
        find_symbol(reflection, request->file_containing_symbol, answer);
        break;
    case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_LIST_SERVICES:
        list_services(arena, reflection, answer);
        break;
    default: // our files have no extensions
        fail(answer, GRPC_STATUS_NOT_FOUND, "there are no extensions");
        break;
    }
}

static void on_received(struct avsp_call *call, bool ok);

static void on_sent(struct avsp_call *call, bool ok)
{
    if (ok)
        avsp_call_receive(call, on_received);
    else
        avsp_call_drop(call);
}

static void on_received(struct avsp_call *call, bool ok)
{
    if (!ok || call->payload == NULL) {
        avsp_call_end(call);
        return;
    }
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    avsp_arena_init(&arena, AVSP_WIRE_ARENA_BYTES);
    struct avsp_err err = {0};
    ProtobufCMessage *request;
    if (avsp_wire_unpack(&arena, &grpc__reflection__v1__server_reflection_request__descriptor,
                         call->payload, REFLECTION_REQUEST_MAX_BYTES, &request, &err) != AVSP_OK) {
        avsp_call_fail(call, &err);
        return;
    }
    struct answer answer;
    make_answer(call, &arena, (request_msg *)request, &answer);
    avsp_call_send(call, &answer.msg.base, on_sent);
}

static void run_reflection(struct avsp_call *call)
{
    avsp_call_receive(call, on_received);
}

const struct avsp_method avsp_reflection_methods[] = {
    {
        .path = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
        .is_stream = true,
        .run = run_reflection,
    },
    {
        .path = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
        .is_stream = true,
        .run = run_reflection,
    },
};
const size_t avsp_reflection_n_methods = AVSP_ARRAY_LEN(avsp_reflection_methods);
