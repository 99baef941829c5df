#include "core/naming.h"
#include "core/playlist.h"
#include "worker/check_made.h"
#include "worker/publish.h"
#include "worker/run.h"
#include "worker/tidy.h"

#include <inttypes.h>
#include <string.h>

#define PLAYLIST_MAX_BYTES ((size_t)64 << 20)
/// An init segment has a few boxes; what comes after that many is no init segment.
#define BOXES_MAX 16

/// The length of the init segment in front of a fragmented MP4: all that comes before its first fragment. 0 for a file that
/// is none (MPEG-TS), or has no fragments. ISO/IEC 14496-12, 4.2.
static enum avsp_code init_length(struct avsp_reader *reader, uint64_t *ret_bytes,
                                  struct avsp_err *err)
{
    *ret_bytes = 0;
    uint64_t at = 0;
    for (int i = 0; i < BOXES_MAX; i++) {
        unsigned char head[16];
        size_t n = 0;
        enum avsp_code rc = avsp_reader_read(reader, at, head, sizeof head, &n, err);
        if (rc != AVSP_OK || n < sizeof head)
            return rc;
        if (i == 0 && memcmp(head + 4, "ftyp", 4) != 0)
            return AVSP_OK;
        static const char firsts[][5] = {"moof", "styp", "sidx", "emsg", "prft"};
        for (size_t k = 0; k < AVSP_ARRAY_LEN(firsts); k++)
            if (memcmp(head + 4, firsts[k], 4) == 0) {
                *ret_bytes = at;
                return AVSP_OK;
            }
        uint64_t size =
            (uint64_t)head[0] << 24 | (uint64_t)head[1] << 16 | (uint64_t)head[2] << 8 | head[3];
        if (size == 1) {
            size = 0;
            for (int k = 8; k < 16; k++)
                size = size << 8 | head[k];
        }
        if (size < 8 || size > avsp_reader_bytes(reader) - at)
            return AVSP_OK;
        at += size;
    }
    return AVSP_OK;
}

/// All files, in order.
struct listed {
    struct avsp_playlist_part *parts;
    const char **names; ///< relative to the output folder
    size_t n;
    size_t last; ///< that was asked for
};

/// The file's name relative to the output folder, borrowed from @p file. @return NULL where it is not in there.
static const char *name_of(const struct avsp_run *run, const struct avsp_location *file)
{
    const char *folder = run->task->output.path;
    size_t n = strlen(folder);
    while (n > 1 && folder[n - 1] == '/')
        n--;
    if (file->kind != run->task->output.kind || strncmp(file->path, folder, n) != 0 ||
        file->path[n] != '/')
        return NULL;
    return file->path + n + 1;
}

/// As a URI. @return NULL where memory ran out.
static const char *uri_of(struct avsp_run *run, const char *name)
{
    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~/";
    struct avsp_buf AVSP_CLEANUP(avsp_buf_deinit) buf;
    avsp_buf_init(&buf, 3 * AVSP_PATH_MAX_BYTES);
    for (const char *c = name; *c != '\0'; c++)
        if (strchr(plain, *c) != NULL)
            avsp_buf_append(&buf, c, 1);
        else
            avsp_buf_printf(&buf, "%%%02X", (unsigned char)*c);
    return buf.sticky == AVSP_OK ? avsp_arena_strdup(run->arena, avsp_buf_text(&buf)) : NULL;
}

static enum avsp_code take_report(void *opaque, const struct avsp_report *report,
                                  struct avsp_err *err)
{
    (void)err;
    struct avsp_run *run = opaque;
    if (report->kind == AVSP_REPORT_INPUT)
        run->probed_us = report->input.duration_us;
    return AVSP_OK;
}

static enum avsp_code measure(struct avsp_run *run, const struct avsp_location *file,
                              struct avsp_playlist_part *part, struct avsp_err *err)
{
    struct avsp_input AVSP_CLEANUP(avsp_input_close) input = {.serving = {.fd = -1}, .own_fd = -1};
    enum avsp_code rc = avsp_input_open(run, file, &input, err);
    if (rc == AVSP_OK)
        rc = avsp_input_fetch(run, &input, 0, err);
    if (rc == AVSP_OK)
        rc = init_length(input.reader, &part->init_bytes, err);
    if (rc != AVSP_OK)
        return rc;
    part->bytes = input.bytes;
    struct avsp_step step = {.kind = AVSP_STEP_PROBE,
                             .segment_seconds = run->task->segment_seconds,
                             .max_pending = 1,
                             .threads = 1};
    run->probed_us = 0;
    rc = avsp_run_step(run, &step, input.fd, take_report, err);
    avsp_run_release(run);
    if (rc == AVSP_OK && run->probed_us <= 0)
        return avsp_err_set(err, AVSP_CORRUPT, "%s: its duration cannot be found",
                            avsp_location_show(run->arena, file));
    part->duration_us = run->probed_us;
    return rc;
}

static enum avsp_code measure_all(struct avsp_run *run, struct listed *listed, struct avsp_err *err)
{
    for (size_t i = 0; i < listed->n; i++) {
        const struct avsp_location *file = &run->task->files[i];
        listed->names[i] = name_of(run, file);
        if (listed->names[i] == NULL)
            return avsp_err_set(err, AVSP_INVALID, "%s: not in the output folder",
                                avsp_location_show(run->arena, file));
        listed->parts[i].uri = uri_of(run, listed->names[i]);
        if (listed->parts[i].uri == NULL)
            return avsp_arena_failed(run->arena, err);
        enum avsp_code rc = measure(run, file, &listed->parts[i], err);
        if (rc != AVSP_OK)
            return rc == AVSP_CANCELED ? rc : avsp_err_wrap(err, "segment %zu", i);
    }
    return AVSP_OK;
}

/// How long the file was when it was measured. They are asked for in order, each several times.
static uint64_t bytes_made(void *opaque, const char *path)
{
    struct listed *listed = opaque;
    for (size_t i = 0; i < listed->n; i++) {
        size_t at = (listed->last + i) % listed->n;
        if (strcmp(listed->names[at], path) != 0)
            continue;
        listed->last = at;
        return listed->parts[at].bytes;
    }
    return 0;
}

enum avsp_code avsp_task_manifest_base(struct avsp_run *run, struct avsp_err *err)
{
    if (run->task->n_files == 0)
        return avsp_err_set(err, AVSP_INVALID, "there are no files to list");
    struct listed listed = {.n = run->task->n_files};
    listed.parts = avsp_arena_array(run->arena, listed.n, sizeof *listed.parts);
    listed.names = avsp_arena_array(run->arena, listed.n, sizeof *listed.names);
    run->files = avsp_arena_array(run->arena, 1, sizeof *run->files);
    if (listed.parts == NULL || listed.names == NULL || run->files == NULL)
        return avsp_arena_failed(run->arena, err);
    enum avsp_code rc = measure_all(run, &listed, err);
    if (rc != AVSP_OK)
        return rc;
    struct avsp_buf AVSP_CLEANUP(avsp_buf_deinit) buf;
    avsp_buf_init(&buf, PLAYLIST_MAX_BYTES);
    avsp_playlist_parts(listed.parts, listed.n, &buf);
    struct avsp_location output = avsp_publish_fleeting(&run->task->output);
    rc = avsp_buf_check(&buf, err);
    if (rc == AVSP_OK)
        rc = avsp_check_base(run, &buf, bytes_made, &listed, err);
    if (rc == AVSP_OK)
        rc = avsp_storage_put_bytes(run->worker->storage, buf.data, buf.len, &output,
                                    AVSP_MANIFEST_NAME, run->arena, &run->files[0], err);
    if (rc != AVSP_OK)
        return rc;
    run->n_files = 1;
    run->files_kind = AVSP_TASK_MANIFEST;
    struct avsp_remains left = {0};
    avsp_tidy_work(run, &left);
    return avsp_tidy_warn(run, &left, err);
}
