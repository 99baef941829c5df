#include "core/sidecar.h"

#include "core/record.h"
#include "util/parse.h"

#include <string.h>

#define VERB "sidecar"
#define AT "at"
#define LINES_MAX_BYTES ((size_t)AVSP_SIDECARS_MAX * AVSP_RECORD_MAX_BYTES)

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool avsp_language_is_tag(const char *text, size_t len)
{
    size_t n = 0;
    while (n < len && is_letter(text[n]))
        n++;
    if (n < 2 || n > 3 || len > AVSP_LANGUAGE_MAX_BYTES || (n < len && text[n] != '-'))
        return false;
    while (n < len) {
        size_t from = ++n;
        while (n < len && (is_letter(text[n]) || (text[n] >= '0' && text[n] <= '9')))
            n++;
        if (n == from || n - from > 8 || (n < len && text[n] != '-'))
            return false;
    }
    return true;
}

enum avsp_code avsp_sidecar_parse(struct avsp_arena *arena, const char *text, const char **ret_file,
                                  const char **ret_language, const char **ret_title,
                                  struct avsp_err *err)
{
    for (const char *colon = strchr(text, ':'); colon != NULL; colon = strchr(colon + 1, ':')) {
        const char *language = colon + 1;
        size_t len = strcspn(language, ":");
        if (colon == text || !avsp_language_is_tag(language, len))
            continue;
        *ret_file = avsp_arena_strndup(arena, text, (size_t)(colon - text));
        *ret_language = avsp_arena_strndup(arena, language, len);
        *ret_title = language[len] == ':' ? language + len + 1 : "";
        return *ret_file != NULL && *ret_language != NULL ? AVSP_OK : avsp_arena_failed(arena, err);
    }
    return avsp_err_set(err, AVSP_INVALID,
                        "\"%.200s\" is not FILE:LANG or FILE:LANG:NAME, with a language like en or "
                        "pt-BR",
                        text);
}

enum avsp_code avsp_sidecar_check(const struct avsp_sidecar *sidecar, struct avsp_err *err)
{
    if (!avsp_language_is_tag(sidecar->language, strlen(sidecar->language)))
        return avsp_err_set(err, AVSP_INVALID,
                            "language: \"%.40s\" is not a language like en or pt-BR (BCP 47)",
                            sidecar->language);
    const char *title = sidecar->title;
    bool plain = avsp_utf8_is_valid(title) && strlen(title) <= AVSP_SIDECAR_TITLE_MAX_BYTES;
    for (const char *c = title; plain && *c != '\0'; c++)
        plain = (unsigned char)*c >= 0x20 && *c != 0x7f;
    return plain ? AVSP_OK
                 : avsp_err_set(err, AVSP_INVALID, "title: over %d bytes or not printable",
                                AVSP_SIDECAR_TITLE_MAX_BYTES);
}

enum avsp_code avsp_sidecars_store(struct avsp_arena *arena, const struct avsp_sidecar *sidecars,
                                   size_t n, const char **ret_text, struct avsp_err *err)
{
    struct avsp_buf AVSP_CLEANUP(avsp_buf_deinit) buf;
    avsp_buf_init(&buf, LINES_MAX_BYTES);
    for (size_t i = 0; i < n; i++) {
        avsp_record_begin(&buf, VERB);
        avsp_record_put_location(&buf, AT, &sidecars[i].file);
        avsp_record_put_str(&buf, "language", sidecars[i].language);
        avsp_record_put_str(&buf, "title", sidecars[i].title);
        avsp_record_end(&buf);
    }
    enum avsp_code rc = avsp_buf_check(&buf, err);
    if (rc != AVSP_OK)
        return rc;
    *ret_text = avsp_arena_strdup(arena, n > 0 ? avsp_buf_text(&buf) : "");
    return *ret_text != NULL ? AVSP_OK : avsp_arena_failed(arena, err);
}

static enum avsp_code load_one(struct avsp_arena *arena, const char *line,
                               struct avsp_sidecar *ret_sidecar, struct avsp_err *err)
{
    struct avsp_record rec;
    enum avsp_code rc = avsp_record_parse(arena, line, &rec, err);
    if (rc != AVSP_OK)
        return rc;
    *ret_sidecar = (struct avsp_sidecar){
        .file = avsp_record_location(&rec, AT),
        .language = avsp_record_str(&rec, "language"),
        .title = avsp_record_str(&rec, "title"),
    };
    return avsp_record_check(&rec, err);
}

enum avsp_code avsp_sidecars_load(struct avsp_arena *arena, const char *text,
                                  struct avsp_sidecar **ret_sidecars, size_t *ret_n,
                                  struct avsp_err *err)
{
    *ret_n = 0;
    *ret_sidecars = NULL;
    if (text[0] == '\0')
        return AVSP_OK;
    *ret_sidecars = avsp_arena_array(arena, AVSP_SIDECARS_MAX, sizeof **ret_sidecars);
    if (*ret_sidecars == NULL)
        return avsp_arena_failed(arena, err);
    while (*text != '\0') {
        size_t len = strcspn(text, "\n");
        const char *line = avsp_arena_strndup(arena, text, len);
        if (line == NULL)
            return avsp_arena_failed(arena, err);
        if (*ret_n == AVSP_SIDECARS_MAX)
            return avsp_err_set(err, AVSP_CORRUPT, "more than %d files of subtitles",
                                AVSP_SIDECARS_MAX);
        enum avsp_code rc = load_one(arena, line, &(*ret_sidecars)[*ret_n], err);
        if (rc != AVSP_OK)
            return rc;
        ++*ret_n;
        text += len + (text[len] == '\n');
    }
    return AVSP_OK;
}
