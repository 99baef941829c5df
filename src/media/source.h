/// Opening what came from outside: a file by its descriptor, never by its name.
///
/// The demuxer gets one AVIOContext over pread(2) and nothing else: io_open is refused (no playlist, concat script or external
/// reference is followed), the protocol allow-list is empty, demuxers and decoders come from allow-lists (allow.h). Limits on streams,
/// pictures, probing and the size of one block of memory are set here. What the demuxer complains of behind the headers is counted
/// (complaints.h). One thread at a time.
#ifndef AVSP_MEDIA_SOURCE_H
#define AVSP_MEDIA_SOURCE_H

#include "core/piece.h"
#include "util/arena.h"
#include "util/err.h"

#include <libavformat/avformat.h>

struct avsp_source {
    AVFormatContext *ctx; ///< streams are found out (avformat_find_stream_info); owned
    struct avsp_source_io *io;
};

/// Opens a user's file. @return OK; CORRUPT not a media file, or damaged beyond reading; UNSUPPORTED a kind of file that is
/// not allowed; LIMIT; NO_MEMORY. @p ret_source is zero after a failure; close with avsp_source_close otherwise.
enum avsp_code avsp_source_open(int fd, struct avsp_source *ret_source,
                                struct avsp_err *err) AVSP_CHECKED;

/// Opens a file of subtitles alone: SubRip, WebVTT or ASS. @return as avsp_source_open.
enum avsp_code avsp_source_open_subtitles(int fd, struct avsp_source *ret_source,
                                          struct avsp_err *err) AVSP_CHECKED;

/// Opens a piece: header and NUT stream. @return as avsp_source_open; INVALID no header (a base split's piece).
enum avsp_code avsp_source_open_piece(int fd, struct avsp_arena *arena,
                                      struct avsp_piece_header *ret_header,
                                      struct avsp_source *ret_source,
                                      struct avsp_err *err) AVSP_CHECKED;

/// Safe on a zeroed value.
void avsp_source_close(struct avsp_source *source);

#endif
