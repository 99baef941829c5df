/// Memory that lives and dies together: everything one request, one answer or one step needs.
///
///     struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
///     avsp_arena_init(&arena, 1 << 20);
///     char *path = avsp_arena_printf(&arena, "%s/%s", dir, name);
///     if (path == NULL) …the ceiling or the machine's memory was reached…
///
/// What is allocated stays valid until deinit or clear; nothing is freed one by one. Memory is wiped
/// before it is given back, so that a secret never outlives its request. One thread at a time.
#ifndef AVSP_UTIL_ARENA_H
#define AVSP_UTIL_ARENA_H

#include "util/base.h"
#include "util/err.h"

struct avsp_arena_block;

struct avsp_arena {
    struct avsp_arena_block *head;
    size_t used_bytes;
    size_t ceiling_bytes;
};

/// @param ceiling_bytes the most that may be allocated in all.
void avsp_arena_init(struct avsp_arena *arena, size_t ceiling_bytes);

/// Frees and wipes everything; safe on a zeroed value and when called twice.
void avsp_arena_deinit(struct avsp_arena *arena);

/// Frees and wipes everything; the arena is then empty and usable again.
void avsp_arena_clear(struct avsp_arena *arena);

/// @return zeroed memory, aligned for any type; NULL where the ceiling or memory is reached.
void *avsp_arena_alloc(struct avsp_arena *arena, size_t bytes) AVSP_CHECKED;

/// An array of @p n zeroed elements; the product is checked. @p n = 0 gives a valid pointer.
void *avsp_arena_array(struct avsp_arena *arena, size_t n, size_t elem_bytes) AVSP_CHECKED;

/// A copy of a string; NULL as avsp_arena_alloc.
char *avsp_arena_strdup(struct avsp_arena *arena, const char *text) AVSP_CHECKED;

/// A copy of @p len bytes with a NUL behind them.
char *avsp_arena_strndup(struct avsp_arena *arena, const char *text, size_t len) AVSP_CHECKED;

char *avsp_arena_printf(struct avsp_arena *arena, const char *fmt, ...)
    AVSP_PRINTF(2, 3) AVSP_CHECKED;

/// Sets @p err for an allocation that came back NULL; returns AVSP_NO_MEMORY.
enum avsp_code avsp_arena_failed(const struct avsp_arena *arena, struct avsp_err *err);

#endif
