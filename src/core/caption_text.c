#include "core/caption_text.h"

#include <string.h>

/// Rows from here on are the middle of the screen, and the bottom.
#define ROW_MIDDLE 5
#define ROW_LOW 10

/// What an event's other fields and its place take: ",,,,,,,,{\an2}".
#define HEAD_BYTES 14
/// A letter of three bytes with tags around it, or a backslash with what keeps it from being an escape.
#define CELL_MAX_BYTES 14
#define ROW_MAX_BYTES (AVSP_CAPTION_CELLS_MAX * CELL_MAX_BYTES + 8)

static void put_bytes(struct avsp_caption_text *text, const char *bytes, size_t len)
{
    AVSP_ASSERT(len < AVSP_CAPTION_TEXT_BYTES - text->len);
    memcpy(text->bytes + text->len, bytes, len);
    text->len += len;
    text->bytes[text->len] = '\0';
}

static void put_string(struct avsp_caption_text *text, const char *string)
{
    put_bytes(text, string, strlen(string));
}

/// As ASS has it: what would be a tag or an escape there is kept from being one.
static void put_letter(struct avsp_caption_text *text, unsigned letter)
{
    char bytes[3];
    if (letter == '{' || letter == '}')
        put_string(text, "\\");
    if (letter < 0x80) {
        bytes[0] = (char)letter;
        put_bytes(text, bytes, 1);
    } else if (letter < 0x800) {
        bytes[0] = (char)(0xc0 | letter >> 6);
        bytes[1] = (char)(0x80 | (letter & 0x3f));
        put_bytes(text, bytes, 2);
    } else {
        bytes[0] = (char)(0xe0 | letter >> 12);
        bytes[1] = (char)(0x80 | (letter >> 6 & 0x3f));
        bytes[2] = (char)(0x80 | (letter & 0x3f));
        put_bytes(text, bytes, 3);
    }
    if (letter == '\\')
        put_string(text, "\xe2\x81\xa0"); // U+2060, which joins words and cannot be seen
}

size_t avsp_caption_row_length(const struct avsp_caption_cell *row, size_t n_cells)
{
    while (n_cells > 0 && avsp_caption_is_blank(&row[n_cells - 1]))
        n_cells--;
    return n_cells;
}

unsigned avsp_caption_place(unsigned first_row, unsigned last_row)
{
    if (last_row < ROW_MIDDLE)
        return 8;
    return first_row >= ROW_MIDDLE && last_row < ROW_LOW ? 5 : 2;
}

void avsp_caption_text_begin(struct avsp_caption_text *text, unsigned place)
{
    const char digit = (char)('0' + place);
    text->len = 0;
    put_string(text, ",,,,,,,,{\\an");
    put_bytes(text, &digit, 1);
    put_string(text, "}");
}

void avsp_caption_text_row(struct avsp_caption_text *text, const struct avsp_caption_cell *row,
                           size_t n_cells)
{
    AVSP_ASSERT(n_cells <= AVSP_CAPTION_CELLS_MAX);
    size_t n = avsp_caption_row_length(row, n_cells);
    if (n == 0 || text->len + ROW_MAX_BYTES >= AVSP_CAPTION_TEXT_BYTES)
        return;
    if (text->len > HEAD_BYTES)
        put_string(text, "\\N");
    unsigned style = 0;
    for (size_t i = 0; i < n; i++) {
        if (row[i].letter != 0 && row[i].style != style) {
            style = row[i].style;
            put_string(text, (style & AVSP_CAPTION_ITALIC) != 0 ? "{\\i1" : "{\\i0");
            put_string(text, (style & AVSP_CAPTION_UNDERLINED) != 0 ? "\\u1}" : "\\u0}");
        }
        put_letter(text, avsp_caption_is_blank(&row[i]) ? ' ' : row[i].letter);
    }
    if (style != 0)
        put_string(text, "{\\r}");
}

void avsp_caption_text_end(struct avsp_caption_text *text)
{
    if (text->len > HEAD_BYTES)
        return;
    text->len = 0;
    text->bytes[0] = '\0';
}

bool avsp_caption_is_pause(int64_t since_us, int64_t now_us)
{
    int64_t pause_us = 0;
    return __builtin_sub_overflow(now_us, since_us, &pause_us) || pause_us >= AVSP_CAPTION_PAUSE_US;
}
