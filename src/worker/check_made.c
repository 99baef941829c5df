#include "worker/check_made.h"

#include "core/naming.h"
#include "core/verify.h"

#include <inttypes.h>
#include <string.h>

#define NAMES_BYTES ((size_t)64 << 10)

/// The files of the presentation, as the check reads them.
struct made {
    struct avsp_run *run;
    const struct avsp_buf *manifest;
    const struct avsp_buf *mpd; ///< empty = none is made
    avsp_bytes_made_fn *bytes_made;
    void *opaque;
    // The file that was read last; path "" = none.
    struct avsp_arena names;
    const char *path;
    struct avsp_reader *reader;
    struct avsp_err why; ///< what ended the check
};

static void forget(struct made *made)
{
    if (made->reader != NULL)
        avsp_reader_close(made->reader);
    made->reader = NULL;
    made->path = "";
    avsp_arena_clear(&made->names);
}

static void made_deinit(struct made *made)
{
    forget(made);
    avsp_arena_deinit(&made->names);
}

static enum avsp_code open_file(struct made *made, const char *path, struct avsp_err *err)
{
    struct avsp_location file;
    forget(made);
    enum avsp_code rc =
        avsp_location_join(&made->names, &made->run->task->output, path, &file, err);
    if (rc != AVSP_OK)
        return rc;
    const char *copy = avsp_arena_strdup(&made->names, path);
    if (copy == NULL)
        return avsp_arena_failed(&made->names, err);
    made->reader = avsp_storage_open(made->run->worker->storage, &file, err);
    if (made->reader == NULL) {
        // As with pieces: a shared file system may show it late.
        if (err->code == AVSP_NOT_FOUND)
            err->code = AVSP_UNAVAILABLE;
        return err->code;
    }
    uint64_t bytes = avsp_reader_bytes(made->reader);
    uint64_t wanted = made->bytes_made(made->opaque, path);
    if (wanted != 0 && bytes != wanted)
        return avsp_err_set(err, AVSP_CORRUPT, "%s: %" PRIu64 " bytes, but %" PRIu64 " were made",
                            avsp_location_show(&made->names, &file), bytes, wanted);
    made->path = copy;
    return AVSP_OK;
}

static enum avsp_code read_stored(struct made *made, const char *path, uint64_t offset,
                                  void *ret_bytes, size_t len, size_t *ret_len,
                                  uint64_t *ret_file_bytes, struct avsp_err *err)
{
    if (avsp_run_should_stop(made->run))
        return avsp_run_stopped(made->run, err);
    if (strcmp(made->path, path) != 0) {
        enum avsp_code rc = open_file(made, path, err);
        if (rc != AVSP_OK)
            return rc;
    }
    *ret_file_bytes = avsp_reader_bytes(made->reader);
    return avsp_reader_read(made->reader, offset, ret_bytes, len, ret_len, err);
}

/// As struct avsp_verify_files has it. A file that cannot be read ends the check: it is no fault of the presentation, and
/// another attempt may find it.
static enum avsp_code read_made(void *opaque, const char *path, uint64_t offset, void *ret_bytes,
                                size_t len, size_t *ret_len, uint64_t *ret_file_bytes,
                                struct avsp_err *err)
{
    struct made *made = opaque;
    bool is_mpd = strcmp(path, AVSP_MPD_NAME) == 0;
    if (is_mpd && made->mpd->len == 0) // one that is there is not of this presentation
        return avsp_err_set(err, AVSP_NOT_FOUND, "no MPD is made");
    if (is_mpd || strcmp(path, AVSP_MANIFEST_NAME) == 0) {
        const struct avsp_buf *text = is_mpd ? made->mpd : made->manifest;
        size_t at = (size_t)AVSP_MIN(offset, (uint64_t)text->len);
        *ret_file_bytes = text->len;
        *ret_len = AVSP_MIN(len, text->len - at);
        memcpy(ret_bytes, avsp_buf_text(text) + at, *ret_len);
        return AVSP_OK;
    }
    if (read_stored(made, path, offset, ret_bytes, len, ret_len, ret_file_bytes, &made->why) ==
        AVSP_OK)
        return AVSP_OK;
    return avsp_err_set(err, AVSP_CANCELED, "%s", made->why.text);
}

/// Runs the check. @return as avsp_check_made where a file cannot be read or has another length; OK: see @p found.
static enum avsp_code look(struct made *made, struct avsp_findings *found, struct avsp_err *err)
{
    made->path = "";
    avsp_arena_init(&made->names, NAMES_BYTES);
    struct avsp_verify AVSP_CLEANUP(avsp_verify_deinit)
        v = {.files = {made, read_made}, .found = found};
    enum avsp_code rc = avsp_verify_run(&v, AVSP_MANIFEST_NAME, err);
    if (made->why.code != AVSP_OK) {
        *err = made->why;
        return err->code;
    }
    return rc;
}

enum avsp_code avsp_check_made(struct avsp_run *run, const struct avsp_buf *manifest,
                               const struct avsp_buf *mpd, avsp_bytes_made_fn *bytes_made,
                               void *opaque, struct avsp_err *err)
{
    struct made AVSP_CLEANUP(made_deinit) made = {
        .run = run, .manifest = manifest, .mpd = mpd, .bytes_made = bytes_made, .opaque = opaque};
    struct avsp_findings AVSP_CLEANUP(avsp_findings_deinit) found;
    avsp_findings_init(&found);
    enum avsp_code rc = look(&made, &found, err);
    if (rc == AVSP_OK)
        rc = avsp_findings_check(&found, err);
    return rc == AVSP_CORRUPT ? avsp_err_wrap(err, "the presentation that was made is not sound")
                              : rc;
}

enum avsp_code avsp_check_base(struct avsp_run *run, const struct avsp_buf *playlist,
                               avsp_bytes_made_fn *bytes_made, void *opaque, struct avsp_err *err)
{
    const struct avsp_buf none = {0};
    struct made AVSP_CLEANUP(made_deinit) made = {
        .run = run, .manifest = playlist, .mpd = &none, .bytes_made = bytes_made, .opaque = opaque};
    struct avsp_findings AVSP_CLEANUP(avsp_findings_deinit) found;
    avsp_findings_init(&found);
    enum avsp_code rc = look(&made, &found, err);
    if (rc != AVSP_OK)
        return rc;
    struct avsp_err first = {0};
    rc = avsp_findings_check(&found, &first);
    if (rc == AVSP_OK)
        return AVSP_OK;
    if (rc != AVSP_CORRUPT) {
        *err = first;
        return rc;
    }
    const char *text = avsp_arena_printf(run->arena,
                                         "the presentation is not sound, in %" PRIu64
                                         " places: avspl1t verify tells them all; the first: %s",
                                         found.n_errors, first.text);
    return text != NULL ? avsp_run_warn(run, text, err) : avsp_arena_failed(run->arena, err);
}
