/// How loud a track of sound is as a whole (EBU R 128, ITU-R BS.1770-4), and what gain brings it to a goal.
///
///     struct avsp_loudness *AVSP_CLEANUP(avsp_loudness_free) meter = NULL;
///     avsp_loudness_new(&format, &meter, err);
///     avsp_loudness_add(meter, frame, err); …
///     avsp_loudness_end(meter, &measured, err);
///
/// Integrated loudness is FFmpeg's ebur128 filter's; the true peak is the highest of all samples at four times the rate. The same samples
/// give the same numbers. Memory: some seconds of sound. One thread at a time.
#ifndef AVSP_MEDIA_LOUDNESS_H
#define AVSP_MEDIA_LOUDNESS_H

#include "media/audio_convert.h"

/// What is at or below this is silence: the gate of BS.1770-4.
#define AVSP_LOUDNESS_SILENCE_LUFS (-70.0)
/// The highest true peak that a gain may lead to (EBU R 128).
#define AVSP_LOUDNESS_PEAK_MAX_DB (-1.0)

struct avsp_loudness;

struct avsp_loudness_measured {
    double lufs;    ///< AVSP_LOUDNESS_SILENCE_LUFS where there is nothing to be measured
    double peak_db; ///< above full scale; -INFINITY of digital silence
};

/// @param format  of the samples; planar float.
/// @return OK; NO_MEMORY; UNSUPPORTED this FFmpeg has no ebur128.
enum avsp_code avsp_loudness_new(const struct avsp_audio_format *format,
                                 struct avsp_loudness **ret_meter,
                                 struct avsp_err *err) AVSP_CHECKED;
void avsp_loudness_free(struct avsp_loudness **meter);

/// @param frame  borrowed.
enum avsp_code avsp_loudness_add(struct avsp_loudness *meter, const AVFrame *frame,
                                 struct avsp_err *err) AVSP_CHECKED;
enum avsp_code avsp_loudness_end(struct avsp_loudness *meter,
                                 struct avsp_loudness_measured *ret_measured,
                                 struct avsp_err *err) AVSP_CHECKED;

/// The gain in dB that brings what was measured to @p goal_lufs, or as near to it as the peak allows. Pure.
/// @param ret_reached  false: the peak, or silence, is in the way.
double avsp_loudness_gain_db(const struct avsp_loudness_measured *measured, double goal_lufs,
                             bool *ret_reached);

#endif
