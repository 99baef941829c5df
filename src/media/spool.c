#include "media/spool.h"

#include "media/averr.h"
#include "util/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RING_MIN 1024
/// The refresh that begins at a gradual key is itself decoded with references that are missing, and may be lost; the one after it
/// is whole, and over by the third such key.
#define GRADUAL_STEPS 2

#define PACKET_OVERHEAD_BYTES 256 ///< what a packet costs beside its data, roughly

void avsp_spool_init(struct avsp_spool *spool, uint64_t memory_max_bytes)
{
    *spool = (struct avsp_spool){
        .memory_max_bytes = memory_max_bytes,
        .newest_pts = INT64_MIN,
        .last_key = AVSP_SPOOL_NONE,
        .fd = -1,
    };
}

void avsp_spool_deinit(struct avsp_spool *spool)
{
    avsp_spool_drop_before(spool, spool->end);
    if (spool->fd >= 0)
        unlink(spool->name);
    avsp_fd_cleanup(&spool->fd);
    free(spool->ring);
    spool->ring = NULL;
    spool->cap = 0;
}

static struct avsp_spool_entry *slot(const struct avsp_spool *spool, uint64_t number)
{
    return &spool->ring[number & (spool->cap - 1)];
}

const struct avsp_spool_entry *avsp_spool_at(const struct avsp_spool *spool, uint64_t number)
{
    AVSP_ASSERT(number >= spool->first && number < spool->end);
    return slot(spool, number);
}

void avsp_spool_retime(struct avsp_spool *spool, uint64_t number, int64_t pts)
{
    AVSP_ASSERT(number >= spool->first && number < spool->end);
    slot(spool, number)->pts = pts;
}

static enum avsp_code make_room(struct avsp_spool *spool, struct avsp_err *err)
{
    uint64_t n = spool->end - spool->first;
    if (n < spool->cap)
        return AVSP_OK;
    if (n >= AVSP_SPOOL_PACKETS_MAX)
        return avsp_err_set(err, AVSP_UNSUPPORTED,
                            "more than %d video packets without a keyframe to start from",
                            AVSP_SPOOL_PACKETS_MAX);
    size_t cap = spool->cap > 0 ? spool->cap * 2 : RING_MIN;
    struct avsp_spool_entry *ring = calloc(cap, sizeof *ring);
    if (ring == NULL)
        return avsp_err_set(err, AVSP_NO_MEMORY, "no memory for %zu packets", cap);
    for (uint64_t i = spool->first; i < spool->end; i++)
        ring[i & (cap - 1)] = *slot(spool, i);
    free(spool->ring);
    spool->ring = ring;
    spool->cap = cap;
    return AVSP_OK;
}

static enum avsp_code open_file(struct avsp_spool *spool, struct avsp_err *err)
{
    if (spool->fd >= 0)
        return AVSP_OK;
    // It keeps its name: the parent counts what the folder takes of the disk, and removes it whatever becomes of us.
    memcpy(spool->name, AVSP_SPOOL_NAME, sizeof spool->name);
    spool->fd = mkostemp(spool->name, O_CLOEXEC);
    return spool->fd >= 0 ? AVSP_OK : avsp_err_set_errno(err, errno, "create a temporary file");
}

static enum avsp_code write_data(struct avsp_spool *spool, const AVPacket *packet,
                                 struct avsp_err *err)
{
    enum avsp_code rc = open_file(spool, err);
    if (rc != AVSP_OK)
        return rc;
    size_t done = 0;
    size_t len = (size_t)packet->size;
    while (done < len) {
        ssize_t n =
            pwrite(spool->fd, packet->data + done, len - done, spool->file_end + (off_t)done);
        if (n < 0 && errno != EINTR)
            return avsp_err_set_errno(err, errno, "write to a temporary file");
        if (n > 0)
            done += (size_t)n;
    }
    return AVSP_OK;
}

/// Puts the data where they belong: memory while there is room, else the file.
static enum avsp_code store(struct avsp_spool *spool, AVPacket *packet,
                            struct avsp_spool_entry *entry, struct avsp_err *err)
{
    uint64_t cost = (uint64_t)packet->size + PACKET_OVERHEAD_BYTES;
    if (spool->memory_bytes + cost <= spool->memory_max_bytes) {
        entry->packet = av_packet_alloc();
        if (entry->packet == NULL || av_packet_make_refcounted(packet) < 0) {
            av_packet_free(&entry->packet);
            return avsp_err_set(err, AVSP_NO_MEMORY, "no memory for a packet");
        }
        av_packet_move_ref(entry->packet, packet);
        spool->memory_bytes += cost;
        return AVSP_OK;
    }
    enum avsp_code rc = write_data(spool, packet, err);
    if (rc != AVSP_OK)
        return rc;
    entry->file_offset = spool->file_end;
    spool->file_end += packet->size;
    spool->n_in_file++;
    av_packet_unref(packet);
    return AVSP_OK;
}

enum avsp_code avsp_spool_push(struct avsp_spool *spool, AVPacket *packet,
                               const struct avsp_spool_entry *facts, struct avsp_err *err)
{
    struct avsp_spool_entry entry = {
        .pts = facts->pts,
        .shown = facts->shown,
        .key = facts->key,
        .gradual = facts->gradual,
        .size_bytes = packet->size,
        .newest_before = spool->newest_pts,
        .key_before = spool->last_key,
        .bytes_before = spool->total_bytes,
    };
    enum avsp_code rc = make_room(spool, err);
    if (rc == AVSP_OK)
        rc = store(spool, packet, &entry, err);
    if (rc != AVSP_OK)
        return rc;
    *slot(spool, spool->end) = entry;
    if (entry.key)
        spool->last_key = spool->end;
    spool->end++;
    spool->total_bytes += (uint64_t)entry.size_bytes;
    if (entry.shown)
        spool->newest_pts = AVSP_MAX(spool->newest_pts, entry.pts);
    return AVSP_OK;
}

enum avsp_code avsp_spool_load(struct avsp_spool *spool, uint64_t number, AVPacket *ret_packet,
                               struct avsp_err *err)
{
    const struct avsp_spool_entry *entry = avsp_spool_at(spool, number);
    if (entry->packet != NULL) {
        ret_packet->buf = av_buffer_ref(entry->packet->buf);
        if (ret_packet->buf == NULL)
            return avsp_err_set(err, AVSP_NO_MEMORY, "no memory for a packet");
        ret_packet->data = entry->packet->data;
        ret_packet->size = entry->packet->size;
    } else {
        if (av_new_packet(ret_packet, entry->size_bytes) < 0)
            return avsp_err_set(err, AVSP_NO_MEMORY, "no memory for a packet");
        size_t len = 0;
        enum avsp_code rc =
            avsp_fd_pread_all(spool->fd, ret_packet->data, (size_t)entry->size_bytes,
                              (uint64_t)entry->file_offset, &len, err);
        if (rc == AVSP_OK && len != (size_t)entry->size_bytes)
            rc = avsp_err_set(err, AVSP_UNAVAILABLE, "a temporary file was cut off");
        if (rc != AVSP_OK)
            return rc;
    }
    ret_packet->flags = entry->key ? AV_PKT_FLAG_KEY : 0;
    return AVSP_OK;
}

/// Gives the file's space back: all of it where nothing is left in it, else what lies before the oldest packet.
static void release_file(struct avsp_spool *spool)
{
    if (spool->fd < 0)
        return;
    if (spool->n_in_file == 0) {
        if (spool->file_end > 0 && ftruncate(spool->fd, 0) == 0)
            spool->file_end = 0;
        return;
    }
    for (uint64_t i = spool->first; i < spool->end; i++) {
        if (slot(spool, i)->packet != NULL)
            continue;
        // Only saves space; a file system that cannot do it keeps more.
        (void)fallocate(spool->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
                        slot(spool, i)->file_offset);
        return;
    }
}

void avsp_spool_drop_before(struct avsp_spool *spool, uint64_t number)
{
    bool freed_file = false;
    for (; spool->first < number && spool->first < spool->end; spool->first++) {
        struct avsp_spool_entry *entry = slot(spool, spool->first);
        if (entry->packet != NULL) {
            spool->memory_bytes -= (uint64_t)entry->packet->size + PACKET_OVERHEAD_BYTES;
            av_packet_free(&entry->packet);
        } else {
            spool->n_in_file--;
            freed_file = true;
        }
    }
    if (freed_file)
        release_file(spool);
}

/// Follows the chain of keys back, from @p key on.
static uint64_t key_before(const struct avsp_spool *spool, uint64_t key)
{
    uint64_t before = slot(spool, key)->key_before;
    return before != AVSP_SPOOL_NONE && before >= spool->first ? before : AVSP_SPOOL_NONE;
}

uint64_t avsp_spool_start_for(const struct avsp_spool *spool, int64_t pts)
{
    uint64_t key = spool->last_key;
    if (key == AVSP_SPOOL_NONE || key < spool->first)
        return spool->first;
    while (key != AVSP_SPOOL_NONE) {
        const struct avsp_spool_entry *entry = slot(spool, key);
        if (entry->pts <= pts && entry->newest_before < pts)
            break;
        key = key_before(spool, key);
    }
    for (int i = 0; i < GRADUAL_STEPS && key != AVSP_SPOOL_NONE && slot(spool, key)->gradual; i++)
        key = key_before(spool, key);
    return key != AVSP_SPOOL_NONE ? key : spool->first;
}
