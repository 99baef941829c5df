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
    *ret_msg = msg;
    return true;
}

struct avsp_sound_options avsp_wire_read_sound(const Com__Avspl1t__SoundOptions *msg)
{
    return (struct avsp_sound_options){.opus = msg != NULL && msg->opus};
}
