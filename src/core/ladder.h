/// From what a job asks of its picture and what the source is to the renditions that are made: their sizes, names and qualities. Every
/// encode of a job finds the same. Pure; any thread.
#ifndef AVSP_CORE_LADDER_H
#define AVSP_CORE_LADDER_H

#include "core/model.h"

#define AVSP_RUNG_NAME_BYTES 8
/// Of the picture: as many as a ladder has rungs, in HDR, in SDR and in H.264.
#define AVSP_PICTURES_MAX (3 * AVSP_RUNGS_MAX)

enum avsp_codec {
    AVSP_CODEC_AV1,
    AVSP_CODEC_H264,
};

/// One rendition of the picture.
struct avsp_ladder_rung {
    char name[AVSP_RUNG_NAME_BYTES]; ///< "v0", "v1", …, from the largest down
    uint32_t width_px; ///< even; of the upright picture, before black is put around a small one
    uint32_t height_px;
    int32_t crf;
    int32_t preset;
    bool sdr;              ///< tone mapped
    enum avsp_codec codec; ///< CRF and preset are AV1's all the same
};

/// @param is_hdr     is the source?
/// @param width_px   of the source, upright; like @p height_px even.
/// @param crf, preset  the job's.
/// @param ret_rungs  at least one: no rung is larger than the source, those that would be are the source's size; two of one
///                   size are one, the first of them. Those in SDR come behind all in HDR, those in H.264 behind all in AV1.
/// @return how many.
size_t avsp_ladder_plan(const struct avsp_picture_options *options, bool is_hdr, uint32_t width_px,
                        uint32_t height_px, int32_t crf, int32_t preset,
                        struct avsp_ladder_rung ret_rungs[AVSP_PICTURES_MAX]);

/// Shares threads among the encoders of all rungs, by their sizes: one each is the least, and what costs least processor time.
/// @param threads  1..
void avsp_ladder_share(const struct avsp_ladder_rung *rungs, size_t n, unsigned threads,
                       unsigned ret_threads[AVSP_PICTURES_MAX]);

/// The threads that an AV1 encoder is given, of those that it may have: its bytes must not depend on them.
/// @param threads  1..
unsigned avsp_ladder_av1_threads(uint64_t pixels, unsigned threads);

#endif
