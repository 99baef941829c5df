/// One track of fragmented MP4 (CMAF), as an init segment and segments of one moof and one mdat, or of a few such fragments.
///
///     struct avsp_fmp4 *AVSP_CLEANUP(avsp_fmp4_free) mux = NULL;
///     avsp_fmp4_open(&track, &mux, err);
///     avsp_fmp4_write(mux, packet, err); …                 // timestamps on the presentation's one timeline
///     avsp_fmp4_part(mux, "00012.m4s", &bytes, err);        // where a fragment is to end before its segment does
///     avsp_fmp4_cut(mux, "00012.m4s", &file, err);          // what was written since the last cut
///     avsp_fmp4_init(mux)                                   // complete after the first cut
///
/// libavformat's mov muxer makes the boxes; its flags are the ones that put the first timestamp into `tfdt` and leave out
/// everything that would differ between runs. An audio track has an edit list, which hides what lies before time 0, as an encoder's priming does; a video track has one
/// where packets are reordered, which takes the delay of that away. In each case `tfdt` is the time at which the first sample is shown, but for the priming. Memory: one segment's packets. One thread at a time.
///
/// Source: ISO/IEC 23000-19 (CMAF) 7.3; behaviour of libavformat 59 where fmp4.c says so.
#ifndef AVSP_MEDIA_FMP4_H
#define AVSP_MEDIA_FMP4_H

#include "core/piece.h"
#include "util/buf.h"

#include <libavcodec/packet.h>

struct avsp_fmp4;
struct AVCodecContext;
struct AVCodecParameters;

struct avsp_fmp4_track {
    const struct AVCodecContext
        *encoder; ///< of video: open, with global headers; borrowed for the call
    const struct AVCodecParameters *sound; ///< of sound, instead; likewise
    uint32_t timescale;                    ///< of the packets and of the file
    const struct avsp_hdr *hdr;            ///< of a video track; NULL = none. Borrowed for the call
    const char *language;                  ///< ISO 639-2, three letters; anything else is left out
    uint32_t sequence;                     ///< mfhd's number of the first segment, from 1
    bool reorders; ///< packets of a video track are not in the order in which they are shown
};

/// A file that was written.
struct avsp_fmp4_file {
    uint64_t bytes;
    char sha256[AVSP_SHA256_HEX_BYTES];
};

/// @param ret_mux returned: free with avsp_fmp4_free.
/// @return OK; NO_MEMORY; INTERNAL the muxer refuses the track.
enum avsp_code avsp_fmp4_open(const struct avsp_fmp4_track *track, struct avsp_fmp4 **ret_mux,
                              struct avsp_err *err) AVSP_CHECKED;

/// Adds a packet in decode order; its pts, dts and duration are in ticks. The packet is left as it was. Of a track that reorders, dts may not be
/// later than pts; how much earlier it is for the first packet goes into the edit list, so that it must be the same for each segment.
enum avsp_code avsp_fmp4_write(struct avsp_fmp4 *mux, AVPacket *pkt,
                               struct avsp_err *err) AVSP_CHECKED;

/// Ends a fragment: what was added since the last one goes to the file @p name, which the next cut (of that name) completes.
/// @param ret_bytes  how long the file is by now. @return as avsp_fmp4_cut.
enum avsp_code avsp_fmp4_part(struct avsp_fmp4 *mux, const char *name, uint64_t *ret_bytes,
                              struct avsp_err *err) AVSP_CHECKED;

/// Writes what was added since the last cut to the file @p name in the working folder (an old one is replaced).
/// @return OK; NO_SPACE disk full; DENIED; INTERNAL nothing was added. The file may be there in part after a failure.
enum avsp_code avsp_fmp4_cut(struct avsp_fmp4 *mux, const char *name,
                             struct avsp_fmp4_file *ret_file, struct avsp_err *err) AVSP_CHECKED;

/// The init segment: from the first cut or part on. Borrowed until free.
const struct avsp_buf *avsp_fmp4_init(const struct avsp_fmp4 *mux);

/// For AVSP_CLEANUP; NULL inside is fine.
void avsp_fmp4_free(struct avsp_fmp4 **mux);

/// Writes @p bytes as the file @p name in the working folder.
enum avsp_code avsp_fmp4_save(const char *name, const void *bytes, size_t len,
                              struct avsp_fmp4_file *ret_file, struct avsp_err *err) AVSP_CHECKED;

/// The content of the first box of type @p type (four characters) anywhere in an init segment of ours.
/// @return false where there is none. @p ret_body is borrowed from @p init.
bool avsp_fmp4_find_box(const struct avsp_buf *init, const char *type, const uint8_t **ret_body,
                        size_t *ret_len) AVSP_CHECKED;

#endif
