/// The text of a subtitle as libavcodec gives it, which is SSA/ASS whatever the source was → the text of a WebVTT cue.
///
/// Bold, italic and underlined are kept, and where on the screen it stands, roughly; fonts, sizes, colours, animations and drawings
/// are not. Everything else is text, and is written so that it stays text: no tag, entity or time of the source's reaches the
/// player. Any input is safe. Pure; any thread.
///
/// Sources: the ASS override tags as libass documents them; WebVTT (W3C), 3.3 and 6.4.
#ifndef AVSP_CORE_ASS_TEXT_H
#define AVSP_CORE_ASS_TEXT_H

#include "util/buf.h"

/// Where a cue stands, as the keys of a numeric pad (the tag \an): 1, 2, 3 at the bottom, 7, 8, 9 at the top.
#define AVSP_CUE_PLACE_DEFAULT 2

/// Appends the text of one cue: lines without an empty one between them, no line feed at the end; nothing where there is
/// nothing to read.
/// @param event  the fields of an event, with commas between them, the text last; need not be UTF-8 nor end with a NUL
/// @param place  1..9; kept where the text does not say
void avsp_ass_text_convert(const char *event, size_t len, struct avsp_buf *buf, unsigned *place);

#endif
