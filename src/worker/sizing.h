/// How much of this machine we may use: processors and memory, as the scheduler and control groups (of version 2; memory also of 1) say. Any thread.
#ifndef AVSP_WORKER_SIZING_H
#define AVSP_WORKER_SIZING_H

#include "util/base.h"

struct avsp_machine {
    unsigned n_cpus;          ///< usable: affinity, and the quota of a control group, rounded up
    uint64_t total_bytes;     ///< of memory: the machine's, or a control group's ceiling
    uint64_t available_bytes; ///< of it, now
};

/// @param root  where proc and sys are: "".
void avsp_machine_look(const char *root, struct avsp_machine *ret_machine);

/// One slot a processor where memory allows it. 1..
unsigned avsp_machine_slots(const struct avsp_machine *machine);

/// Resident memory that one media step may use with @p n_slots of them.
uint64_t avsp_machine_memory_limit(const struct avsp_machine *machine, unsigned n_slots);

/// One encode gains little from more threads.
#define AVSP_MACHINE_THREADS_MAX 16

/// Threads for each slot that an encode holds, where @p n_taken slots are taken and @p n_waiting more encodes wait: a part of the
/// @p all_threads that there are for all; 1..AVSP_MACHINE_THREADS_MAX.
///
/// Those that wait take the place of those that end, and one thread each is the cheapest. Once none waits, slots come free one after
/// another, so whoever is left gets twice its share. Two encoders of two threads on two processors lose 4 % (SVT-AV1 1.4.1); one that
/// leaves a processor idle at the end loses more.
unsigned avsp_machine_threads(unsigned all_threads, unsigned n_waiting, unsigned n_taken);

#endif
