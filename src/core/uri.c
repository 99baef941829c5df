#include "core/uri.h"

#include <string.h>

#define ALPHA "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

static int hex_digit(char c)
{
    static const char hex[] = "0123456789abcdefABCDEF";
    const char *at = c != '\0' ? strchr(hex, c) : NULL;
    if (at == NULL)
        return -1;
    int v = (int)(at - hex);
    return v < 16 ? v : v - 6;
}

static bool has_scheme(const char *uri)
{
    size_t n = strspn(uri, ALPHA "0123456789+.-");
    return n > 0 && strchr(ALPHA, uri[0]) != NULL && uri[n] == ':';
}

/// Decodes %XX in place; what is no such sequence stays as it is. @return false for a control character.
static bool decode(char *text)
{
    char *out = text;
    for (const char *in = text; *in != '\0'; in++) {
        int high = in[0] == '%' ? hex_digit(in[1]) : -1;
        int low = high >= 0 ? hex_digit(in[2]) : -1;
        unsigned char c = (unsigned char)*in;
        if (low >= 0) {
            c = (unsigned char)(high * 16 + low);
            in += 2;
        }
        if (c < 0x20 || c == 0x7f)
            return false;
        *out++ = (char)c;
    }
    *out = '\0';
    return true;
}

/// Adds the parts of @p text to @p path, in which @p len bytes are used. @return false where ".." leads out.
static bool walk(char *path, size_t *len, const char *text)
{
    while (*text != '\0') {
        size_t n = strcspn(text, "/");
        if (n == 2 && text[0] == '.' && text[1] == '.') {
            if (*len == 0)
                return false;
            while (*len > 0 && path[*len - 1] != '/')
                --*len;
            *len -= *len > 0; // the slash
        } else if (n > 0 && !(n == 1 && text[0] == '.')) {
            if (*len > 0)
                path[(*len)++] = '/';
            memcpy(path + *len, text, n);
            *len += n;
        }
        text += n;
        text += *text == '/';
    }
    return true;
}

enum avsp_code avsp_uri_resolve(struct avsp_arena *arena, const char *base, const char *uri,
                                const char **ret_path, struct avsp_err *err)
{
    if (has_scheme(uri) || strncmp(uri, "//", 2) == 0)
        return avsp_err_set(err, AVSP_UNSUPPORTED, "\"%.200s\" is not in this folder", uri);
    size_t n = strcspn(uri, "?#");
    char *text = avsp_arena_strndup(arena, uri, n);
    const char *slash = strrchr(base, '/');
    size_t base_len = slash != NULL ? (size_t)(slash - base) : 0;
    char *path = avsp_arena_alloc(arena, base_len + n + 2);
    if (text == NULL || path == NULL)
        return avsp_arena_failed(arena, err);
    if (!decode(text))
        return avsp_err_set(err, AVSP_INVALID, "\"%.200s\" holds a control character", uri);
    if (text[0] == '/')
        return avsp_err_set(err, AVSP_DENIED, "\"%.200s\" is an absolute path", uri);
    memcpy(path, base, base_len);
    size_t len = base_len;
    if (!walk(path, &len, text))
        return avsp_err_set(err, AVSP_DENIED, "\"%.200s\" leads out of the folder", uri);
    path[len] = '\0';
    if (len == 0 || text[0] == '\0' || text[strlen(text) - 1] == '/')
        return avsp_err_set(err, AVSP_INVALID, "\"%.200s\" names no file", uri);
    *ret_path = path;
    return AVSP_OK;
}
