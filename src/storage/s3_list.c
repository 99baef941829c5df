#include "storage/s3_private.h"
#include "storage/s3_text.h"
#include "util/parse.h"

#include <string.h>

#define PAGE_KEYS 1000
#define PAGE_KEYS_TEXT "1000"
#define PAGES_MAX 10000 ///< ten million keys: a list that is longer has no end

/// One page of a list, and where the next begins.
struct page {
    struct avsp_arena arena;
    struct avsp_s3_span body;
    struct avsp_s3_reply reply;
    const char *next; ///< "" = this was the last
    bool is_form;
};

static void page_init(struct page *page)
{
    *page = (struct page){.next = ""};
    avsp_arena_init(&page->arena, 4 * AVSP_S3_ANSWER_MAX_BYTES);
    avsp_s3_reply_init(&page->reply);
}

static void page_deinit(struct page *page)
{
    avsp_arena_deinit(&page->arena);
    avsp_s3_reply_deinit(&page->reply);
}

const char *avsp_s3_prefix(struct avsp_arena *arena, const struct avsp_location *folder)
{
    size_t n = strlen(folder->path);
    while (n > 0 && folder->path[n - 1] == '/')
        n--;
    return n == 0 ? "" : avsp_arena_printf(arena, "%.*s/", (int)n, folder->path);
}

bool avsp_s3_is_form(struct avsp_arena *arena, struct avsp_s3_span page)
{
    const char *encoding = avsp_s3_xml_text(arena, page, "EncodingType");
    return encoding != NULL && strcmp(encoding, "url") == 0;
}

char *avsp_s3_listed_key(struct avsp_arena *arena, struct avsp_s3_span in, const char *name,
                         bool is_form)
{
    const char *text = avsp_s3_xml_text(arena, in, name);
    char *key = text != NULL ? avsp_arena_strdup(arena, text) : NULL;
    for (char *c = key; is_form && c != NULL && *c != '\0'; c++)
        if (*c == '+') // MinIO writes a space so; a plus is %2B
            *c = ' ';
    if (key != NULL)
        avsp_s3_decode(key);
    return key;
}

enum avsp_code avsp_s3_stray(const struct avsp_location *folder, const char *key,
                             struct avsp_err *err)
{
    char shown[200];
    snprintf(shown, sizeof shown, "%s", key);
    avsp_text_tame(shown, '?', false);
    return avsp_err_set(err, AVSP_UNAVAILABLE,
                        "s3://%.100s/%.200s: the store lists \"%s\", which is not below it",
                        folder->bucket, folder->path, shown);
}

static enum avsp_code no_end(const struct avsp_location *folder, struct avsp_err *err)
{
    return avsp_err_set(err, AVSP_LIMIT, "s3://%.100s/%.200s: the store's list of it has no end",
                        folder->bucket, folder->path);
}

/// Asks for a page behind @p from, which may be its own `next`.
static enum avsp_code get_page(struct avsp_s3 *s3, struct avsp_s3_lane *lane,
                               const struct avsp_location *folder, const char *prefix,
                               const char *from, struct page *page, struct avsp_err *err)
{
    char *token AVSP_CLEANUP(avsp_free_ptr) = strdup(from);
    if (token == NULL)
        return avsp_err_set(err, AVSP_NO_MEMORY, "memory ran out");
    struct avsp_s3_call call = {
        .method = "GET",
        .at = folder,
        .key = "",
        .params = {{"list-type", "2"},
                   {"prefix", prefix},
                   {"max-keys", PAGE_KEYS_TEXT},
                   {"encoding-type", "url"},
                   {"continuation-token", token}},
        .n_params = from[0] != '\0' ? 5 : 4,
    };
    enum avsp_code rc = avsp_s3_call(s3, lane, &call, &page->reply, err);
    if (rc != AVSP_OK)
        return rc;
    avsp_arena_clear(&page->arena);
    page->body = (struct avsp_s3_span){avsp_buf_text(&page->reply.body), page->reply.body.len};
    const char *more = avsp_s3_xml_text(&page->arena, page->body, "IsTruncated");
    page->next = avsp_s3_xml_text(&page->arena, page->body, "NextContinuationToken");
    if (more == NULL || page->next == NULL)
        return avsp_arena_failed(&page->arena, err);
    if (strcmp(more, "true") != 0)
        page->next = "";
    page->is_form = avsp_s3_is_form(&page->arena, page->body);
    // A store that knows no such token sends the first page for ever.
    if (page->next[0] != '\0' && strcmp(page->next, token) == 0)
        return no_end(folder, err);
    return AVSP_OK;
}

/// Reads one <Contents>. @return its key; NULL where memory ran out.
static const char *read_entry(struct page *page, struct avsp_s3_span entry,
                              struct avsp_stat *ret_stat)
{
    const char *key = avsp_s3_listed_key(&page->arena, entry, "Key", page->is_form);
    const char *size = avsp_s3_xml_text(&page->arena, entry, "Size");
    const char *modified = avsp_s3_xml_text(&page->arena, entry, "LastModified");
    if (key == NULL || size == NULL || modified == NULL)
        return NULL;
    *ret_stat = (struct avsp_stat){strtoull(size, NULL, 10), avsp_s3_time(modified) * 1000000};
    return key;
}

enum avsp_code avsp_s3_each(struct avsp_s3 *s3, const struct avsp_location *folder,
                            bool (*each)(void *opaque, const char *key,
                                         const struct avsp_stat *stat),
                            void *opaque, struct avsp_err *err)
{
    struct page AVSP_CLEANUP(page_deinit) page;
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    page_init(&page);
    avsp_arena_init(&arena, 64 << 10);
    const char *prefix = avsp_s3_prefix(&arena, folder);
    if (prefix == NULL)
        return avsp_arena_failed(&arena, err);
    for (unsigned i = 0; i == 0 || page.next[0] != '\0'; i++) {
        if (i == PAGES_MAX)
            return no_end(folder, err);
        struct avsp_s3_lane *lane = avsp_s3_lane_take(s3, err);
        if (lane == NULL)
            return err->code;
        enum avsp_code rc = get_page(s3, lane, folder, prefix, page.next, &page, err);
        // The caller may want one while it looks at them.
        avsp_s3_lane_give(s3, lane);
        if (rc != AVSP_OK)
            return rc;
        struct avsp_s3_span at = page.body, entry;
        while ((entry = avsp_s3_xml_next(&at, "Contents")).text != NULL) {
            struct avsp_stat stat;
            const char *key = read_entry(&page, entry, &stat);
            if (key == NULL)
                return avsp_arena_failed(&page.arena, err);
            if (strncmp(key, prefix, strlen(prefix)) != 0)
                return avsp_s3_stray(folder, key, err);
            if (!each(opaque, key, &stat))
                return AVSP_OK;
        }
    }
    return AVSP_OK;
}
