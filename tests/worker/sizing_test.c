/// What a machine is good for.
#include "worker/sizing.h"

#include "../cmocka_all.h"

#include <ftw.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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

static char root[] = "/tmp/avspl1t-test-XXXXXX";

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *where)
{
    (void)st, (void)type, (void)where;
    return remove(path);
}

/// Writes a file below the root, and its folders.
static void put(const char *name, const char *text)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/%s", root, name);
    for (char *slash = path + strlen(root); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        (void)mkdir(path, 0777);
        *slash = '/';
    }
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

/// A machine of 64 GiB of which 48 are free, and what is in its files.
static struct avsp_machine look(const char *const (*files)[2], size_t n)
{
    snprintf(root, sizeof root, "/tmp/avspl1t-test-XXXXXX");
    assert_non_null(mkdtemp(root));
    put("proc/meminfo", "MemTotal: 67108864 kB\nMemFree: 1 kB\nMemAvailable: 50331648 kB\n");
    for (size_t i = 0; i < n; i++)
        put(files[i][0], files[i][1]);
    struct avsp_machine found;
    avsp_machine_look(root, &found);
    nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    return found;
}

#define LOOK(files) look(files, AVSP_ARRAY_LEN(files))

static void files_that_were_copied_are_not_memory_in_use(void **state)
{
    (void)state;
    static const char *const two[][2] = {
        {"proc/self/cgroup", "0::/kube/pod\n"},
        {"sys/fs/cgroup/kube/pod/memory.max", "8589934592\n"},
        {"sys/fs/cgroup/kube/pod/memory.current", "8589930000\n"},
        {"sys/fs/cgroup/kube/pod/memory.stat",
         "anon 1073737232\nfile 7516192768\ninactive_file 6442450944\nactive_file 1073741824\n"},
    };
    static const char *const one[][2] = {
        {"proc/self/cgroup", "9:cpu,cpuacct:/x\n4:memory:/docker/1\n0::/\n"},
        {"sys/fs/cgroup/memory/memory.limit_in_bytes", "8589934592\n"},
        {"sys/fs/cgroup/memory/memory.usage_in_bytes", "8589930000\n"},
        {"sys/fs/cgroup/memory/memory.stat",
         "inactive_file 4096\nactive_file 4096\ntotal_inactive_file 6442450944\n"
         "total_active_file 1073741824\n"},
    };
    struct avsp_machine second = LOOK(two), first = LOOK(one), none = look(NULL, 0);
    assert_int_equal(none.total_bytes, 64 * GIB);
    assert_int_equal(none.available_bytes, 48 * GIB);
    assert_int_equal(second.total_bytes, 8 * GIB);
    assert_int_equal(second.available_bytes, 8 * GIB - 1073737232);
    assert_int_equal(first.total_bytes, 8 * GIB);
    assert_int_equal(first.available_bytes, 8 * GIB - 1073737232);
}

static void numbers_that_cannot_be_are_none(void **state)
{
    (void)state;
    static const char *const table[][4] = {
        // limit, in use, what memory.stat says, what is free then
        {"8589934592", "4294967296", "", "4294967296"},
        {"8589934592", "4294967296", "inactive_file", "4294967296"},
        {"8589934592", "4294967296", "inactive_file \nactive_file x\n", "4294967296"},
        {"8589934592", "4294967296", "inactive_file -1\n", "4294967296"},
        {"8589934592", "4294967296", "inactive_file 18446744073709551615\n", "4294967296"},
        {"8589934592", "4294967296", "inactive_files 1024\nx inactive_file 1\n", "4294967296"},
        {"8589934592", "4294967296",
         "inactive_file 9223372036854775807\nactive_file 9223372036854775807\n", "8589934592"},
        {"8589934592", "9223372036854775807", "", "0"},
        {"8589934592", "-1", "", "51539607552"},
        {"max", "4294967296", "inactive_file 1024\n", "51539607552"},
        {"", "", "", "51539607552"},
    };
    for (size_t i = 0; i < AVSP_ARRAY_LEN(table); i++) {
        const char *const files[][2] = {
            {"proc/self/cgroup", "0::/\n"},
            {"sys/fs/cgroup/memory.max", table[i][0]},
            {"sys/fs/cgroup/memory.current", table[i][1]},
            {"sys/fs/cgroup/memory.stat", table[i][2]},
        };
        assert_int_equal(LOOK(files).available_bytes, strtoull(table[i][3], NULL, 10));
    }
}

static void the_lowest_limit_of_all_levels_counts(void **state)
{
    (void)state;
    static const char *const files[][2] = {
        {"proc/self/cgroup", "0::/a/b\n"},
        {"sys/fs/cgroup/a/memory.max", "4294967296\n"},
        {"sys/fs/cgroup/a/memory.current", "3221225472\n"},
        {"sys/fs/cgroup/a/b/memory.max", "8589934592\n"},
        {"sys/fs/cgroup/a/b/memory.current", "1073741824\n"},
        {"sys/fs/cgroup/a/cpu.max", "50000 100000\n"},
    };
    struct avsp_machine found = LOOK(files);
    assert_int_equal(found.total_bytes, 4 * GIB);
    assert_int_equal(found.available_bytes, 1 * GIB);
    assert_int_equal(found.n_cpus, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_slot_a_processor_where_memory_allows_it),
        cmocka_unit_test(files_that_were_copied_are_not_memory_in_use),
        cmocka_unit_test(numbers_that_cannot_be_are_none),
        cmocka_unit_test(the_lowest_limit_of_all_levels_counts),
        cmocka_unit_test(the_last_encodes_get_the_threads_of_those_that_are_over),
        cmocka_unit_test(the_end_of_a_job_leaves_no_processor_idle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
