/// The last packets of the video, in decode order: those that the next piece may have to begin with.
///
/// Packets are numbered from 0 as they come. Their data stay in memory up to a ceiling and go to a temporary file beyond
/// it (in the working folder), so that memory stays bounded however far apart keyframes are: AVSP_SPOOL_MEMORY_BYTES
/// of data and 72 bytes a packet, at most AVSP_SPOOL_PACKETS_MAX. One thread at a time.
#ifndef AVSP_MEDIA_SPOOL_H
#define AVSP_MEDIA_SPOOL_H

#include "util/base.h"
#include "util/err.h"

#include <libavcodec/packet.h>

#define AVSP_SPOOL_MEMORY_BYTES (64 << 20)
#define AVSP_SPOOL_PACKETS_MAX (4 << 20) ///< 19 hours at 60 a second without a keyframe

#define AVSP_SPOOL_NONE UINT64_MAX
#define AVSP_SPOOL_NAME "spool-XXXXXX"

struct avsp_spool_entry {
    int64_t pts;  ///< in the stream's time base
    bool shown;   ///< false: only decoded
    bool key;     ///< decoding can begin here …
    bool gradual; ///< … but the picture is whole only some frames later
    int32_t size_bytes;
    int64_t
        newest_before; ///< latest pts of shown packets before it in decode order; INT64_MIN for none
    uint64_t key_before;   ///< of a key: number of the one before; AVSP_SPOOL_NONE
    uint64_t bytes_before; ///< data of all packets before it, also of those that are gone
    AVPacket *packet;      ///< owned; NULL = in the file
    int64_t file_offset;
};

struct avsp_spool {
    struct avsp_spool_entry *ring;
    size_t cap;     ///< a power of two
    uint64_t first; ///< number of the oldest packet that is kept
    uint64_t end;   ///< number that the next packet gets
    uint64_t memory_bytes;
    uint64_t memory_max_bytes;
    uint64_t total_bytes; ///< of all packets ever
    int64_t newest_pts;
    uint64_t last_key; ///< AVSP_SPOOL_NONE
    int fd;            ///< -1 until needed
    char name[sizeof AVSP_SPOOL_NAME];
    int64_t file_end; ///< where the next packet's data go
    uint64_t n_in_file;
};

/// @param memory_max_bytes AVSP_SPOOL_MEMORY_BYTES, less in tests.
void avsp_spool_init(struct avsp_spool *spool, uint64_t memory_max_bytes);
void avsp_spool_deinit(struct avsp_spool *spool);

/// Appends a packet; its reference is taken on success only. Of @p facts pts, shown, key and gradual are read.
/// @return OK; UNSUPPORTED too many packets; LIMIT the disk is full; NO_MEMORY.
enum avsp_code avsp_spool_push(struct avsp_spool *spool, AVPacket *packet,
                               const struct avsp_spool_entry *facts,
                               struct avsp_err *err) AVSP_CHECKED;

/// Borrowed until the next push or drop. @param number first <= number < end.
const struct avsp_spool_entry *avsp_spool_at(const struct avsp_spool *spool, uint64_t number);

/// Makes @p ret_packet (blank) a reference to the packet's data, with its key flag and nothing else.
enum avsp_code avsp_spool_load(struct avsp_spool *spool, uint64_t number, AVPacket *ret_packet,
                               struct avsp_err *err) AVSP_CHECKED;

/// Changes the time of a packet that is kept.
void avsp_spool_retime(struct avsp_spool *spool, uint64_t number, int64_t pts);

/// Forgets all packets before @p number.
void avsp_spool_drop_before(struct avsp_spool *spool, uint64_t number);

/// The last kept packet from which decoding gives every frame from @p pts on, whole: a key not later than that, behind all
/// frames that are shown before it; two keys further back where the picture is refreshed gradually. The oldest packet
/// where there is none better.
uint64_t avsp_spool_start_for(const struct avsp_spool *spool, int64_t pts);

#endif
