/// What a demuxer says of damage and tells its caller nothing of: Matroska's, Ogg's, ASF's and others look for the next place that
/// they can read, and what lies before it is gone without an error. All that is left of it are messages on libav's log.
///
///     avsp_complaints_hear(ctx);             // before the file is opened
///     … av_read_frame(ctx, …) …
///     n = avsp_complaints_count(ctx);
///
/// libav has one log callback for a whole process; this takes it, for good, and passes everything on to libav's own. One demuxer is heard
/// at a time, the last one that was asked for. Any thread may log; hear and count are for one thread at a time.
#ifndef AVSP_MEDIA_COMPLAINTS_H
#define AVSP_MEDIA_COMPLAINTS_H

#include <libavformat/avformat.h>

/// From now on complaints of @p ctx are counted, from 0.
void avsp_complaints_hear(const AVFormatContext *ctx);

/// How many messages of at least AV_LOG_ERROR @p ctx has logged since then; 0 where another one is heard.
uint64_t avsp_complaints_count(const AVFormatContext *ctx);

#endif
