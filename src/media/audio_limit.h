/// Keeps peaks of sound that was mixed down below full scale: what is softer comes out as it went in, at its very sample.
///
///     struct avsp_audio_limit *AVSP_CLEANUP(avsp_audio_limit_free) limit = NULL;
///     avsp_audio_limit_new(&format, AV_SAMPLE_FMT_FLTP, &limit, err);
///     avsp_audio_limit_put(limit, frame, err); …                   // NULL: there is no more
///     while ((rc = avsp_audio_limit_take(limit, out, &got, err)) == AVSP_OK && got) …
///
/// FFmpeg's alimiter, which looks 5 ms ahead; as many samples come out as went in. Memory: some milliseconds of sound. One thread at a time.
#ifndef AVSP_MEDIA_AUDIO_LIMIT_H
#define AVSP_MEDIA_AUDIO_LIMIT_H

#include "media/audio_convert.h"

struct avsp_audio_limit;

/// @return OK; NO_MEMORY; UNSUPPORTED this FFmpeg has no alimiter.
enum avsp_code avsp_audio_limit_new(const struct avsp_audio_format *format,
                                    enum AVSampleFormat sample, struct avsp_audio_limit **ret_limit,
                                    struct avsp_err *err) AVSP_CHECKED;
void avsp_audio_limit_free(struct avsp_audio_limit **limit);

/// @param frame  borrowed, in the form that was told; NULL: the end.
enum avsp_code avsp_audio_limit_put(struct avsp_audio_limit *limit, const AVFrame *frame,
                                    struct avsp_err *err) AVSP_CHECKED;

/// @param frame  unreferenced first; in the same form. @param ret_got  false: put more in.
enum avsp_code avsp_audio_limit_take(struct avsp_audio_limit *limit, AVFrame *frame, bool *ret_got,
                                     struct avsp_err *err) AVSP_CHECKED;

#endif
