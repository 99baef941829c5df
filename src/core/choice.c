#include "core/choice.h"

#include "core/time_range.h"
#include "util/parse.h"

#include <string.h>

#define NUMBER_MAX 65535

static const char *or_empty(const char *text)
{
    return text != NULL ? text : "";
}

static bool is(const char *list, const char *word)
{
    return strcmp(or_empty(list), word) == 0;
}

bool avsp_choice_is_all(const char *list)
{
    return is(list, "") || is(list, "all");
}

bool avsp_choice_is_none(const char *list)
{
    return is(list, "none");
}

bool avsp_choice_next(const char **rest, struct avsp_choice_word *ret_word)
{
    const char *text = or_empty(*rest);
    size_t len = strcspn(text, ",");
    if (text[0] == '\0')
        return false;
    *ret_word = (struct avsp_choice_word){text, len, -1};
    if (len > 0 && strspn(text, "0123456789") >= len) {
        ret_word->number = 0;
        for (size_t i = 0; i < len && ret_word->number <= NUMBER_MAX; i++)
            ret_word->number = 10 * ret_word->number + (text[i] - '0');
    }
    *rest = text + len + (text[len] == ',');
    return true;
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

bool avsp_choice_means(const struct avsp_choice_word *word, int64_t number, const char *language)
{
    if (word->number >= 0)
        return word->number == number;
    for (size_t i = 0; i < word->len; i++)
        if (lower(word->text[i]) != lower(language[i])) // a shorter language ends with NUL
            return false;
    return language[word->len] == '\0' || language[word->len] == '-';
}

/// What stands behind a prefix, a number without leading zeros. @return 0: something else
static unsigned number_behind(const struct avsp_choice_word *word, const char *prefix)
{
    size_t n = strlen(prefix);
    unsigned number = 0;
    if (word->len <= n || word->len > n + 2 || word->text[n] == '0')
        return 0;
    for (size_t i = 0; i < n; i++)
        if (lower(word->text[i]) != prefix[i])
            return 0;
    for (size_t i = n; i < word->len; i++) {
        if (word->text[i] < '0' || word->text[i] > '9')
            return 0;
        number = 10 * number + (unsigned)(word->text[i] - '0');
    }
    return number;
}

int avsp_choice_caption(const struct avsp_choice_word *word)
{
    unsigned channel = number_behind(word, "cc");
    unsigned service = number_behind(word, "service");
    if (channel > 0 && channel <= AVSP_CAPTIONS_LINE_21)
        return (int)channel - 1;
    if (service > 0 && service <= AVSP_CAPTIONS_MAX - AVSP_CAPTIONS_LINE_21)
        return (int)(AVSP_CAPTIONS_LINE_21 + service) - 1;
    return -1;
}

/// A language as RFC 5646 spells it, roughly: letters, then perhaps more words behind dashes.
static bool is_language(const struct avsp_choice_word *word)
{
    size_t n = 0;
    while (n < word->len && lower(word->text[n]) >= 'a' && lower(word->text[n]) <= 'z')
        n++;
    if (n < 2 || n > 3)
        return false;
    for (size_t i = n; i < word->len; i++) {
        char c = lower(word->text[i]);
        bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        bool dash = c == '-' && i + 1 < word->len && word->text[i + 1] != '-';
        if (!plain && !dash)
            return false;
    }
    return n == word->len || word->text[n] == '-';
}

static bool is_word(const struct avsp_choice_word *word, const char *text)
{
    return word->len == strlen(text) && memcmp(word->text, text, word->len) == 0;
}

/// How a list may be filled.
enum list_kind {
    LIST_ONE,  ///< one track
    LIST_ALL,  ///< any number
    LIST_TEXT, ///< and captions
};

static enum avsp_code check_list(const char *list, const char *field, enum list_kind kind,
                                 struct avsp_err *err)
{
    bool several = kind != LIST_ONE;
    const char *rest = or_empty(list);
    size_t n = strlen(rest);
    if (n > AVSP_CHOICE_MAX_BYTES)
        return avsp_err_set(err, AVSP_INVALID, "%s: over %d bytes", field, AVSP_CHOICE_MAX_BYTES);
    bool dangling = n > 0 && rest[n - 1] == ',';
    struct avsp_choice_word word;
    unsigned n_words = 0;
    bool special = false;
    while (avsp_choice_next(&rest, &word)) {
        n_words++;
        bool all = is_word(&word, "all"); // and no language
        bool whole = is_word(&word, "none") || (several && all);
        special |= whole;
        bool caption = kind == LIST_TEXT && avsp_choice_caption(&word) >= 0;
        bool named = caption || word.number >= 0 || is_language(&word);
        if (!whole && (all || word.number > NUMBER_MAX || !named))
            return avsp_err_set(
                err, AVSP_INVALID,
                "%s: \"%.*s\" is neither a track's number, as `avspl1t probe` shows "
                "it, nor a language like en, nor %s%snone",
                field, (int)AVSP_MIN(word.len, (size_t)40), word.text,
                kind == LIST_TEXT ? "captions like cc1 or service1, nor " : "",
                several ? "all or " : "");
    }
    if (n_words > 1 && !several)
        return avsp_err_set(err, AVSP_INVALID, "%s: one picture is encoded: name one track", field);
    if (n_words > 1 && special)
        return avsp_err_set(err, AVSP_INVALID,
                            "%s: \"%s\" contradicts itself: say all or none alone, or name tracks",
                            field, list);
    return dangling ? avsp_err_set(err, AVSP_INVALID, "%s: \"%s\" ends with a comma", field, list)
                    : AVSP_OK;
}

enum avsp_code avsp_choice_check(const struct avsp_choice *choice, struct avsp_err *err)
{
    enum avsp_code rc = check_list(choice->video, "video_track", LIST_ONE, err);
    if (rc == AVSP_OK)
        rc = check_list(choice->audio, "audio_tracks", LIST_ALL, err);
    if (rc == AVSP_OK)
        rc = check_list(choice->text, "subtitle_tracks", LIST_TEXT, err);
    if (rc != AVSP_OK)
        return rc;
    if (avsp_choice_is_none(choice->video) && avsp_choice_is_none(choice->audio))
        return avsp_err_set(
            err, AVSP_INVALID,
            "video_track, audio_tracks: without picture and without sound there is nothing left to "
            "play: leave out one of the two none");
    return avsp_time_range_check(&choice->range, err);
}

void avsp_choice_put(struct avsp_buf *buf, const struct avsp_choice *choice)
{
    avsp_record_put_str(buf, "video_track", or_empty(choice->video));
    avsp_record_put_str(buf, "audio_tracks", or_empty(choice->audio));
    avsp_record_put_str(buf, "text_tracks", or_empty(choice->text));
    if (avsp_time_range_is_all(&choice->range))
        return;
    avsp_record_put_i64(buf, "start_us", choice->range.start_us);
    avsp_record_put_i64(buf, "end_us", choice->range.end_us);
}

struct avsp_choice avsp_choice_take(struct avsp_record *rec)
{
    struct avsp_choice choice = {
        .video = avsp_record_str_or(rec, "video_track", ""),
        .audio = avsp_record_str_or(rec, "audio_tracks", ""),
        .text = avsp_record_str_or(rec, "text_tracks", ""),
        .range = {avsp_record_i64_or(rec, "start_us", 0, AVSP_TIME_MAX_US, 0),
                  avsp_record_i64_or(rec, "end_us", 0, AVSP_TIME_MAX_US, 0)},
    };
    struct avsp_err why = {0};
    if (avsp_choice_check(&choice, &why) != AVSP_OK && rec->problem.code == AVSP_OK)
        rec->problem = why;
    return choice;
}

bool avsp_choice_equal(const struct avsp_choice *a, const struct avsp_choice *b)
{
    return is(a->video, or_empty(b->video)) && is(a->audio, or_empty(b->audio)) &&
           is(a->text, or_empty(b->text)) && avsp_time_range_equal(&a->range, &b->range);
}

enum avsp_code avsp_choice_store(struct avsp_arena *arena, const struct avsp_choice *choice,
                                 const char **ret_text, struct avsp_err *err)
{
    *ret_text = "";
    if (avsp_choice_equal(choice, &(struct avsp_choice){0}))
        return AVSP_OK;
    struct avsp_buf AVSP_CLEANUP(avsp_buf_deinit) buf;
    avsp_buf_init(&buf, AVSP_RECORD_MAX_BYTES);
    avsp_record_begin(&buf, "choice");
    avsp_choice_put(&buf, choice);
    avsp_record_end(&buf);
    enum avsp_code rc = avsp_buf_check(&buf, err);
    if (rc != AVSP_OK)
        return rc;
    *ret_text = avsp_arena_strdup(arena, avsp_buf_text(&buf));
    return *ret_text != NULL ? AVSP_OK : avsp_arena_failed(arena, err);
}

enum avsp_code avsp_choice_load(struct avsp_arena *arena, const char *text,
                                struct avsp_choice *ret_choice, struct avsp_err *err)
{
    *ret_choice = (struct avsp_choice){0};
    if (text[0] == '\0')
        return AVSP_OK;
    struct avsp_record rec;
    enum avsp_code rc = avsp_record_parse(arena, text, &rec, err);
    if (rc != AVSP_OK)
        return rc;
    *ret_choice = avsp_choice_take(&rec);
    return avsp_record_check(&rec, err);
}
