/// Decoded sound whose clock drifts against its times (media/drift.h), resampled so that it does not: as many samples as its times say.
///
///     struct avsp_audio_stretch *AVSP_CLEANUP(avsp_audio_stretch_free) stretch = NULL;
///     avsp_audio_stretch_new(ppb, time_base, &stretch, err);
///     avsp_audio_stretch_frame(stretch, frame, out, err); …
///
/// Planar float in the channels and the rate of what comes. One thread at a time.
#ifndef AVSP_MEDIA_AUDIO_STRETCH_H
#define AVSP_MEDIA_AUDIO_STRETCH_H

#include "util/err.h"

#include <libavutil/frame.h>

struct avsp_audio_stretch;

/// @param ppb        avsp_drift_ppb's. @param time_base  of the frames' pts.
/// @return OK or NO_MEMORY.
enum avsp_code avsp_audio_stretch_new(int64_t ppb, AVRational time_base,
                                      struct avsp_audio_stretch **ret_stretch,
                                      struct avsp_err *err) AVSP_CHECKED;
void avsp_audio_stretch_free(struct avsp_audio_stretch **stretch);

/// @param frame  NULL: what is still held, which has no pts. @param out  unreferenced first; may have no samples.
/// @return OK; UNSUPPORTED sound that cannot be converted; NO_MEMORY.
enum avsp_code avsp_audio_stretch_frame(struct avsp_audio_stretch *stretch, const AVFrame *frame,
                                        AVFrame *out, struct avsp_err *err) AVSP_CHECKED;

#endif
