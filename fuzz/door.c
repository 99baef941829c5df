/// What decides who may enter, and what opens what is sealed: the token of a header, the URI of a certificate, a keyring, a sealed
/// credential, a certificate and its key as PEM. Input: any bytes.
#include "core/access.h"
#include "crypto/bearer.h"
#include "crypto/certificate.h"
#include "crypto/keyring.h"
#include "fuzz.h"
#include "util/id.h"

static void check_bearer(const char *bytes, size_t size)
{
    struct avsp_bearer kept, again;
    if (!avsp_bearer_read(bytes, size, &kept))
        return;
    AVSP_ASSERT(strlen(kept.id) == AVSP_BEARER_ID_BYTES - 1);
    AVSP_ASSERT(strlen(kept.hash) == AVSP_BEARER_HASH_BYTES - 1);
    AVSP_ASSERT(avsp_bearer_read(bytes, size, &again) && avsp_bearer_equal(&kept, &again));
    // One byte less or more is another thing.
    AVSP_ASSERT(!avsp_bearer_read(bytes, size - 1, &again));
}

static void check_uri(const char *text)
{
    struct avsp_caller caller = {0};
    if (!avsp_access_of_uri(text, &caller)) {
        AVSP_ASSERT(caller.access == 0 && caller.name[0] == '\0');
        return;
    }
    char shown[512];
    AVSP_ASSERT(avsp_id_is_valid(caller.name));
    snprintf(shown, sizeof shown, "avspl1t:%s:%s",
             avsp_access_name((enum avsp_access)caller.access), caller.name);
    AVSP_ASSERT(strcmp(shown, text) == 0);
}

static void check_keyring(struct avsp_arena *arena, const char *text)
{
    static const char usual[] = "own AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n";
    struct avsp_keyring ring;
    struct avsp_err err = {0};
    char id[AVSP_KEY_ID_BYTES];
    const char *sealed = NULL, *opened = NULL;
    avsp_keyring_init(&ring);
    AVSP_ASSERT(avsp_keyring_set(&ring, usual, &err) == AVSP_OK);
    bool is_good = avsp_keyring_set(&ring, text, &err) == AVSP_OK;
    // What is refused leaves the former keys.
    AVSP_ASSERT(avsp_keyring_first(&ring, id) && (is_good || strcmp(id, "own") == 0));
    AVSP_ASSERT(avsp_keyring_has(&ring, id) && avsp_id_is_valid(id));
    AVSP_ASSERT(avsp_keyring_seal(&ring, id, "it", "secret", arena, &sealed, &err) == AVSP_OK);
    AVSP_ASSERT(avsp_keyring_open(&ring, id, "it", sealed, arena, &opened, &err) == AVSP_OK);
    AVSP_ASSERT(strcmp(opened, "secret") == 0);
    // What nobody sealed does not open.
    AVSP_ASSERT(avsp_keyring_open(&ring, id, "it", text, arena, &opened, &err) != AVSP_OK);
    avsp_keyring_deinit(&ring);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    struct avsp_err err = {0};
    avsp_arena_init(&arena, 1 << 20);
    char *AVSP_CLEANUP(avsp_free_ptr) text = fuzz_text(data, size);
    char *AVSP_CLEANUP(avsp_free_ptr) bytes = fuzz_bytes(data, size);
    check_bearer(bytes, size);
    check_uri(text);
    check_keyring(&arena, text);
    (void)!avsp_certificate_check(text, text, NULL, &err);
    (void)!avsp_certificate_check_authorities(text, &err);
    return 0;
}
