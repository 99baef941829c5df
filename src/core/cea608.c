#include "core/cea608.h"

#include <string.h>

#define ROW_BOTTOM (AVSP_CEA608_ROWS - 1)

#define BLOCK 0x2588

enum mode {
    MODE_NONE, ///< nobody said yet: what comes is the rest of something
    MODE_POP_ON,
    MODE_ROLL_UP,
    MODE_PAINT_ON,
};

/// Codes of 0x14 (47 CFR 15.119, table "miscellaneous control codes").
enum command {
    RESUME_LOADING = 0x20,
    BACKSPACE = 0x21,
    DELETE_TO_END = 0x24,
    ROLL_UP_2 = 0x25,
    ROLL_UP_4 = 0x27,
    FLASH_ON = 0x28,
    RESUME_DIRECT = 0x29,
    TEXT_RESTART = 0x2a,
    RESUME_TEXT = 0x2b,
    ERASE_DISPLAYED = 0x2c,
    CARRIAGE_RETURN = 0x2d,
    ERASE_HIDDEN = 0x2e,
    END_OF_CAPTION = 0x2f,
};

/// Where the basic letters are not those of ASCII.
static const struct {
    uint8_t code;
    uint16_t letter;
} basic[] = {{0x27, 0x2019}, {0x2a, 0xe1}, {0x5c, 0xe9}, {0x5e, 0xed}, {0x5f, 0xf3}, {0x60, 0xfa},
             {0x7b, 0xe7},   {0x7c, 0xf7}, {0x7d, 0xd1}, {0x7e, 0xf1}, {0x7f, BLOCK}};

/// 0x11 0x30…0x3f; the ninth is a space through which the picture is seen.
static const uint16_t special[16] = {0xae, 0xb0, 0xbd, 0xbf, 0x2122, 0xa2, 0xa3, 0x266a,
                                     0xe0, ' ',  0xe8, 0xe2, 0xea,   0xee, 0xf4, 0xfb};

/// 0x12 and 0x13, 0x20…0x3f.
static const uint16_t extended[2][32] = {
    {0xc1, 0xc9,   0xd3,   0xda,   0xdc,   0xfc, 0x2018, 0xa1, '*',  '\'', 0x2014,
     0xa9, 0x2120, 0x2022, 0x201c, 0x201d, 0xc0, 0xc2,   0xc7, 0xc8, 0xca, 0xcb,
     0xeb, 0xce,   0xcf,   0xef,   0xd4,   0xd9, 0xf9,   0xdb, 0xab, 0xbb},
    {0xc3, 0xe3, 0xcd, 0xcc, 0xec, 0xd2, 0xf2,   0xd5,   0xf5,   '{',   '}',
     '\\', '^',  '_',  '|',  '~',  0xc4, 0xe4,   0xd6,   0xf6,   0xdf,  0xa5,
     0xa4, 0xa6, 0xc5, 0xe5, 0xd8, 0xf8, 0x250c, 0x2510, 0x2514, 0x2518},
};

void avsp_cea608_init(struct avsp_cea608 *field)
{
    *field = (struct avsp_cea608){0};
    for (unsigned i = 0; i < AVSP_CEA608_CHANNELS; i++)
        field->channels[i].row = ROW_BOTTOM;
}

// --- what is on a screen, as text

static bool is_empty(const struct avsp_cea608_screen *screen)
{
    for (unsigned i = 0; i < AVSP_CEA608_ROWS; i++)
        if (avsp_caption_row_length(screen->rows[i], AVSP_CEA608_COLUMNS) > 0)
            return false;
    return true;
}

static unsigned place_of(const struct avsp_cea608_screen *screen)
{
    unsigned first = 0;
    while (first < ROW_BOTTOM &&
           avsp_caption_row_length(screen->rows[first], AVSP_CEA608_COLUMNS) == 0)
        first++;
    unsigned last = ROW_BOTTOM;
    while (last > 0 && avsp_caption_row_length(screen->rows[last], AVSP_CEA608_COLUMNS) == 0)
        last--;
    return avsp_caption_place(first, last);
}

static void put_screen(struct avsp_caption_text *text, const struct avsp_cea608_screen *screen)
{
    avsp_caption_text_begin(text, place_of(screen));
    for (unsigned i = 0; i < AVSP_CEA608_ROWS; i++)
        avsp_caption_text_row(text, screen->rows[i], AVSP_CEA608_COLUMNS);
    avsp_caption_text_end(text);
}

// --- what is shown

static struct avsp_cea608_screen *front_of(struct avsp_cea608_channel *channel)
{
    return &channel->screens[channel->front];
}

static struct avsp_cea608_screen *back_of(struct avsp_cea608_channel *channel)
{
    return &channel->screens[1 - channel->front];
}

static void erase(struct avsp_cea608_screen *screen)
{
    *screen = (struct avsp_cea608_screen){0};
}

/// A channel, and where what it stops showing goes.
struct turn {
    struct avsp_cea608_channel *channel;
    int64_t now_us;
    struct avsp_caption *caption;
    bool over; ///< `caption` is filled
};

static void open_caption(struct turn *turn)
{
    turn->channel->shown = true;
    turn->channel->start_us = turn->now_us;
    turn->channel->written_us = turn->now_us;
}

/// What was shown until now is over.
static void close_caption(struct turn *turn)
{
    struct avsp_cea608_channel *channel = turn->channel;
    const struct avsp_cea608_screen *screen =
        channel->rolled ? &channel->before : front_of(channel);
    bool seen = channel->shown && turn->now_us > channel->start_us && !is_empty(screen);
    channel->shown = channel->rolled = false;
    if (!seen)
        return;
    put_screen(&turn->caption->text, screen);
    turn->caption->start_us = channel->start_us;
    turn->caption->end_us = turn->now_us;
    turn->over = true;
}

/// A letter comes onto the screen that is shown.
static void note_letter(struct turn *turn)
{
    struct avsp_cea608_channel *channel = turn->channel;
    bool paused = channel->shown && avsp_caption_is_pause(channel->written_us, turn->now_us);
    if (channel->rolled || paused)
        close_caption(turn);
    if (!channel->shown)
        open_caption(turn);
    channel->written_us = turn->now_us;
}

// --- writing

/// What comes is a caption's, and of this kind.
static void set_mode(struct avsp_cea608_channel *channel, enum mode mode)
{
    channel->mode = mode;
    channel->paged = false;
}

static struct avsp_cea608_screen *written_screen(struct avsp_cea608_channel *channel)
{
    return channel->mode == MODE_POP_ON ? back_of(channel) : front_of(channel);
}

static bool takes_letters(const struct avsp_cea608_channel *channel)
{
    return channel->mode != MODE_NONE && !channel->paged;
}

static void put_cell(struct turn *turn, unsigned letter, unsigned style)
{
    struct avsp_cea608_channel *channel = turn->channel;
    if (!takes_letters(channel))
        return;
    struct avsp_caption_cell cell = {(uint16_t)letter, (uint16_t)style};
    if (channel->mode != MODE_POP_ON && !avsp_caption_is_blank(&cell))
        note_letter(turn);
    if (channel->column == AVSP_CEA608_COLUMNS)
        channel->column--; // the last one is written over
    written_screen(channel)->rows[channel->row][channel->column++] = cell;
}

static void step_back(struct avsp_cea608_channel *channel)
{
    if (channel->column == 0 || !takes_letters(channel))
        return;
    channel->column--;
    written_screen(channel)->rows[channel->row][channel->column] = (struct avsp_caption_cell){0};
}

static void delete_to_end(struct avsp_cea608_channel *channel)
{
    struct avsp_caption_cell *row = written_screen(channel)->rows[channel->row];
    for (unsigned i = channel->column; takes_letters(channel) && i < AVSP_CEA608_COLUMNS; i++)
        row[i] = (struct avsp_caption_cell){0};
}

/// Moves the rows that roll so that the lowest one is @p row; those that do not belong to them go.
static void move_rows(struct avsp_cea608_channel *channel, unsigned row)
{
    struct avsp_cea608_screen *screen = front_of(channel);
    struct avsp_cea608_screen moved = {0};
    row = AVSP_MAX(row, channel->roll_rows - 1);
    for (unsigned i = 0; i < channel->roll_rows && i <= channel->row; i++)
        memcpy(moved.rows[row - i], screen->rows[channel->row - i], sizeof moved.rows[0]);
    *screen = moved;
    channel->row = row;
}

static void carriage_return(struct turn *turn)
{
    struct avsp_cea608_channel *channel = turn->channel;
    if (channel->mode != MODE_ROLL_UP || channel->paged)
        return;
    if (channel->rolled) { // and nothing was written since
        close_caption(turn);
        if (!is_empty(front_of(channel)))
            open_caption(turn);
    }
    if (channel->shown) {
        channel->before = *front_of(channel);
        channel->rolled = true;
    }
    struct avsp_cea608_screen *screen = front_of(channel);
    unsigned top = channel->row + 1 - channel->roll_rows;
    memmove(screen->rows[top], screen->rows[top + 1],
            (channel->roll_rows - 1) * sizeof screen->rows[0]);
    memset(screen->rows[channel->row], 0, sizeof screen->rows[0]);
    channel->column = 0;
}

static void begin_roll_up(struct turn *turn, unsigned rows)
{
    struct avsp_cea608_channel *channel = turn->channel;
    if (channel->mode != MODE_ROLL_UP) {
        close_caption(turn);
        erase(&channel->screens[0]);
        erase(&channel->screens[1]);
        channel->row = ROW_BOTTOM;
        channel->column = 0;
        channel->style = 0;
    }
    set_mode(channel, MODE_ROLL_UP);
    channel->roll_rows = rows;
    move_rows(channel, channel->row);
}

static void flip(struct turn *turn)
{
    struct avsp_cea608_channel *channel = turn->channel;
    close_caption(turn);
    channel->front = 1 - channel->front;
    set_mode(channel, MODE_POP_ON);
    if (!is_empty(front_of(channel)))
        open_caption(turn);
}

static void take_command(struct turn *turn, unsigned command)
{
    struct avsp_cea608_channel *channel = turn->channel;
    switch (command) {
    case RESUME_LOADING:
        set_mode(channel, MODE_POP_ON);
        break;
    case BACKSPACE:
        step_back(channel);
        break;
    case DELETE_TO_END:
        delete_to_end(channel);
        break;
    case ROLL_UP_2:
    case ROLL_UP_2 + 1:
    case ROLL_UP_4:
        begin_roll_up(turn, command - ROLL_UP_2 + 2);
        break;
    case FLASH_ON:
        put_cell(turn, ' ', 0);
        break;
    case RESUME_DIRECT:
        set_mode(channel, MODE_PAINT_ON);
        break;
    case TEXT_RESTART:
    case RESUME_TEXT:
        channel->paged = true;
        break;
    case ERASE_DISPLAYED:
        close_caption(turn);
        erase(front_of(channel));
        break;
    case CARRIAGE_RETURN:
        carriage_return(turn);
        break;
    case ERASE_HIDDEN:
        erase(back_of(channel));
        break;
    case END_OF_CAPTION:
        flip(turn);
        break;
    default:
        break;
    }
}

/// The style of a preamble or of a code within a row: seven of eight are colors.
static unsigned style_of(unsigned lo)
{
    return ((lo & 0x0e) == 0x0e ? AVSP_CAPTION_ITALIC : 0) |
           ((lo & 1) != 0 ? AVSP_CAPTION_UNDERLINED : 0);
}

/// A preamble address code: where, and how, the next letters are written.
static void take_preamble(struct avsp_cea608_channel *channel, unsigned hi, unsigned lo)
{
    if (channel->paged)
        return;
    static const uint8_t rows[8] = {11, 1, 3, 12, 14, 5, 7, 9}; // and, but for 11, the next one
    unsigned row = rows[hi & 7] - 1u + ((lo & 0x20) != 0);
    bool indented = (lo & 0x10) != 0;
    channel->column = indented ? (lo & 0x0e) * 2 : 0;
    channel->style = indented ? lo & 1 ? AVSP_CAPTION_UNDERLINED : 0 : style_of(lo);
    if (channel->mode == MODE_ROLL_UP)
        move_rows(channel, row);
    else
        channel->row = row;
}

/// A control code; its channel's bit is gone from @p hi.
static void take_code(struct turn *turn, unsigned hi, unsigned lo)
{
    struct avsp_cea608_channel *channel = turn->channel;
    if (lo >= 0x40) {
        if (hi != 0x10 || lo < 0x60)
            take_preamble(channel, hi, lo);
    } else if ((hi == 0x14 || hi == 0x15) && lo < 0x30) {
        take_command(turn, lo);
    } else if (hi == 0x11 && lo >= 0x30) {
        put_cell(turn, special[lo - 0x30], channel->style);
    } else if (hi == 0x11) {
        channel->style = style_of(lo);
        put_cell(turn, ' ', 0);
    } else if (hi == 0x12 || hi == 0x13) {
        // It stands behind the letter that decoders show which do not know it.
        step_back(channel);
        put_cell(turn, extended[hi - 0x12][lo - 0x20], channel->style);
    } else if (hi == 0x17 && lo >= 0x21 && lo <= 0x23) {
        channel->column = AVSP_MIN(channel->column + lo - 0x20, AVSP_CEA608_COLUMNS - 1u);
    }
}

static unsigned basic_letter(unsigned code)
{
    for (size_t i = 0; i < AVSP_ARRAY_LEN(basic); i++)
        if (basic[i].code == code)
            return basic[i].letter;
    return code;
}

static void take_letter(struct avsp_cea608 *field, struct turn *turn, unsigned code)
{
    if (code < 0x20)
        return;
    if (turn->channel->paged && code > ' ')
        field->has_pages = true;
    put_cell(turn, basic_letter(code), turn->channel->style);
}

static void take_pair(struct avsp_cea608 *field, struct turn *turn, unsigned hi, unsigned lo)
{
    unsigned last = field->last_code;
    field->last_code = 0;
    if (hi >= 0x20) {
        if (field->in_service)
            return;
        take_letter(field, turn, hi);
        take_letter(field, turn, lo);
    } else if (hi >= 0x10) {
        unsigned code = hi << 8 | lo;
        if (code == last || lo < 0x20)
            return;
        field->last_code = code;
        field->in_service = false;
        field->channel = (hi & 8) != 0;
        turn->channel = &field->channels[field->channel];
        turn->caption->channel = field->channel;
        take_code(turn, hi & ~8u, lo);
    } else if (hi > 0) {
        field->in_service = hi != 0x0f; // the last of it
    }
}

static bool is_odd(uint8_t byte)
{
    return __builtin_parity(byte) != 0;
}

bool avsp_cea608_put(struct avsp_cea608 *field, const uint8_t pair[2], int64_t now_us,
                     struct avsp_caption *ret_caption)
{
    unsigned hi = pair[0] & 0x7f;
    unsigned lo = pair[1] & 0x7f;
    if (hi == 0 && lo == 0)
        return false; // there is nothing to say
    if (!is_odd(pair[0]) || !is_odd(pair[1])) {
        field->n_damaged++;
        return false;
    }
    struct turn turn = {&field->channels[field->channel], now_us, ret_caption, false};
    ret_caption->channel = field->channel;
    take_pair(field, &turn, hi, lo);
    return turn.over;
}

bool avsp_cea608_end(struct avsp_cea608 *field, unsigned channel, int64_t now_us,
                     struct avsp_caption *ret_caption)
{
    struct turn turn = {&field->channels[channel], now_us, ret_caption, false};
    ret_caption->channel = channel;
    close_caption(&turn);
    return turn.over;
}
