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

static void the_last_encodes_get_the_threads_of_those_that_are_over(void **state)
{
    (void)state;
    static const unsigned table[][4] = {
        // all, waiting, taken, threads
        {2, 64, 2, 1},   {2, 1, 2, 1},    {2, 0, 2, 2},   {2, 0, 1, 2},   {1, 0, 1, 1},
        {16, 30, 16, 1}, {16, 0, 16, 2},  {16, 0, 8, 4},  {16, 0, 1, 16}, {16, 1, 16, 1},
        {2, 1, 1, 1},    {64, 24, 64, 1}, {64, 0, 64, 2}, {64, 0, 4, 16},
    };
    for (size_t i = 0; i < AVSP_ARRAY_LEN(table); i++)
        assert_int_equal(avsp_machine_threads(table[i][0], table[i][1], table[i][2]), table[i][3]);
}

static void the_end_of_a_job_leaves_no_processor_idle(void **state)
{
    (void)state;
    static const unsigned machines[] = {1, 2, 7, 16, 64, 200};
    for (size_t i = 0; i < AVSP_ARRAY_LEN(machines); i++)
        for (unsigned n_left = machines[i]; n_left > 0; n_left--) {
            const unsigned threads = avsp_machine_threads(machines[i], 0, n_left);
            if (threads * n_left < machines[i] && threads < AVSP_MACHINE_THREADS_MAX)
                fail_msg("%u processors, %u encodes: %u threads each", machines[i], n_left,
                         threads);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_slot_a_processor_where_memory_allows_it),
        cmocka_unit_test(the_last_encodes_get_the_threads_of_those_that_are_over),
        cmocka_unit_test(the_end_of_a_job_leaves_no_processor_idle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
