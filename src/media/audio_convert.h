/// From decoded samples of any form to planar float in one layout and rate. One thread at a time.
#ifndef AVSP_MEDIA_AUDIO_CONVERT_H
#define AVSP_MEDIA_AUDIO_CONVERT_H

#include "util/err.h"

#include <libavutil/audio_fifo.h>
#include <libavutil/frame.h>
#include <libswresample/swresample.h>

/// What comes out; chosen once for a track.
struct avsp_audio_format {
    int rate;
    int n_channels; ///< 1, 2 or 6 (5.1)
};

struct avsp_audio_convert {
    struct avsp_audio_format out;
    AVAudioFifo *fifo; ///< what was converted; owned
    SwrContext *swr;
    bool
        is_mixed; ///< from the first frame on it mixes down: what comes out may be over full scale, and is to be limited
    int in_rate;  ///< what `swr` was made for
    enum AVSampleFormat in_format;
    AVChannelLayout in_layout; ///< as the frames say
    AVFrame *silence;          ///< a stretch of it in the form of the input
    uint8_t **planes;          ///< where swr writes
    int planes_samples;
};

/// The form that a track whose first frame is @p frame becomes; NULL = no frame at all.
struct avsp_audio_format avsp_audio_format_for(const AVFrame *frame);

/// How many channels sound of the layout @p in becomes; understood as its decoder says it.
int avsp_audio_channels_for(const AVChannelLayout *in);

/// The rate alone. @param rate  the sound's own.
int avsp_audio_rate_for(int rate);

/// The native layout of a format.
AVChannelLayout avsp_audio_layout_of(const struct avsp_audio_format *format);

/// Opens a converter that was set up. @param is_limited  peaks of what it mixes down are limited later; false: all of it is lowered so far
/// that nothing can clip. @return libav's code.
int avsp_audio_swr_init(SwrContext *swr, bool is_limited);

/// @return OK or NO_MEMORY; deinit with avsp_audio_convert_deinit in both cases.
enum avsp_code avsp_audio_convert_init(struct avsp_audio_convert *cv,
                                       const struct avsp_audio_format *out,
                                       struct avsp_err *err) AVSP_CHECKED;
void avsp_audio_convert_deinit(struct avsp_audio_convert *cv);

/// Makes it ready for frames like @p frame; what was inside comes out first.
/// @param ret_old_rate  the input's rate until now; 0 = there was none.
/// @return OK; UNSUPPORTED; NO_MEMORY.
enum avsp_code avsp_audio_convert_accept(struct avsp_audio_convert *cv, const AVFrame *frame,
                                         int *ret_old_rate, struct avsp_err *err) AVSP_CHECKED;

/// Converts @p n samples of @p frame from sample @p from on, into the fifo.
enum avsp_code avsp_audio_convert_frame(struct avsp_audio_convert *cv, const AVFrame *frame,
                                        int from, int n, struct avsp_err *err) AVSP_CHECKED;

/// Converts up to @p n samples of silence. @param ret_n how many they were.
enum avsp_code avsp_audio_convert_silence(struct avsp_audio_convert *cv, int64_t n, int *ret_n,
                                          struct avsp_err *err) AVSP_CHECKED;

/// What the resampler still holds comes out.
enum avsp_code avsp_audio_convert_flush(struct avsp_audio_convert *cv,
                                        struct avsp_err *err) AVSP_CHECKED;

#endif
