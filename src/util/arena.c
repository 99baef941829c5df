#include "util/arena.h"

#include <stdalign.h>
#include <stdarg.h>
#include <string.h>

/// Large enough that a usual request needs one block; a larger allocation gets a block of its own.
#define BLOCK_BYTES 4096

struct avsp_arena_block {
    struct avsp_arena_block *next;
    size_t size_bytes;
    size_t used_bytes;
    alignas(max_align_t) unsigned char data[];
};

void avsp_arena_init(struct avsp_arena *arena, size_t ceiling_bytes)
{
    *arena = (struct avsp_arena){.ceiling_bytes = ceiling_bytes};
}

void avsp_arena_clear(struct avsp_arena *arena)
{
    for (struct avsp_arena_block *b = arena->head, *next; b != NULL; b = next) {
        next = b->next;
        explicit_bzero(b->data, b->used_bytes);
        free(b);
    }
    arena->head = NULL;
    arena->used_bytes = 0;
}

void avsp_arena_deinit(struct avsp_arena *arena)
{
    avsp_arena_clear(arena);
}

void *avsp_arena_alloc(struct avsp_arena *arena, size_t bytes)
{
    const size_t align = alignof(max_align_t);
    if (bytes > arena->ceiling_bytes)
        return NULL;
    size_t need = (AVSP_MAX(bytes, 1) + align - 1) / align * align;
    if (need > arena->ceiling_bytes - arena->used_bytes)
        return NULL;
    struct avsp_arena_block *b = arena->head;
    if (b == NULL || b->size_bytes - b->used_bytes < need) {
        size_t size = AVSP_MAX(need, (size_t)BLOCK_BYTES);
        b = calloc(1, sizeof *b + size);
        if (b == NULL)
            return NULL;
        b->size_bytes = size;
        b->next = arena->head;
        arena->head = b;
    }
    void *p = b->data + b->used_bytes;
    b->used_bytes += need;
    arena->used_bytes += need;
    return p;
}

void *avsp_arena_array(struct avsp_arena *arena, size_t n, size_t elem_bytes)
{
    size_t bytes;
    if (__builtin_mul_overflow(n, elem_bytes, &bytes))
        return NULL;
    return avsp_arena_alloc(arena, bytes);
}

char *avsp_arena_strndup(struct avsp_arena *arena, const char *text, size_t len)
{
    if (len == SIZE_MAX)
        return NULL;
    char *p = avsp_arena_alloc(arena, len + 1);
    if (p != NULL)
        memcpy(p, text, len);
    return p;
}

char *avsp_arena_strdup(struct avsp_arena *arena, const char *text)
{
    return avsp_arena_strndup(arena, text, strlen(text));
}

char *avsp_arena_printf(struct avsp_arena *arena, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (n < 0)
        return NULL;
    char *p = avsp_arena_alloc(arena, (size_t)n + 1);
    if (p == NULL)
        return NULL;
    va_start(ap, fmt);
    vsnprintf(p, (size_t)n + 1, fmt, ap);
    va_end(ap);
    return p;
}

enum avsp_code avsp_arena_failed(const struct avsp_arena *arena, struct avsp_err *err)
{
    return avsp_err_set(err, AVSP_NO_MEMORY, "memory ran out (%zu of at most %zu bytes in use)",
                        arena->used_bytes, arena->ceiling_bytes);
}
