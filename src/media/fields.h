/// Which frames of a source are two fields of different times: decided once for a job, so that all its pieces agree.
///
/// Decoders mark frames; where the sequence's headers allow interlaced frames at all, or one was seen among the first pictures, their
/// marks are followed through the whole source. Some decoders mark nothing and leave it to the container. Pure; any thread.
#ifndef AVSP_MEDIA_FIELDS_H
#define AVSP_MEDIA_FIELDS_H

#include "media/glance.h"

#include <libavcodec/codec_par.h>

enum avsp_fields avsp_fields_of(const AVCodecParameters *par, const struct avsp_glance *glance);

/// Fills in what a piece's header says of fields, as the job wants it.
void avsp_fields_decide(const AVCodecParameters *par, const struct avsp_glance *glance,
                        enum avsp_deinterlace wanted, struct avsp_piece_header *header);

#endif
