#include "../cmocka_all.h"

#include "core/cea708.h"

static void put(struct avsp_cea708 *captions, const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i + 2 <= len; i += 2)
        avsp_cea708_put(captions, i == 0, bytes + i);
}

#define PUT(captions, ...)                                                                         \
    put(captions, (const uint8_t[]){__VA_ARGS__}, sizeof((uint8_t[]){__VA_ARGS__}))

static void services_that_say_something(void **state)
{
    (void)state;
    struct avsp_cea708 captions = {0};
    // Nothing began; a window is defined, and nothing is written into it; a null block ends a packet.
    avsp_cea708_put(&captions, false, (const uint8_t[]){0x21, 'A'});
    PUT(&captions, 0x05, 0x28, 0x98, 'A', 'B', 'C', 'D', 'E', 'F', ' ');
    PUT(&captions, 0x02, 0x00, 0x21, 'A');
    assert_int_equal(captions.services, 0);
    PUT(&captions, 0x03, 0x22, 0x0d, 'A', 0x41, 0x89);
    assert_int_equal(captions.services, 1 << 1);
    // Two services in a packet, the second one behind a command with a letter in it, and one of those with large numbers.
    PUT(&captions, 0xc6, 0x21, 0x8f, 0x44, 0x91, 'A', 'B', 'C', 0xe1, 9, 0xc4, 0);
    assert_int_equal(captions.services, 1 << 1 | 1 << 9);
    // Cut off: not known before it is whole.
    PUT(&captions, 0x04, 0x41, 'x', 0x00);
    assert_int_equal(captions.services, 1 << 1 | 1 << 9);
    avsp_cea708_put(&captions, false, (const uint8_t[]){0, 0});
    avsp_cea708_put(&captions, false, (const uint8_t[]){0, 0});
    assert_int_equal(captions.services, 1 << 1 | 1 << 2 | 1 << 9);
    // Blocks that are longer than the packet.
    PUT(&captions, 0x01, 0xff);
    PUT(&captions, 0x02, 0x7f, 0x10, 'x');
    assert_int_equal(captions.services, 1 << 1 | 1 << 2 | 1 << 9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(services_that_say_something)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
