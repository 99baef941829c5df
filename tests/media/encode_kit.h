/// What the suites of the encoding steps share: clips made with ffmpeg, pieces made by hand, a step run in this process, and
/// ffmpeg and ffprobe as judges that know nothing of our code. Every failure here ends the test.
#ifndef AVSP_TESTS_ENCODE_KIT_H
#define AVSP_TESTS_ENCODE_KIT_H

#include "core/piece.h"
#include "core/step.h"

#define KIT_FRAMES_MAX 4096
#define KIT_REPORTS_MAX 256

/// cmocka set-up and tear-down: a temporary folder that is the working folder while a test runs.
int kit_enter(void **state);
int kit_leave(void **state);

/// Runs a tool with its output in the file @p out (NULL = thrown away) and fails unless it ends with 0. At most 62 arguments,
/// separated by single spaces in @p fmt's result.
void kit_tool(const char *out, const char *fmt, ...) AVSP_PRINTF(2, 3);

/// The whole of a text file; free it.
char *kit_read(const char *path, size_t *ret_len);

/// A NUT file as it is seen by libavformat.
struct kit_clip {
    struct avsp_rational time_base;
    int64_t pts[KIT_FRAMES_MAX]; ///< in presentation order
    int64_t pos[KIT_FRAMES_MAX]; ///< of the packets in the file, in its own order
    size_t n_frames;
};
void kit_clip_load(const char *nut, bool video, struct kit_clip *ret_clip);

/// A header for places @p idx .. @p idx + @p n - 1 of a clip, 8 bits, 25 frames a second, nothing known of its colours.
struct avsp_piece_header kit_header(const struct kit_clip *clip, int32_t seconds, uint32_t idx,
                                    uint32_t n, uint32_t width, uint32_t height);

/// Writes a piece: the header, and the NUT file's bytes.
void kit_piece(const char *name, const struct avsp_piece_header *header, const char *nut);

/// What a step reported.
struct kit_run {
    struct avsp_arena arena;
    struct avsp_report reports[KIT_REPORTS_MAX];
    size_t n_reports;
    const char *only; ///< the rendition that is looked at; NULL = all
    enum avsp_code rc;
    struct avsp_err err;
};

/// Runs ENCODE or AUDIO on a piece, in the new folder @p folder. Files that it names must be there, with the size and the
/// hash that it tells. Free with kit_run_deinit.
void kit_run(struct kit_run *run, const struct avsp_step *step, const char *piece,
             const char *folder);
void kit_run_deinit(struct kit_run *run);

/// The reported segments in order, and the first rendition, of those that are looked at; kit_segment gives NULL after the last.
const struct avsp_segment *kit_segment(const struct kit_run *run, size_t i);
const struct avsp_rendition *kit_rendition(const struct kit_run *run);
const char *kit_warning(const struct kit_run *run, size_t i);

/// Joins @p folder's init segment and its reported segments into one file.
void kit_join(const struct kit_run *run, const char *folder, const char *out);

/// One packet of a file, as ffprobe sees it.
struct kit_packet {
    int64_t pts;
    bool key;
};
size_t kit_probe(const char *file, struct kit_packet *ret_packets, size_t max);

/// What a segment's own boxes say. Its fragments must follow each other, by number and by time.
struct kit_fragments {
    uint32_t n;
    uint32_t sequence;
    int64_t start;    ///< tfdt of the first
    int64_t duration; ///< of all samples
    uint64_t n_samples;
    uint64_t first_bytes; ///< from the file's begin to the end of the first fragment
};
struct kit_fragments kit_fragments_read(const char *path);

/// One value that ffprobe tells of a file's only stream ("width", "color_space"); in static storage.
const char *kit_stream_value(const char *file, const char *key);

/// The least PSNR of luma, in dB, that a picture of @p a has beside its partner of @p b, after @p filter on b ("null").
double kit_min_psnr(const char *a, const char *b, const char *filter);

/// Overwrites @p n bytes of a file, from @p at on, with others.
void kit_damage(const char *name, long at, size_t n);

/// Are two files the same?
bool kit_same(const char *a, const char *b);

#endif
