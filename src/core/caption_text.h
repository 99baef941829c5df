/// What a caption on a screen of cells says, as an event for core/ass_text.h: what decoders of CEA-608 and CEA-708 have in common.
///
///     avsp_caption_text_begin(&text, 8);
///     avsp_caption_text_row(&text, row, n_cells);           // for each row
///     … text.bytes …
///
/// Pure; any thread.
#ifndef AVSP_CORE_CAPTION_TEXT_H
#define AVSP_CORE_CAPTION_TEXT_H

#include "util/base.h"

/// More than a screen of CEA-608 takes, and any that people could read; rows that do not fit are left out.
#define AVSP_CAPTION_TEXT_BYTES 8192
/// Of a row: those of CEA-708 on a wide screen.
#define AVSP_CAPTION_CELLS_MAX 42

/// What is written after such a pause is another caption.
#define AVSP_CAPTION_PAUSE_US 1000000

enum avsp_caption_style {
    AVSP_CAPTION_ITALIC = 1,
    AVSP_CAPTION_UNDERLINED = 2,
};

struct avsp_caption_cell {
    uint16_t letter; ///< Unicode, no surrogate; 0 = nothing
    uint16_t style;
};

struct avsp_caption_text {
    char bytes[AVSP_CAPTION_TEXT_BYTES]; ///< with a NUL behind them
    size_t len;                          ///< 0 = there is nothing to read
};

/// What was shown, and when.
struct avsp_caption {
    unsigned channel; ///< of CEA-608's field, 0 or 1; or service of CEA-708
    int64_t start_us;
    int64_t end_us;                ///< > start_us
    struct avsp_caption_text text; ///< italic, underlined, top, middle or bottom
};

static inline bool avsp_caption_is_blank(const struct avsp_caption_cell *cell)
{
    return cell->letter == 0 || cell->letter == ' ';
}

/// How many cells of a row there are up to the last letter.
size_t avsp_caption_row_length(const struct avsp_caption_cell *row, size_t n_cells);

/// Where rows stand on a screen of 15 of them. @return 8, 5 or 2: top, middle or bottom, as the keys of a numeric pad
unsigned avsp_caption_place(unsigned first_row, unsigned last_row);

/// Begins a text. @param place  as avsp_caption_place has it.
void avsp_caption_text_begin(struct avsp_caption_text *text, unsigned place);

/// Adds a row, on a line of its own; nothing where it has no letters. @param n_cells  <= AVSP_CAPTION_CELLS_MAX.
void avsp_caption_text_row(struct avsp_caption_text *text, const struct avsp_caption_cell *row,
                           size_t n_cells);

/// There is nothing to read where no row had any letter: then the text is empty.
void avsp_caption_text_end(struct avsp_caption_text *text);

/// Is there a pause between the two times?
bool avsp_caption_is_pause(int64_t since_us, int64_t now_us);

#endif
