/// Which of FFmpeg's demuxers and decoders may read files from strangers: two lists. What is on neither list is refused by name.
///
/// A demuxer is here when people have such files, it reads one file and nothing else, and what it finds is media. Not here:
/// whatever names other files (playlists, concat scripts, SDP, DASH, IMF), takes a file name for a pattern (image2), opens a
/// device or a socket, hands text to an interpreter, or reads formats of games and of machines that are gone.
/// A decoder is here when files in those containers have it, and it decodes in one process without help. Not here: decoders
/// of subtitles that are pictures, of data (never opened), of hardware, and of games. Any thread.
#ifndef AVSP_MEDIA_ALLOW_H
#define AVSP_MEDIA_ALLOW_H

#include "util/err.h"

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>

/// May this demuxer read a user's file? @return OK; UNSUPPORTED, with a text that says what kind of file it is.
enum avsp_code avsp_allow_demuxer(const AVInputFormat *format, struct avsp_err *err) AVSP_CHECKED;

/// Does it read files of subtitles that may stand beside a source: SubRip, WebVTT, ASS?
bool avsp_allow_is_subtitles(const AVInputFormat *format);

/// The decoder to use for a codec. @return NULL: there is none here, or it is not to be used; avsp_allow_why_not tells.
const AVCodec *avsp_allow_decoder(enum AVCodecID id);

/// Why a stream has no decoder, for people: "H.266/VVC is not …". @param ret_text  always set.
void avsp_allow_why_not(const AVCodecParameters *par, char *ret_text, size_t len);

/// The names of all decoders that may be used, separated by commas: libavformat opens decoders of its own accord to find out
/// about streams (AVFormatContext.codec_whitelist). @return to be freed with av_free; NULL no memory.
char *avsp_allow_decoder_names(void);

#endif
