#include "core/finding.h"

#include "util/parse.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#define TEXT_BYTES 512
#define ARENA_BYTES (AVSP_FINDINGS_MAX * (2 * TEXT_BYTES + 256))

#define FOLDER "docs/VERIFY.md"
#define RFC(section) "RFC 8216 " section
#define BIS(section) "draft-pantos-hls-rfc8216bis " section
#define APPLE(rule) "Apple HLS authoring specification " rule
#define BMFF(section) "ISO/IEC 14496-12 " section
#define MPD(section) "ISO/IEC 23009-1 " section
#define CMAF(section) "ISO/IEC 23000-19 " section
#define AV1_ISOBMFF(section) "AV1 in ISOBMFF " section

static const struct avsp_rule_info rules[AVSP_N_RULES] = {
    [AVSP_RULE_FILE_MISSING] = {"file.missing", AVSP_ERROR, RFC("3"),
                                "Put the file there, or make the playlist again."},
    [AVSP_RULE_FILE_UNREADABLE] = {"file.unreadable", AVSP_ERROR, RFC("3"),
                                   "Make it a regular file that may be read."},
    [AVSP_RULE_FILE_OUTSIDE] = {"file.outside", AVSP_ERROR, FOLDER,
                                "Keep all files of a presentation inside its folder, and name them "
                                "by relative paths."},
    [AVSP_RULE_FILE_REMOTE] = {"file.remote", AVSP_ERROR, FOLDER,
                               "Name files of the presentation by relative paths: nothing is "
                               "fetched for a check."},
    [AVSP_RULE_FILE_TOO_LARGE] = {"file.too-large", AVSP_ERROR, FOLDER,
                                  "Cut it into smaller files; the limits stand in VERIFY.md."},
    [AVSP_RULE_FILE_HASH] = {"file.hash", AVSP_ERROR, FOLDER,
                             "Its bytes are not those that it was named for: copy it again, or "
                             "encode again."},
    [AVSP_RULE_EXTM3U] = {"hls.extm3u", AVSP_ERROR, RFC("4.3.1.1"),
                          "Begin the playlist with the line #EXTM3U."},
    [AVSP_RULE_TEXT] = {"hls.text", AVSP_ERROR, RFC("4.1"),
                        "Write UTF-8 without a byte order mark and without control characters."},
    [AVSP_RULE_LIMIT] = {"hls.limit", AVSP_ERROR, FOLDER,
                         "Make the playlist shorter; the limits stand in VERIFY.md."},
    [AVSP_RULE_TAG] = {"hls.tag", AVSP_ERROR, RFC("4.3"),
                       "Write the tag's value as its section says."},
    [AVSP_RULE_TAG_REPEATED] = {"hls.tag-repeated", AVSP_ERROR, RFC("4.3"), "Write the tag once."},
    [AVSP_RULE_TAG_ORDER] = {"hls.tag-order", AVSP_ERROR, RFC("4.3.3.2"),
                             "Write the tag before the first segment."},
    [AVSP_RULE_MIXED] = {"hls.mixed", AVSP_ERROR, RFC("4.1"),
                         "Keep tags of multivariant and of media playlists in playlists of their "
                         "own."},
    [AVSP_RULE_ATTRIBUTES] = {"hls.attributes", AVSP_ERROR, RFC("4.2"),
                              "Write NAME=value pairs with commas between them, each name once; "
                              "quote strings, and only those."},
    [AVSP_RULE_VERSION] = {"hls.version", AVSP_ERROR, RFC("7"),
                           "Give EXT-X-VERSION once, as high as what the playlist uses needs."},
    [AVSP_RULE_UNSUPPORTED] = {"hls.unsupported", AVSP_WARNING, BIS("4.4"),
                               "Nothing need be changed, but this part is not checked."},
    [AVSP_RULE_EMPTY] = {"hls.empty", AVSP_ERROR, RFC("4.3"),
                         "A playlist needs something to play: make it again."},
    [AVSP_RULE_TARGETDURATION] = {"hls.targetduration", AVSP_ERROR, RFC("4.3.3.1"),
                                  "Raise EXT-X-TARGETDURATION to the longest EXTINF, rounded."},
    [AVSP_RULE_TARGETDURATION_MISSING] = {"hls.targetduration-missing", AVSP_ERROR, RFC("4.3.3.1"),
                                          "Add EXT-X-TARGETDURATION."},
    [AVSP_RULE_TARGETDURATION_EQUAL] = {"hls.targetduration-equal", AVSP_WARNING, RFC("6.2.4"),
                                        "Give all video and audio playlists the same "
                                        "EXT-X-TARGETDURATION."},
    [AVSP_RULE_EXTINF] = {"hls.extinf", AVSP_ERROR, RFC("4.3.2.1"),
                          "Set EXTINF to the segment's length in the media."},
    [AVSP_RULE_EXTINF_MISSING] = {"hls.extinf-missing", AVSP_ERROR, RFC("4.3.2.1"),
                                  "Put an EXTINF before each segment."},
    [AVSP_RULE_EXTINF_SUM] = {"hls.extinf-sum", AVSP_ERROR, APPLE("8.1"),
                              "Round the boundaries, not the lengths, so that errors do not add "
                              "up."},
    [AVSP_RULE_ENDLIST] = {"hls.endlist", AVSP_WARNING, RFC("4.3.3.4"),
                           "Write EXT-X-ENDLIST once the playlist is complete."},
    [AVSP_RULE_BYTERANGE] = {"hls.byterange", AVSP_ERROR, RFC("4.3.2.2"),
                             "Give each range a length and an offset inside its file."},
    [AVSP_RULE_IFRAME] = {"hls.iframe", AVSP_ERROR, RFC("4.3.3.6"),
                          "Give each I-frame the range of its moof and of its first sample."},
    [AVSP_RULE_MAP_MISSING] = {"hls.map-missing", AVSP_ERROR, RFC("3.3"),
                               "Put an EXT-X-MAP with the init segment before fragmented MP4."},
    [AVSP_RULE_SEGMENT_REPEATED] =
        {"hls.segment-repeated", AVSP_ERROR, RFC("3"),
         "List each segment once, or put EXT-X-DISCONTINUITY before it."},
    [AVSP_RULE_KEY] = {"hls.key", AVSP_WARNING, RFC("4.3.2.4"),
                       "Check the presentation before it is encrypted: this part cannot be "
                       "checked."},
    [AVSP_RULE_INDEPENDENT] = {"hls.independent", AVSP_ERROR, RFC("4.3.5.1"),
                               "Begin each segment with a keyframe that can be decoded alone."},
    [AVSP_RULE_MEDIA_ATTRIBUTES] = {"hls.media-attributes", AVSP_ERROR, RFC("4.3.4.1"),
                                    "Give EXT-X-MEDIA what its TYPE asks for."},
    [AVSP_RULE_NAME] = {"hls.name", AVSP_ERROR, RFC("4.3.4.1.1"),
                        "Give each rendition of a group a NAME of its own."},
    [AVSP_RULE_DEFAULT] = {"hls.default", AVSP_ERROR, RFC("4.3.4.1.1"),
                           "At most one rendition of a group has DEFAULT=YES, and it has "
                           "AUTOSELECT=YES."},
    [AVSP_RULE_GROUP_MISSING] = {"hls.group-missing", AVSP_ERROR, RFC("4.3.4.2"),
                                 "Add EXT-X-MEDIA tags for the group, or take the attribute away."},
    [AVSP_RULE_GROUP_MEMBERS] = {"hls.group-members", AVSP_WARNING, RFC("4.3.4.1.1"),
                                 "Give groups of one TYPE the same members."},
    [AVSP_RULE_STREAM_INF] = {"hls.stream-inf", AVSP_ERROR, RFC("4.3.4.2"),
                              "Give EXT-X-STREAM-INF a BANDWIDTH, and a URI on the next line."},
    [AVSP_RULE_BANDWIDTH] = {"hls.bandwidth", AVSP_ERROR, BIS("4.4.6.2"),
                             "Raise BANDWIDTH to the largest sum of peak segment bit rates."},
    [AVSP_RULE_BANDWIDTH_LOOSE] = {"hls.bandwidth-loose", AVSP_WARNING, APPLE("1.27"),
                                   "Lower BANDWIDTH to within 10 % of what was measured."},
    [AVSP_RULE_AVERAGE_BANDWIDTH] = {"hls.average-bandwidth", AVSP_ERROR, BIS("4.4.6.2"),
                                     "Set AVERAGE-BANDWIDTH to the measured average, sound "
                                     "included."},
    [AVSP_RULE_CODECS] = {"hls.codecs", AVSP_ERROR, RFC("4.3.4.2"),
                          "Write CODECS from the init segments of all renditions of the variant."},
    [AVSP_RULE_CODECS_MISSING] = {"hls.codecs-missing", AVSP_WARNING, RFC("4.3.4.2"),
                                  "Add CODECS: players choose by it."},
    [AVSP_RULE_CODECS_COLOR] = {"hls.codecs-color", AVSP_WARNING, AV1_ISOBMFF("5"),
                                "Use the long form of the codec string where color, range or "
                                "chroma are not the default."},
    [AVSP_RULE_RESOLUTION] = {"hls.resolution", AVSP_ERROR, RFC("4.3.4.2"),
                              "Set RESOLUTION to the size of the pictures."},
    [AVSP_RULE_FRAME_RATE] = {"hls.frame-rate", AVSP_ERROR, RFC("4.3.4.2"),
                              "Set FRAME-RATE to the highest frame rate of the video."},
    [AVSP_RULE_VIDEO_RANGE] = {"hls.video-range", AVSP_ERROR, BIS("4.4.6.2"),
                               "SDR, HLG or PQ, as the transfer characteristics say."},
    [AVSP_RULE_CHANNELS] = {"hls.channels", AVSP_ERROR, RFC("4.3.4.1"),
                            "Set CHANNELS to the number of channels of the sound."},
    [AVSP_RULE_RANGE] = {"hls.range", AVSP_ERROR, RFC("6.2.4"),
                         "Pad or cut the tracks so that they begin and end together."},
    [AVSP_RULE_LANGUAGE] =
        {"hls.language", AVSP_WARNING, APPLE("8.10"),
         "Give each rendition of sound or text a LANGUAGE of RFC 5646; und where "
         "it is not known."},
    [AVSP_RULE_AUTOSELECT] = {"hls.autoselect", AVSP_WARNING, RFC("4.3.4.1.1"),
                              "Of renditions that a player cannot tell apart only one has "
                              "AUTOSELECT=YES."},
    [AVSP_RULE_FRAME_RATE_MISSING] = {"hls.frame-rate-missing", AVSP_WARNING, APPLE("9.15"),
                                      "Give each variant that has a picture a FRAME-RATE."},
    [AVSP_RULE_RESOLUTION_MISSING] = {"hls.resolution-missing", AVSP_WARNING, RFC("4.3.4.2"),
                                      "Give each variant that has a picture a RESOLUTION."},
    [AVSP_RULE_CHANNELS_MISSING] = {"hls.channels-missing", AVSP_WARNING, RFC("4.3.4.1"),
                                    "Give each rendition of sound its CHANNELS."},
    [AVSP_RULE_IFRAME_MISSING] = {"hls.iframe-missing", AVSP_WARNING, APPLE("6.1"),
                                  "Add an EXT-X-I-FRAME-STREAM-INF: players show its pictures "
                                  "while people search."},
    [AVSP_RULE_CLOSED_CAPTIONS] = {"hls.closed-captions", AVSP_ERROR, RFC("4.3.4.2"),
                                   "Where one variant says CLOSED-CAPTIONS=NONE, all have to."},
    [AVSP_RULE_AAC_MISSING] = {"hls.aac-missing", AVSP_WARNING, APPLE("2.3"),
                               "Add a group of the same sound as AAC, which all players take."},
    [AVSP_RULE_STEREO_MISSING] = {"hls.stereo-missing", AVSP_WARNING, APPLE("2.2"),
                                  "Add a group in which the same sound is stereo: there are "
                                  "players that mix nothing down."},
    [AVSP_RULE_AUTOSELECT_MISSING] = {"hls.autoselect-missing", AVSP_WARNING, RFC("4.3.4.1"),
                                      "Give one sound of each group AUTOSELECT=YES: else players "
                                      "play none unless people choose."},
    [AVSP_RULE_SUBTITLES_MISSING] = {"hls.subtitles-missing", AVSP_WARNING, RFC("4.3.4.2"),
                                     "Give all variants the same SUBTITLES: else they vanish when "
                                     "a player goes to another."},
    [AVSP_RULE_GROUP_UNUSED] = {"hls.group-unused", AVSP_WARNING, RFC("4.3.4.1.1"),
                                "Name the group in EXT-X-STREAM-INF, or take it out: nobody gets "
                                "to see or hear it."},
    [AVSP_RULE_CUE] = {"text.cue", AVSP_ERROR, "WebVTT 4.1",
                       "Write each cue's times as WebVTT has them, in the order of their begin."},
    [AVSP_RULE_CUE_TIME] = {"text.cue-time", AVSP_ERROR, RFC("3.5"),
                            "Put each cue into the segments during which it is shown."},
    [AVSP_RULE_TIMESTAMP_MAP] = {"text.timestamp-map", AVSP_ERROR, RFC("3.5"),
                                 "Let X-TIMESTAMP-MAP map the cues' times to those of the media."},
    [AVSP_RULE_BOX] = {"mp4.box", AVSP_ERROR, BMFF("4.2"), "The file is damaged: make it again."},
    [AVSP_RULE_BOX_MISSING] = {"mp4.box-missing", AVSP_ERROR, RFC("3.3"),
                               "Make the file with a packager for fragmented MP4."},
    [AVSP_RULE_TRUNCATED] = {"mp4.truncated", AVSP_ERROR, BMFF("4.2"),
                             "The file is cut off: copy it again, or make it again."},
    [AVSP_RULE_FORMAT] = {"hls.format", AVSP_ERROR, RFC("3"),
                          "Use MPEG-TS, fragmented MP4, packed audio or WebVTT."},
    [AVSP_RULE_INIT_BRAND] = {"cmaf.init-brand", AVSP_ERROR, RFC("3.3"),
                              "Give the init segment's ftyp a brand that stands for iso6 or "
                              "higher, or cmfc."},
    [AVSP_RULE_INIT_SAMPLES] = {"cmaf.init-samples", AVSP_ERROR, RFC("3.3"),
                                "An init segment describes tracks and holds no samples."},
    [AVSP_RULE_TRACK] = {"cmaf.track", AVSP_ERROR, RFC("3.3"),
                         "Name the init segment that belongs to these segments in EXT-X-MAP."},
    [AVSP_RULE_INIT_CHANGES] = {"cmaf.init-changes", AVSP_WARNING, CMAF("7.3.1"),
                                "One init segment for all segments; put EXT-X-DISCONTINUITY where "
                                "another begins."},
    [AVSP_RULE_SAMPLE_DATA] = {"mp4.sample-data", AVSP_ERROR, BMFF("8.8.8"),
                               "The samples do not lie in the segment's mdat: make it again."},
    [AVSP_RULE_TFDT_MISSING] = {"cmaf.tfdt-missing", AVSP_ERROR, RFC("3.3"),
                                "Put a tfdt into each track fragment."},
    [AVSP_RULE_TFDT_GAP] = {"cmaf.tfdt-gap", AVSP_ERROR, CMAF("7.3.2.3"),
                            "Let each segment begin where the one before it ends; put "
                            "EXT-X-DISCONTINUITY where the timeline breaks."},
    [AVSP_RULE_TFDT_OVERLAP] = {"cmaf.tfdt-overlap", AVSP_ERROR, CMAF("7.3.2.3"),
                                "Let each segment begin where the one before it ends; put "
                                "EXT-X-DISCONTINUITY where the timeline breaks."},
    [AVSP_RULE_SEGMENT_ORDER] = {"hls.segment-order", AVSP_ERROR, RFC("3"),
                                 "List segments in the order of their times."},
    [AVSP_RULE_SEGMENT_ALIGNMENT] = {"cmaf.segment-alignment", AVSP_ERROR, CMAF("7.3.4"),
                                     "Cut all renditions of the picture at the same frames."},
    [AVSP_RULE_FRAGMENT_ALIGNMENT] = {"cmaf.fragment-alignment", AVSP_ERROR, CMAF("7.3.4"),
                                      "Cut all renditions of the picture into the same fragments."},
    [AVSP_RULE_CODEC_CONFIG] = {"mp4.codec-config", AVSP_ERROR, BMFF("8.5.2"),
                                "The init segment's codec configuration is damaged: make it "
                                "again."},
    [AVSP_RULE_AV1_SEQUENCE] = {"av1.sequence-header", AVSP_ERROR, AV1_ISOBMFF("2.4"),
                                "All segments of a rendition share the sequence header of their "
                                "init segment: pair them as they were made."},
    [AVSP_RULE_AV1_SIZE] = {"av1.size", AVSP_ERROR, AV1_ISOBMFF("2.2.1"),
                            "The sample entry has the sequence header's size."},
    [AVSP_RULE_AVC_SIZE] = {"avc.size", AVSP_ERROR, "ISO/IEC 14496-15 5.4.2",
                            "The sample entry has the sequence parameter set's size."},
    [AVSP_RULE_AV1_DATA] = {"av1.data", AVSP_ERROR, AV1_ISOBMFF("2.4"),
                            "The pictures are damaged: make the segment again."},
    [AVSP_RULE_COLOR] = {"mp4.color", AVSP_ERROR, BMFF("12.1.5"),
                         "Write colr from the bitstream's sequence header: players trust either."},
    [AVSP_RULE_HDR_LOST] = {"hdr.lost", AVSP_ERROR, FOLDER,
                            "HDR metadata stands in the init segment and in front of the first "
                            "frame of each segment: make it again."},
    [AVSP_RULE_HDR_DIFFERS] = {"hdr.differs", AVSP_ERROR, FOLDER,
                               "HDR metadata is one for the whole source: make it again."},
    [AVSP_RULE_DASH_XML] = {"dash.xml", AVSP_ERROR, "XML 1.0",
                            "Make the MPD again: it is damaged."},
    [AVSP_RULE_DASH_FORM] = {"dash.form", AVSP_WARNING, MPD("5.3.9"),
                             "Nothing need be changed, but this part is not checked."},
    [AVSP_RULE_DASH_RENDITIONS] = {"dash.renditions", AVSP_ERROR, MPD("5.3.5"),
                                   "Let playlists and MPD name the same renditions."},
    [AVSP_RULE_DASH_FILES] = {"dash.files", AVSP_ERROR, MPD("5.3.9.3"),
                              "Let playlists and MPD name the same files in the same order."},
    [AVSP_RULE_DASH_TIMES] = {"dash.times", AVSP_ERROR, MPD("5.3.9.6"),
                              "Give the SegmentTimeline the times that the playlist has."},
    [AVSP_RULE_DASH_DURATION] =
        {"dash.duration", AVSP_ERROR, MPD("5.3.1"),
         "Set mediaPresentationDuration to the length of the longest rendition."},
    [AVSP_RULE_DASH_BANDWIDTH] = {"dash.bandwidth", AVSP_ERROR, MPD("5.3.5.4"),
                                  "Set bandwidth to the peak bit rate of the rendition alone."},
    [AVSP_RULE_DASH_CODECS] = {"dash.codecs", AVSP_ERROR, MPD("5.3.7"),
                               "Write codecs from the init segment."},
    [AVSP_RULE_DASH_SIZE] = {"dash.size", AVSP_ERROR, MPD("5.3.7"),
                             "Set width and height to the size of the pictures."},
    [AVSP_RULE_DASH_FRAME_RATE] = {"dash.frame-rate", AVSP_ERROR, MPD("5.3.7"),
                                   "Set frameRate to the FRAME-RATE of the variant."},
    [AVSP_RULE_DASH_TRANSFER] =
        {"dash.transfer", AVSP_ERROR, MPD("5.8.5"),
         "Set TransferCharacteristics to those of the pictures: 16 for PQ, 18 for HLG."},
    [AVSP_RULE_DASH_CHANNELS] = {"dash.channels", AVSP_ERROR, MPD("5.8.5.4"),
                                 "Set AudioChannelConfiguration to the channels of the sound."},
    [AVSP_RULE_DASH_LANGUAGE] = {"dash.language", AVSP_ERROR, MPD("5.3.3"),
                                 "Set lang to the LANGUAGE of the rendition."},
    [AVSP_RULE_DASH_ROLE] =
        {"dash.role", AVSP_ERROR, MPD("5.8.5.5"),
         "Set Role and Accessibility to what DEFAULT, FORCED and CHARACTERISTICS say."},
    [AVSP_RULE_DECODE_FAILED] = {"decode.failed", AVSP_ERROR, FOLDER,
                                 "The segment cannot be decoded: make it again."},
    [AVSP_RULE_DECODE_DAMAGED] = {"decode.damaged", AVSP_ERROR, FOLDER,
                                  "Pictures or sound are damaged: make the segment again."},
    [AVSP_RULE_DECODE_FRAMES] = {"decode.frames", AVSP_ERROR, FOLDER,
                                 "As many frames must come out as the segment says that it holds: "
                                 "make it again."},
    [AVSP_RULE_DECODE_TIME] = {"decode.time", AVSP_ERROR, RFC("3"),
                               "Segments follow each other in time: check their order, and whether "
                               "one is missing."},
};

const struct avsp_rule_info *avsp_rule_info(enum avsp_rule rule)
{
    AVSP_ASSERT((unsigned)rule < AVSP_N_RULES);
    return &rules[rule];
}

void avsp_findings_init(struct avsp_findings *found)
{
    *found = (struct avsp_findings){0};
    avsp_arena_init(&found->arena, ARENA_BYTES);
}

void avsp_findings_deinit(struct avsp_findings *found)
{
    avsp_arena_deinit(&found->arena);
}

/// A copy that is safe to show: the text quotes what strangers wrote.
static const char *printable(struct avsp_findings *found, const char *text)
{
    char *copy = avsp_arena_strndup(&found->arena, text, strnlen(text, TEXT_BYTES - 1));
    if (copy == NULL) {
        found->sticky = AVSP_NO_MEMORY;
        return "";
    }
    bool valid = avsp_utf8_is_valid(copy);
    for (char *c = copy; *c != '\0'; c++) {
        unsigned char byte = (unsigned char)*c;
        if (byte < 0x20 || byte == 0x7f || (byte >= 0x80 && !valid))
            *c = '?';
    }
    return copy;
}

static void add(struct avsp_findings *found, enum avsp_rule rule, enum avsp_severity severity,
                const char *file, uint32_t line, const char *fmt, va_list ap) AVSP_PRINTF(6, 0);

static void add(struct avsp_findings *found, enum avsp_rule rule, enum avsp_severity severity,
                const char *file, uint32_t line, const char *fmt, va_list ap)
{
    if (severity == AVSP_ERROR)
        found->n_errors++;
    else
        found->n_warnings++;
    if (found->counts[rule]++ >= AVSP_FINDINGS_EACH)
        return;
    if (found->items == NULL)
        found->items = avsp_arena_array(&found->arena, AVSP_FINDINGS_MAX, sizeof *found->items);
    if (found->items == NULL) {
        found->sticky = AVSP_NO_MEMORY;
        return;
    }
    char text[TEXT_BYTES];
    vsnprintf(text, sizeof text, fmt, ap);
    found->items[found->n++] =
        (struct avsp_finding){rule, severity, printable(found, file), line, printable(found, text)};
}

void avsp_findings_add(struct avsp_findings *found, enum avsp_rule rule, const char *file,
                       uint32_t line, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    add(found, rule, avsp_rule_info(rule)->severity, file, line, fmt, ap);
    va_end(ap);
}

void avsp_findings_add_as(struct avsp_findings *found, enum avsp_rule rule,
                          enum avsp_severity severity, const char *file, uint32_t line,
                          const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    add(found, rule, severity, file, line, fmt, ap);
    va_end(ap);
}

enum avsp_code avsp_findings_check(const struct avsp_findings *found, struct avsp_err *err)
{
    for (size_t i = 0; i < found->n; i++) {
        const struct avsp_finding *f = &found->items[i];
        if (f->severity != AVSP_ERROR)
            continue;
        if (f->line > 0)
            return avsp_err_set(err, AVSP_CORRUPT, "%s:%" PRIu32 ": %s (%s)", f->file, f->line,
                                f->text, avsp_rule_info(f->rule)->id);
        return avsp_err_set(err, AVSP_CORRUPT, "%s: %s (%s)", f->file, f->text,
                            avsp_rule_info(f->rule)->id);
    }
    if (found->n_errors > 0 || found->sticky != AVSP_OK)
        return avsp_err_set(err, AVSP_NO_MEMORY, "memory ran out");
    return AVSP_OK;
}
