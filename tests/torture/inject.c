#include "inject.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

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

/// Shared with the processes that the code under test forks: until they start a program they are it, too.
static struct state {
    enum inject_mode mode;
    unsigned n_calls;
    unsigned nth_call;
    unsigned n_interruptible;
    bool own_memory;
    const char *failed;
    pthread_t thread; ///< only its calls count; the first thread of a forked process has the same
} * state;

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

void inject_arm(enum inject_mode mode, unsigned nth, bool own_memory)
{
    if (state == NULL) {
        find_ranges();
        state =
            mmap(NULL, sizeof *state, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        AVSP_ASSERT(state != MAP_FAILED);
    }
    *state = (struct state){
        .nth_call = nth, .own_memory = own_memory, .failed = "", .thread = pthread_self()};
    state->mode = mode;
}

bool inject_disarm(void)
{
    state->mode = INJECT_NOTHING;
    return state->failed[0] != '\0';
}

unsigned inject_n_calls(void)
{
    return state->n_calls;
}

const char *inject_failed(void)
{
    return state->failed;
}

void *inject_next(const char *name)
{
    return dlsym(RTLD_NEXT, name);
}

static bool is_armed(enum inject_mode mode)
{
    return state != NULL && state->mode == mode && pthread_equal(state->thread, pthread_self());
}

static bool count(const char *name)
{
    if (++state->n_calls != state->nth_call)
        return false;
    state->failed = name;
    return true;
}

bool inject_call(const char *name, const void *caller)
{
    if (!is_armed(INJECT_FAIL))
        return false;
    const struct range *range = range_of(caller);
    return range != NULL && range->ours && count(name);
}

bool inject_memory(const char *name, const void *caller)
{
    if (!is_armed(INJECT_FAIL))
        return false;
    const struct range *range = range_of(caller);
    return range != NULL && (range->self || !state->own_memory) && count(name);
}

bool inject_interrupt(const void *caller, size_t *len)
{
    if (!is_armed(INJECT_SHORT) && !is_armed(INJECT_INTERRUPT))
        return false;
    const struct range *range = range_of(caller);
    if (range == NULL || !range->self)
        return false;
    if (state->mode == INJECT_SHORT && len != NULL && *len > 1)
        *len = (*len + 1) / 2;
    return state->mode == INJECT_INTERRUPT && state->n_interruptible++ % 2 == 0;
}
