#include "rpc/wire.h"

#include "core/picture_options.h"

bool avsp_wire_make_picture(struct avsp_arena *arena, const struct avsp_picture_options *options,
                            Com__Avspl1t__PictureOptions **ret_msg)
{
    char text[AVSP_PICTURE_TEXT_BYTES];
    char ladder[AVSP_LADDER_TEXT_BYTES];
    avsp_picture_options_write(options, text);
    *ret_msg = NULL;
    if (text[0] == '\0')
        return true;
    Com__Avspl1t__PictureOptions *msg =
        avsp_wire_new(arena, &com__avspl1t__picture_options__descriptor);
    if (msg == NULL)
        return false;
    avsp_ladder_write(&options->ladder, ladder);
    msg->deinterlace = (Com__Avspl1t__Deinterlace)options->deinterlace;
    msg->film_grain = options->film_grain;
    msg->hdr = (Com__Avspl1t__HdrChoice)options->hdr;
    msg->ladder = avsp_arena_strdup(arena, ladder);
    msg->fallback = (Com__Avspl1t__Fallback)options->fallback;
    *ret_msg = msg;
    return msg->ladder != NULL;
}

enum avsp_code avsp_wire_read_picture(const Com__Avspl1t__PictureOptions *msg,
                                      struct avsp_picture_options *ret_options,
                                      struct avsp_err *err)
{
    struct avsp_picture_options options = {0};
    if (msg != NULL) {
        options.deinterlace = (enum avsp_deinterlace)msg->deinterlace;
        options.film_grain = msg->film_grain;
        options.hdr = (enum avsp_hdr_choice)msg->hdr;
        options.fallback = (enum avsp_fallback)msg->fallback;
        enum avsp_code rc = avsp_ladder_parse(msg->ladder, &options.ladder, err);
        if (rc != AVSP_OK)
            return rc;
    }
    enum avsp_code rc = avsp_picture_options_check(&options, err);
    if (rc == AVSP_OK)
        *ret_options = options;
    return rc;
}
