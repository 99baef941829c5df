/// Keys that seal what is stored: AES-256 in Galois/Counter Mode (NIST SP 800-38D), a random nonce each time.
///
///     struct avsp_keyring ring;
///     avsp_keyring_init(&ring);
///     avsp_keyring_set(&ring, text, err);                 // and again whenever it has changed: nobody notices
///     avsp_keyring_first(&ring, id);
///     avsp_keyring_seal(&ring, id, "what it is", secret, arena, &sealed, err);
///     avsp_keyring_open(&ring, id, "what it is", sealed, arena, &secret, err);
///     avsp_keyring_deinit(&ring);
///
/// The text has a key a line, "ID BASE64", of 32 random bytes; '#' begins a comment. The first one seals, all of them open.
/// What is sealed as one thing does not open as another: what it is and the key's id are authenticated with it. One key is good
/// for 2^32 seals; a keyring that nobody changes outlasts that. Any thread.
#ifndef AVSP_CRYPTO_KEYRING_H
#define AVSP_CRYPTO_KEYRING_H

#include "util/arena.h"
#include "util/err.h"

#include <pthread.h>

#define AVSP_KEYRING_KEYS_MAX 16
#define AVSP_KEY_ID_BYTES 33
#define AVSP_KEY_BYTES 32

struct avsp_keyring {
    pthread_rwlock_t lock;
    struct {
        char id[AVSP_KEY_ID_BYTES];
        unsigned char key[AVSP_KEY_BYTES];
    } keys[AVSP_KEYRING_KEYS_MAX];
    size_t n_keys;
};

void avsp_keyring_init(struct avsp_keyring *ring);
/// Wipes it.
void avsp_keyring_deinit(struct avsp_keyring *ring);

/// Puts other keys in place of those that are there. @return OK; INVALID, LIMIT: the former stay. No error repeats a key.
enum avsp_code avsp_keyring_set(struct avsp_keyring *ring, const char *text,
                                struct avsp_err *err) AVSP_CHECKED;

/// A text with one new key. @param ret_text  in @p arena. @return OK; UNAVAILABLE no random bytes; NO_MEMORY.
enum avsp_code avsp_keyring_make(const char *id, struct avsp_arena *arena, char **ret_text,
                                 struct avsp_err *err) AVSP_CHECKED;

/// The key that seals. @return false: there is none.
bool avsp_keyring_first(struct avsp_keyring *ring, char ret_id[AVSP_KEY_ID_BYTES]) AVSP_CHECKED;

bool avsp_keyring_has(struct avsp_keyring *ring, const char *id) AVSP_CHECKED;

/// Seals a text, "" too. @param ret_sealed  base64, in @p arena. @return OK; UNAVAILABLE no such key; NO_MEMORY; INTERNAL.
enum avsp_code avsp_keyring_seal(struct avsp_keyring *ring, const char *id, const char *about,
                                 const char *text, struct avsp_arena *arena,
                                 const char **ret_sealed, struct avsp_err *err) AVSP_CHECKED;

/// Opens it. @param ret_text  in @p arena. @return OK; UNAVAILABLE no such key; CORRUPT it was not sealed so; NO_MEMORY.
enum avsp_code avsp_keyring_open(struct avsp_keyring *ring, const char *id, const char *about,
                                 const char *sealed, struct avsp_arena *arena,
                                 const char **ret_text, struct avsp_err *err) AVSP_CHECKED;

#endif
