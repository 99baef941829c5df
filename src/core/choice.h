/// What of a source its submitter wants: which tracks, by number, as a probe shows them, or by language; and which part (core/time_range.h).
///
///     video  "" the best one; "none"; one number or language
///     audio  "" or "all" every one; "none"; numbers and languages with commas between them, the first one the default
///     text   likewise; and cc1 to cc4 and service1 to service63, the captions within the picture (CEA-608, CEA-708)
///
/// What is named must be there and be decodable, or the job fails; what was not named is left out with a warning. A zeroed value is
/// the default. Pure; any thread.
#ifndef AVSP_CORE_CHOICE_H
#define AVSP_CORE_CHOICE_H

#include "core/record.h"

#define AVSP_CHOICE_MAX_BYTES 256 ///< of one of the texts

#define AVSP_CAPTIONS_LINE_21 4 ///< channels of CEA-608 …
#define AVSP_CAPTIONS_MAX 67    ///< … and, behind them, services of CEA-708

/// Some of the captions within a picture.
struct avsp_caption_set {
    bool has[AVSP_CAPTIONS_MAX]; ///< CC1 to CC4, then Service 1 to Service 63
};

/// @return OK; INVALID what cannot be meant, and what would work instead, naming the wire's field.
enum avsp_code avsp_choice_check(const struct avsp_choice *choice,
                                 struct avsp_err *err) AVSP_CHECKED;

/// One word of a list.
struct avsp_choice_word {
    const char *text; ///< not terminated
    size_t len;
    int64_t number; ///< -1 = it is a language
};

/// Takes the next word. @param rest  in and out. @return false: there is no more. @pre the list was checked.
bool avsp_choice_next(const char **rest, struct avsp_choice_word *ret_word);

/// Does the word mean a track of this number and language (BCP 47)? "en" is "en-GB" too; two letters are the same as three.
bool avsp_choice_means(const struct avsp_choice_word *word, int64_t number, const char *language);

/// Which of the captions within the picture a word of a list of text means, as struct avsp_caption_set counts them. @return -1: none of them
int avsp_choice_caption(const struct avsp_choice_word *word);

bool avsp_choice_is_all(const char *list);
bool avsp_choice_is_none(const char *list);

/// As fields of a record. @return strings in the record's arena
void avsp_choice_put(struct avsp_buf *buf, const struct avsp_choice *choice);
struct avsp_choice avsp_choice_take(struct avsp_record *rec);

/// As one text for a database. @param ret_text  "" for the default
enum avsp_code avsp_choice_store(struct avsp_arena *arena, const struct avsp_choice *choice,
                                 const char **ret_text, struct avsp_err *err) AVSP_CHECKED;
enum avsp_code avsp_choice_load(struct avsp_arena *arena, const char *text,
                                struct avsp_choice *ret_choice, struct avsp_err *err) AVSP_CHECKED;

bool avsp_choice_equal(const struct avsp_choice *a, const struct avsp_choice *b);

#endif
