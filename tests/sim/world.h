/// The world that a simulation runs in: its clock, its chance and its disk belong to the test.
///
/// Linking this file takes the place of libc's clock_gettime(CLOCK_REALTIME), getrandom and pwrite64 for the whole program,
/// libsqlite3 included: one seed gives one course of events. One thread.
#ifndef AVSP_TESTS_SIM_WORLD_H
#define AVSP_TESTS_SIM_WORLD_H

#include <stdbool.h>
#include <stdint.h>

/// Begins anew: everything from here on follows from @p seed.
void world_reset(uint64_t seed);

/// 0..n-1.
uint32_t world_random(uint32_t n);

/// True in @p permille of a thousand cases.
bool world_chance(uint32_t permille);

void world_advance_ms(int64_t ms);

/// The @p nth write to a file from now on fails with EIO, as do all that follow until it is called with 0.
void world_fail_write(uint32_t nth);

#endif
