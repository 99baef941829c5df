/// What stands in front of the functions that give memory.
#include "inject.h"

#include <errno.h>
#include <malloc.h>
#include <string.h>

// Not from headers: attributes of theirs that tell the compiler what a memory function never does.
#define NEXT(name, type)                                                                           \
    static type *next;                                                                             \
    if (next == NULL)                                                                              \
    next = (type *)inject_next(name)

typedef void *malloc_type(size_t bytes);
typedef void *calloc_type(size_t n, size_t bytes);
typedef void *realloc_type(void *old, size_t bytes);
typedef int posix_memalign_type(void **ret, size_t alignment, size_t bytes);
typedef char *strdup_type(const char *text);

static bool fails(const char *name, const void *caller)
{
    if (!inject_memory(name, caller))
        return false;
    errno = ENOMEM;
    return true;
}

void *malloc(size_t bytes)
{
    NEXT("malloc", malloc_type);
    return fails("malloc", __builtin_return_address(0)) ? NULL : next(bytes);
}

void *calloc(size_t n, size_t bytes)
{
    NEXT("calloc", calloc_type);
    return fails("calloc", __builtin_return_address(0)) ? NULL : next(n, bytes);
}

void *realloc(void *old, size_t bytes)
{
    NEXT("realloc", realloc_type);
    return fails("realloc", __builtin_return_address(0)) ? NULL : next(old, bytes);
}

int posix_memalign(void **ret, size_t alignment, size_t bytes)
{
    NEXT("posix_memalign", posix_memalign_type);
    return fails("posix_memalign", __builtin_return_address(0)) ? ENOMEM
                                                                : next(ret, alignment, bytes);
}

char *strdup(const char *text)
{
    NEXT("strdup", strdup_type);
    return fails("strdup", __builtin_return_address(0)) ? NULL : next(text);
}
