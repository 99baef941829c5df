#include "caption_note.h"

#include "core/cea708.h"

#include <string.h>

/// A channel that is spoken to, and what came of it: "service: from-to text" in frames, a line for each caption.
struct said {
    struct avsp_cea708 captions;
    int64_t frame;
    unsigned sequence;
    struct avsp_buf out;
};

static enum avsp_code note(void *opaque, const struct avsp_caption *caption, struct avsp_err *err)
{
    struct said *said = opaque;
    (void)err;
    caption_note(&said->out, caption);
    return AVSP_OK;
}

static int setup(void **state)
{
    struct said *said = calloc(1, sizeof *said);
    assert_non_null(said);
    said->captions.take = note;
    said->captions.opaque = said;
    avsp_buf_init(&said->out, 1 << 16);
    *state = said;
    return 0;
}

static int teardown(void **state)
{
    struct said *said = *state;
    avsp_cea708_deinit(&said->captions);
    avsp_buf_deinit(&said->out);
    free(said);
    return 0;
}

/// Bytes of the channel, at the frame that it is; the first two begin a packet.
static void send(struct said *said, const uint8_t *bytes, size_t len)
{
    struct avsp_err err = {0};
    for (size_t i = 0; i + 2 <= len; i += 2)
        assert_int_equal(
            avsp_cea708_put(&said->captions, i == 0, bytes + i, said->frame * FRAME_US, &err),
            AVSP_OK);
}

#define SEND(said, ...) send(said, (const uint8_t[]){__VA_ARGS__}, sizeof((uint8_t[]){__VA_ARGS__}))

/// What a service says at a frame: packets with a block each.
static void say(struct said *said, unsigned service, int64_t frame, const void *what, size_t len)
{
    const uint8_t *bytes = what;
    said->frame = frame;
    assert_true(len < 32);
    uint8_t packet[36] = {0};
    size_t at = 1;
    packet[at++] = (uint8_t)((service < 7 ? service : 7) << 5 | len);
    if (service >= 7)
        packet[at++] = (uint8_t)service;
    memcpy(packet + at, bytes, len);
    at += len + (at + len) % 2;
    packet[0] = (uint8_t)(said->sequence++ << 6 | at / 2);
    send(said, packet, at);
}

#define SAY(said, service, frame, text) say(said, service, frame, text, sizeof(text) - 1)

/// Defines window N with so many rows at the bottom, left, of the screen: hidden or visible.
#define DEFINE(n, rows) n "\x00\x4a\x00" rows "\x1f\x00"
#define DEFINE_SHOWN(n, rows) n "\x20\x4a\x00" rows "\x1f\x00"
#define AT_TOP(n) n "\x00\x00\x00\x01\x1f\x00"
#define TWO_ROWS "\x61"
#define THREE_ROWS "\x62"

static void expect(struct said *said, int64_t frame, const char *expected)
{
    struct avsp_err err = {0};
    assert_int_equal(avsp_cea708_end(&said->captions, frame * FRAME_US, &err), AVSP_OK);
    assert_string_equal(avsp_buf_text(&said->out), expected);
}

static void pop_on(void **state)
{
    struct said *said = *state;
    SAY(said, 1, 0, DEFINE("\x98", TWO_ROWS) "one\x92\x01\x04two");
    SAY(said, 1, 20, "\x89\x01");
    SAY(said, 1, 30, DEFINE("\x99", TWO_ROWS) "three");
    SAY(said, 1, 50, "\x8a\x01"); // one goes, and the other comes
    SAY(said, 1, 50, "\x89\x02");
    SAY(said, 1, 70, "\x8b\x03"); // and the first one comes back
    SAY(said, 1, 80, "\x8c\xff");
    SAY(said, 1, 85, AT_TOP("\x98") "up\x89\x01");
    SAY(said, 1, 90, "\x8f");
    SAY(said, 1, 95, "lost"); // there is no window
    expect(said, 99, "1: 20-50 one/two\n1: 50-70 three\n1: 70-80 one/two\n1: 85-90 up @8\n");
}

static void roll_up(void **state)
{
    struct said *said = *state;
    SAY(said, 1, 0, DEFINE_SHOWN("\x98", TWO_ROWS) "\x92\x01\x00");
    SAY(said, 1, 2, "fir");
    SAY(said, 1, 4, "st");
    SAY(said, 1, 20, "\r");
    SAY(said, 1, 22, "second");
    SAY(said, 1, 40, "\rthird"); // at once
    SAY(said, 1, 90, " and on"); // a pause
    SAY(said, 1, 110, "\r");
    SAY(said, 1, 120, "\r"); // nothing was written
    SAY(said, 1, 130, "\x88\x01");
    expect(said, 140,
           "1: 2-22 first\n1: 22-40 first/second\n1: 40-90 second/third\n"
           "1: 90-120 second/third and on\n1: 120-130 third and on\n");
}

/// A window that is not full yet: what is written at once is one caption, what stood there for a while is one of its own.
static void roll_up_from_the_top(void **state)
{
    struct said *said = *state;
    SAY(said, 1, 0, DEFINE_SHOWN("\x98", THREE_ROWS) "a\r");
    SAY(said, 1, 1, "b\r");
    SAY(said, 1, 40, "c");
    SAY(said, 1, 70, "\r");
    SAY(said, 1, 75, "d");
    expect(said, 80, "1: 0-40 a/b\n1: 40-75 a/b/c\n1: 75-80 b/c/d\n");
}

static void paint_on(void **state)
{
    struct said *said = *state;
    SAY(said, 1, 0, DEFINE_SHOWN("\x98", TWO_ROWS));
    SAY(said, 1, 4, "\x90\x05\x80slanted");
    SAY(said, 1, 6, "\x90\x05\x40 line");
    SAY(said, 1, 8, "\x90\x05\x00 plain");
    SAY(said, 1, 60, "\x92\x01\x00later");
    SAY(said, 1, 70, "\x0eother"); // the line is written anew
    SAY(said, 1, 80, "\x0c");
    SAY(said, 1, 85, "\x90\xf5\x00unseen\x90\x05\x00seem\bn");
    expect(said, 99,
           "1: 4-60 <i>slanted</i> <u>line</u> plain\n"
           "1: 60-70 <i>slanted</i> <u>line</u> plain/later\n"
           "1: 70-80 <i>slanted</i> <u>line</u> plain/other\n1: 85-99 seen\n");
}

static void windows_in_their_places(void **state)
{
    struct said *said = *state;
    // Each line in a window of its own, the lower one first; and one at the top, and one in the middle, by percent, around its center.
    SAY(said, 1, 0,
        "\x98\x20\x4a\x00\x60\x1f\x00"
        "lower");
    SAY(said, 1, 0,
        "\x99\x20\x41\x00\x60\x1f\x00"
        "upper");
    SAY(said, 1, 0, "\x9a\x20\x00\x00\x00\x1f\x00top");
    SAY(said, 1, 0, "\x9b\x20\xb2\x32\x40\x1f\x00middle");
    // Side by side.
    SAY(said, 1, 0, "\x9c\x20\x28\x80\x00\x05\x00right");
    SAY(said, 1, 0, "\x9d\x20\x28\x00\x00\x05\x00left");
    SAY(said, 1, 30, "\x8a\x01");
    expect(said, 40,
           "1: 0-30 upper/lower\n1: 0-40 top @8\n1: 0-40 middle/left/right @5\n1: 30-40 upper\n");
}

static void a_window_is_defined_again(void **state)
{
    struct said *said = *state;
    SAY(said, 1, 0, DEFINE_SHOWN("\x98", THREE_ROWS) "a\rb\rc");
    SAY(said, 1, 10, DEFINE_SHOWN("\x98", THREE_ROWS) "d"); // as it is: nothing happens
    SAY(said, 1, 20, DEFINE_SHOWN("\x98", TWO_ROWS));       // a row is lost
    SAY(said, 1, 25, "e");
    SAY(said, 1, 30, DEFINE("\x98", TWO_ROWS)); // hidden
    SAY(said, 1, 40,
        "\x81"
        "\x80\x89\x01"); // a window that is not there does not become the current one
    expect(said, 50, "1: 0-20 a/b/cd\n1: 20-30 a/b e\n1: 40-50 a/b e\n");
}

static void letters_beyond_ascii(void **state)
{
    struct said *said = *state;
    SAY(said, 1, 0, DEFINE_SHOWN("\x98", TWO_ROWS) "{N}\\N<&>\x7f");
    SAY(said, 1, 1,
        "\xe9\x10\x39\x10\x30\x10\x21\x18\xac\x00\x18\xd8\x00\x18\x00\x81\x10\x22\x10\xa0");
    // Codes that mean nothing yet are as long as they say.
    SAY(said, 1, 2, "\x10\x05.\x10\x08x.\x10\x10xx.\x10\x18xxx.\x10\x80xxxx.");
    SAY(said, 1, 3, "\x10\x88xxxxx.\x10\x90\x03xxx.\x10\xb0\x11x.\x19xx.\x93\x03.");
    expect(
        said, 9,
        "1: 0-9 {N}\\\xe2\x81\xa0N&lt;&amp;&gt;\xe2\x99\xaa\xc3\xa9\xe2\x84\xa2\xe2\x96\x88\xc2\xa0"
        "\xea\xb0\x80___[CC]......._...\n");
}

static void delays(void **state)
{
    struct said *said = *state;
    SAY(said, 1, 0, DEFINE_SHOWN("\x98", TWO_ROWS) "now\x8d\x0a, then\x8d\x0a\x0c");
    SAY(said, 1, 10, "again");
    SAY(said, 2, 90, DEFINE_SHOWN("\x98", TWO_ROWS) "other");
    SAY(said, 1, 100,
        "\x0c\x8d\xff"
        "at once");
    SAY(said, 1, 110, "\x8e"); // is over
    SAY(said, 1, 120, "\x0c\x8d\xffnever");
    for (unsigned i = 0; i < 6; i++) // there is room for four of them; a line has 42 letters
        SAY(said, 1, 121 + i, "0123456789012345678901234");
    SAY(said, 1, 130, "\x8f");
    expect(said, 140,
           "1: 0-29 now\n1: 29-59 now, then\n1: 59-100 again\n1: 110-120 at once\n"
           "1: 125-130 never0123456789012345678901234012345678904\n2: 90-140 other\n");
}

static void services_do_not_mix(void **state)
{
    struct said *said = *state;
    SAY(said, 1, 0, DEFINE_SHOWN("\x98", TWO_ROWS) "one");
    SAY(said, 63, 0, DEFINE_SHOWN("\x98", TWO_ROWS) "last");
    // Two in one packet, then one that ends it.
    said->frame = 1;
    SEND(said, 0x85, 0x22, '.', '!', 0xe1, 63, '?', 0, 0x21, 'x');
    assert_int_equal(said->captions.n_damaged, 0);
    for (unsigned i = 0; i < 10; i++)
        SAY(said, 2 + i, 2, DEFINE_SHOWN("\x98", TWO_ROWS) "x\x8f");
    assert_int_equal(said->captions.n_services, AVSP_CEA708_SERVICES_MAX);
    assert_int_equal(said->captions.beyond, 0xf << 8);
    expect(said, 9, "1: 0-9 one.!\n63: 0-9 last?\n");
}

static void damage(void **state)
{
    struct said *said = *state;
    struct avsp_err err = {0};
    said->frame = 0;
    // Nothing began yet.
    assert_int_equal(avsp_cea708_put(&said->captions, false, (const uint8_t[]){0x21, 'A'}, 0, &err),
                     AVSP_OK);
    SAY(said, 1, 0, DEFINE_SHOWN("\x98", TWO_ROWS) "a");
    // Blocks and codes that are longer than what holds them.
    SEND(said, 0x42, 0x3f, 'x', 'x');
    SEND(said, 0x82, 0x21, 0x90, 0x00);
    SEND(said, 0xc2, 0x21, 0x10, 0x00);
    SEND(said, 0x01, 0xff);
    assert_int_equal(said->captions.n_damaged, 0);
    // Cut off: what is whole is read with the next one, which is not the next one.
    SEND(said, 0x46, 0x21, 'b', 0x22);
    SEND(said, 0xc2, 0x21, 'c', 0x00);
    assert_int_equal(said->captions.n_damaged, 2);
    expect(said, 9, "1: 0-9 abc\n");
}

static enum avsp_code refuse(void *opaque, const struct avsp_caption *caption, struct avsp_err *err)
{
    (void)opaque, (void)caption;
    return avsp_err_set(err, AVSP_NO_MEMORY, "no memory");
}

static void failures_come_back(void **state)
{
    struct said *said = *state;
    struct avsp_err err = {0};
    SAY(said, 1, 0, DEFINE_SHOWN("\x98", TWO_ROWS) "a");
    said->captions.take = refuse;
    assert_int_equal(avsp_cea708_end(&said->captions, FRAME_US, &err), AVSP_NO_MEMORY);
}

/// All windows full of what takes most room: some rows are left out.
static void a_full_screen_fits(void **state)
{
    struct said *said = *state;
    for (unsigned window = 0; window < 8; window++) {
        const uint8_t define[] = {(uint8_t)(0x98 + window), 0x20, 0, 0, 0x0f, 0x3f, 0};
        say(said, 1, 0, define, sizeof define);
        for (unsigned row = 0; row < 16; row++) {
            for (unsigned i = 0; i < 70; i++)
                SAY(said, 1, 0, "\x90\x05\x80\\\x90\x05\x40\\");
            SAY(said, 1, 0, "\r");
        }
    }
    SAY(said, 1, 10, "\x8f");
    assert_true(said->out.len > 4000);
    assert_int_equal(said->out.sticky, AVSP_OK);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(pop_on),
        CASE(roll_up),
        CASE(roll_up_from_the_top),
        CASE(paint_on),
        CASE(windows_in_their_places),
        CASE(a_window_is_defined_again),
        CASE(letters_beyond_ascii),
        CASE(delays),
        CASE(services_do_not_mix),
        CASE(damage),
        CASE(failures_come_back),
        CASE(a_full_screen_fits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
