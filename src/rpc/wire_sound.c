#include "rpc/wire.h"

#include "core/sound_options.h"

bool avsp_wire_make_sound(struct avsp_arena *arena, const struct avsp_sound_options *options,
                          Com__Avspl1t__SoundOptions **ret_msg)
{
    char text[AVSP_SOUND_TEXT_BYTES];
    avsp_sound_options_write(options, text);
    *ret_msg = NULL;
    if (text[0] == '\0')
        return true;
    Com__Avspl1t__SoundOptions *msg =
        avsp_wire_new(arena, &com__avspl1t__sound_options__descriptor);
    if (msg == NULL)
        return false;
    msg->opus = options->opus;
    msg->loudness = options->loudness_lufs;
    msg->copy = options->copy;
    *ret_msg = msg;
    return true;
}

enum avsp_code avsp_wire_read_sound(const Com__Avspl1t__SoundOptions *msg,
                                    struct avsp_sound_options *ret_options, struct avsp_err *err)
{
    struct avsp_sound_options options = {0};
    if (msg != NULL) {
        options.opus = msg->opus;
        options.loudness_lufs = msg->loudness;
        options.copy = msg->copy;
    }
    enum avsp_code rc = avsp_sound_options_check(&options, err);
    if (rc == AVSP_OK)
        *ret_options = options;
    return rc;
}
