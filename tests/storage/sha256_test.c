#include "../cmocka_all.h"

#include "storage/sha256.h"

#include <stdlib.h>
#include <string.h>

static void expect(const void *bytes, size_t len, const char *hex)
{
    char got[AVSP_SHA256_HEX_BYTES];
    struct avsp_err err = {0};
    assert_int_equal(avsp_sha256_hex(bytes, len, got, &err), AVSP_OK);
    assert_string_equal(got, hex);
}

/// FIPS 180-4's own examples, and NIST's of an empty message.
static void known_hashes(void **state)
{
    (void)state;
    expect(NULL, 0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    expect("abc", 3, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    expect("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56,
           "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    char *million = malloc(1000000);
    assert_non_null(million);
    memset(million, 'a', 1000000);
    expect(million, 1000000, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    free(million);
}

/// Around the block's end the padding takes one block or two (checked against coreutils' sha256sum).
static void lengths_around_a_block(void **state)
{
    (void)state;
    char q[128];
    memset(q, 'q', sizeof q);
    expect(q, 55, "85528b5baff5639cb8e7daca79d085ac29ac0978e873ed7527158616b2b6c379");
    expect(q, 56, "f8ce2f8d6990c639668fe404262f35ed72d8bb145ad6bae786af7284447386df");
    expect(q, 63, "9b49777003a4143d8c3f4d3002eb631c6bda8b030a3ccc87f8a21d5f61c89e87");
    expect(q, 64, "ee8e658590c9a5e119400a774415a01db104de1ee6e2c29ec69aa73ef46544d2");
    expect(q, 65, "2b6c3f7f12b1b12fc5409626dc4e5302d8d37082cbeddea7755eac43aba039c8");
    expect(q, 119, "c8bc8a6e9626586bb888ad131d44ed2bd37fc608e902904ade3c566c4208e6ca");
    expect(q, 120, "77a2d49d72a11e41678c51f8f0cb67f5cb570f30370c3aeffe266a0d1ee43209");
    expect(q, 128, "652713bcb795a6978fa84aa8d071d13e9ee581a8e716e8ab18daa49d1e920360");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_hashes),
        cmocka_unit_test(lengths_around_a_block),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
