#include "core/naming.h"

#include "core/sound_options.h"

#include <inttypes.h>
#include <string.h>

/// How much of a file's SHA-256 stands in its name: 64 bits, as hex.
#define HASH_DIGITS 16
/// Room for the name of a rendition's folder.
#define FOLDER_BYTES 24

static const char hex[] = "0123456789abcdef";
static const char digits[] = "0123456789";

char *avsp_name_init(struct avsp_arena *arena, const char *sha256)
{
    return avsp_arena_printf(arena, "init-%.*s.mp4", HASH_DIGITS, sha256);
}

char *avsp_name_segment(struct avsp_arena *arena, uint32_t idx, const char *sha256)
{
    return avsp_arena_printf(arena, "%05" PRIu32 "-%.*s.m4s", idx, HASH_DIGITS, sha256);
}

char *avsp_name_text(struct avsp_arena *arena, uint32_t idx, const char *sha256)
{
    return avsp_arena_printf(arena, "%05" PRIu32 "-%.*s.vtt", idx, HASH_DIGITS, sha256);
}

char *avsp_name_playlist(struct avsp_arena *arena, const char *sha256)
{
    return avsp_arena_printf(arena, "playlist-%.*s.m3u8", HASH_DIGITS, sha256);
}

char *avsp_name_iframes(struct avsp_arena *arena, const char *sha256)
{
    return avsp_arena_printf(arena, "iframes-%.*s.m3u8", HASH_DIGITS, sha256);
}

/// Steps over one "-<hash><ending>" at the very end of a name.
static bool is_hash_and_ending(const char *text, const char *ending)
{
    return text[0] == '-' && strspn(text + 1, hex) == HASH_DIGITS &&
           strcmp(text + 1 + HASH_DIGITS, ending) == 0;
}

bool avsp_name_is_folder(const char *name, size_t len)
{
    char copy[FOLDER_BYTES];
    if (len >= sizeof copy)
        return false;
    memcpy(copy, name, len);
    copy[len] = '\0';
    uint32_t track;
    enum avsp_sound_form form;
    if (avsp_sound_name_parse(copy, &track, &form))
        return true;
    return (copy[0] == 'v' || copy[0] == 's') && len > 1 && strspn(copy + 1, digits) == len - 1;
}

bool avsp_name_is_ours(const char *name)
{
    size_t n = strcspn(name, "/");
    if (name[n] != '/' || !avsp_name_is_folder(name, n))
        return false;
    const char *file = name + n + 1;
    if (strncmp(file, "init-", 5) == 0)
        return is_hash_and_ending(file + 4, ".mp4");
    if (strncmp(file, "playlist-", 9) == 0)
        return is_hash_and_ending(file + 8, ".m3u8");
    if (strncmp(file, "iframes-", 8) == 0)
        return is_hash_and_ending(file + 7, ".m3u8");
    n = strspn(file, digits);
    return n >= 5 && is_hash_and_ending(file + n, name[0] == 's' ? ".vtt" : ".m4s");
}

bool avsp_name_is_safe(const char *name)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
    size_t n = strlen(name);
    return n >= 1 && n <= 128 && name[0] != '.' && strspn(name, allowed) == n;
}

bool avsp_sha256_is_valid(const char *text)
{
    return strlen(text) == 64 && strspn(text, hex) == 64;
}
