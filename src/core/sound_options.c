#include "core/sound_options.h"

#include <inttypes.h>
#include <string.h>

#define TRACK_DIGITS_MAX 3

static const struct {
    const char *suffix; ///< of a rendition's name
    const char *group;
} forms[AVSP_SOUND_N_FORMS] = {
    [AVSP_SOUND_STEREO] = {"-stereo", "audio-stereo"},
    [AVSP_SOUND_MAIN] = {"", "audio"},
    [AVSP_SOUND_OPUS] = {"-opus", "audio-opus"},
};

void avsp_sound_options_write(const struct avsp_sound_options *options,
                              char ret_text[AVSP_SOUND_TEXT_BYTES])
{
    snprintf(ret_text, AVSP_SOUND_TEXT_BYTES, "%s", options->opus ? "opus" : "");
}

enum avsp_code avsp_sound_options_parse(const char *text, struct avsp_sound_options *ret_options,
                                        struct avsp_err *err)
{
    struct avsp_sound_options options = {0};
    char copy[AVSP_SOUND_TEXT_BYTES];
    if ((size_t)snprintf(copy, sizeof copy, "%s", text) >= sizeof copy)
        return avsp_err_set(err, AVSP_INVALID, "options of the sound: too long");
    char *rest = copy[0] != '\0' ? copy : NULL;
    for (const char *part = strsep(&rest, ";"); part != NULL; part = strsep(&rest, ";")) {
        if (strcmp(part, "opus") != 0)
            return avsp_err_set(err, AVSP_INVALID, "options of the sound: \"%.60s\"", part);
        options.opus = true;
    }
    *ret_options = options;
    return AVSP_OK;
}

char *avsp_sound_name(struct avsp_arena *arena, uint32_t track, enum avsp_sound_form form)
{
    return avsp_arena_printf(arena, "a%" PRIu32 "%s", track, forms[form].suffix);
}

bool avsp_sound_name_parse(const char *name, uint32_t *ret_track, enum avsp_sound_form *ret_form)
{
    size_t n = name[0] == 'a' ? strspn(name + 1, "0123456789") : 0;
    if (n == 0 || n > TRACK_DIGITS_MAX)
        return false;
    for (int form = 0; form < AVSP_SOUND_N_FORMS; form++) {
        if (strcmp(name + 1 + n, forms[form].suffix) != 0)
            continue;
        *ret_track = (uint32_t)strtoul(name + 1, NULL, 10);
        *ret_form = (enum avsp_sound_form)form;
        return true;
    }
    return false;
}

const char *avsp_sound_group(enum avsp_sound_form form)
{
    return forms[form].group;
}
