#include "worker/sizing.h"

#include "core/model.h"
#include "util/parse.h"

#include <limits.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

/// Enough for encodes up to 1080p with several renditions; what needs more takes several slots (worker/need.h).
#define SLOT_BYTES ((uint64_t)1536 << 20)
#define STEP_MIN_BYTES ((uint64_t)2 << 30)

/// What a control group says of its memory, in the words of version 2, and of version 1.
struct words {
    const char *max;
    const char *current;
    const char *inactive_file;
    const char *active_file;
};

static const struct words version_2 = {"memory.max", "memory.current", "inactive_file",
                                       "active_file"};
static const struct words version_1 = {"memory.limit_in_bytes", "memory.usage_in_bytes",
                                       "total_inactive_file", "total_active_file"};

static FILE *open_file(const char *folder, const char *name)
{
    char path[PATH_MAX];
    return snprintf(path, sizeof path, "%s/%s", folder, name) < (int)sizeof path ? fopen(path, "re")
                                                                                 : NULL;
}

/// The first line of a small file; false where it cannot be read.
static bool read_line(const char *folder, const char *name, char *ret_line, size_t len)
{
    FILE *f = open_file(folder, name);
    if (f == NULL)
        return false;
    bool got = fgets(ret_line, (int)len, f) != NULL;
    fclose(f);
    return got;
}

#define VALUE_BYTES 128

/// What stands behind a key and a separator in a file of such lines; false where it is not there.
static bool find_value(const char *folder, const char *name, const char *key, char separator,
                       char ret_value[VALUE_BYTES])
{
    FILE *f = open_file(folder, name);
    if (f == NULL)
        return false;
    char line[VALUE_BYTES];
    size_t n = strlen(key);
    bool found = false;
    while (!found && fgets(line, sizeof line, f) != NULL)
        found = strncmp(line, key, n) == 0 && line[n] == separator;
    fclose(f);
    if (found)
        snprintf(ret_value, VALUE_BYTES, "%s", line + n + 1);
    return found;
}

static uint64_t meminfo(const char *root, const char *key)
{
    char kib[VALUE_BYTES];
    return find_value(root, "proc/meminfo", key, ':', kib) ? strtoull(kib, NULL, 10) << 10 : 0;
}

/// Our control group, by what stands in front of it ("::" or ":memory:"), as a path below its mount; "" where there is none.
static void own_group(const char *root, const char *kind, const char *mount,
                      char ret_path[PATH_MAX])
{
    ret_path[0] = '\0';
    FILE *f = open_file(root, "proc/self/cgroup");
    if (f == NULL)
        return;
    char line[PATH_MAX];
    size_t n = strlen(kind);
    while (fgets(line, sizeof line, f) != NULL) {
        const char *at = line + strspn(line, "0123456789");
        line[strcspn(line, "\n")] = '\0';
        if (strncmp(at, kind, n) == 0 && at[n] == '/' &&
            snprintf(ret_path, PATH_MAX, "%s/%s%s", root, mount, at + n) >= PATH_MAX)
            ret_path[0] = '\0';
    }
    fclose(f);
}

/// A number with a line's end behind it; "max" is none.
static bool read_number(char *text, uint64_t *ret_value)
{
    int64_t value = 0;
    text[strcspn(text, "\n")] = '\0';
    if (!avsp_parse_i64(text, 0, INT64_MAX, &value))
        return false;
    *ret_value = (uint64_t)value;
    return true;
}

static bool group_number(const char *group, const char *file, uint64_t *ret_value)
{
    char line[64];
    return read_line(group, file, line, sizeof line) && read_number(line, ret_value);
}

/// A number of memory.stat; 0 where it is not there.
static uint64_t group_stat(const char *group, const char *key)
{
    char text[VALUE_BYTES];
    uint64_t value = 0;
    return find_value(group, "memory.stat", key, ' ', text) && read_number(text, &value) ? value
                                                                                         : 0;
}

/// What the kernel can have back at once counts as free, as in MemAvailable: most of it are files that were copied.
static void look_at_memory(const char *group, const struct words *words,
                           struct avsp_machine *machine)
{
    uint64_t max, current;
    if (!group_number(group, words->max, &max))
        return;
    machine->total_bytes = AVSP_MIN(machine->total_bytes, max);
    if (!group_number(group, words->current, &current))
        return;
    uint64_t files =
        group_stat(group, words->inactive_file) + group_stat(group, words->active_file);
    uint64_t used = current - AVSP_MIN(current, files);
    machine->available_bytes = AVSP_MIN(machine->available_bytes, max - AVSP_MIN(max, used));
}

/// Processor time and the period that it is for; false where there is no quota.
static bool group_quota(const char *group, uint64_t *ret_quota, uint64_t *ret_period)
{
    char line[64];
    if (!read_line(group, "cpu.max", line, sizeof line))
        return false;
    char *end;
    *ret_quota = strtoull(line, &end, 10);
    if (end == line)
        return false;
    *ret_period = strtoull(end, NULL, 10);
    return *ret_period > 0;
}

static void look_at_quota(const char *group, struct avsp_machine *machine)
{
    uint64_t quota, period;
    if (group_quota(group, &quota, &period))
        machine->n_cpus =
            (unsigned)AVSP_MIN(machine->n_cpus, AVSP_MAX((quota + period - 1) / period, 1u));
}

/// A limit may stand at any level above us.
static void look_at_groups(const char *root, const char *kind, const char *mount,
                           const struct words *words, struct avsp_machine *machine)
{
    char group[PATH_MAX];
    own_group(root, kind, mount, group);
    for (size_t top = strlen(root) + strlen("/") + strlen(mount); strlen(group) >= top;) {
        look_at_memory(group, words, machine);
        look_at_quota(group, machine);
        char *slash = strrchr(group, '/');
        if ((size_t)(slash - group) < top)
            break;
        *slash = '\0';
    }
}

void avsp_machine_look(const char *root, struct avsp_machine *ret_machine)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    int n = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set)
                                                        : (int)sysconf(_SC_NPROCESSORS_ONLN);
    *ret_machine = (struct avsp_machine){
        .n_cpus = (unsigned)AVSP_MAX(n, 1),
        .total_bytes = meminfo(root, "MemTotal"),
        .available_bytes = meminfo(root, "MemAvailable"),
    };
    look_at_groups(root, "::", "sys/fs/cgroup", &version_2, ret_machine);
    look_at_groups(root, ":memory:", "sys/fs/cgroup/memory", &version_1, ret_machine);
}

unsigned avsp_machine_slots(const struct avsp_machine *machine)
{
    uint64_t by_memory = AVSP_MAX(machine->available_bytes / SLOT_BYTES, (uint64_t)1);
    return (unsigned)AVSP_MIN(AVSP_MIN((uint64_t)machine->n_cpus, by_memory),
                              (uint64_t)AVSP_SLOTS_MAX);
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
