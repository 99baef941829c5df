/// What a job asks of its picture beyond CRF and preset (struct avsp_picture_options, core/model.h): checks, and its one text
/// form, which the database, requests to avspl1t-media and the identity of an encode have. Pure; any thread.
#ifndef AVSP_CORE_PICTURE_OPTIONS_H
#define AVSP_CORE_PICTURE_OPTIONS_H

#include "core/model.h"

/// Room for any text form, its NUL included.
#define AVSP_PICTURE_TEXT_BYTES 256
/// Room for any ladder, its NUL included.
#define AVSP_LADDER_TEXT_BYTES 160

/// @return OK; INVALID naming the wire's field.
enum avsp_code avsp_picture_options_check(const struct avsp_picture_options *options,
                                          struct avsp_err *err) AVSP_CHECKED;

/// Writes the text form: only what is not the default, so "" for defaults. No spaces.
void avsp_picture_options_write(const struct avsp_picture_options *options,
                                char ret_text[AVSP_PICTURE_TEXT_BYTES]);

/// Reads it; checked. @return OK; INVALID.
enum avsp_code avsp_picture_options_parse(const char *text,
                                          struct avsp_picture_options *ret_options,
                                          struct avsp_err *err) AVSP_CHECKED;

/// The words of --deinterlace, --hdr and --fallback; NULL for a value that is none.
const char *avsp_deinterlace_name(enum avsp_deinterlace value);
const char *avsp_hdr_choice_name(enum avsp_hdr_choice value);
const char *avsp_fallback_name(enum avsp_fallback value);

/// @return false: it is no such word.
bool avsp_deinterlace_parse(const char *name, enum avsp_deinterlace *ret_value) AVSP_CHECKED;
bool avsp_hdr_choice_parse(const char *name, enum avsp_hdr_choice *ret_value) AVSP_CHECKED;
bool avsp_fallback_parse(const char *name, enum avsp_fallback *ret_value) AVSP_CHECKED;

/// Writes "auto", "720:30:8,480" or "".
void avsp_ladder_write(const struct avsp_ladder *ladder, char ret_text[AVSP_LADDER_TEXT_BYTES]);

/// Reads "auto" or HEIGHT[:CRF[:PRESET]],…; "" is no ladder. @return OK; INVALID what is wrong with it.
enum avsp_code avsp_ladder_parse(const char *text, struct avsp_ladder *ret_ladder,
                                 struct avsp_err *err) AVSP_CHECKED;

#endif
