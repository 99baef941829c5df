#include "core/sound_options.h"

#include "util/parse.h"

#include <inttypes.h>
#include <string.h>

#define TRACK_DIGITS_MAX 3

static const struct {
    const char *suffix; ///< of a rendition's name
    const char *group;
} forms[AVSP_SOUND_N_FORMS] = {
    [AVSP_SOUND_STEREO] = {"-stereo", "audio-stereo"}, [AVSP_SOUND_MAIN] = {"", "audio"},
    [AVSP_SOUND_OPUS] = {"-opus", "audio-opus"},       [AVSP_SOUND_AC3] = {"-ac3", "audio-ac3"},
    [AVSP_SOUND_EC3] = {"-ec3", "audio-ec3"},
};

enum avsp_code avsp_sound_options_check(const struct avsp_sound_options *options,
                                        struct avsp_err *err)
{
    if (options->loudness_lufs == 0 || (options->loudness_lufs >= AVSP_LOUDNESS_MIN_LUFS &&
                                        options->loudness_lufs <= AVSP_LOUDNESS_MAX_LUFS))
        return AVSP_OK;
    return avsp_err_set(err, AVSP_INVALID, "loudness: %" PRId32 " is not in %d to %d",
                        options->loudness_lufs, AVSP_LOUDNESS_MIN_LUFS, AVSP_LOUDNESS_MAX_LUFS);
}

void avsp_sound_options_write(const struct avsp_sound_options *options,
                              char ret_text[AVSP_SOUND_TEXT_BYTES])
{
    int n = snprintf(ret_text, AVSP_SOUND_TEXT_BYTES, "%s%s%s", options->copy ? "copy" : "",
                     options->copy && options->opus ? ";" : "", options->opus ? "opus" : "");
    if (options->loudness_lufs != 0)
        snprintf(ret_text + n, AVSP_SOUND_TEXT_BYTES - (size_t)n, "%sloudness=%" PRId32,
                 n > 0 ? ";" : "", options->loudness_lufs);
}

/// @return false: it is no option, or its value is none.
static bool take_option(const char *text, struct avsp_sound_options *options)
{
    static const char loudness[] = "loudness=";
    int64_t number = 0;
    bool *flag = strcmp(text, "opus") == 0   ? &options->opus
                 : strcmp(text, "copy") == 0 ? &options->copy
                                             : NULL;
    if (flag != NULL) {
        *flag = true;
        return true;
    }
    if (strncmp(text, loudness, strlen(loudness)) != 0 ||
        !avsp_parse_i64(text + strlen(loudness), AVSP_LOUDNESS_MIN_LUFS, AVSP_LOUDNESS_MAX_LUFS,
                        &number))
        return false;
    options->loudness_lufs = (int32_t)number;
    return true;
}

enum avsp_code avsp_sound_options_parse(const char *text, struct avsp_sound_options *ret_options,
                                        struct avsp_err *err)
{
    struct avsp_sound_options options = {0};
    char copy[AVSP_SOUND_TEXT_BYTES];
    if ((size_t)snprintf(copy, sizeof copy, "%s", text) >= sizeof copy)
        return avsp_err_set(err, AVSP_INVALID, "options of the sound: too long");
    char *rest = copy[0] != '\0' ? copy : NULL;
    for (const char *part = strsep(&rest, ";"); part != NULL; part = strsep(&rest, ";"))
        if (!take_option(part, &options))
            return avsp_err_set(err, AVSP_INVALID, "options of the sound: \"%.60s\"", part);
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
