#include "worker/sizing.h"

#include <limits.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

/// Enough for encodes up to 1080p with several renditions; what needs more takes several slots (worker/need.h).
#define SLOT_BYTES ((uint64_t)1536 << 20)
#define STEP_MIN_BYTES ((uint64_t)2 << 30)
#define SLOTS_MAX 256

/// The first line of a small file; false where it cannot be read.
static bool read_line(const char *path, char *ret_line, size_t len)
{
    FILE *f = fopen(path, "re");
    if (f == NULL)
        return false;
    bool got = fgets(ret_line, (int)len, f) != NULL;
    fclose(f);
    return got;
}

static uint64_t meminfo(const char *key)
{
    FILE *f = fopen("/proc/meminfo", "re");
    if (f == NULL)
        return 0;
    char line[128];
    uint64_t kib = 0;
    size_t n = strlen(key);
    while (fgets(line, sizeof line, f) != NULL)
        if (strncmp(line, key, n) == 0 && line[n] == ':')
            kib = strtoull(line + n + 1, NULL, 10);
    fclose(f);
    return kib << 10;
}

/// Our control group (version 2) as a path below its mount; "" where there is none.
static void own_group(char ret_path[PATH_MAX])
{
    ret_path[0] = '\0';
    FILE *f = fopen("/proc/self/cgroup", "re");
    if (f == NULL)
        return;
    char line[PATH_MAX];
    while (fgets(line, sizeof line, f) != NULL)
        if (strncmp(line, "0::/", 4) == 0)
            snprintf(ret_path, PATH_MAX, "/sys/fs/cgroup%.*s", (int)strcspn(line + 3, "\n"),
                     line + 3);
    fclose(f);
}

static bool group_number(const char *group, const char *file, uint64_t *ret_value)
{
    char path[PATH_MAX], line[64];
    if (snprintf(path, sizeof path, "%s/%s", group, file) >= (int)sizeof path ||
        !read_line(path, line, sizeof line))
        return false;
    char *end;
    *ret_value = strtoull(line, &end, 10);
    return end != line; // "max" is no number
}

/// Processor time and the period that it is for; false where there is no quota.
static bool group_quota(const char *group, uint64_t *ret_quota, uint64_t *ret_period)
{
    char path[PATH_MAX], line[64];
    if (snprintf(path, sizeof path, "%s/cpu.max", group) >= (int)sizeof path ||
        !read_line(path, line, sizeof line))
        return false;
    char *end;
    *ret_quota = strtoull(line, &end, 10);
    if (end == line)
        return false;
    *ret_period = strtoull(end, NULL, 10);
    return *ret_period > 0;
}

static void look_at_group(const char *group, struct avsp_machine *machine)
{
    uint64_t max, current;
    if (group_number(group, "memory.max", &max)) {
        machine->total_bytes = AVSP_MIN(machine->total_bytes, max);
        if (group_number(group, "memory.current", &current))
            machine->available_bytes =
                AVSP_MIN(machine->available_bytes, max > current ? max - current : 0);
    }
    uint64_t quota, period;
    if (group_quota(group, &quota, &period))
        machine->n_cpus =
            (unsigned)AVSP_MIN(machine->n_cpus, AVSP_MAX((quota + period - 1) / period, 1u));
}

void avsp_machine_look(struct avsp_machine *ret_machine)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    int n = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set)
                                                        : (int)sysconf(_SC_NPROCESSORS_ONLN);
    *ret_machine = (struct avsp_machine){
        .n_cpus = (unsigned)AVSP_MAX(n, 1),
        .total_bytes = meminfo("MemTotal"),
        .available_bytes = meminfo("MemAvailable"),
    };
    // A limit may stand at any level above us.
    char group[PATH_MAX];
    own_group(group);
    for (size_t top = strlen("/sys/fs/cgroup"); strlen(group) >= top;) {
        look_at_group(group, ret_machine);
        char *slash = strrchr(group, '/');
        if ((size_t)(slash - group) < top)
            break;
        *slash = '\0';
    }
}

unsigned avsp_machine_slots(const struct avsp_machine *machine)
{
    uint64_t by_memory = AVSP_MAX(machine->available_bytes / SLOT_BYTES, (uint64_t)1);
    return (unsigned)AVSP_MIN(AVSP_MIN((uint64_t)machine->n_cpus, by_memory), (uint64_t)SLOTS_MAX);
}

uint64_t avsp_machine_memory_limit(const struct avsp_machine *machine, unsigned n_slots)
{
    uint64_t share = machine->total_bytes / 10 * 9 / AVSP_MAX(n_slots, 1u);
    return AVSP_MAX(share, STEP_MIN_BYTES);
}

unsigned avsp_machine_threads(unsigned all_threads, unsigned n_waiting, unsigned n_taken)
{
    unsigned twice = 2 * all_threads / (n_waiting + AVSP_MAX(n_taken, 2u));
    unsigned most = AVSP_MIN(all_threads, AVSP_MACHINE_THREADS_MAX);
    return AVSP_MAX(AVSP_MIN(twice, most), 1u);
}
