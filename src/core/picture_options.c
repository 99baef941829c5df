#include "core/picture_options.h"

#include "util/parse.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#define RUNG_TEXT_BYTES 16 ///< "16384:63:13" and a comma

static const char *const deinterlace_names[] = {
    [AVSP_DEINTERLACE_FRAMES] = "frames",
    [AVSP_DEINTERLACE_FIELDS] = "fields",
    [AVSP_DEINTERLACE_OFF] = "off",
};
static const char *const hdr_names[] = {
    [AVSP_HDR_KEEP] = "keep",
    [AVSP_HDR_SDR] = "sdr",
    [AVSP_HDR_BOTH] = "both",
};
static const char *const fallback_names[] = {
    [AVSP_FALLBACK_NONE] = "none",
    [AVSP_FALLBACK_H264] = "h264",
};

static const char *name_of(const char *const *names, size_t n, size_t value)
{
    return value < n ? names[value] : NULL;
}

static bool find_name(const char *const *names, size_t n, const char *name, size_t *ret_value)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(names[i], name) != 0)
            continue;
        *ret_value = i;
        return true;
    }
    return false;
}

const char *avsp_deinterlace_name(enum avsp_deinterlace value)
{
    return name_of(deinterlace_names, AVSP_ARRAY_LEN(deinterlace_names), (size_t)value);
}

const char *avsp_hdr_choice_name(enum avsp_hdr_choice value)
{
    return name_of(hdr_names, AVSP_ARRAY_LEN(hdr_names), (size_t)value);
}

const char *avsp_fallback_name(enum avsp_fallback value)
{
    return name_of(fallback_names, AVSP_ARRAY_LEN(fallback_names), (size_t)value);
}

bool avsp_deinterlace_parse(const char *name, enum avsp_deinterlace *ret_value)
{
    size_t value = 0;
    if (!find_name(deinterlace_names, AVSP_ARRAY_LEN(deinterlace_names), name, &value))
        return false;
    *ret_value = (enum avsp_deinterlace)value;
    return true;
}

bool avsp_hdr_choice_parse(const char *name, enum avsp_hdr_choice *ret_value)
{
    size_t value = 0;
    if (!find_name(hdr_names, AVSP_ARRAY_LEN(hdr_names), name, &value))
        return false;
    *ret_value = (enum avsp_hdr_choice)value;
    return true;
}

bool avsp_fallback_parse(const char *name, enum avsp_fallback *ret_value)
{
    size_t value = 0;
    if (!find_name(fallback_names, AVSP_ARRAY_LEN(fallback_names), name, &value))
        return false;
    *ret_value = (enum avsp_fallback)value;
    return true;
}

static enum avsp_code check_rung(const struct avsp_ladder *ladder, uint32_t i, struct avsp_err *err)
{
    const struct avsp_rung *rung = &ladder->rungs[i];
    if (rung->height_px < AVSP_RUNG_MIN_PX || rung->height_px > AVSP_RUNG_MAX_PX)
        return avsp_err_set(err, AVSP_INVALID, "a height of %" PRId32 " is not in %d to %d",
                            rung->height_px, AVSP_RUNG_MIN_PX, AVSP_RUNG_MAX_PX);
    if (rung->crf < 0 || rung->crf > AVSP_CRF_MAX)
        return avsp_err_set(err, AVSP_INVALID, "a CRF of %" PRId32 " is not in 1 to %d", rung->crf,
                            AVSP_CRF_MAX);
    if (rung->preset < 0 || rung->preset > AVSP_PRESET_MAX)
        return avsp_err_set(err, AVSP_INVALID, "a preset of %" PRId32 " is not in 1 to %d",
                            rung->preset, AVSP_PRESET_MAX);
    for (uint32_t k = 0; k < i; k++)
        if (ladder->rungs[k].height_px == rung->height_px)
            return avsp_err_set(err, AVSP_INVALID, "%" PRId32 " is there twice", rung->height_px);
    return AVSP_OK;
}

enum avsp_code avsp_picture_options_check(const struct avsp_picture_options *options,
                                          struct avsp_err *err)
{
    if (avsp_deinterlace_name(options->deinterlace) == NULL)
        return avsp_err_set(err, AVSP_INVALID, "deinterlace: %d is not known",
                            (int)options->deinterlace);
    if (avsp_hdr_choice_name(options->hdr) == NULL)
        return avsp_err_set(err, AVSP_INVALID, "hdr: %d is not known", (int)options->hdr);
    if (avsp_fallback_name(options->fallback) == NULL)
        return avsp_err_set(err, AVSP_INVALID, "fallback: %d is not known", (int)options->fallback);
    if (options->film_grain < 0 || options->film_grain > AVSP_FILM_GRAIN_MAX)
        return avsp_err_set(err, AVSP_INVALID, "film_grain: %" PRId32 " is not in 0 to %d",
                            options->film_grain, AVSP_FILM_GRAIN_MAX);
    if (options->ladder.n_rungs > AVSP_RUNGS_MAX)
        return avsp_err_set(err, AVSP_INVALID, "ladder: more than %d rungs", AVSP_RUNGS_MAX);
    for (uint32_t i = 0; i < options->ladder.n_rungs; i++) {
        enum avsp_code rc = check_rung(&options->ladder, i, err);
        if (rc != AVSP_OK)
            return avsp_err_wrap(err, "ladder");
    }
    return AVSP_OK;
}

void avsp_ladder_write(const struct avsp_ladder *ladder, char ret_text[AVSP_LADDER_TEXT_BYTES])
{
    size_t len = 0;
    ret_text[0] = '\0';
    if (ladder->is_auto)
        snprintf(ret_text, AVSP_LADDER_TEXT_BYTES, "auto");
    for (uint32_t i = 0; !ladder->is_auto && i < ladder->n_rungs; i++) {
        const struct avsp_rung *rung = &ladder->rungs[i];
        char text[3 * RUNG_TEXT_BYTES];
        int n = snprintf(text, sizeof text, "%s%" PRId32, i > 0 ? "," : "", rung->height_px);
        if (rung->crf > 0 || rung->preset > 0)
            n += snprintf(text + n, sizeof text - (size_t)n, ":%" PRId32, rung->crf);
        if (rung->preset > 0)
            n += snprintf(text + n, sizeof text - (size_t)n, ":%" PRId32, rung->preset);
        AVSP_ASSERT(len + (size_t)n < AVSP_LADDER_TEXT_BYTES);
        memcpy(ret_text + len, text, (size_t)n + 1);
        len += (size_t)n;
    }
}

/// Reads one number of a rung and what ends it. @return false: it is none.
static bool take_number(const char **text, int32_t *ret_value)
{
    char digits[8];
    size_t n = strspn(*text, "0123456789");
    int64_t value = 0;
    if (n == 0 || n >= sizeof digits)
        return false;
    memcpy(digits, *text, n);
    digits[n] = '\0';
    if (!avsp_parse_i64(digits, 0, INT32_MAX, &value))
        return false;
    *ret_value = (int32_t)value;
    *text += n;
    return true;
}

/// A CRF of 0 in the text stands for the job's, so that a preset can follow.
static bool take_rung(const char **text, struct avsp_rung *ret_rung)
{
    *ret_rung = (struct avsp_rung){0};
    int32_t *const values[] = {&ret_rung->height_px, &ret_rung->crf, &ret_rung->preset};
    for (size_t i = 0; i < AVSP_ARRAY_LEN(values); i++) {
        if (!take_number(text, values[i]))
            return false;
        if (**text != ':')
            break;
        ++*text;
    }
    return **text == '\0' || (**text == ',' && (*text)[1] != '\0');
}

enum avsp_code avsp_ladder_parse(const char *text, struct avsp_ladder *ret_ladder,
                                 struct avsp_err *err)
{
    struct avsp_ladder ladder = {0};
    const char *rest = text;
    ladder.is_auto = strcmp(text, "auto") == 0;
    while (!ladder.is_auto && *rest != '\0') {
        if (ladder.n_rungs == AVSP_RUNGS_MAX)
            return avsp_err_set(err, AVSP_INVALID, "more than %d rungs", AVSP_RUNGS_MAX);
        if (!take_rung(&rest, &ladder.rungs[ladder.n_rungs++]))
            return avsp_err_set(err, AVSP_INVALID,
                                "\"%.100s\" is not auto or HEIGHT[:CRF[:PRESET]],…", text);
        rest += *rest == ',';
    }
    for (uint32_t i = 0; i < ladder.n_rungs; i++) {
        enum avsp_code rc = check_rung(&ladder, i, err);
        if (rc != AVSP_OK)
            return rc;
    }
    *ret_ladder = ladder;
    return AVSP_OK;
}

static void AVSP_PRINTF(2, 3) put(char text[AVSP_PICTURE_TEXT_BYTES], const char *fmt, ...)
{
    size_t len = strlen(text);
    va_list ap;
    va_start(ap, fmt);
    int n = len > 0 ? snprintf(text + len, AVSP_PICTURE_TEXT_BYTES - len, ";") : 0;
    n += vsnprintf(text + len + n, AVSP_PICTURE_TEXT_BYTES - len - (size_t)n, fmt, ap);
    va_end(ap);
    AVSP_ASSERT(len + (size_t)n < AVSP_PICTURE_TEXT_BYTES);
}

void avsp_picture_options_write(const struct avsp_picture_options *options,
                                char ret_text[AVSP_PICTURE_TEXT_BYTES])
{
    char ladder[AVSP_LADDER_TEXT_BYTES];
    ret_text[0] = '\0';
    if (options->deinterlace != AVSP_DEINTERLACE_FRAMES)
        put(ret_text, "deinterlace=%s", avsp_deinterlace_name(options->deinterlace));
    if (options->film_grain != 0)
        put(ret_text, "film-grain=%" PRId32, options->film_grain);
    if (options->hdr != AVSP_HDR_KEEP)
        put(ret_text, "hdr=%s", avsp_hdr_choice_name(options->hdr));
    avsp_ladder_write(&options->ladder, ladder);
    if (ladder[0] != '\0')
        put(ret_text, "ladder=%s", ladder);
    if (options->fallback != AVSP_FALLBACK_NONE)
        put(ret_text, "fallback=%s", avsp_fallback_name(options->fallback));
}

/// Takes one NAME=VALUE. @return false: there is no such option, or its value is none.
static bool take_option(const char *name, const char *value, struct avsp_picture_options *options,
                        struct avsp_err *err)
{
    int64_t number = 0;
    if (strcmp(name, "deinterlace") == 0)
        return avsp_deinterlace_parse(value, &options->deinterlace);
    if (strcmp(name, "hdr") == 0)
        return avsp_hdr_choice_parse(value, &options->hdr);
    if (strcmp(name, "fallback") == 0)
        return avsp_fallback_parse(value, &options->fallback);
    if (strcmp(name, "ladder") == 0)
        return avsp_ladder_parse(value, &options->ladder, err) == AVSP_OK;
    if (strcmp(name, "film-grain") != 0 || !avsp_parse_i64(value, 0, AVSP_FILM_GRAIN_MAX, &number))
        return false;
    options->film_grain = (int32_t)number;
    return true;
}

enum avsp_code avsp_picture_options_parse(const char *text,
                                          struct avsp_picture_options *ret_options,
                                          struct avsp_err *err)
{
    struct avsp_picture_options options = {0};
    char copy[AVSP_PICTURE_TEXT_BYTES];
    if ((size_t)snprintf(copy, sizeof copy, "%s", text) >= sizeof copy)
        return avsp_err_set(err, AVSP_INVALID, "options of the picture: too long");
    char *rest = copy;
    for (char *part = copy[0] != '\0' ? strsep(&rest, ";") : NULL; part != NULL;
         part = strsep(&rest, ";")) {
        char *value = part;
        const char *name = strsep(&value, "=");
        if (value == NULL || !take_option(name, value, &options, err))
            return avsp_err_set(err, AVSP_INVALID, "options of the picture: \"%.100s\"", name);
    }
    enum avsp_code rc = avsp_picture_options_check(&options, err);
    if (rc == AVSP_OK)
        *ret_options = options;
    return rc;
}
