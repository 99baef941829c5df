/// Reads an MPD of MPEG-DASH as this program writes it (core/dash.h): static, one period, a SegmentList with a SegmentTimeline for
/// each Representation, or one file. Other forms are recognised and refused.
///
/// Source: ISO/IEC 23009-1 5.3. Any input is safe, time is linear, memory about 60 bytes a segment. Any thread.
#ifndef AVSP_CORE_MPD_H
#define AVSP_CORE_MPD_H

#include "util/arena.h"
#include "util/err.h"

#define AVSP_MPD_REPRESENTATIONS_MAX 500
#define AVSP_MPD_SEGMENTS_MAX 1000000 ///< URLs, and entries of timelines, in all

/// An entry of a SegmentTimeline.
struct avsp_mpd_times {
    bool has_start;
    int64_t start; ///< with has_start
    int64_t length;
    int64_t repeats; ///< that many more like it
};

/// A Representation with what its AdaptationSet says. Texts that are not there are "", numbers 0.
struct avsp_mpd_representation {
    uint32_t line;
    const char *id;
    const char *content; ///< "video", "audio", "text"
    const char *codecs;
    const char *language;
    const char *role;          ///< of urn:mpeg:dash:role:2011
    const char *accessibility; ///< its value
    int64_t bandwidth;
    uint32_t width_px, height_px;
    int64_t milli_fps;
    uint32_t channels;
    uint32_t transfer; ///< TransferCharacteristics
    const char *file;  ///< BaseURL: one file
    const char *init;  ///< Initialization
    uint32_t timescale;
    const char **segments;
    size_t n_segments, segments_cap;
    struct avsp_mpd_times *times;
    size_t n_times, times_cap;
};

struct avsp_mpd {
    int64_t duration_us; ///< mediaPresentationDuration; 0 = not said
    struct avsp_mpd_representation *representations;
    size_t n_representations;
};

/// @param bytes    any; borrowed for the call
/// @param ret_mpd  in @p arena
/// @return OK; CORRUPT it is no well-formed XML, or no MPD; UNSUPPORTED an MPD of another form; LIMIT; NO_MEMORY. The text says
///         what and in which line.
enum avsp_code avsp_mpd_parse(struct avsp_arena *arena, const char *bytes, size_t len,
                              struct avsp_mpd *ret_mpd, struct avsp_err *err) AVSP_CHECKED;

#endif
