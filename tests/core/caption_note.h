/// Writes what came of captions, a line for each: "channel: from-to text" in frames, "/" for a new line, " @place" where it has one.
#ifndef AVSP_TESTS_CAPTION_NOTE_H
#define AVSP_TESTS_CAPTION_NOTE_H

#include "../cmocka_all.h"

#include "core/ass_text.h"
#include "core/caption_text.h"

#include <string.h>

#define FRAME_US 33367 ///< 29.97 a second

static inline void caption_note(struct avsp_buf *out, const struct avsp_caption *caption)
{
    unsigned place = AVSP_CUE_PLACE_DEFAULT;
    assert_int_equal(strlen(caption->text.bytes), caption->text.len);
    avsp_buf_printf(out, "%u: %d-%d ", caption->channel, (int)(caption->start_us / FRAME_US),
                    (int)(caption->end_us / FRAME_US));
    size_t from = out->len;
    avsp_ass_text_convert(caption->text.bytes, caption->text.len, out, &place);
    for (size_t i = from; i < out->len; i++)
        if (out->data[i] == '\n')
            out->data[i] = '/';
    if (place != AVSP_CUE_PLACE_DEFAULT)
        avsp_buf_printf(out, " @%u", place);
    avsp_buf_puts(out, "\n");
}

#endif
