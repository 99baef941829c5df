/// Records (core/record.h): what was read and is written again reads the same.
#include "core/record.h"
#include "fuzz.h"

static void write_again(const struct avsp_record *rec, struct avsp_buf *buf)
{
    avsp_record_begin(buf, rec->verb);
    for (size_t i = 0; i < rec->n_fields; i++)
        avsp_record_put_str(buf, rec->fields[i].key, rec->fields[i].value);
    avsp_record_end(buf);
}

static void check_same(const struct avsp_record *a, const struct avsp_record *b)
{
    AVSP_ASSERT(strcmp(a->verb, b->verb) == 0 && a->n_fields == b->n_fields);
    for (size_t i = 0; i < a->n_fields; i++)
        AVSP_ASSERT(strcmp(a->fields[i].key, b->fields[i].key) == 0 &&
                    strcmp(a->fields[i].value, b->fields[i].value) == 0);
}

static void take_all(struct avsp_record *rec)
{
    struct avsp_err err = {0};
    for (size_t i = 0; i < rec->n_fields; i++) {
        const char *key = rec->fields[i].key;
        (void)avsp_record_i64(rec, key, INT64_MIN, INT64_MAX);
        struct avsp_rational q = avsp_record_rational(rec, key);
        AVSP_ASSERT(q.den >= 0);
        (void)avsp_record_location(rec, key);
    }
    (void)avsp_record_location(rec, "in");
    (void)!avsp_record_check(rec, &err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *AVSP_CLEANUP(avsp_free_ptr) line = fuzz_text(data, size);
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    struct avsp_buf AVSP_CLEANUP(avsp_buf_deinit) buf;
    avsp_arena_init(&arena, 1 << 20);
    avsp_buf_init(&buf, 4 * AVSP_RECORD_MAX_BYTES);
    struct avsp_record rec, again;
    struct avsp_err err = {0};
    if (avsp_record_parse(&arena, line, &rec, &err) != AVSP_OK) {
        AVSP_ASSERT(err.text[0] != '\0');
        return 0;
    }
    write_again(&rec, &buf);
    // Escaped it may be longer than a line may be.
    if (avsp_buf_check(&buf, &err) != AVSP_OK || buf.len > AVSP_RECORD_MAX_BYTES)
        return 0;
    enum avsp_code rc = avsp_record_parse(&arena, buf.data, &again, &err);
    AVSP_ASSERT(rc == AVSP_OK);
    check_same(&rec, &again);
    take_all(&rec);
    return 0;
}
