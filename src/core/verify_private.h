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
    // Text: EXTINFs of the segments before `text_at`, added up.
    size_t text_at;
    int64_t text_us;
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
