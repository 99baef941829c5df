#include "inject.h"

#include <dlfcn.h>
#include <stdint.h>
#include <string.h>

#define RANGES_MAX 64

/// Code of one file in memory.
struct range {
    uintptr_t begin;
    uintptr_t end;
    bool ours; ///< system calls count too
    bool self; ///< the program itself
};

static struct range ranges[RANGES_MAX];
static unsigned n_ranges;
static enum inject_mode mode;
static unsigned n_calls;
static unsigned nth_call;
static unsigned n_interruptible;
static const char *failed = "";

/// Libraries whose calls count: a prefix of the file's name.
static const struct {
    const char *prefix;
    bool ours;
} libraries[] = {
    {"libsqlite3.so", true},     {"libav", false},   {"libsw", false},
    {"libprotobuf-c.so", false}, {"libc.so", false},
};

static void add_range(const char *line)
{
    char *end = NULL;
    struct range range = {.begin = strtoull(line, &end, 16)};
    range.end = strtoull(end + 1, &end, 16);
    const char *path = strchr(line, '/');
    if (strncmp(end, " r-xp", 5) != 0 || path == NULL || n_ranges == RANGES_MAX)
        return;
    const char *name = strrchr(path, '/') + 1;
    range.self = (uintptr_t)add_range >= range.begin && (uintptr_t)add_range < range.end;
    range.ours = range.self;
    bool counts = range.self;
    for (size_t i = 0; i < AVSP_ARRAY_LEN(libraries); i++)
        if (strncmp(name, libraries[i].prefix, strlen(libraries[i].prefix)) == 0) {
            counts = true;
            range.ours |= libraries[i].ours;
        }
    if (counts)
        ranges[n_ranges++] = range;
}

static void find_ranges(void)
{
    FILE *maps = fopen("/proc/self/maps", "re");
    char line[4096];
    AVSP_ASSERT(maps != NULL);
    while (fgets(line, sizeof line, maps) != NULL)
        add_range(line);
    fclose(maps);
}

static const struct range *range_of(const void *caller)
{
    for (unsigned i = 0; i < n_ranges; i++)
        if ((uintptr_t)caller >= ranges[i].begin && (uintptr_t)caller < ranges[i].end)
            return &ranges[i];
    return NULL;
}

void inject_arm(enum inject_mode new_mode, unsigned nth)
{
    if (n_ranges == 0)
        find_ranges();
    n_calls = 0;
    n_interruptible = 0;
    nth_call = nth;
    failed = "";
    mode = new_mode;
}

bool inject_disarm(void)
{
    mode = INJECT_NOTHING;
    return failed[0] != '\0';
}

unsigned inject_n_calls(void)
{
    return n_calls;
}

const char *inject_failed(void)
{
    return failed;
}

void *inject_next(const char *name)
{
    return dlsym(RTLD_NEXT, name);
}

static bool count(const char *name)
{
    if (++n_calls != nth_call)
        return false;
    failed = name;
    return true;
}

bool inject_call(const char *name, const void *caller)
{
    if (mode != INJECT_FAIL)
        return false;
    const struct range *range = range_of(caller);
    return range != NULL && range->ours && count(name);
}

bool inject_memory(const char *name, const void *caller)
{
    return mode == INJECT_FAIL && range_of(caller) != NULL && count(name);
}

bool inject_interrupt(const void *caller, size_t *len)
{
    if (mode != INJECT_SHORT && mode != INJECT_INTERRUPT)
        return false;
    const struct range *range = range_of(caller);
    if (range == NULL || !range->self)
        return false;
    if (mode == INJECT_SHORT && len != NULL && *len > 1)
        *len = (*len + 1) / 2;
    return mode == INJECT_INTERRUPT && n_interruptible++ % 2 == 0;
}
