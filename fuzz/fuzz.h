/// What the fuzz targets share. Each target is one file with LLVMFuzzerTestOneInput, which gets bytes from libFuzzer (clang) and
/// must neither crash, nor leak, nor run long, whatever they are; AVSP_ASSERT says what else must hold.
#ifndef AVSP_FUZZ_FUZZ_H
#define AVSP_FUZZ_FUZZ_H

#include "util/base.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

/// A copy of exactly its size, so that AddressSanitizer sees each byte that is read too much. @return free it.
static inline void *fuzz_bytes(const uint8_t *data, size_t size)
{
    void *copy = malloc(AVSP_MAX(size, (size_t)1));
    AVSP_ASSERT(copy != NULL);
    if (size > 0)
        memcpy(copy, data, size);
    return copy;
}

/// The same as a string. It ends at the first NUL.
static inline char *fuzz_text(const uint8_t *data, size_t size)
{
    size_t len = size > 0 ? strnlen((const char *)data, size) : 0;
    char *copy = malloc(len + 1);
    AVSP_ASSERT(copy != NULL);
    if (len > 0)
        memcpy(copy, data, len);
    copy[len] = '\0';
    return copy;
}

/// Takes the next line of the input as a string; NULL at its end. @return free it.
static inline char *fuzz_line(const uint8_t **data, size_t *size)
{
    if (*size == 0)
        return NULL;
    const uint8_t *end = memchr(*data, '\n', *size);
    size_t len = end != NULL ? (size_t)(end - *data) : *size;
    char *line = fuzz_text(*data, len);
    len += end != NULL;
    *data += len;
    *size -= len;
    return line;
}

#endif
