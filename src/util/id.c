#include "util/id.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

static void random_bytes(void *p, size_t n)
{
    // Up to 256 bytes are never cut short once the generator is seeded: getrandom(2).
    ssize_t got;
    do
        got = getrandom(p, n, 0);
    while (got < 0 && errno == EINTR);
    AVSP_ASSERT(got == (ssize_t)n);
}

void avsp_id_new(char ret_id[AVSP_ID_BYTES])
{
    static const char digits[] = "abcdefghijklmnopqrstuvwxyz234567";
    unsigned char raw[AVSP_ID_BYTES - 1];
    random_bytes(raw, sizeof raw);
    for (size_t i = 0; i < sizeof raw; i++)
        ret_id[i] = digits[raw[i] & 31];
    ret_id[AVSP_ID_BYTES - 1] = '\0';
}

bool avsp_id_is_valid(const char *id)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
    size_t n = strlen(id);
    return n >= 1 && n <= 64 && id[0] != '.' && strspn(id, allowed) == n;
}

int64_t avsp_nonce_new(void)
{
    int64_t v;
    do {
        random_bytes(&v, sizeof v);
        v &= INT64_MAX;
    } while (v == 0);
    return v;
}
