#include "crypto/keyring.h"

#include "util/id.h"

#include <errno.h>
#include <limits.h>
#include <openssl/evp.h>
#include <string.h>
#include <sys/random.h>

#define NONCE_BYTES 12 ///< what GCM is made for
#define TAG_BYTES 16
#define BASE64_KEY_LEN 44
#define BLANKS " \t\r"

typedef EVP_CIPHER_CTX cipher; // for the cleanup attribute's sake

static void cipher_cleanup(cipher **ctx)
{
    EVP_CIPHER_CTX_free(*ctx);
}

void avsp_keyring_init(struct avsp_keyring *ring)
{
    memset(ring, 0, sizeof *ring);
    AVSP_ASSERT(pthread_rwlock_init(&ring->lock, NULL) == 0);
}

void avsp_keyring_deinit(struct avsp_keyring *ring)
{
    pthread_rwlock_destroy(&ring->lock);
    explicit_bzero(ring, sizeof *ring);
}

/// Base64 of exactly one key. @param len  of the text.
static bool decode_key(const char *text, size_t len, unsigned char ret_key[AVSP_KEY_BYTES])
{
    unsigned char bytes[BASE64_KEY_LEN]; // EVP_DecodeBlock counts padding as bytes
    bool is_good =
        len == BASE64_KEY_LEN && text[len - 1] == '=' && text[len - 2] != '=' &&
        EVP_DecodeBlock(bytes, (const unsigned char *)text, (int)len) == AVSP_KEY_BYTES + 1;
    if (is_good)
        memcpy(ret_key, bytes, AVSP_KEY_BYTES);
    explicit_bzero(bytes, sizeof bytes);
    return is_good;
}

/// Reads a line "ID BASE64". @param len  of the line.
static enum avsp_code read_line(struct avsp_keyring *ring, const char *line, size_t len,
                                unsigned number, struct avsp_err *err)
{
    size_t id_len = strcspn(line, BLANKS "\n");
    if (id_len >= AVSP_KEY_ID_BYTES || ring->n_keys == AVSP_KEYRING_KEYS_MAX)
        return avsp_err_set(err, AVSP_LIMIT,
                            "line %u: an id has at most %d bytes, a keyring %d keys", number,
                            AVSP_KEY_ID_BYTES - 1, AVSP_KEYRING_KEYS_MAX);
    char *id = ring->keys[ring->n_keys].id;
    memcpy(id, line, id_len);
    id[id_len] = '\0';
    const char *key = line + id_len + strspn(line + id_len, BLANKS);
    size_t key_len = (size_t)(line + len - key);
    while (key_len > 0 && strchr(BLANKS, key[key_len - 1]) != NULL)
        key_len--;
    if (!avsp_id_is_valid(id) || !decode_key(key, key_len, ring->keys[ring->n_keys].key))
        return avsp_err_set(err, AVSP_INVALID,
                            "line %u: not of the form \"ID KEY\", where KEY is 32 random bytes in "
                            "base64 (openssl rand -base64 32)",
                            number);
    for (size_t i = 0; i < ring->n_keys; i++)
        if (strcmp(ring->keys[i].id, id) == 0)
            return avsp_err_set(err, AVSP_INVALID, "line %u: the id %s is there already", number,
                                id);
    ring->n_keys++;
    return AVSP_OK;
}

static enum avsp_code read_keys(struct avsp_keyring *ring, const char *text, struct avsp_err *err)
{
    unsigned number = 0;
    for (const char *line = text; *line != '\0';) {
        number++;
        line += strspn(line, BLANKS);
        size_t len = strcspn(line, "\n");
        if (len > 0 && line[0] != '#' && read_line(ring, line, len, number, err) != AVSP_OK)
            return err->code;
        line += len + (line[len] == '\n');
    }
    return ring->n_keys > 0 ? AVSP_OK : avsp_err_set(err, AVSP_INVALID, "there is no key in it");
}

enum avsp_code avsp_keyring_set(struct avsp_keyring *ring, const char *text, struct avsp_err *err)
{
    struct avsp_keyring fresh;
    avsp_keyring_init(&fresh);
    enum avsp_code rc = read_keys(&fresh, text, err);
    if (rc == AVSP_OK) {
        pthread_rwlock_wrlock(&ring->lock);
        memcpy(ring->keys, fresh.keys, sizeof ring->keys);
        ring->n_keys = fresh.n_keys;
        pthread_rwlock_unlock(&ring->lock);
    }
    avsp_keyring_deinit(&fresh);
    return rc;
}

enum avsp_code avsp_keyring_make(const char *id, struct avsp_arena *arena, char **ret_text,
                                 struct avsp_err *err)
{
    unsigned char key[AVSP_KEY_BYTES];
    char base64[BASE64_KEY_LEN + 1];
    if (getrandom(key, sizeof key, 0) != (ssize_t)sizeof key)
        return avsp_err_set_errno(err, errno, "random bytes");
    EVP_EncodeBlock((unsigned char *)base64, key, sizeof key);
    *ret_text = avsp_arena_printf(arena, "%s %s\n", id, base64);
    explicit_bzero(key, sizeof key);
    explicit_bzero(base64, sizeof base64);
    return *ret_text != NULL ? AVSP_OK : avsp_arena_failed(arena, err);
}

bool avsp_keyring_first(struct avsp_keyring *ring, char ret_id[AVSP_KEY_ID_BYTES])
{
    pthread_rwlock_rdlock(&ring->lock);
    bool is_any = ring->n_keys > 0;
    memcpy(ret_id, ring->keys[0].id, AVSP_KEY_ID_BYTES);
    pthread_rwlock_unlock(&ring->lock);
    return is_any;
}

/// A copy of a key, which the caller wipes.
static bool copy_key(struct avsp_keyring *ring, const char *id,
                     unsigned char ret_key[AVSP_KEY_BYTES])
{
    bool is_there = false;
    pthread_rwlock_rdlock(&ring->lock);
    for (size_t i = 0; i < ring->n_keys && !is_there; i++) {
        is_there = strcmp(ring->keys[i].id, id) == 0;
        if (is_there)
            memcpy(ret_key, ring->keys[i].key, AVSP_KEY_BYTES);
    }
    pthread_rwlock_unlock(&ring->lock);
    return is_there;
}

bool avsp_keyring_has(struct avsp_keyring *ring, const char *id)
{
    unsigned char key[AVSP_KEY_BYTES];
    bool has = copy_key(ring, id, key);
    explicit_bzero(key, sizeof key);
    return has;
}

static enum avsp_code no_key(const char *id, struct avsp_err *err)
{
    return avsp_err_set(err, AVSP_UNAVAILABLE, "the key %.32s is not in the keyring", id);
}

/// Begins one direction: the key, the nonce, and what is authenticated beside the text.
static bool begin(EVP_CIPHER_CTX *ctx, bool seal, const unsigned char key[AVSP_KEY_BYTES],
                  const unsigned char *nonce, const char *about, const char *id)
{
    int n = 0;
    return EVP_CipherInit_ex(ctx, EVP_aes_256_gcm(), NULL, key, nonce, seal) == 1 &&
           EVP_CipherUpdate(ctx, NULL, &n, (const unsigned char *)id, (int)strlen(id) + 1) == 1 &&
           EVP_CipherUpdate(ctx, NULL, &n, (const unsigned char *)about, (int)strlen(about)) == 1;
}

/// nonce, cipher text, tag. @param box  with room for all of it.
static bool seal_box(const unsigned char key[AVSP_KEY_BYTES], const char *about, const char *id,
                     const char *text, size_t len, unsigned char *box)
{
    cipher *AVSP_CLEANUP(cipher_cleanup) ctx = EVP_CIPHER_CTX_new();
    int n = 0;
    unsigned char *body = box + NONCE_BYTES;
    return ctx != NULL && getrandom(box, NONCE_BYTES, 0) == NONCE_BYTES &&
           begin(ctx, true, key, box, about, id) &&
           EVP_CipherUpdate(ctx, body, &n, (const unsigned char *)text, (int)len) == 1 &&
           EVP_CipherFinal_ex(ctx, body + len, &n) == 1 &&
           EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, TAG_BYTES, body + len) == 1;
}

enum avsp_code avsp_keyring_seal(struct avsp_keyring *ring, const char *id, const char *about,
                                 const char *text, struct avsp_arena *arena,
                                 const char **ret_sealed, struct avsp_err *err)
{
    size_t len = strlen(text);
    AVSP_ASSERT(len < INT_MAX / 2);
    const size_t box_len = NONCE_BYTES + len + TAG_BYTES;
    unsigned char *box = avsp_arena_alloc(arena, box_len);
    unsigned char *base64 = avsp_arena_alloc(arena, (box_len + 2) / 3 * 4 + 1);
    unsigned char key[AVSP_KEY_BYTES];
    if (box == NULL || base64 == NULL)
        return avsp_arena_failed(arena, err);
    if (!copy_key(ring, id, key))
        return no_key(id, err);
    bool is_sealed = seal_box(key, about, id, text, len, box);
    explicit_bzero(key, sizeof key);
    if (!is_sealed)
        return avsp_err_set(err, AVSP_INTERNAL, "libcrypto did not seal a credential");
    EVP_EncodeBlock(base64, box, (int)box_len);
    *ret_sealed = (const char *)base64;
    return AVSP_OK;
}

static bool open_box(const unsigned char key[AVSP_KEY_BYTES], const char *about, const char *id,
                     unsigned char *box, size_t len, char *text)
{
    cipher *AVSP_CLEANUP(cipher_cleanup) ctx = EVP_CIPHER_CTX_new();
    int n = 0;
    unsigned char *body = box + NONCE_BYTES;
    return ctx != NULL && begin(ctx, false, key, box, about, id) &&
           EVP_CipherUpdate(ctx, (unsigned char *)text, &n, body, (int)len) == 1 &&
           EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_TAG, TAG_BYTES, body + len) == 1 &&
           EVP_CipherFinal_ex(ctx, (unsigned char *)text + len, &n) == 1;
}

enum avsp_code avsp_keyring_open(struct avsp_keyring *ring, const char *id, const char *about,
                                 const char *sealed, struct avsp_arena *arena,
                                 const char **ret_text, struct avsp_err *err)
{
    const size_t base64_len = strlen(sealed);
    unsigned char *box = avsp_arena_alloc(arena, base64_len + 1);
    char *text = avsp_arena_alloc(arena, base64_len + 1);
    unsigned char key[AVSP_KEY_BYTES];
    if (box == NULL || text == NULL)
        return avsp_arena_failed(arena, err);
    if (!copy_key(ring, id, key))
        return no_key(id, err);
    int n = base64_len < INT_MAX
                ? EVP_DecodeBlock(box, (const unsigned char *)sealed, (int)base64_len)
                : -1;
    for (size_t i = base64_len; i > 0 && n > 0 && sealed[i - 1] == '='; i--)
        n--;
    bool is_open = n >= NONCE_BYTES + TAG_BYTES &&
                   open_box(key, about, id, box, (size_t)n - NONCE_BYTES - TAG_BYTES, text);
    explicit_bzero(key, sizeof key);
    if (!is_open)
        return avsp_err_set(err, AVSP_CORRUPT,
                            "a credential does not open: it was changed, or another key has the id "
                            "%.32s",
                            id);
    *ret_text = text;
    return AVSP_OK;
}
