#include "core/cea708_private.h"

#include <string.h>

/// What stands for a letter that is not known (CTA-708-E, 7.1.8).
#define UNKNOWN '_'
#define NOTE 0x266a ///< in the place of DEL
/// The text tag of what is not to be shown (SetPenAttributes).
#define TAG_HIDDEN 15

enum code {
    BACKSPACE = 0x08,
    FORM_FEED = 0x0c,
    CARRIAGE_RETURN = 0x0d,
    LINE_RESTART = 0x0e, ///< "horizontal carriage return"
    EXTENDED = 0x10,
    LETTER_16 = 0x18,
    SET_CURRENT = 0x80, ///< to 0x87
    CLEAR = 0x88,
    DISPLAY = 0x89,
    HIDE = 0x8a,
    TOGGLE = 0x8b,
    DELETE = 0x8c,
    PEN_ATTRIBUTES = 0x90,
    PEN_LOCATION = 0x92,
};

/// G2, 0x20…0x7f: extended characters; 0 = none has been assigned.
static const uint16_t extended[0x60] = {
    [0x00] = ' ',    [0x01] = 0xa0,   [0x05] = 0x2026, [0x0a] = 0x160,  [0x0c] = 0x152,
    [0x10] = 0x2588, [0x11] = 0x2018, [0x12] = 0x2019, [0x13] = 0x201c, [0x14] = 0x201d,
    [0x15] = 0x2022, [0x19] = 0x2122, [0x1a] = 0x161,  [0x1c] = 0x153,  [0x1d] = 0x2120,
    [0x1f] = 0x178,  [0x56] = 0x215b, [0x57] = 0x215c, [0x58] = 0x215d, [0x59] = 0x215e,
    [0x5a] = 0x2502, [0x5b] = 0x2510, [0x5c] = 0x2514, [0x5d] = 0x2500, [0x5e] = 0x2518,
    [0x5f] = 0x250c,
};

/// Of the codes behind EXTENDED, that included: C2 has up to three bytes more, C3 four or five, or it says how many.
static size_t extended_length(const uint8_t *code, size_t len)
{
    if (len < 2 || (code[1] >= 0x20 && code[1] < 0x80) || code[1] >= 0xa0)
        return 2;
    if (code[1] < 0x20)
        return 2u + code[1] / 8;
    if (code[1] < 0x90)
        return code[1] < 0x88 ? 6 : 7;
    return len < 3 ? 3 : 3u + (code[2] & 0x1f);
}

size_t avsp_cea708_code_length(const uint8_t *code, size_t len)
{
    static const uint8_t commands[32] = {1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 1, 1,
                                         3, 4, 3, 1, 1, 1, 1, 5, 7, 7, 7, 7, 7, 7, 7, 7};
    if (code[0] == EXTENDED)
        return extended_length(code, len);
    if (code[0] >= 0x80 && code[0] < 0xa0)
        return commands[code[0] - 0x80];
    return code[0] >= 0x20 || code[0] < 0x10 ? 1 : code[0] >= 0x18 ? 3 : 2;
}

static struct avsp_cea708_window *current_of(struct avsp_cea708_service *service)
{
    return service->current < AVSP_CEA708_WINDOWS ? &service->windows[service->current] : NULL;
}

// --- letters

static void put_letter(const struct avsp_cea708_turn *turn, unsigned letter)
{
    struct avsp_cea708_window *window = current_of(turn->service);
    if (window == NULL)
        return;
    bool is_control = letter < 0x20 || (letter >= 0x7f && letter < 0xa0);
    bool is_half = letter >= 0xd800 && letter < 0xe000;
    if (is_control || is_half) // codes of 16 bits may say anything
        letter = UNKNOWN;
    if (window->column == AVSP_CAPTION_CELLS_MAX)
        window->column--; // the last one is written over
    struct avsp_caption_cell cell = {window->hidden ? ' ' : (uint16_t)letter,
                                     (uint16_t)window->style};
    window->rows[window->row][window->column++] = cell;
    turn->service->has_grown |= window->visible && !avsp_caption_is_blank(&cell);
}

static void put_extended(const struct avsp_cea708_turn *turn, unsigned code)
{
    if (code >= 0x20 && code < 0x80) {
        unsigned letter = extended[code - 0x20];
        put_letter(turn, letter != 0 ? letter : UNKNOWN);
    } else if (code == 0xa0) { // G3 has one sign, which Unicode has not
        for (const char *sign = "[CC]"; *sign != '\0'; sign++)
            put_letter(turn, (unsigned char)*sign);
    } else if (code > 0xa0) {
        put_letter(turn, UNKNOWN);
    }
}

// --- the pen

static void step_back(const struct avsp_cea708_turn *turn, struct avsp_cea708_window *window)
{
    if (window->column == 0)
        return;
    window->rows[window->row][--window->column] = (struct avsp_caption_cell){0};
    turn->service->has_grown |= window->visible;
}

static enum avsp_code carriage_return(const struct avsp_cea708_turn *turn,
                                      struct avsp_cea708_window *window, struct avsp_err *err)
{
    bool is_full = window->row + 1 == window->n_rows;
    if (window->visible) {
        struct avsp_cea708_shown *shown = turn->service->shown;
        for (unsigned i = 0; i < AVSP_CEA708_PARTS; i++)
            turn->service->has_changed |= shown[i].is_kept; // nothing was written since
        enum avsp_code rc = avsp_cea708_look(turn, err);
        if (rc != AVSP_OK)
            return rc;
        avsp_cea708_keep(turn, window, is_full);
    }
    window->column = 0;
    if (!is_full) {
        window->row++;
        return AVSP_OK;
    }
    memmove(window->rows[0], window->rows[1], window->row * sizeof window->rows[0]);
    memset(window->rows[window->row], 0, sizeof window->rows[0]);
    return AVSP_OK;
}

static enum avsp_code take_c0(const struct avsp_cea708_turn *turn, const uint8_t *code,
                              struct avsp_err *err)
{
    struct avsp_cea708_window *window = current_of(turn->service);
    if (window == NULL)
        return AVSP_OK;
    switch (code[0]) {
    case BACKSPACE:
        step_back(turn, window);
        return AVSP_OK;
    case CARRIAGE_RETURN:
        return carriage_return(turn, window, err);
    case FORM_FEED:
        memset(window->rows, 0, sizeof window->rows);
        window->row = window->column = 0;
        break;
    case LINE_RESTART:
        memset(window->rows[window->row], 0, sizeof window->rows[0]);
        window->column = 0;
        break;
    case LETTER_16:
        put_letter(turn, (unsigned)code[1] << 8 | code[2]);
        return AVSP_OK;
    default:
        return AVSP_OK;
    }
    turn->service->has_changed |= window->visible;
    return AVSP_OK;
}

static void set_pen_attributes(struct avsp_cea708_window *window, const uint8_t *code)
{
    window->hidden = code[1] >> 4 == TAG_HIDDEN;
    window->style = ((code[2] & 0x80) != 0 ? AVSP_CAPTION_ITALIC : 0) |
                    ((code[2] & 0x40) != 0 ? AVSP_CAPTION_UNDERLINED : 0);
}

static void set_pen_location(struct avsp_cea708_window *window, const uint8_t *code)
{
    window->row = AVSP_MIN(code[1] & 0x0fu, window->n_rows - 1);
    window->column = AVSP_MIN(code[2] & 0x3fu, AVSP_CAPTION_CELLS_MAX - 1u);
}

// --- windows

/// A window that is defined again keeps what is written in it; one that is defined as it was only becomes the current one.
static void define(struct avsp_cea708_service *service, unsigned idx, const uint8_t *definition)
{
    struct avsp_cea708_window *window = &service->windows[idx];
    service->current = idx;
    if (window->exists && memcmp(window->definition, definition, sizeof window->definition) == 0)
        return;
    service->has_changed |= window->visible;
    if (!window->exists)
        *window = (struct avsp_cea708_window){.exists = true};
    memcpy(window->definition, definition, sizeof window->definition);
    window->visible = (definition[0] & 0x20) != 0;
    window->n_rows = AVSP_MIN((definition[3] & 0x0fu) + 1, (unsigned)AVSP_CEA708_ROWS);
    window->row = AVSP_MIN(window->row, window->n_rows - 1);
    memset(window->rows + window->n_rows, 0,
           (AVSP_CEA708_ROWS - window->n_rows) * sizeof window->rows[0]);
    if ((definition[5] & 7) != 0) { // one of the pens that are always there: none slants
        window->style = 0;
        window->hidden = false;
    }
    service->has_changed |= window->visible;
}

/// A command on a window, which exists.
static void change(struct avsp_cea708_service *service, unsigned idx, unsigned command)
{
    struct avsp_cea708_window *window = &service->windows[idx];
    bool was_visible = window->visible;
    switch (command) {
    case CLEAR:
        memset(window->rows, 0, sizeof window->rows);
        service->has_changed |= was_visible;
        return;
    case DISPLAY:
        window->visible = true;
        break;
    case HIDE:
        window->visible = false;
        break;
    case TOGGLE:
        window->visible = !was_visible;
        break;
    default: // DELETE
        window->exists = window->visible = false;
        if (service->current == idx)
            service->current = AVSP_CEA708_WINDOWS;
        break;
    }
    service->has_changed |= window->visible != was_visible;
}

static void change_all(struct avsp_cea708_service *service, unsigned which, unsigned command)
{
    for (unsigned i = 0; i < AVSP_CEA708_WINDOWS; i++)
        if ((which >> i & 1) != 0 && service->windows[i].exists)
            change(service, i, command);
}

static void take_c1(struct avsp_cea708_service *service, const uint8_t *code)
{
    struct avsp_cea708_window *window = current_of(service);
    if (code[0] < CLEAR) {
        if (service->windows[code[0] - SET_CURRENT].exists)
            service->current = code[0] - SET_CURRENT;
    } else if (code[0] <= DELETE) {
        change_all(service, code[1], code[0]);
    } else if (code[0] == AVSP_CEA708_RESET) {
        change_all(service, 0xff, DELETE);
    } else if (code[0] >= AVSP_CEA708_DEFINE) {
        define(service, code[0] - AVSP_CEA708_DEFINE, code + 1);
    } else if (code[0] == PEN_ATTRIBUTES && window != NULL) {
        set_pen_attributes(window, code);
    } else if (code[0] == PEN_LOCATION && window != NULL) {
        set_pen_location(window, code);
    }
}

enum avsp_code avsp_cea708_do(const struct avsp_cea708_turn *turn, const uint8_t *code,
                              struct avsp_err *err)
{
    if (code[0] == EXTENDED)
        put_extended(turn, code[1]);
    else if (code[0] < 0x20)
        return take_c0(turn, code, err);
    else if (code[0] >= 0x80 && code[0] < 0xa0)
        take_c1(turn->service, code);
    else
        put_letter(turn, code[0] == 0x7f ? NOTE : code[0]);
    return AVSP_OK;
}
