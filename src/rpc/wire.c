#include "rpc/wire.h"
#include "util/parse.h"

#include <string.h>

/// protobuf-c's allocator on an arena; remembers why an unpacking came back empty.
struct arena_allocator {
    struct avsp_arena *arena;
    bool is_full;
};

static void *arena_alloc(void *opaque, size_t bytes)
{
    struct arena_allocator *a = opaque;
    void *p = avsp_arena_alloc(a->arena, bytes);
    a->is_full |= p == NULL;
    return p;
}

static void arena_free(void *opaque, void *p)
{
    (void)opaque; // the arena goes as a whole
    (void)p;
}

static void slice_cleanup(grpc_slice *slice)
{
    grpc_slice_unref(*slice);
}

enum avsp_code avsp_wire_pack(const ProtobufCMessage *msg, size_t max_bytes,
                              grpc_byte_buffer **ret_bytes, struct avsp_err *err)
{
    size_t len = protobuf_c_message_get_packed_size(msg);
    if (len > max_bytes)
        return avsp_err_set(err, AVSP_LIMIT, "a message of %zu bytes is over the limit of %zu", len,
                            max_bytes);
    grpc_slice AVSP_CLEANUP(slice_cleanup) slice = grpc_slice_malloc(len);
    uint8_t *bytes = GRPC_SLICE_START_PTR(slice);
    protobuf_c_message_pack(msg, bytes);
    enum avsp_code rc = avsp_wire_scan(msg->descriptor, bytes, len, err);
    if (rc != AVSP_OK)
        return rc;
    *ret_bytes = grpc_raw_byte_buffer_create(&slice, 1);
    return AVSP_OK;
}

static enum avsp_code unpack(struct avsp_arena *arena, const ProtobufCMessageDescriptor *type,
                             const uint8_t *bytes, size_t len, ProtobufCMessage **ret_msg,
                             struct avsp_err *err)
{
    enum avsp_code rc = avsp_wire_scan(type, bytes, len, err);
    if (rc != AVSP_OK)
        return rc;
    struct arena_allocator on_arena = {arena, false};
    ProtobufCAllocator allocator = {arena_alloc, arena_free, &on_arena};
    ProtobufCMessage *msg = protobuf_c_message_unpack(type, &allocator, len, bytes);
    if (msg == NULL && on_arena.is_full)
        return avsp_err_set(err, AVSP_LIMIT, "the message takes too much memory");
    if (msg == NULL)
        return avsp_err_set(err, AVSP_INVALID, "the message is not well-formed protobuf");
    *ret_msg = msg;
    return AVSP_OK;
}

enum avsp_code avsp_wire_unpack(struct avsp_arena *arena, const ProtobufCMessageDescriptor *type,
                                grpc_byte_buffer *bytes, size_t max_bytes,
                                ProtobufCMessage **ret_msg, struct avsp_err *err)
{
    if (bytes == NULL)
        return unpack(arena, type, (const uint8_t *)"", 0, ret_msg, err);
    size_t len = grpc_byte_buffer_length(bytes);
    if (len > max_bytes)
        return avsp_err_set(err, AVSP_LIMIT, "a message of %zu bytes is over the limit of %zu", len,
                            max_bytes);
    grpc_byte_buffer_reader reader;
    if (!grpc_byte_buffer_reader_init(&reader, bytes))
        return avsp_err_set(err, AVSP_INVALID, "the message cannot be decompressed");
    grpc_slice AVSP_CLEANUP(slice_cleanup) slice = grpc_byte_buffer_reader_readall(&reader);
    grpc_byte_buffer_reader_destroy(&reader);
    len = GRPC_SLICE_LENGTH(slice);
    if (len > max_bytes)
        return avsp_err_set(err, AVSP_LIMIT, "a message of %zu bytes is over the limit of %zu", len,
                            max_bytes);
    return unpack(arena, type, GRPC_SLICE_START_PTR(slice), len, ret_msg, err);
}

void *avsp_wire_new(struct avsp_arena *arena, const ProtobufCMessageDescriptor *type)
{
    ProtobufCMessage *msg = avsp_arena_alloc(arena, type->sizeof_message);
    if (msg != NULL)
        type->message_init(msg);
    return msg;
}

/// Length of the UTF-8 character at @p at, 0 where there is none.
static size_t char_len(const char *at)
{
    char one[5] = "";
    for (size_t n = 1; n <= 4 && at[n - 1] != '\0'; n++) {
        one[n - 1] = at[n - 1];
        if (avsp_utf8_is_valid(one))
            return n;
    }
    return 0;
}

char *avsp_wire_clip(struct avsp_arena *arena, const char *text, size_t max_bytes)
{
    size_t room = strnlen(text, max_bytes);
    char *clipped = avsp_arena_alloc(arena, room + 1);
    if (clipped == NULL)
        return NULL;
    size_t len = 0;
    for (size_t at = 0; text[at] != '\0';) {
        size_t n = char_len(text + at);
        if (len + AVSP_MAX(n, 1) > room)
            break;
        if (n == 0)
            clipped[len++] = '?';
        else
            memcpy(clipped + len, text + at, n);
        len += n;
        at += AVSP_MAX(n, 1);
    }
    clipped[len] = '\0';
    return clipped;
}
