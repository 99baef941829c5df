/// Do two captions say the same? The distinct words of their texts are compared, whatever their case: those of two forms of one text are nearly all the same,
/// wherever their cues begin; those of two languages, or of a text and a simpler one, are not. One thread at a time.
#ifndef AVSP_MEDIA_CAPTION_WORDS_H
#define AVSP_MEDIA_CAPTION_WORDS_H

#include "media/text_cues.h"

/// Of the longest texts only so many words, from their begin on, are looked at.
#define AVSP_CAPTION_WORDS_MAX 65536

struct avsp_caption_words {
    uint64_t *hashes; ///< owned; of distinct words, in order
    size_t n;
};

/// @return OK; NO_MEMORY. Deinit it whatever the result.
enum avsp_code avsp_caption_words_init(struct avsp_caption_words *words,
                                       const struct avsp_text_cues *cues,
                                       struct avsp_err *err) AVSP_CHECKED;
/// Safe on a zeroed value.
void avsp_caption_words_deinit(struct avsp_caption_words *words);

/// Of the words of both, are four of five in both?
bool avsp_caption_words_are_same(const struct avsp_caption_words *a,
                                 const struct avsp_caption_words *b);

#endif
