/// What a check of a presentation found, and the table of rules that it can speak of. docs/VERIFY.md lists the same rules.
///
///     struct avsp_findings AVSP_CLEANUP(avsp_findings_deinit) found;
///     avsp_findings_init(&found);
///     avsp_findings_add(&found, AVSP_RULE_EXTINF, "v0/p.m3u8", 12, "segment 3 is %s long …", text);
///     if (found.n_errors > 0) …
///
/// At most AVSP_FINDINGS_EACH findings of one rule are kept with their texts; the others are counted. Memory is bounded
/// whatever a playlist holds. One thread at a time.
#ifndef AVSP_CORE_FINDING_H
#define AVSP_CORE_FINDING_H

#include "util/arena.h"
#include "util/base.h"
#include "util/err.h"

enum avsp_severity {
    AVSP_WARNING = 1, ///< players cope, or it cannot be checked
    AVSP_ERROR,       ///< the presentation breaks a rule that players rely on
};

enum avsp_rule {
    // The files of the folder.
    AVSP_RULE_FILE_MISSING,
    AVSP_RULE_FILE_UNREADABLE,
    AVSP_RULE_FILE_OUTSIDE,
    AVSP_RULE_FILE_REMOTE,
    AVSP_RULE_FILE_TOO_LARGE,
    AVSP_RULE_FILE_HASH,
    // Playlists, line by line.
    AVSP_RULE_EXTM3U,
    AVSP_RULE_TEXT,
    AVSP_RULE_LIMIT,
    AVSP_RULE_TAG,
    AVSP_RULE_TAG_REPEATED,
    AVSP_RULE_TAG_ORDER,
    AVSP_RULE_MIXED,
    AVSP_RULE_ATTRIBUTES,
    AVSP_RULE_VERSION,
    AVSP_RULE_UNSUPPORTED,
    // Media playlists.
    AVSP_RULE_EMPTY,
    AVSP_RULE_TARGETDURATION,
    AVSP_RULE_TARGETDURATION_MISSING,
    AVSP_RULE_TARGETDURATION_EQUAL,
    AVSP_RULE_EXTINF,
    AVSP_RULE_EXTINF_MISSING,
    AVSP_RULE_EXTINF_SUM,
    AVSP_RULE_ENDLIST,
    AVSP_RULE_BYTERANGE,
    AVSP_RULE_IFRAME,
    AVSP_RULE_MAP_MISSING,
    AVSP_RULE_SEGMENT_REPEATED,
    AVSP_RULE_KEY,
    AVSP_RULE_INDEPENDENT,
    // Multivariant playlists.
    AVSP_RULE_MEDIA_ATTRIBUTES,
    AVSP_RULE_NAME,
    AVSP_RULE_DEFAULT,
    AVSP_RULE_GROUP_MISSING,
    AVSP_RULE_GROUP_MEMBERS,
    AVSP_RULE_STREAM_INF,
    AVSP_RULE_BANDWIDTH,
    AVSP_RULE_BANDWIDTH_LOOSE,
    AVSP_RULE_AVERAGE_BANDWIDTH,
    AVSP_RULE_CODECS,
    AVSP_RULE_CODECS_MISSING,
    AVSP_RULE_CODECS_COLOR,
    AVSP_RULE_RESOLUTION,
    AVSP_RULE_FRAME_RATE,
    AVSP_RULE_VIDEO_RANGE,
    AVSP_RULE_CHANNELS,
    AVSP_RULE_RANGE,
    AVSP_RULE_LANGUAGE,
    AVSP_RULE_AUTOSELECT,
    AVSP_RULE_FRAME_RATE_MISSING,
    AVSP_RULE_RESOLUTION_MISSING,
    AVSP_RULE_CHANNELS_MISSING,
    AVSP_RULE_IFRAME_MISSING,
    AVSP_RULE_CLOSED_CAPTIONS,
    AVSP_RULE_AAC_MISSING,
    AVSP_RULE_STEREO_MISSING,
    AVSP_RULE_AUTOSELECT_MISSING,
    AVSP_RULE_SUBTITLES_MISSING,
    AVSP_RULE_GROUP_UNUSED,
    // Text.
    AVSP_RULE_CUE,
    AVSP_RULE_CUE_TIME,
    AVSP_RULE_TIMESTAMP_MAP,
    // Init segments and segments.
    AVSP_RULE_BOX,
    AVSP_RULE_BOX_MISSING,
    AVSP_RULE_TRUNCATED,
    AVSP_RULE_FORMAT,
    AVSP_RULE_INIT_BRAND,
    AVSP_RULE_INIT_SAMPLES,
    AVSP_RULE_TRACK,
    AVSP_RULE_INIT_CHANGES,
    AVSP_RULE_SAMPLE_DATA,
    AVSP_RULE_TFDT_MISSING,
    AVSP_RULE_TFDT_GAP,
    AVSP_RULE_TFDT_OVERLAP,
    AVSP_RULE_SEGMENT_ORDER,
    AVSP_RULE_SEGMENT_ALIGNMENT,
    AVSP_RULE_FRAGMENT_ALIGNMENT,
    AVSP_RULE_CODEC_CONFIG,
    AVSP_RULE_AV1_SEQUENCE,
    AVSP_RULE_AV1_SIZE,
    AVSP_RULE_AVC_SIZE,
    AVSP_RULE_AV1_DATA,
    AVSP_RULE_COLOR,
    AVSP_RULE_HDR_LOST,
    AVSP_RULE_HDR_DIFFERS,
    // The MPD beside the playlists.
    AVSP_RULE_DASH_XML,
    AVSP_RULE_DASH_FORM,
    AVSP_RULE_DASH_RENDITIONS,
    AVSP_RULE_DASH_FILES,
    AVSP_RULE_DASH_TIMES,
    AVSP_RULE_DASH_DURATION,
    AVSP_RULE_DASH_BANDWIDTH,
    AVSP_RULE_DASH_CODECS,
    AVSP_RULE_DASH_SIZE,
    AVSP_RULE_DASH_FRAME_RATE,
    AVSP_RULE_DASH_TRANSFER,
    AVSP_RULE_DASH_CHANNELS,
    AVSP_RULE_DASH_LANGUAGE,
    AVSP_RULE_DASH_ROLE,
    // What decoding shows.
    AVSP_RULE_DECODE_FAILED,
    AVSP_RULE_DECODE_DAMAGED,
    AVSP_RULE_DECODE_FRAMES,
    AVSP_RULE_DECODE_TIME,
    AVSP_N_RULES
};

/// One rule: `id` is stable, `source` names document and section, `remedy` says what its maker should do.
struct avsp_rule_info {
    const char *id;
    enum avsp_severity severity;
    const char *source;
    const char *remedy;
};

/// Static; never NULL for a rule of the enumeration.
const struct avsp_rule_info *avsp_rule_info(enum avsp_rule rule);

struct avsp_finding {
    enum avsp_rule rule;
    enum avsp_severity severity;
    const char *file; ///< relative to the folder; "" = the folder itself
    uint32_t line;    ///< of the playlist; 0 = none
    const char *text; ///< printable UTF-8
};

#define AVSP_FINDINGS_EACH 10 ///< of one rule that are kept with their text
#define AVSP_FINDINGS_MAX ((size_t)AVSP_FINDINGS_EACH * AVSP_N_RULES)

struct avsp_findings {
    struct avsp_arena arena;
    struct avsp_finding *items; ///< in the arena
    size_t n;
    uint64_t counts[AVSP_N_RULES]; ///< all of them, kept or not
    uint64_t n_errors;
    uint64_t n_warnings;
    enum avsp_code sticky; ///< NO_MEMORY: a text was lost; the counts are right
};

void avsp_findings_init(struct avsp_findings *found);
void avsp_findings_deinit(struct avsp_findings *found);

/// Adds a finding with the rule's own severity. @param file  copied
void avsp_findings_add(struct avsp_findings *found, enum avsp_rule rule, const char *file,
                       uint32_t line, const char *fmt, ...) AVSP_PRINTF(5, 6);

/// The same with a severity that the case decides.
void avsp_findings_add_as(struct avsp_findings *found, enum avsp_rule rule,
                          enum avsp_severity severity, const char *file, uint32_t line,
                          const char *fmt, ...) AVSP_PRINTF(6, 7);

/// The first error as one line, "v0/p.m3u8:12: … (hls.extinf)", for a failure report.
/// @return CORRUPT with that text; OK where there is no error; NO_MEMORY.
enum avsp_code avsp_findings_check(const struct avsp_findings *found,
                                   struct avsp_err *err) AVSP_CHECKED;

#endif
