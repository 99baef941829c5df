/// Compiler attributes and the few macros every file may use.
///
/// Limits: none. Threads: nothing here has state.
#ifndef AVSP_UTIL_BASE_H
#define AVSP_UTIL_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/// The result must be looked at.
#define AVSP_CHECKED __attribute__((warn_unused_result))

/// printf-like: the format is argument @p f, its values start at argument @p a.
#define AVSP_PRINTF(f, a) __attribute__((format(printf, f, a)))

/// A local that owns something: @p fn receives the variable's address when its scope ends.
#define AVSP_CLEANUP(fn) __attribute__((cleanup(fn)))

#define AVSP_ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

#define AVSP_MIN(a, b) ((a) < (b) ? (a) : (b))
#define AVSP_MAX(a, b) ((a) > (b) ? (a) : (b))

/// Asserts something that only a mistake of ours can break; stays on in release builds. Never for
/// memory, I/O or anything a peer, a user or a file controls.
#define AVSP_ASSERT(cond)                                                                          \
    do {                                                                                           \
        if (!(cond)) {                                                                             \
            fprintf(stderr, "%s:%d: assertion failed: %s\n", __FILE__, __LINE__, #cond);           \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/// 1 where a sanitizer's run-time is in the program: it maps terabytes and looks around, so some limits cannot hold.
#if defined(__SANITIZE_ADDRESS__)
#define AVSP_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define AVSP_SANITIZED 1
#endif
#endif
#ifndef AVSP_SANITIZED
#define AVSP_SANITIZED 0
#endif

/// Frees heap memory owned by a `char *` or other pointer local: `AVSP_CLEANUP(avsp_free_ptr)`.
static inline void avsp_free_ptr(void *ptr_to_ptr)
{
    void **p = ptr_to_ptr;
    free(*p);
    *p = NULL;
}

#endif
