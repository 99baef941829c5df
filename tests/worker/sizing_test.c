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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_slot_a_processor_where_memory_allows_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
