#include "world.h"

#include <errno.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

/// Some moment in 2026: what it is does not matter.
#define BEGIN_US INT64_C(1770000000000000)

static uint64_t rng_state;
static uint64_t
    id_state; ///< of getrandom: what the code under test draws does not move the dice of the test
static int64_t now_us;
static uint32_t writes_left; ///< until one fails; 0 = none fails

/// splitmix64 (Steele, Lea and Flood 2014): small, and every seed is a good one.
static uint64_t next(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

void world_reset(uint64_t seed)
{
    rng_state = seed;
    id_state = ~seed;
    now_us = BEGIN_US;
    writes_left = 0;
}

uint32_t world_random(uint32_t n)
{
    return (uint32_t)(next(&rng_state) % n);
}

bool world_chance(uint32_t permille)
{
    return world_random(1000) < permille;
}

void world_advance_ms(int64_t ms)
{
    now_us += ms * 1000;
}

void world_fail_write(uint32_t nth)
{
    writes_left = nth;
}

// libsqlite3 must find these before libc's.
#pragma GCC visibility push(default)

int clock_gettime(clockid_t clock, struct timespec *ret_time)
{
    if (clock != CLOCK_REALTIME)
        return (int)syscall(SYS_clock_gettime, clock, ret_time);
    *ret_time = (struct timespec){.tv_sec = now_us / 1000000, .tv_nsec = now_us % 1000000 * 1000};
    return 0;
}

ssize_t getrandom(void *bytes, size_t len, unsigned flags)
{
    (void)flags;
    for (size_t i = 0; i < len; i++)
        ((unsigned char *)bytes)[i] = (unsigned char)next(&id_state);
    return (ssize_t)len;
}

ssize_t pwrite64(int fd, const void *bytes, size_t len, off64_t offset)
{
    if (writes_left == 1) {
        errno = EIO;
        return -1;
    }
    writes_left -= writes_left > 1;
    return (ssize_t)syscall(SYS_pwrite64, fd, bytes, len, offset);
}

#pragma GCC visibility pop
