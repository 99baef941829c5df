#include "../cmocka_all.h"

#include "util/arena.h"

#include <stdalign.h>
#include <string.h>

static void memory_is_zeroed_and_aligned(void **state)
{
    (void)state;
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    avsp_arena_init(&arena, 1 << 20);
    for (size_t bytes = 1; bytes < 5000; bytes = bytes * 3 + 1) {
        unsigned char *p = avsp_arena_alloc(&arena, bytes);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % alignof(max_align_t), 0);
        for (size_t i = 0; i < bytes; i++)
            assert_int_equal(p[i], 0);
        memset(p, 0xaa, bytes);
    }
}

static void what_was_given_stays(void **state)
{
    (void)state;
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    avsp_arena_init(&arena, 1 << 20);
    char *texts[200];
    for (int i = 0; i < 200; i++) {
        texts[i] = avsp_arena_printf(&arena, "text %d", i);
        assert_non_null(texts[i]);
    }
    for (int i = 0; i < 200; i++) {
        char wanted[32];
        snprintf(wanted, sizeof wanted, "text %d", i);
        assert_string_equal(texts[i], wanted);
    }
    assert_string_equal(avsp_arena_strdup(&arena, "abc"), "abc");
    assert_string_equal(avsp_arena_strndup(&arena, "abc", 2), "ab");
    assert_string_equal(avsp_arena_strndup(&arena, "", 0), "");
}

static void the_ceiling_holds(void **state)
{
    (void)state;
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    avsp_arena_init(&arena, 10000);
    assert_null(avsp_arena_alloc(&arena, 10001));
    assert_null(avsp_arena_alloc(&arena, SIZE_MAX));
    assert_null(avsp_arena_array(&arena, SIZE_MAX / 2, 3));
    size_t n = 0;
    while (n < 1000 && avsp_arena_alloc(&arena, 100) != NULL)
        n++;
    assert_in_range(n, 50, 100);
    struct avsp_err err = {0};
    assert_int_equal(avsp_arena_failed(&arena, &err), AVSP_NO_MEMORY);
    assert_int_equal(err.code, AVSP_NO_MEMORY);
    avsp_arena_clear(&arena);
    assert_non_null(avsp_arena_alloc(&arena, 100));
}

static void an_empty_array_is_a_pointer(void **state)
{
    (void)state;
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    avsp_arena_init(&arena, 1000);
    assert_non_null(avsp_arena_array(&arena, 0, 8));
    avsp_arena_deinit(&arena); // twice is fine
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_zeroed_and_aligned),
        cmocka_unit_test(what_was_given_stays),
        cmocka_unit_test(the_ceiling_holds),
        cmocka_unit_test(an_empty_array_is_a_pointer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
