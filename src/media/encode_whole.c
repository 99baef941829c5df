#include "media/encode_whole.h"

enum avsp_code avsp_encode_whole(int input_fd, const struct avsp_step *step,
                                 struct avsp_control *ctl, struct avsp_err *err)
{
    (void)input_fd;
    (void)step;
    (void)ctl;
    return avsp_err_set(err, AVSP_UNSUPPORTED, "a piece without a description");
}
