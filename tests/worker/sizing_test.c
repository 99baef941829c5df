/// What a machine is good for.
#include "worker/sizing.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define GIB ((uint64_t)1 << 30)

static struct avsp_machine machine(unsigned n_cpus, uint64_t gib)
{
    return (struct avsp_machine){
        .n_cpus = n_cpus, .total_bytes = gib * GIB, .available_bytes = gib * GIB};
}

static void one_slot_a_processor_where_memory_allows_it(void **state)
{
    (void)state;
    struct avsp_machine roomy = machine(8, 64), tight = machine(8, 4), tiny = machine(8, 1);
    assert_int_equal(avsp_machine_slots(&roomy), 8);
    assert_int_equal(avsp_machine_slots(&tight), 2);
    assert_int_equal(avsp_machine_slots(&tiny), 1);
}

static void two_threads_where_memory_allows_it(void **state)
{
    (void)state;
    struct avsp_machine roomy = machine(2, 16), tight = machine(2, 4), single = machine(1, 16);
    assert_int_equal(avsp_machine_threads(&roomy, 2), 2);
    assert_int_equal(avsp_machine_threads(&tight, 2), 1);
    assert_int_equal(avsp_machine_threads(&single, 1), 1);
}

static void fewer_slots_have_more_threads(void **state)
{
    (void)state;
    struct avsp_machine wide = machine(8, 4);
    assert_int_equal(avsp_machine_threads(&wide, 2), 4);
    assert_int_equal(avsp_machine_threads(&wide, 1), 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_slot_a_processor_where_memory_allows_it),
        cmocka_unit_test(two_threads_where_memory_allows_it),
        cmocka_unit_test(fewer_slots_have_more_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
