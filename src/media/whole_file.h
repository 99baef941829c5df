/// One self-contained fragmented MP4 with a video and perhaps an audio track, written front to back.
///
///     struct avsp_whole_file *AVSP_CLEANUP(avsp_whole_file_free) file = NULL;
///     avsp_whole_file_open("whole.mp4", video_encoder, audio_encoder, &file, err);
///     avsp_whole_file_put(file, false, packet, err); …
///     avsp_whole_file_close(file, &facts, err);
///
/// Memory: the packets of one group of pictures. One thread at a time.
#ifndef AVSP_MEDIA_WHOLE_FILE_H
#define AVSP_MEDIA_WHOLE_FILE_H

#include "media/fmp4.h"

#include <libavcodec/avcodec.h>

struct avsp_whole_file;

/// @param video, audio  open encoders, borrowed for the call; @p audio may be NULL.
/// @param ret_file      returned: free with avsp_whole_file_free.
/// @return OK; NO_MEMORY; INTERNAL; or what the file system says.
enum avsp_code avsp_whole_file_open(const char *name, const AVCodecContext *video,
                                    const AVCodecContext *audio, struct avsp_whole_file **ret_file,
                                    struct avsp_err *err) AVSP_CHECKED;

/// @param pkt  in its encoder's time base; left as it was.
enum avsp_code avsp_whole_file_put(struct avsp_whole_file *file, bool audio, const AVPacket *pkt,
                                   struct avsp_err *err) AVSP_CHECKED;

/// Completes the file.
enum avsp_code avsp_whole_file_close(struct avsp_whole_file *file, struct avsp_fmp4_file *ret_facts,
                                     struct avsp_err *err) AVSP_CHECKED;
void avsp_whole_file_free(struct avsp_whole_file **file);

#endif
