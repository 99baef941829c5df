/// The header of a piece (core/piece.h): what was read and is written again reads the same.
#include "core/piece.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    // A short input stands for a header that is filled up as ours are.
    char *AVSP_CLEANUP(avsp_free_ptr) block = malloc(AVSP_PIECE_HEADER_BYTES);
    char *AVSP_CLEANUP(avsp_free_ptr) again = malloc(AVSP_PIECE_HEADER_BYTES);
    char *AVSP_CLEANUP(avsp_free_ptr) third = malloc(AVSP_PIECE_HEADER_BYTES);
    AVSP_ASSERT(block != NULL && again != NULL && third != NULL);
    memset(block, '\n', AVSP_PIECE_HEADER_BYTES);
    if (size > 0)
        memcpy(block, data, AVSP_MIN(size, (size_t)AVSP_PIECE_HEADER_BYTES));
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    struct avsp_piece_header header, back;
    struct avsp_err err = {0};
    avsp_arena_init(&arena, 1 << 20);
    if (avsp_piece_header_parse(&arena, block, &header, &err) != AVSP_OK) {
        AVSP_ASSERT(err.text[0] != '\0');
        return 0;
    }
    if (avsp_piece_header_write(&header, again, &err) != AVSP_OK)
        return 0;
    enum avsp_code rc = avsp_piece_header_parse(&arena, again, &back, &err);
    AVSP_ASSERT(rc == AVSP_OK);
    rc = avsp_piece_header_write(&back, third, &err);
    AVSP_ASSERT(rc == AVSP_OK && memcmp(again, third, AVSP_PIECE_HEADER_BYTES) == 0);
    return 0;
}
