/// What a worker (or the client) asks of avspl1t-media, and what the child says back.
///
/// The child is started with no arguments, an empty environment and three descriptors:
///   0  the input: an open file, read by position (never by name), or a socket over which ranges are asked for (util/ranges.h)
///   2  standard error: libav's log, kept as the tail of a failure report
///   3  a stream socket: the request line goes in, report lines come out (core/record.h)
/// Its working folder is the attempt's own; it writes its output files there, and names them in reports.
///
/// Sequence: the request line; then reports in any number; then exactly one DONE or FAILED, and exit status 0 or 1.
/// A child that ends without one of them has crashed or was killed. For flow control the child may have at most
/// `max_pending` reported PIECE or SEGMENT files that are not acknowledged: the parent sends one line "ack" for each,
/// once it has moved the file away, and may say with it how many threads an ENCODE is to have from there on. A CHECKED
/// report waits for its "ack" in the same way: it means that the input file now holds the next segment (its init segment
/// in front). The parent treats every report as hostile: ranges are checked here, names by avsp_name_is_safe
/// (core/naming.h), text has no control characters, and FAILED has only codes that speak of the file or of this machine (INVALID, LIMIT, NO_SPACE, UNAVAILABLE, TIMEOUT, CORRUPT, UNSUPPORTED, NO_MEMORY; else INTERNAL).
#ifndef AVSP_CORE_STEP_H
#define AVSP_CORE_STEP_H

#include "core/model.h"
#include "util/buf.h"

#define AVSP_STEP_INPUT_FD 0
#define AVSP_STEP_CONTROL_FD 3

enum avsp_step_kind {
    AVSP_STEP_PROBE = 1,  ///< what is in the input, and the plan for it
    AVSP_STEP_SPLIT,      ///< the source → pieces
    AVSP_STEP_ENCODE,     ///< a video piece → init segment and segments
    AVSP_STEP_AUDIO,      ///< an audio piece → init segment and segments
    AVSP_STEP_TEXT,       ///< a file of subtitles → a rendition of text
    AVSP_STEP_CHECK,      ///< segments of a presentation → what decoding them shows
    AVSP_STEP_PROBE_TEXT, ///< what is in a file of subtitles, and the plan for it, as one STREAM
};

/// A request. Fields that a kind does not use are 0.
struct avsp_step {
    enum avsp_step_kind kind;
    int32_t segment_seconds;             ///< PROBE, SPLIT
    uint32_t resume_idx;                 ///< SPLIT: leave out pieces that only hold segments below
    uint32_t max_pending;                ///< SPLIT, AUDIO, ENCODE: see above; 1..
    int32_t crf;                         ///< ENCODE
    int32_t preset;                      ///< ENCODE
    struct avsp_picture_options picture; ///< PROBE, SPLIT, ENCODE
    struct avsp_sound_options sound;     ///< PROBE, AUDIO
    /// ENCODE: of all encoders, which have one each at least, until an acknowledgement says otherwise; CHECK: of decoders; 1..
    uint32_t threads;
    bool
        described; ///< ENCODE: false = a base split's piece, encoded whole (see src/media/encode.h)
    uint32_t idx;  ///< ENCODE with !described: the segment's place; TEXT: the rendition's number
    uint32_t n_segments; ///< CHECK: how many come, one after another in the same input file
    bool
        independent; ///< CHECK: each is decoded alone; else the decoder goes on from one to the next
    struct avsp_choice
        choice; ///< PROBE, SPLIT: what of the source is wanted; TEXT, PROBE_TEXT: what of its times
    const char *language; ///< TEXT, PROBE_TEXT
    const char *title;
    int64_t
        encoders; ///< ENCODE, AUDIO: avsp_step_encoders of what it must be made with; 0 = anything
};

enum avsp_report_kind {
    AVSP_REPORT_PROGRESS = 1,
    AVSP_REPORT_PIECE,     ///< piece.file.path is the file's name in the working folder
    AVSP_REPORT_RENDITION, ///< rendition.init_name likewise
    AVSP_REPORT_SEGMENT,   ///< segment.name likewise
    AVSP_REPORT_WARNING,
    AVSP_REPORT_EXTENT,  ///< SPLIT: which part of the source the presentation is
    AVSP_REPORT_INPUT,   ///< PROBE: the container
    AVSP_REPORT_STREAM,  ///< PROBE: one stream
    AVSP_REPORT_CHECKED, ///< CHECK: one segment
    AVSP_REPORT_DONE,
    AVSP_REPORT_FAILED,
};

/// What PROBE says about the file.
struct avsp_probe_input {
    const char *format;  ///< libavformat's short name
    int64_t duration_us; ///< 0 = not known
    uint64_t bytes;
    uint32_t n_segments;         ///< that a job with these options would make; 0 = not known
    struct avsp_time_range part; ///< that would be encoded; all zeros = all of it
    const char *
        libraries; ///< that would split and encode it, with their versions, for people and for comparing
};

/// What PROBE says about a stream.
struct avsp_probe_stream {
    uint32_t idx;
    const char *type; ///< "video", "audio", "subtitle", "data", "picture" (cover art)
    const char *codec;
    const char *details;  ///< for people: "1920x1080, yuv420p10le, 29.97 fps, rotated 90°"
    const char *language; ///< "und" where unknown
    const char *plan;     ///< for people: "→ AV1, v0", "left out: …"
};

/// What CHECK says about the picture or the sound of a segment.
struct avsp_checked_stream {
    const char *codec; ///< libavcodec's name; "" = there is no such stream
    uint32_t width_px;
    uint32_t height_px;
    uint64_t n_packets;
    uint64_t n_frames;  ///< that came out, damaged ones included
    uint64_t n_damaged; ///< packets that were refused, and frames that came out damaged
    bool starts_with_key;
    int64_t
        first_us; ///< presentation time of the earliest frame, as the container has it; with n_frames > 0
};

struct avsp_checked {
    uint32_t idx;      ///< 0, 1, …
    const char *fault; ///< why the segment cannot be read at all; "" = it can
    struct avsp_checked_stream video;
    struct avsp_checked_stream audio;
};

struct avsp_report {
    enum avsp_report_kind kind;
    union {
        struct avsp_progress progress;
        struct avsp_piece piece;
        struct avsp_rendition rendition;
        struct avsp_segment segment;
        const char *warning;
        struct avsp_time_range
            extent; ///< counted from presentation time 0 of the whole; it has an end
        struct avsp_probe_input input;
        struct avsp_probe_stream stream;
        struct avsp_checked checked;
        struct avsp_failure failure; ///< FAILED; no log_tail
    };
};

/// Writes a request or a report as one line. The buffer's sticky error tells of failure.
void avsp_step_write(struct avsp_buf *buf, const struct avsp_step *step);
void avsp_report_write(struct avsp_buf *buf, const struct avsp_report *report);

/// Writes what acknowledges a file. @param threads  that the step is to have from now on; 0 = as many as before
void avsp_ack_write(struct avsp_buf *buf, uint32_t threads);

/// What stands for a set of encoders in a request. @param text  as avspl1t-media --encoders prints it. @return 1..
int64_t avsp_step_encoders(const char *text);

/// Reads one line. Strings are in @p arena.
/// @return OK; INVALID for a line that is not one; NO_MEMORY.
enum avsp_code avsp_step_parse(struct avsp_arena *arena, const char *line,
                               struct avsp_step *ret_step, struct avsp_err *err) AVSP_CHECKED;
enum avsp_code avsp_ack_parse(struct avsp_arena *arena, const char *line, uint32_t *ret_threads,
                              struct avsp_err *err) AVSP_CHECKED;
enum avsp_code avsp_report_parse(struct avsp_arena *arena, const char *line,
                                 struct avsp_report *ret_report, struct avsp_err *err) AVSP_CHECKED;

#endif
