/// What the files of the check (core/verify.h) share; private to them.
#ifndef AVSP_CORE_VERIFY_PRIVATE_H
#define AVSP_CORE_VERIFY_PRIVATE_H

#include "core/verify.h"
#include "util/buf.h"

/// A rendition while its playlist is in memory.
struct avsp_verify_work {
    struct avsp_verify *v;
    struct avsp_verify_rendition *r;
    struct avsp_arena *arena;
    struct avsp_hls_playlist playlist;
    struct avsp_verify_segment *segments; ///< as many as the playlist has
    struct avsp_buf window;               ///< part of a segment
    // The init segment at hand.
    uint32_t map; ///< 0 = none was read
    bool has_init;
    struct avsp_verify_part init_part;
    struct avsp_mp4_init init;
    size_t primary;
    // What is said once.
    bool said_map_missing, said_key, said_sequence, said_independent, said_track;
    bool said_hdr, said_init, said_iframe;
    // EXTINFs of the segments before `sum_at`, added up.
    size_t sum_at;
    int64_t sum_us;
    int64_t first_key_us; ///< of a list of keyframes: presentation time of the first
    // Times of samples, of the whole rendition.
    int64_t shortest_ticks;
    int64_t ticks;
    // A track beside the primary one that does not go on where it ended.
    int64_t next_ticks[AVSP_MP4_TRACKS_MAX]; ///< -1 = not known
    uint32_t broken_line;                    ///< of the first such segment; 0 = none
    const char *broken_path;
    int64_t broken_ticks;
};

/// Adds the finding that a file which cannot be read means. CANCELED and NO_MEMORY are none: they are returned.
enum avsp_code avsp_verify_unread(struct avsp_verify *v, const char *named_in, uint32_t line,
                                  const char *path, struct avsp_err *err);

/// Resolves a URI; a finding where it leads out of the folder. @return the path, NULL where there is none;
/// @p err is set to NO_MEMORY where memory ran out.
const char *avsp_verify_resolve(struct avsp_verify *v, struct avsp_arena *arena, const char *base,
                                uint32_t line, const char *uri, struct avsp_err *err);

/// Reads a whole file or part of one. @return OK and @p ret_read false where a finding was added.
enum avsp_code avsp_verify_slurp(struct avsp_verify *v, const char *named_in, uint32_t line,
                                 const struct avsp_verify_part *part, uint64_t max_bytes,
                                 struct avsp_buf *buf, bool *ret_read, struct avsp_err *err);

/// Reads the playlist @p r->path and checks it and its media.
enum avsp_code avsp_verify_rendition_run(struct avsp_verify *v, struct avsp_verify_rendition *r,
                                         struct avsp_err *err);

/// Reads the headers of segment @p i.
enum avsp_code avsp_verify_measure(struct avsp_verify_work *w, size_t i, struct avsp_err *err);

/// Where segment @p i begins by the EXTINFs before it. @p i may not become less from call to call.
int64_t avsp_verify_listed_us(struct avsp_verify_work *w, size_t i);

/// Ticks of the primary track of a measured segment in microseconds, within thirty years.
int64_t avsp_verify_us(uint32_t timescale, int64_t ticks);

/// The picture of a rendition: its track, or NULL.
const struct avsp_mp4_track *avsp_verify_video(const struct avsp_verify_rendition *r);

/// What an init segment says of a picture's color and HDR, against its own sequence header.
void avsp_verify_color(struct avsp_verify_work *w, const struct avsp_mp4_track *track);

/// The HDR metadata in front of a segment's first frame, against the init segment's.
void avsp_verify_hdr(struct avsp_verify_work *w, const struct avsp_verify_segment *s,
                     const struct avsp_mp4_track *track, const struct avsp_av1_unit *unit);

/// All pictures begin their segments and fragments at the same times, so that a player may go from one to another.
enum avsp_code avsp_verify_grid(struct avsp_verify_work *w, struct avsp_err *err);

/// Pictures of one kind have the same HDR metadata.
void avsp_verify_hdr_pairs(struct avsp_verify *v);

/// Reads the MPD that stands beside the multivariant playlist @p path, if one does.
enum avsp_code avsp_verify_dash_read(struct avsp_verify *v, const char *path, struct avsp_err *err);

/// Finds the rendition at hand in the MPD, and compares files and times.
enum avsp_code avsp_verify_dash_segments(struct avsp_verify_work *w, struct avsp_err *err);

/// What the MPD says of each rendition against what the playlists and the media say.
void avsp_verify_dash(struct avsp_verify *v, const struct avsp_hls_playlist *p,
                      struct avsp_verify_rendition *const *of_variants,
                      struct avsp_verify_rendition *const *of_media);

/// Are two codec strings the same, in a short and a long form, too?
bool avsp_verify_same_codec(const char *given, const char *wanted);

/// What a multivariant playlist should say and need not by RFC 8216: what players and Apple's specification ask for.
void avsp_verify_authoring(struct avsp_verify *v, const char *path,
                           const struct avsp_hls_playlist *p,
                           struct avsp_verify_rendition *const *of_variants,
                           struct avsp_verify_rendition *const *of_media);

/// Reads segment @p i, which is WebVTT.
enum avsp_code avsp_verify_text(struct avsp_verify_work *w, size_t i, struct avsp_err *err);

/// The rules that take a whole rendition: lengths, order, bit rates.
enum avsp_code avsp_verify_timeline(struct avsp_verify_work *w, struct avsp_err *err);

/// The rules of a multivariant playlist, once its renditions are known.
void avsp_verify_variants(struct avsp_verify *v, const char *path,
                          const struct avsp_hls_playlist *p,
                          struct avsp_verify_rendition *const *of_variants,
                          struct avsp_verify_rendition *const *of_media);

/// Compares a variant's CODECS with its renditions.
/// @param members  n renditions
/// @param whole    these are all that the variant has
void avsp_verify_codecs(struct avsp_verify *v, const char *path,
                        const struct avsp_hls_variant *variant,
                        const struct avsp_verify_rendition *const *members, size_t n, bool whole);

#endif
