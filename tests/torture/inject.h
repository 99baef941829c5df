/// Makes calls of libc fail at will: memory, files, processes. Those of one thread, the one that armed it.
///
///     inject_arm(INJECT_FAIL, n, false);     // the n-th call from here on fails …
///     rc = …;
///     bool hit = inject_disarm();       // … if there were so many
///
/// The functions of inject_calls.c, inject_memory.c and inject_av.c stand in front of libc's (and AddressSanitizer's) and FFmpeg's. System calls count where
/// our own code or SQLite makes them, memory also where FFmpeg, protobuf-c or libc itself asks for it: none of what fails is gRPC's,
/// an encoder's or the test's own, which end the process when memory is gone.
#ifndef AVSP_TORTURE_INJECT_H
#define AVSP_TORTURE_INJECT_H

#include "util/base.h"

#include <errno.h>

enum inject_mode {
    INJECT_NOTHING,
    INJECT_FAIL, ///< the n-th call fails
    INJECT_SHORT, ///< every read and write of ours does half of what it was asked for: no failure at all
    INJECT_INTERRUPT, ///< every second call of ours that may be interrupted is: no failure either
};

/// @param nth         from 1; INJECT_FAIL only.
/// @param own_memory  memory counts only where our own code asks for it.
void inject_arm(enum inject_mode mode, unsigned nth, bool own_memory);

/// @return whether a call was made to fail.
bool inject_disarm(void);

/// Calls counted since it was armed, and the name of the one that failed ("" for none).
unsigned inject_n_calls(void);
const char *inject_failed(void);

// For inject_calls.c and inject_memory.c.

/// The function of that name that comes after ours.
void *inject_next(const char *name);

/// Shall this call fail? @param caller its return address.
bool inject_call(const char *name, const void *caller);
bool inject_memory(const char *name, const void *caller);

/// Shall this call be interrupted? @param len where not NULL: may be made shorter instead.
bool inject_interrupt(const void *caller, size_t *len);

/// Defines a function that may be made to fail: it gives @p failure then, and errno is @p errnum.
#define INJECT_CALL(type, name, params, args, failure, errnum)                                     \
    type name params                                                                               \
    {                                                                                              \
        static type(*next) params;                                                                 \
        if (next == NULL)                                                                          \
            next = (type(*) params)inject_next(#name);                                             \
        if (inject_call(#name, __builtin_return_address(0))) {                                     \
            errno = (errnum);                                                                      \
            return failure;                                                                        \
        }                                                                                          \
        return next args;                                                                          \
    }

#endif
