/// A hash to tell texts apart by where nobody tries to make two alike; not for what strangers choose to collide. Any thread.
#ifndef AVSP_UTIL_HASH_H
#define AVSP_UTIL_HASH_H

#include <stdint.h>

/// FNV-1a, 64 bits (Fowler, Noll, Vo; RFC 9923). @param seed  0, or the hash of what comes before.
static inline uint64_t avsp_hash_text(const char *text, uint64_t seed)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325) ^ seed;
    for (const char *c = text; *c != '\0'; c++)
        hash = (hash ^ (unsigned char)*c) * UINT64_C(0x100000001b3);
    return hash;
}

#endif
