#include "core/cea708_private.h"

#include <string.h>

/// The screen is a grid of 75 units from top to bottom, of which a row takes 5, and of 210 from left to right on a wide one (47 CFR 79.102(i)).
#define GRID_HEIGHT 75
#define GRID_WIDTH 210
#define GRID_ROW 5
#define GRID_COLUMN 5
#define PERCENT 100

/// Where a window stands, in units of the grid, and in which part of the screen its letters are.
struct stand {
    unsigned window;
    unsigned part; ///< AVSP_CEA708_PARTS = it is not visible, or nothing can be read in it
    unsigned top;
    unsigned left;
};

/// Where a window begins whose first edge (0), middle (1) or last edge (2) is at the anchor.
static unsigned begin_of(unsigned anchor, unsigned size, unsigned edge)
{
    unsigned before = size * edge / 2;
    return anchor > before ? anchor - before : 0;
}

static struct stand stand_of(const struct avsp_cea708_service *service, unsigned idx)
{
    const struct avsp_cea708_window *window = &service->windows[idx];
    struct stand stand = {idx, AVSP_CEA708_PARTS, 0, 0};
    unsigned first = AVSP_CEA708_ROWS, last = 0;
    for (unsigned i = 0; i < window->n_rows && window->exists && window->visible; i++)
        if (avsp_caption_row_length(window->rows[i], AVSP_CAPTION_CELLS_MAX) > 0) {
            first = AVSP_MIN(first, i);
            last = i;
        }
    if (first == AVSP_CEA708_ROWS)
        return stand;
    const uint8_t *d = window->definition;
    bool relative = (d[1] & 0x80) != 0;
    unsigned down = d[1] & 0x7fu, right = d[2];
    if (relative) {
        down = down * GRID_HEIGHT / PERCENT;
        right = right * GRID_WIDTH / PERCENT;
    }
    // Nine points: three in a row, three rows of them.
    unsigned point = AVSP_MIN(d[3] >> 4, 8);
    stand.top = begin_of(down, window->n_rows * GRID_ROW, point / 3);
    stand.left = begin_of(right, ((d[4] & 0x3fu) + 1) * GRID_COLUMN, point % 3);
    unsigned row = stand.top / GRID_ROW;
    unsigned place = avsp_caption_place(row + first, row + last);
    stand.part = place == 8   ? AVSP_CEA708_TOP
                 : place == 5 ? AVSP_CEA708_MIDDLE
                              : AVSP_CEA708_BOTTOM;
    return stand;
}

static bool is_before(const struct stand *a, const struct stand *b)
{
    return a->top != b->top ? a->top < b->top : a->left < b->left;
}

/// All windows as people read them: from top to bottom, then from left to right.
static void read_in_order(const struct avsp_cea708_service *service,
                          struct stand ret_stands[AVSP_CEA708_WINDOWS])
{
    for (unsigned i = 0; i < AVSP_CEA708_WINDOWS; i++) {
        struct stand stand = stand_of(service, i);
        unsigned at = i;
        for (; at > 0 && is_before(&stand, &ret_stands[at - 1]); at--)
            ret_stands[at] = ret_stands[at - 1];
        ret_stands[at] = stand;
    }
}

static void put_part(const struct avsp_cea708_service *service, const struct stand *stands,
                     unsigned part, struct avsp_caption_text *text)
{
    static const unsigned places[AVSP_CEA708_PARTS] = {8, 5, 2};
    avsp_caption_text_begin(text, places[part]);
    for (unsigned i = 0; i < AVSP_CEA708_WINDOWS; i++) {
        const struct avsp_cea708_window *window = &service->windows[stands[i].window];
        for (unsigned row = 0; stands[i].part == part && row < window->n_rows; row++)
            avsp_caption_text_row(text, window->rows[row], AVSP_CAPTION_CELLS_MAX);
    }
    avsp_caption_text_end(text);
}

static enum avsp_code tell(const struct avsp_cea708_turn *turn,
                           const struct avsp_cea708_shown *shown, struct avsp_err *err)
{
    if (shown->text.len == 0 || turn->now_us <= shown->start_us)
        return AVSP_OK;
    const struct avsp_caption caption = {
        .channel = turn->service->number,
        .start_us = shown->start_us,
        .end_us = turn->now_us,
        .text = shown->text,
    };
    return turn->captions->take(turn->captions->opaque, &caption, err);
}

/// A part of the screen has this text now.
static enum avsp_code show(const struct avsp_cea708_turn *turn, struct avsp_cea708_shown *shown,
                           const struct avsp_caption_text *text, struct avsp_err *err)
{
    const struct avsp_cea708_service *service = turn->service;
    if (text->len == shown->text.len && memcmp(text->bytes, shown->text.bytes, text->len) == 0)
        return AVSP_OK;
    bool grows = !service->has_changed && !shown->is_kept && shown->text.len > 0 &&
                 !avsp_caption_is_pause(shown->written_us, turn->now_us);
    if (!grows) {
        enum avsp_code rc = tell(turn, shown, err);
        if (rc != AVSP_OK)
            return rc;
        shown->start_us = turn->now_us;
    }
    shown->text = *text;
    shown->written_us = turn->now_us;
    shown->is_kept = false;
    return AVSP_OK;
}

enum avsp_code avsp_cea708_look(const struct avsp_cea708_turn *turn, struct avsp_err *err)
{
    struct avsp_cea708_service *service = turn->service;
    if (!service->has_changed && !service->has_grown)
        return AVSP_OK;
    struct stand stands[AVSP_CEA708_WINDOWS];
    read_in_order(service, stands);
    enum avsp_code rc = AVSP_OK;
    for (unsigned i = 0; i < AVSP_CEA708_PARTS && rc == AVSP_OK; i++) {
        struct avsp_caption_text text;
        put_part(service, stands, i, &text);
        rc = show(turn, &service->shown[i], &text, err);
    }
    service->has_changed = service->has_grown = false;
    return rc;
}

void avsp_cea708_keep(const struct avsp_cea708_turn *turn, const struct avsp_cea708_window *window,
                      bool loses_line)
{
    struct avsp_cea708_service *service = turn->service;
    struct stand stand = stand_of(service, (unsigned)(window - service->windows));
    if (stand.part == AVSP_CEA708_PARTS)
        return;
    struct avsp_cea708_shown *shown = &service->shown[stand.part];
    if (loses_line || avsp_caption_is_pause(shown->start_us, turn->now_us))
        shown->is_kept = true;
}

enum avsp_code avsp_cea708_close(const struct avsp_cea708_turn *turn, struct avsp_err *err)
{
    enum avsp_code rc = AVSP_OK;
    for (unsigned i = 0; i < AVSP_CEA708_PARTS && rc == AVSP_OK; i++) {
        rc = tell(turn, &turn->service->shown[i], err);
        turn->service->shown[i].text.len = 0;
    }
    return rc;
}
