/// Bytes that somebody tampered with: refused or read, never more than that. Worth most under ASan and UBSan.
#include "dump.h"
#include "rpc/wire.h"
#include "sample.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define ROUNDS 3000

struct packed {
    uint8_t *bytes;
    size_t len;
};

static struct packed pack(struct avsp_arena *arena, const void *message)
{
    const ProtobufCMessage *msg = message;
    assert_non_null(msg);
    struct packed packed = {.len = protobuf_c_message_get_packed_size(msg)};
    packed.bytes = avsp_arena_alloc(arena, packed.len + 8);
    assert_non_null(packed.bytes);
    protobuf_c_message_pack(msg, packed.bytes);
    return packed;
}

/// Changes some bytes, or cuts the end off.
static void tamper(struct sampler *s, struct packed *packed)
{
    if (packed->len == 0)
        return;
    for (uint64_t n = 1 + sample_number(s, 5); n > 0; n--) {
        size_t at = (size_t)sample_number(s, packed->len - 1);
        packed->bytes[at] = (uint8_t)sample_number(s, 255);
    }
    if (sample_number(s, 7) == 3)
        packed->len = (size_t)sample_number(s, packed->len);
}

static enum avsp_code unpack(struct avsp_arena *arena, const ProtobufCMessageDescriptor *type,
                             struct packed packed, ProtobufCMessage **ret, struct avsp_err *err)
{
    grpc_slice slice = grpc_slice_from_copied_buffer((const char *)packed.bytes, packed.len);
    grpc_byte_buffer *bytes = grpc_raw_byte_buffer_create(&slice, 1);
    grpc_slice_unref(slice);
    enum avsp_code rc = avsp_wire_unpack(arena, type, bytes, 4 << 20, ret, err);
    grpc_byte_buffer_destroy(bytes);
    return rc;
}

/// What one kind of message goes through; the text shows that all that was read can be used.
struct kind {
    const ProtobufCMessageDescriptor *type;
    const void *(*make)(struct sampler *s);
    enum avsp_code (*read)(struct avsp_arena *arena, const ProtobufCMessage *msg,
                           struct avsp_buf *text, struct avsp_err *err);
};

static const void *make_spec(struct sampler *s)
{
    struct avsp_job_spec spec = sample_spec(s);
    return avsp_wire_make_spec(s->arena, &spec);
}

static enum avsp_code read_spec(struct avsp_arena *arena, const ProtobufCMessage *msg,
                                struct avsp_buf *text, struct avsp_err *err)
{
    struct avsp_job_spec spec;
    enum avsp_code rc =
        avsp_wire_read_spec(arena, (const Com__Avspl1t__JobDetails *)msg, &spec, err);
    if (rc == AVSP_OK)
        rc = avsp_job_spec_check(&spec, arena, err);
    if (rc == AVSP_OK)
        dump_spec(text, &spec);
    return rc;
}

static const void *make_finish(struct sampler *s)
{
    struct avsp_finish finish = sample_finish(s);
    return avsp_wire_make_finish(s->arena, &finish);
}

static enum avsp_code read_finish(struct avsp_arena *arena, const ProtobufCMessage *msg,
                                  struct avsp_buf *text, struct avsp_err *err)
{
    struct avsp_finish finish;
    enum avsp_code rc =
        avsp_wire_read_finish(arena, (const Com__Avspl1t__FinishTaskMessage *)msg, &finish, err);
    if (rc == AVSP_OK)
        dump_finish(text, &finish);
    return rc;
}

static const void *make_claim(struct sampler *s)
{
    struct avsp_claim claim = sample_claim(s);
    return avsp_wire_make_claim(s->arena, &claim);
}

static enum avsp_code read_claim(struct avsp_arena *arena, const ProtobufCMessage *msg,
                                 struct avsp_buf *text, struct avsp_err *err)
{
    (void)arena;
    struct avsp_claim claim;
    enum avsp_code rc =
        avsp_wire_read_claim((const Com__Avspl1t__GetTaskMessage *)msg, &claim, err);
    if (rc == AVSP_OK)
        dump_claim(text, &claim);
    return rc;
}

static const void *make_task(struct sampler *s)
{
    struct avsp_task task = sample_task(s, (enum avsp_task_kind)(1 + sample_number(s, 4)));
    return avsp_wire_make_task(s->arena, &task);
}

static enum avsp_code read_task(struct avsp_arena *arena, const ProtobufCMessage *msg,
                                struct avsp_buf *text, struct avsp_err *err)
{
    struct avsp_task task;
    enum avsp_code rc = avsp_wire_read_task(arena, (const Com__Avspl1t__Task *)msg, &task, err);
    if (rc == AVSP_OK)
        dump_task(text, &task);
    return rc;
}

static const void *make_job(struct sampler *s)
{
    struct avsp_job job = sample_job(s, true);
    return avsp_wire_make_job(s->arena, &job);
}

static enum avsp_code read_job(struct avsp_arena *arena, const ProtobufCMessage *msg,
                               struct avsp_buf *text, struct avsp_err *err)
{
    struct avsp_job job;
    enum avsp_code rc = avsp_wire_read_job(arena, (const Com__Avspl1t__Job *)msg, &job, err);
    if (rc == AVSP_OK)
        dump_job(text, &job);
    return rc;
}

static const struct kind kinds[] = {
    {&com__avspl1t__job_details__descriptor, make_spec, read_spec},
    {&com__avspl1t__finish_task_message__descriptor, make_finish, read_finish},
    {&com__avspl1t__get_task_message__descriptor, make_claim, read_claim},
    {&com__avspl1t__task__descriptor, make_task, read_task},
    {&com__avspl1t__job__descriptor, make_job, read_job},
};

static void one_round(const struct kind *kind, uint64_t seed, bool tampered, unsigned *n_read)
{
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    struct avsp_buf AVSP_CLEANUP(avsp_buf_deinit) text;
    avsp_arena_init(&arena, AVSP_WIRE_ARENA_BYTES);
    avsp_buf_init(&text, 8 << 20);
    struct sampler s = {&arena, seed};
    struct packed packed = pack(&arena, kind->make(&s));
    if (tampered)
        tamper(&s, &packed);
    struct avsp_err err = {0};
    ProtobufCMessage *msg;
    enum avsp_code rc = unpack(&arena, kind->type, packed, &msg, &err);
    if (rc == AVSP_OK)
        rc = kind->read(&arena, msg, &text, &err);
    if (rc != AVSP_OK && rc != AVSP_INVALID && rc != AVSP_UNSUPPORTED)
        fail_msg("seed %" PRIu64 ": %s: %s", seed, avsp_code_name(rc), err.text);
    assert_int_equal(rc != AVSP_OK, err.text[0] != '\0');
    if (!tampered)
        assert_int_equal(rc, AVSP_OK);
    *n_read += rc == AVSP_OK;
}

static void tampered_messages_are_refused_or_read(void **state)
{
    (void)state;
    for (size_t k = 0; k < AVSP_ARRAY_LEN(kinds); k++) {
        unsigned n_read = 0;
        for (uint64_t seed = 1; seed <= ROUNDS; seed++)
            one_round(&kinds[k], seed, true, &n_read);
        assert_in_range(n_read, 1, ROUNDS - 1); // both happen
        for (uint64_t seed = 1; seed <= 50; seed++)
            one_round(&kinds[k], seed, false, &n_read);
    }
}

static void clipping_keeps_characters_whole(void **state)
{
    (void)state;
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    avsp_arena_init(&arena, 1 << 20);
    assert_string_equal(avsp_wire_clip(&arena, "日本", 6), "日本");
    assert_string_equal(avsp_wire_clip(&arena, "日本", 5), "日");
    assert_string_equal(avsp_wire_clip(&arena, "日本", 2), "");
    assert_string_equal(avsp_wire_clip(&arena, "a\xf0\x9f\x98", 10), "a???");
    assert_string_equal(avsp_wire_clip(&arena, "", 10), "");
}

static void a_full_arena_is_a_limit_not_a_crash(void **state)
{
    (void)state;
    unsigned n_done = 0, n_full = 0;
    for (size_t room = 0; room < 64000; room += 80) {
        struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) all, arena;
        avsp_arena_init(&all, 32 << 20);
        avsp_arena_init(&arena, room);
        struct sampler s = {&all, 99};
        struct avsp_finish finish = sample_finish(&s);
        struct packed packed = pack(&all, avsp_wire_make_finish(&all, &finish));
        // Both ways, with less memory than they need.
        Com__Avspl1t__FinishTaskMessage *made = avsp_wire_make_finish(&arena, &finish);
        (void)made;
        avsp_arena_clear(&arena);
        ProtobufCMessage *msg;
        struct avsp_err err = {0};
        enum avsp_code rc =
            unpack(&arena, &com__avspl1t__finish_task_message__descriptor, packed, &msg, &err);
        if (rc == AVSP_OK)
            rc = avsp_wire_read_finish(&arena, (Com__Avspl1t__FinishTaskMessage *)msg, &finish,
                                       &err);
        assert_true(rc == AVSP_OK || rc == AVSP_LIMIT || rc == AVSP_NO_MEMORY);
        *(rc == AVSP_OK ? &n_done : &n_full) += 1;
    }
    assert_in_range(n_full, 1, 799);
    assert_int_equal(n_done, 800 - n_full);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tampered_messages_are_refused_or_read),
        cmocka_unit_test(clipping_keeps_characters_whole),
        cmocka_unit_test(a_full_arena_is_a_limit_not_a_crash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
