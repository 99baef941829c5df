#include "media/caption_words.h"

#include <stdlib.h>
#include <string.h>

/// FNV-1a, 64 bits.
#define HASH_BASIS UINT64_C(0xcbf29ce484222325)
#define HASH_PRIME UINT64_C(0x100000001b3)

enum kind {
    LETTER,
    SILENT, ///< within a word, and not always there: apostrophes
    GAP,
};

/// What stands at @p text, which is UTF-8. @param ret_len  how long it is.
static enum kind kind_of(const char *text, size_t *ret_len)
{
    unsigned char c = (unsigned char)text[0];
    *ret_len = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
    if (c == '\'' || strncmp(text, "\xe2\x80\x98", 3) == 0 || strncmp(text, "\xe2\x80\x99", 3) == 0)
        return SILENT;
    bool ascii = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (c < 0x80)
        return ascii ? LETTER : GAP;
    // Signs of Latin-1, and those from U+2000 on.
    bool is_sign = (c == 0xc2 && (unsigned char)text[1] < 0xc0) || c == 0xe2;
    return is_sign ? GAP : LETTER;
}

/// Skips a tag, which stands for nothing that is said.
static const char *behind_tag(const char *text)
{
    const char *end = text[0] == '<' ? strchr(text, '>') : NULL;
    return end != NULL ? end + 1 : text;
}

static void add_words(const char *text, struct avsp_caption_words *words)
{
    uint64_t hash = HASH_BASIS;
    bool has_letters = false;
    while (words->n < AVSP_CAPTION_WORDS_MAX) {
        const char *next = behind_tag(text);
        if (next != text) {
            text = next;
            continue;
        }
        size_t len = 0;
        enum kind kind = text[0] != '\0' ? kind_of(text, &len) : GAP;
        for (size_t i = 0; i < len && kind == LETTER; i++) {
            unsigned char c = (unsigned char)text[i];
            hash = (hash ^ (c >= 'A' && c <= 'Z' ? c | 0x20u : c)) * HASH_PRIME;
        }
        has_letters |= kind == LETTER;
        if (kind == GAP && has_letters) {
            words->hashes[words->n++] = hash;
            hash = HASH_BASIS;
            has_letters = false;
        }
        if (text[0] == '\0')
            return;
        text += len;
    }
}

static int by_value(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;
    return *x < *y ? -1 : *x > *y;
}

enum avsp_code avsp_caption_words_init(struct avsp_caption_words *words,
                                       const struct avsp_text_cues *cues, struct avsp_err *err)
{
    *words = (struct avsp_caption_words){0};
    words->hashes = malloc(AVSP_CAPTION_WORDS_MAX * sizeof *words->hashes);
    if (words->hashes == NULL)
        return avsp_err_set(err, AVSP_NO_MEMORY, "no memory for captions");
    for (size_t i = 0; i < cues->n_cues; i++)
        add_words(cues->texts.data + cues->cues[i].text_at, words);
    qsort(words->hashes, words->n, sizeof *words->hashes, by_value);
    size_t n = 0;
    for (size_t i = 0; i < words->n; i++)
        if (n == 0 || words->hashes[i] != words->hashes[n - 1])
            words->hashes[n++] = words->hashes[i];
    words->n = n;
    return AVSP_OK;
}

void avsp_caption_words_deinit(struct avsp_caption_words *words)
{
    free(words->hashes);
    *words = (struct avsp_caption_words){0};
}

bool avsp_caption_words_are_same(const struct avsp_caption_words *a,
                                 const struct avsp_caption_words *b)
{
    size_t common = 0;
    for (size_t i = 0, k = 0; i < a->n && k < b->n;) {
        common += a->hashes[i] == b->hashes[k];
        bool next_a = a->hashes[i] <= b->hashes[k];
        bool next_b = b->hashes[k] <= a->hashes[i];
        i += next_a;
        k += next_b;
    }
    return common > 0 && 2 * common * 5 >= (a->n + b->n) * 4;
}
