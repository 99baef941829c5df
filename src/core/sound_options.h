/// What a job asks of its sound beyond AAC (struct avsp_sound_options, core/model.h): checks, its one text form, which the
/// database, requests to avspl1t-media and the identity of an encode have, and the names of what comes of it. Pure; any thread.
///
/// Each track of sound, N, is made in one or more forms. Each form is a rendition of its own, and a group of its own in the
/// playlists: "aN" as the source has its channels, "aN-stereo" where those are more than two, "aN-opus"; "aN-ac3" and "aN-ec3" are the
/// source's own packets.
#ifndef AVSP_CORE_SOUND_OPTIONS_H
#define AVSP_CORE_SOUND_OPTIONS_H

#include "core/model.h"

/// Room for any text form, its NUL included.
#define AVSP_SOUND_TEXT_BYTES 64

/// In what form a rendition has its track; in the order of the playlists: whoever takes the first that it can play takes stereo.
enum avsp_sound_form {
    AVSP_SOUND_STEREO = 0, ///< AAC, mixed down
    AVSP_SOUND_MAIN,       ///< AAC, in the channels that the source has; encoded or copied
    AVSP_SOUND_OPUS,
    AVSP_SOUND_AC3, ///< copied, like the next one
    AVSP_SOUND_EC3, ///< E-AC-3
};
#define AVSP_SOUND_N_FORMS (AVSP_SOUND_EC3 + 1)

/// @return OK; INVALID naming the wire's field.
enum avsp_code avsp_sound_options_check(const struct avsp_sound_options *options,
                                        struct avsp_err *err) AVSP_CHECKED;

/// Writes the text form: only what is not the default, so "" for defaults. No spaces.
void avsp_sound_options_write(const struct avsp_sound_options *options,
                              char ret_text[AVSP_SOUND_TEXT_BYTES]);

/// Reads it; checked. @return OK; INVALID.
enum avsp_code avsp_sound_options_parse(const char *text, struct avsp_sound_options *ret_options,
                                        struct avsp_err *err) AVSP_CHECKED;

/// The name of a rendition. NULL where memory ran out.
char *avsp_sound_name(struct avsp_arena *arena, uint32_t track,
                      enum avsp_sound_form form) AVSP_CHECKED;

/// Takes such a name apart. @return false: it is none.
bool avsp_sound_name_parse(const char *name, uint32_t *ret_track,
                           enum avsp_sound_form *ret_form) AVSP_CHECKED;

/// The GROUP-ID of a form: "audio", "audio-stereo", "audio-opus", "audio-ac3", "audio-ec3".
const char *avsp_sound_group(enum avsp_sound_form form);

#endif
