/// One video segment in the making: a fresh encoder and a fresh muxer, so that a segment's bytes are the same whether it is
/// made alone or in a run.
///
///     struct avsp_encode_segment *AVSP_CLEANUP(avsp_encode_segment_free) seg = NULL;
///     avsp_encode_segment_begin(&options, idx, &seg, err);
///     avsp_encode_segment_add(seg, frame, err); …            // pts in ticks, strictly increasing
///     avsp_encode_segment_flush(seg, err);
///     avsp_encode_segment_end(seg, end_ticks, &facts, err);  // encodes to the end, checks, writes the file
///
/// One thread at a time. Memory: what the encoder looks ahead, and the segment's packets.
#ifndef AVSP_MEDIA_ENCODE_SEGMENT_H
#define AVSP_MEDIA_ENCODE_SEGMENT_H

#include "media/encoder.h"
#include "media/fmp4.h"

struct avsp_encode_segment;

#define AVSP_SEGMENT_NAME_BYTES 32

struct avsp_encode_facts {
    char name[AVSP_SEGMENT_NAME_BYTES];
    struct avsp_fmp4_file file;
    int64_t start_ticks;
    int64_t duration_ticks;
    uint64_t frames;
    uint64_t key_bytes; ///< of the file: its first frame, as a fragment of its own
};

/// "v0-00012.m4s".
/// @param rendition  its name, 1 to 8 bytes
void avsp_segment_name(const char *rendition, uint32_t idx, char ret_name[AVSP_SEGMENT_NAME_BYTES]);

/// @param rendition  its name, for that of the file; borrowed until free.
/// @param ret_seg returned: free with avsp_encode_segment_free. @return as avsp_encoder_open and avsp_fmp4_open.
enum avsp_code avsp_encode_segment_begin(const struct avsp_encoder_options *options,
                                         const char *rendition, uint32_t idx,
                                         struct avsp_encode_segment **ret_seg,
                                         struct avsp_err *err) AVSP_CHECKED;

/// @param frame borrowed; its pts in ticks.
enum avsp_code avsp_encode_segment_add(struct avsp_encode_segment *seg, const AVFrame *frame,
                                       struct avsp_err *err) AVSP_CHECKED;

/// No more frames come. The encoder works on those that it has, without being waited for.
enum avsp_code avsp_encode_segment_flush(struct avsp_encode_segment *seg,
                                         struct avsp_err *err) AVSP_CHECKED;

/// After the flush. @param end_ticks  where the last frame ends: the next segment's first tick.
/// @return OK; CORRUPT @p end_ticks is not after the last frame; INTERNAL what the encoder gave back is not what it was given.
enum avsp_code avsp_encode_segment_end(struct avsp_encode_segment *seg, int64_t end_ticks,
                                       struct avsp_encode_facts *ret_facts,
                                       struct avsp_err *err) AVSP_CHECKED;

/// The init segment's bytes; borrowed until free.
const struct avsp_buf *avsp_encode_segment_init(const struct avsp_encode_segment *seg);
uint32_t avsp_encode_segment_idx(const struct avsp_encode_segment *seg);
void avsp_encode_segment_free(struct avsp_encode_segment **seg);

#endif
