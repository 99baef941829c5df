#include "caption_note.h"

#include "core/cea608.h"

#include <string.h>

/// A field that is spoken to, a pair a frame, and what came of it: "from-to text" in frames, a line for each caption.
struct said {
    struct avsp_cea608 field;
    int64_t frame;
    struct avsp_buf out;
};

static uint8_t odd(unsigned byte)
{
    return (uint8_t)(__builtin_parity(byte) ? byte : byte | 0x80);
}

static void pair(struct said *said, unsigned hi, unsigned lo)
{
    uint8_t bytes[2] = {odd(hi), odd(lo)};
    struct avsp_caption caption;
    if (avsp_cea608_put(&said->field, bytes, said->frame * FRAME_US, &caption))
        caption_note(&said->out, &caption);
    said->frame++;
}

/// As encoders send it: twice.
static void code(struct said *said, unsigned hi, unsigned lo)
{
    pair(said, hi, lo);
    pair(said, hi, lo);
}

static void letters(struct said *said, const char *text)
{
    for (; text[0] != '\0'; text += text[1] != '\0' ? 2 : 1)
        pair(said, (unsigned char)text[0], (unsigned char)text[1]);
}

static int setup(void **state)
{
    struct said *said = calloc(1, sizeof *said);
    assert_non_null(said);
    avsp_cea608_init(&said->field);
    avsp_buf_init(&said->out, 1 << 16);
    *state = said;
    return 0;
}

static int teardown(void **state)
{
    struct said *said = *state;
    avsp_buf_deinit(&said->out);
    free(said);
    return 0;
}

static void expect(struct said *said, const char *expected)
{
    struct avsp_caption caption;
    for (unsigned i = 0; i < AVSP_CEA608_CHANNELS; i++)
        if (avsp_cea608_end(&said->field, i, said->frame * FRAME_US, &caption))
            caption_note(&said->out, &caption);
    assert_string_equal(avsp_buf_text(&said->out), expected);
}

static void pop_on(void **state)
{
    struct said *said = *state;
    code(said, 0x14, 0x20); // 0
    code(said, 0x14, 0x2e); // 2
    code(said, 0x14, 0x40); // 4: row 14
    letters(said, "one");   // 6
    code(said, 0x14, 0x60); // 8: row 15
    letters(said, "two");   // 10
    said->frame = 20;
    code(said, 0x14, 0x2f);
    said->frame = 50;
    code(said, 0x14, 0x2c);
    code(said, 0x14, 0x20); // 52: what is shown next was never erased
    code(said, 0x14, 0x2e);
    code(said, 0x14, 0x70);
    letters(said, "three");
    said->frame = 70;
    code(said, 0x14, 0x2f);
    code(said, 0x14, 0x20);
    code(said, 0x11, 0x40);
    letters(said, "up");
    said->frame = 90;
    code(said, 0x14, 0x2f);
    said->frame = 100;
    expect(said, "0: 20-50 one/two\n0: 70-90 three\n0: 90-100 up @8\n");
}

static void roll_up(void **state)
{
    struct said *said = *state;
    code(said, 0x14, 0x25); // 0
    code(said, 0x14, 0x60);
    letters(said, "first"); // 4
    said->frame = 20;
    code(said, 0x14, 0x2d);
    letters(said, "second"); // 22
    said->frame = 40;
    code(said, 0x14, 0x2d);
    letters(said, "third"); // 42
    said->frame = 90;       // a pause
    letters(said, " and on");
    said->frame = 110;
    code(said, 0x14, 0x2d);
    said->frame = 120;
    code(said, 0x14, 0x2d); // nothing was written
    said->frame = 130;
    code(said, 0x14, 0x2c);
    expect(said, "0: 4-22 first\n0: 22-42 first/second\n0: 42-90 second/third\n"
                 "0: 90-120 second/third and on\n0: 120-130 third and on\n");
}

static void the_rows_that_roll_move(void **state)
{
    struct said *said = *state;
    code(said, 0x14, 0x27);
    letters(said, "a");
    code(said, 0x14, 0x2d);
    letters(said, "b");     // 5
    code(said, 0x11, 0x40); // the first row: there is no room for four above it
    letters(said, "c");
    said->frame = 20;
    code(said, 0x14, 0x2d);
    code(said, 0x14, 0x25); // fewer rows from now on
    letters(said, "d");     // 24
    said->frame = 30;
    code(said, 0x14, 0x20);
    code(said, 0x14, 0x25); // from another kind: all is erased
    letters(said, "e");     // 34
    said->frame = 40;
    expect(said, "0: 2-5 a\n0: 5-24 a/c @8\n0: 24-32 c/d @8\n0: 34-40 e\n");
}

static void paint_on(void **state)
{
    struct said *said = *state;
    code(said, 0x14, 0x29);
    code(said, 0x14, 0x4e);   // italic
    letters(said, "slanted"); // 4
    code(said, 0x11, 0x21);   // underlined
    letters(said, "line");
    code(said, 0x11, 0x20);
    letters(said, "plain");
    said->frame = 60;
    code(said, 0x14, 0x60);
    letters(said, "later"); // 62
    said->frame = 90;
    code(said, 0x14, 0x2c);
    expect(said, "0: 4-62 <i>slanted</i> <u>line</u> plain\n"
                 "0: 62-90 <i>slanted</i> <u>line</u> plain/later\n");
}

static void letters_beyond_ascii(void **state)
{
    struct said *said = *state;
    code(said, 0x14, 0x29);
    letters(said, "caf\x5c*\x27"); // 2: é á ’
    code(said, 0x11, 0x37);        // a note …
    code(said, 0x11, 0x37);        // … and another one
    letters(said, "E");
    code(said, 0x12, 0x21); // É takes the place of E
    letters(said, "A");
    code(said, 0x13, 0x30); // Ä
    code(said, 0x13, 0x29); // braces and a backslash are no tags
    code(said, 0x13, 0x2b);
    letters(said, "N<i>&");
    said->frame = 60;
    // What an extended letter replaces is gone: so is the one before the brace, and the brace.
    expect(said,
           "0: 2-60 caf\xc3\xa9\xc3\xa1\xe2\x80\x99\xe2\x99\xaa\xe2\x99\xaa\xc3\x89\\\xe2\x81\xa0"
           "N&lt;i&gt;&amp;\n");
}

static void what_was_written_is_corrected(void **state)
{
    struct said *said = *state;
    code(said, 0x14, 0x29);
    letters(said, "helk");
    code(said, 0x14, 0x21);
    letters(said, "lo there");
    code(said, 0x14, 0x72); // row 15, indented by 4
    code(said, 0x17, 0x21); // and one more
    letters(said, "x");
    code(said, 0x14, 0x60); // and back
    letters(said, "hello");
    code(said, 0x14, 0x24);
    said->frame = 80;
    expect(said, "0: 2-80 hello\n");
}

static void channels_do_not_mix(void **state)
{
    struct said *said = *state;
    code(said, 0x14, 0x29);
    code(said, 0x1c, 0x29);
    letters(said, "two");   // 4, of the second
    code(said, 0x14, 0x29); // 6
    letters(said, "one");
    code(said, 0x1c, 0x2b); // a page of the second
    letters(said, "<http://example.com>");
    assert_true(said->field.has_pages);
    said->frame = 40;
    code(said, 0x1c, 0x2c);
    said->frame = 50;
    expect(said, "1: 4-40 two\n0: 8-50 one\n");
}

static void services_and_damage_are_no_text(void **state)
{
    struct said *said = *state;
    letters(said, "the end of something that began before");
    code(said, 0x15, 0x29);
    letters(said, "ab");
    pair(said, 0x01, 0x03); // an XDS packet: the programme's name
    letters(said, "Title");
    pair(said, 0x0f, 0x1d);
    letters(said, "cd");
    pair(said, 0x01, 0x03);
    letters(said, "Name");
    code(said, 0x15, 0x29); // interrupted
    letters(said, "ef");
    struct avsp_caption caption;
    const uint8_t damaged[][2] = {{'x', 0x80}, {odd('x'), 'a' | 0x80}, {0x94 ^ 1, 0x2c}};
    for (size_t i = 0; i < AVSP_ARRAY_LEN(damaged); i++)
        (void)avsp_cea608_put(&said->field, damaged[i], said->frame * FRAME_US, &caption);
    const uint8_t nothing[][2] = {{0x80, 0x80}, {0, 0}};
    for (size_t i = 0; i < AVSP_ARRAY_LEN(nothing); i++)
        (void)avsp_cea608_put(&said->field, nothing[i], said->frame * FRAME_US, &caption);
    said->frame = 60;
    assert_int_equal(said->field.n_damaged, 3);
    expect(said, "0: 21-60 abcdef\n");
}

static void a_full_screen_fits(void **state)
{
    struct said *said = *state;
    static const unsigned rows[][2] = {{0x11, 0x40}, {0x11, 0x60}, {0x12, 0x40}, {0x12, 0x60},
                                       {0x15, 0x40}, {0x15, 0x60}, {0x16, 0x40}, {0x16, 0x60},
                                       {0x17, 0x40}, {0x17, 0x60}, {0x10, 0x40}, {0x13, 0x40},
                                       {0x13, 0x60}, {0x14, 0x40}, {0x14, 0x60}};
    code(said, 0x14, 0x20);
    for (size_t i = 0; i < AVSP_ARRAY_LEN(rows); i++) {
        code(said, rows[i][0], rows[i][1]);
        for (unsigned k = 0; k < 40; k++) { // beyond the last column, too
            pair(said, 'x', 0);
            code(said, 0x13, 0x2b);
            if (k % 2 == 0)
                code(said, 0x11, 0x2f);
        }
    }
    code(said, 0x14, 0x2f);
    struct avsp_caption caption;
    assert_true(avsp_cea608_end(&said->field, 0, (said->frame + 1) * FRAME_US, &caption));
    assert_int_equal(caption.text.len, strlen(caption.text.bytes));
    unsigned n_lines = 1;
    for (const char *at = caption.text.bytes; (at = strstr(at, "\\N")) != NULL; at++)
        n_lines++;
    assert_int_equal(n_lines, AVSP_CEA608_ROWS);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(pop_on),
        CASE(roll_up),
        CASE(the_rows_that_roll_move),
        CASE(paint_on),
        CASE(letters_beyond_ascii),
        CASE(what_was_written_is_corrected),
        CASE(channels_do_not_mix),
        CASE(services_and_damage_are_no_text),
        CASE(a_full_screen_fits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
