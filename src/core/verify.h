/// Checks an HLS presentation: its playlists, and its media as far as headers tell; with a decoder behind `decode`, all of it.
///
///     struct avsp_findings AVSP_CLEANUP(avsp_findings_deinit) found;
///     avsp_findings_init(&found);
///     struct avsp_verify v = {.files = {store, read_file}, .found = &found};
///     rc = avsp_verify_run(&v, "manifest.m3u8", err);      // OK: see found.n_errors
///     … v.renditions …
///     avsp_verify_deinit(&v);
///
/// Pure: bytes come through `files`, by name and range. For each segment its headers are read, a few KiB, once; for each
/// playlist and init segment all of it. Renditions are taken one after another, so memory is that of the longest playlist:
/// about 300 bytes a segment, and 24 bytes for each segment of the first picture. Time is linear (sorting aside), whatever the files hold. One thread at a time.
#ifndef AVSP_CORE_VERIFY_H
#define AVSP_CORE_VERIFY_H

#include "core/finding.h"
#include "core/hls.h"
#include "core/mp4.h"

#define AVSP_VERIFY_SEGMENT_MAX_BYTES ((uint64_t)2 << 30)
#define AVSP_VERIFY_INIT_MAX_BYTES ((uint64_t)4 << 20)

struct avsp_verify_files {
    void *opaque;
    /// Reads up to @p len bytes of the file @p path at @p offset, short only at its end.
    /// @param path  relative to the folder, as avsp_location_join takes it; many calls in a row may have the same
    /// @return OK; NOT_FOUND; DENIED outside of the folder, or no permission; CANCELED ends the check; others the
    ///         file cannot be read.
    enum avsp_code (*read)(void *opaque, const char *path, uint64_t offset, void *ret_bytes,
                           size_t len, size_t *ret_len, uint64_t *ret_file_bytes,
                           struct avsp_err *err);
};

enum avsp_verify_format {
    AVSP_FORMAT_UNKNOWN,
    AVSP_FORMAT_MP4,
    AVSP_FORMAT_TS,
    AVSP_FORMAT_PACKED_AUDIO,
    AVSP_FORMAT_WEBVTT,
};

/// A part of a file; `bytes` is known.
struct avsp_verify_part {
    const char *path;
    struct avsp_hls_range range;
};

/// A segment as it was found.
struct avsp_verify_segment {
    struct avsp_verify_part part;
    struct avsp_verify_part init; ///< path NULL = it has none
    uint32_t line;
    int64_t duration_us; ///< EXTINF
    bool has_duration;   ///< there is one
    bool is_sound;       ///< the file is there and its headers can be read: decoding makes sense
    bool discontinuity;  ///< before it
    bool is_dependent;   ///< it does not begin with a keyframe, which was said
    bool is_measured;    ///< the following are known: fragmented MP4
    uint32_t timescale;  ///< of the primary track, like all that follow
    int64_t edit_ticks;  ///< media time of presentation time 0
    int64_t start_ticks;
    int64_t duration_ticks;
    int64_t first_pts;
    uint64_t n_samples;
    uint64_t n_samples_audio; ///< of the first audio track beside a video track
    uint32_t n_fragments;
    int64_t fragment_ticks; ///< where the last of them begins, behind start_ticks
};

/// What is known of a rendition. The texts live as long as the check.
struct avsp_verify_rendition {
    const char *path; ///< of its playlist
    bool is_read;
    bool is_subtitles;
    bool iframes_only;
    bool independent;              ///< it says that segments are
    enum avsp_media_kind expected; ///< by the multivariant playlist; 0 = anything
    bool encrypted;                ///< some of it
    bool
        unmeasured; ///< sums and times mean nothing: a segment could not be read, or a length is wrong
    bool
        is_mismatched; ///< its init segment belongs to another stream: what follows from it is not known
    bool is_broken;     ///< its segments do not follow each other
    bool is_misaligned; ///< its segments begin elsewhere than those of other pictures
    enum avsp_verify_format format;
    int64_t target_s;
    size_t n_segments;
    uint64_t n_samples; ///< of the primary track, as headers say
    uint64_t n_frames;  ///< that were decoded of the primary track
    uint64_t bytes;
    int64_t duration_us; ///< the sum of EXTINFs
    int64_t peak_bps;
    int64_t average_bps;
    bool has_text_map;      ///< there is an X-TIMESTAMP-MAP in its first segment
    bool text_map_is_known; ///< the next is: what is added to cue times
    int64_t text_map_ms;
    bool has_times; ///< the next two are known
    int64_t begin_us;
    int64_t end_us;
    int64_t average_milli_fps; ///< 0 = not known
    int64_t fastest_milli_fps;
    size_t dash;    ///< number of its Representation in the MPD plus one; 0 = none
    size_t primary; ///< index of its primary track: the first video track, or else the first
    struct avsp_mp4_init init; ///< the first one; no tracks = not known
    // Where the media is no fragmented MP4, what decoding showed.
    const char *video_codec; ///< libavcodec's name; NULL = not known
    const char *audio_codec;
    uint32_t width_px;
    uint32_t height_px;
};

struct avsp_verify {
    struct avsp_verify_files files;
    struct avsp_findings *found;
    /// Decodes a rendition and adds findings; NULL = a check without decoding. @return OK; CANCELED and others end the
    /// check.
    enum avsp_code (*decode)(void *opaque, struct avsp_verify *v, struct avsp_verify_rendition *r,
                             const struct avsp_verify_segment *segments, size_t n_segments,
                             struct avsp_err *err);
    void *decode_opaque;
    // Results.
    struct avsp_arena arena;
    struct avsp_verify_rendition *renditions; ///< in the order in which the playlists name them
    size_t n_renditions;
    // Private: where the segments of the first picture begin, which all others are held against.
    struct avsp_verify_grid *grid;
    struct avsp_verify_dash
        *dash; ///< the MPD beside the playlist; NULL = none that can be compared
};

/// Checks the presentation whose multivariant playlist, or only media playlist, is @p path.
/// @return OK, also where there are findings; CANCELED; NO_MEMORY. Free with avsp_verify_deinit whatever it is.
enum avsp_code avsp_verify_run(struct avsp_verify *v, const char *path,
                               struct avsp_err *err) AVSP_CHECKED;
void avsp_verify_deinit(struct avsp_verify *v);

#endif
