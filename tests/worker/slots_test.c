#include "worker/slots.h"

#include "../cmocka_all.h"

static bool never(void *opaque)
{
    (void)opaque;
    return false;
}

/// Stops a wait at its first look.
static bool at_once(void *opaque)
{
    (void)opaque;
    return true;
}

static const struct avsp_slots_waiter patient = {never, NULL}, impatient = {at_once, NULL};

static struct avsp_slots slots;

static int setup(void **state)
{
    (void)state;
    avsp_slots_init(&slots, 2, 100);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    assert_int_equal(slots.used_bytes, 0);
    assert_int_equal(slots.kept_bytes, 0);
    avsp_slots_deinit(&slots);
    return 0;
}

static void what_is_reserved_is_never_more_than_the_limit(void **state)
{
    (void)state;
    uint64_t a = 0, b = 0;
    assert_true(avsp_slots_reserve(&slots, 60, patient, &a));
    assert_false(avsp_slots_reserve(&slots, 50, impatient, &b));
    assert_true(avsp_slots_reserve(&slots, 40, patient, &b));
    avsp_slots_release(&slots, &a, a);
    avsp_slots_release(&slots, &b, b);
    assert_true(avsp_slots_reserve(&slots, 1000, patient, &a));
    assert_int_equal(a, 100);
    avsp_slots_release(&slots, &a, a);
}

static void of_two_that_need_more_one_gives_way(void **state)
{
    (void)state;
    uint64_t a = 0, b = 0, c = 0;
    assert_true(avsp_slots_reserve(&slots, 40, patient, &a));
    assert_true(avsp_slots_reserve(&slots, 40, patient, &b));
    assert_int_equal(avsp_slots_grow(&slots, &a, 60, &a), AVSP_GROWTH_DONE);
    assert_int_equal(a, 60);
    assert_false(avsp_slots_is_crowded(&slots));
    assert_int_equal(avsp_slots_grow(&slots, &b, 50, &b), AVSP_GROWTH_WAIT);
    assert_true(avsp_slots_is_crowded(&slots));
    assert_int_equal(avsp_slots_grow(&slots, &a, 70, &a), AVSP_GROWTH_GIVE_WAY);
    assert_int_equal(a, 60);
    avsp_slots_release(&slots, &a, a);
    // Nobody takes what the other waits for.
    assert_false(avsp_slots_reserve(&slots, 1, impatient, &c));
    assert_int_equal(avsp_slots_grow(&slots, &b, 50, &b), AVSP_GROWTH_DONE);
    assert_true(avsp_slots_reserve(&slots, 50, patient, &c));
    // Who ends while it waits is waited for no more.
    assert_int_equal(avsp_slots_grow(&slots, &b, 60, &b), AVSP_GROWTH_WAIT);
    avsp_slots_release(&slots, &b, b);
    assert_false(avsp_slots_is_crowded(&slots));
    avsp_slots_release(&slots, &c, c);
}

static void who_waits_for_others_keeps_what_it_uses(void **state)
{
    (void)state;
    uint64_t a = 0, b = 0;
    assert_true(avsp_slots_reserve(&slots, 50, patient, &a));
    avsp_slots_keep(&slots, 10, &a);
    assert_int_equal(a, 10);
    // All that there is, as long as the other waits for this one.
    assert_true(avsp_slots_reserve(&slots, 1000, patient, &b));
    assert_int_equal(b, 90);
    avsp_slots_go_on(&slots, a);
    assert_int_equal(avsp_slots_grow(&slots, &a, 20, &a), AVSP_GROWTH_WAIT);
    avsp_slots_release(&slots, &b, b);
    assert_int_equal(avsp_slots_grow(&slots, &a, 20, &a), AVSP_GROWTH_DONE);
    avsp_slots_release(&slots, &a, a);
}

static void who_wants_several_slots_is_not_passed_by(void **state)
{
    (void)state;
    int large = 0, small = 0;
    const struct avsp_slots_waiter first = {at_once, &large}, late = {at_once, &small},
                                   calm = {never, &small}, again = {never, &large};
    assert_true(avsp_slots_take(&slots, 1, calm));
    // One is free: not enough for the first, and it is first.
    assert_false(avsp_slots_take(&slots, 2, first));
    assert_true(avsp_slots_take(&slots, 1, calm));
    avsp_slots_give(&slots, 1);
    slots.next_up = &large; // as long as it waits
    assert_false(avsp_slots_take(&slots, 1, late));
    avsp_slots_give(&slots, 1);
    assert_true(avsp_slots_take(&slots, 2, again));
    assert_null(slots.next_up);
    assert_false(avsp_slots_take(&slots, 1, late));
    avsp_slots_give(&slots, 2);
    assert_int_equal(slots.n_taken, 0);
}

static void a_large_task_is_several_loads(void **state)
{
    (void)state;
    assert_true(avsp_slots_load(&slots));
    assert_true(avsp_slots_load_all(&slots, 2));
    assert_int_equal(slots.n_load, slots.n_slots);
    avsp_slots_unload(&slots, 2);
    // Both were claimed before either knew: one is too many.
    assert_true(avsp_slots_load(&slots));
    assert_true(avsp_slots_load(&slots));
    assert_true(avsp_slots_load_all(&slots, 2));
    assert_false(avsp_slots_load_all(&slots, 2));
    avsp_slots_unload(&slots, 1);
    assert_int_equal(slots.n_load, slots.n_slots); // no more is claimed
    // The next one comes when the first is nearly done, and waits for its slots.
    avsp_slots_unload(&slots, 1);
    assert_true(avsp_slots_load(&slots));
    assert_true(avsp_slots_load_all(&slots, 2));
    avsp_slots_unload(&slots, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_reserved_is_never_more_than_the_limit, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(of_two_that_need_more_one_gives_way, setup, teardown),
        cmocka_unit_test_setup_teardown(who_waits_for_others_keeps_what_it_uses, setup, teardown),
        cmocka_unit_test_setup_teardown(who_wants_several_slots_is_not_passed_by, setup, teardown),
        cmocka_unit_test_setup_teardown(a_large_task_is_several_loads, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
