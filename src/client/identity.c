#include "client/identity.h"

#include "core/choice.h"
#include "core/picture_options.h"
#include "core/record.h"
#include "core/sound_options.h"
#include "core/time_range.h"
#include "storage/sha256.h"
#include "util/fd.h"
#include "util/parse.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_NAME "identity"
#define NEW_NAME "identity.new"
#define VERB "encode"
#define FORMAT 1
/// Of the beginning and of the end of the input. Beside size and time of change it only has to tell apart what was put
/// there with these on purpose, or by a copy that keeps them.
#define HASHED_BYTES ((size_t)64 << 10)
#define SIDECARS_MAX_BYTES ((size_t)256 << 10) ///< of what is said of files of subtitles

/// A path as text: what is not UTF-8 becomes \xNN.
static const char *plain(struct avsp_arena *arena, const char *path)
{
    if (avsp_utf8_is_valid(path))
        return path;
    size_t len = strlen(path);
    char *text = avsp_arena_array(arena, len + 1, 4);
    char *to = text;
    for (size_t i = 0; text != NULL && i < len; i++)
        to += (unsigned char)path[i] < 0x80 ? snprintf(to, 2, "%c", path[i])
                                            : snprintf(to, 5, "\\x%02X", (unsigned char)path[i]);
    return text;
}

static enum avsp_code hash_input(int fd, uint64_t bytes, char ret_hash[AVSP_SHA256_HEX_BYTES],
                                 struct avsp_err *err)
{
    char *AVSP_CLEANUP(avsp_free_ptr) both = malloc(2 * HASHED_BYTES);
    if (both == NULL)
        return avsp_err_set(err, AVSP_NO_MEMORY, "memory ran out");
    size_t n_head = 0;
    size_t n_tail = 0;
    enum avsp_code rc = avsp_fd_pread_all(fd, both, HASHED_BYTES, 0, &n_head, err);
    if (rc == AVSP_OK && bytes > HASHED_BYTES)
        rc = avsp_fd_pread_all(fd, both + n_head, HASHED_BYTES, bytes - HASHED_BYTES, &n_tail, err);
    return rc == AVSP_OK ? avsp_sha256_hex(both, n_head + n_tail, ret_hash, err) : rc;
}

/// The same of an object in S3.
static enum avsp_code look_at_stored(struct avsp_storage *store, const struct avsp_location *input,
                                     struct avsp_arena *arena, struct avsp_identity *identity,
                                     struct avsp_err *err)
{
    struct avsp_stat st = {0};
    char hash[AVSP_SHA256_HEX_BYTES];
    char *AVSP_CLEANUP(avsp_free_ptr) both = malloc(2 * HASHED_BYTES);
    if (both == NULL)
        return avsp_err_set(err, AVSP_NO_MEMORY, "memory ran out");
    struct avsp_reader *reader = avsp_storage_open(store, input, err);
    if (reader == NULL)
        return err->code;
    size_t n_head = 0, n_tail = 0;
    uint64_t bytes = avsp_reader_bytes(reader);
    enum avsp_code rc = avsp_reader_read(reader, 0, both, HASHED_BYTES, &n_head, err);
    if (rc == AVSP_OK && bytes > HASHED_BYTES)
        rc = avsp_reader_read(reader, bytes - HASHED_BYTES, both + n_head, HASHED_BYTES, &n_tail,
                              err);
    avsp_reader_close(reader);
    if (rc == AVSP_OK)
        rc = avsp_storage_stat(store, input, &st, err);
    if (rc == AVSP_OK)
        rc = avsp_sha256_hex(both, n_head + n_tail, hash, err);
    if (rc != AVSP_OK)
        return rc;
    identity->input = avsp_location_show(arena, input);
    identity->input_bytes = bytes;
    identity->input_modified_ns = st.modified_us * 1000;
    identity->input_hash = avsp_arena_strdup(arena, hash);
    return identity->input_hash != NULL ? AVSP_OK : avsp_arena_failed(arena, err);
}

static enum avsp_code look_at_input(const char *path, struct avsp_arena *arena,
                                    struct avsp_identity *identity, struct avsp_err *err)
{
    int AVSP_CLEANUP(avsp_fd_cleanup) fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) != 0)
        return avsp_err_set_errno(err, errno, "%s", path);
    char hash[AVSP_SHA256_HEX_BYTES];
    if (hash_input(fd, (uint64_t)st.st_size, hash, err) != AVSP_OK)
        return avsp_err_wrap(err, "%s", path);
    identity->input = plain(arena, path);
    identity->input_bytes = (uint64_t)st.st_size;
    identity->input_modified_ns =
        (int64_t)st.st_mtim.tv_sec * 1000000000 + (int64_t)st.st_mtim.tv_nsec;
    identity->input_hash = avsp_arena_strdup(arena, hash);
    return identity->input != NULL && identity->input_hash != NULL ? AVSP_OK
                                                                   : avsp_arena_failed(arena, err);
}

static enum avsp_code look_at(const struct avsp_location *file, struct avsp_storage *store,
                              struct avsp_arena *arena, struct avsp_identity *identity,
                              struct avsp_err *err)
{
    return file->kind == AVSP_LOCATION_S3 ? look_at_stored(store, file, arena, identity, err)
                                          : look_at_input(file->path, arena, identity, err);
}

enum avsp_code avsp_identity_is_copy(struct avsp_storage *store, const struct avsp_location *file,
                                     const char *path, struct avsp_arena *arena, bool *ret_is_copy,
                                     struct avsp_err *err)
{
    struct avsp_identity here = {0};
    struct avsp_identity there = {0};
    enum avsp_code rc = look_at_input(path, arena, &here, err);
    if (rc == AVSP_OK)
        rc = look_at_stored(store, file, arena, &there, err);
    if (rc != AVSP_OK)
        return rc;
    // Stores tell whole seconds.
    *ret_is_copy = here.input_bytes == there.input_bytes &&
                   strcmp(here.input_hash, there.input_hash) == 0 &&
                   here.input_modified_ns / 1000000000 <= there.input_modified_ns / 1000000000;
    return AVSP_OK;
}

/// Files of subtitles, by the same marks as the input, with their languages and names.
static enum avsp_code look_at_sidecars(const struct avsp_job_spec *spec, struct avsp_storage *store,
                                       struct avsp_arena *arena, struct avsp_identity *identity,
                                       struct avsp_err *err)
{
    struct avsp_buf AVSP_CLEANUP(avsp_buf_deinit) buf;
    char hash[AVSP_SHA256_HEX_BYTES];
    avsp_buf_init(&buf, SIDECARS_MAX_BYTES);
    identity->sidecars = "";
    for (size_t i = 0; i < spec->n_sidecars; i++) {
        const struct avsp_sidecar *sidecar = &spec->sidecars[i];
        struct avsp_identity one = {0};
        enum avsp_code rc = look_at(&sidecar->file, store, arena, &one, err);
        if (rc != AVSP_OK)
            return avsp_err_wrap(err, "--subtitle");
        avsp_buf_printf(&buf, "%s\n%" PRIu64 "\n%" PRId64 "\n%s\n%s\n%s\n", one.input,
                        one.input_bytes, one.input_modified_ns, one.input_hash, sidecar->language,
                        sidecar->title);
    }
    if (spec->n_sidecars == 0)
        return AVSP_OK;
    enum avsp_code rc = avsp_buf_check(&buf, err);
    if (rc == AVSP_OK)
        rc = avsp_sha256_hex(buf.data, buf.len, hash, err);
    if (rc != AVSP_OK)
        return rc;
    identity->sidecars = avsp_arena_strdup(arena, hash);
    return identity->sidecars != NULL ? AVSP_OK : avsp_arena_failed(arena, err);
}

enum avsp_code avsp_identity_of(const struct avsp_job_spec *spec, struct avsp_storage *store,
                                const char *libraries, struct avsp_arena *arena,
                                struct avsp_identity *ret_identity, struct avsp_err *err)
{
    char host[HOST_NAME_MAX + 1] = "";
    char key[AVSP_ID_BYTES];
    char picture[AVSP_PICTURE_TEXT_BYTES];
    avsp_picture_options_write(&spec->picture, picture);
    char sound[AVSP_SOUND_TEXT_BYTES];
    avsp_sound_options_write(&spec->sound, sound);
    (void)gethostname(host, sizeof host - 1);
    avsp_id_new(key);
    *ret_identity = (struct avsp_identity){
        .output = plain(arena, avsp_location_show(arena, &spec->output)),
        .work = plain(arena, spec->work.path),
        .segment_seconds = spec->segment_seconds,
        .crf = spec->crf,
        .preset = spec->preset,
        .picture = avsp_arena_strdup(arena, picture),
        .sound = avsp_arena_strdup(arena, sound),
        .choice = spec->choice,
        .overwrite = spec->overwrite,
        .dash = spec->dash,
        // Where OUTPUT is a local folder it does nothing.
        .cache_control = spec->output.kind == AVSP_LOCATION_S3 ? spec->output.cache_control : "",
        .libraries = avsp_arena_strdup(arena, libraries),
        .version = AVSP_VERSION,
        .key = avsp_arena_strdup(arena, key),
        .host = avsp_arena_strdup(arena, host),
        .state = "",
        .manifest = "",
    };
    if (ret_identity->output == NULL || ret_identity->work == NULL ||
        ret_identity->libraries == NULL || ret_identity->key == NULL ||
        ret_identity->host == NULL || ret_identity->picture == NULL || ret_identity->sound == NULL)
        return avsp_arena_failed(arena, err);
    enum avsp_code rc = look_at(&spec->input, store, arena, ret_identity, err);
    return rc == AVSP_OK ? look_at_sidecars(spec, store, arena, ret_identity, err) : rc;
}

static void put(struct avsp_buf *buf, const struct avsp_identity *identity)
{
    avsp_record_begin(buf, VERB);
    avsp_record_put_i64(buf, "format", FORMAT);
    avsp_record_put_str(buf, "version", identity->version);
    avsp_record_put_str(buf, "input", identity->input);
    avsp_record_put_i64(buf, "input_bytes", (int64_t)identity->input_bytes);
    avsp_record_put_i64(buf, "input_modified_ns", identity->input_modified_ns);
    avsp_record_put_str(buf, "input_hash", identity->input_hash);
    avsp_record_put_str(buf, "output", identity->output);
    avsp_record_put_str(buf, "work", identity->work);
    avsp_record_put_i64(buf, "segment_seconds", identity->segment_seconds);
    avsp_record_put_i64(buf, "crf", identity->crf);
    avsp_record_put_i64(buf, "preset", identity->preset);
    avsp_record_put_str(buf, "picture", identity->picture);
    avsp_record_put_str(buf, "sound", identity->sound);
    avsp_choice_put(buf, &identity->choice);
    avsp_record_put_str(buf, "sidecars", identity->sidecars);
    avsp_record_put_i64(buf, "overwrite", identity->overwrite);
    avsp_record_put_i64(buf, "dash", identity->dash);
    avsp_record_put_str(buf, "cache_control", identity->cache_control);
    avsp_record_put_str(buf, "libraries", identity->libraries);
    avsp_record_put_str(buf, "key", identity->key);
    avsp_record_put_str(buf, "host", identity->host);
    avsp_record_put_str(buf, "state", identity->state);
    avsp_record_put_str(buf, "manifest", identity->manifest);
    avsp_record_put_i64(buf, "made", (int64_t)identity->made_len);
    avsp_record_end(buf);
}

enum avsp_code avsp_identity_write(const struct avsp_identity *identity, int folder,
                                   struct avsp_err *err)
{
    struct avsp_buf AVSP_CLEANUP(avsp_buf_deinit) line;
    avsp_buf_init(&line, AVSP_RECORD_MAX_BYTES);
    put(&line, identity);
    enum avsp_code rc = avsp_buf_check(&line, err);
    if (rc != AVSP_OK)
        return rc;
    int AVSP_CLEANUP(avsp_fd_cleanup) fd =
        openat(folder, NEW_NAME, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return avsp_err_set_errno(err, errno, "make %s", FILE_NAME);
    if (avsp_fd_write_all(fd, line.data, line.len, err) != AVSP_OK)
        return avsp_err_wrap(err, "write %s", FILE_NAME);
    if (fsync(fd) != 0 || renameat(folder, NEW_NAME, folder, FILE_NAME) != 0 || fsync(folder) != 0)
        return avsp_err_set_errno(err, errno, "store %s", FILE_NAME);
    return AVSP_OK;
}

static enum avsp_code take(const char *line, struct avsp_arena *arena,
                           struct avsp_identity *ret_identity, struct avsp_err *err)
{
    struct avsp_record rec;
    enum avsp_code rc = avsp_record_parse(arena, line, &rec, err);
    if (rc != AVSP_OK)
        return rc;
    if (strcmp(rec.verb, VERB) != 0)
        return avsp_err_set(err, AVSP_INVALID, "it is no description of an encode");
    (void)avsp_record_i64(&rec, "format", FORMAT, FORMAT);
    *ret_identity = (struct avsp_identity){
        .version = avsp_record_str(&rec, "version"),
        .input = avsp_record_str(&rec, "input"),
        .input_bytes = (uint64_t)avsp_record_i64(&rec, "input_bytes", 0, INT64_MAX),
        .input_modified_ns = avsp_record_i64(&rec, "input_modified_ns", INT64_MIN, INT64_MAX),
        .input_hash = avsp_record_str(&rec, "input_hash"),
        .output = avsp_record_str(&rec, "output"),
        .work = avsp_record_str(&rec, "work"),
        .segment_seconds =
            (int32_t)avsp_record_i64(&rec, "segment_seconds", 1, AVSP_SEGMENT_SECONDS_MAX),
        .crf = (int32_t)avsp_record_i64(&rec, "crf", 1, AVSP_CRF_MAX),
        .preset = (int32_t)avsp_record_i64(&rec, "preset", 1, AVSP_PRESET_MAX),
        .picture = avsp_record_str(&rec, "picture"),
        .sound = avsp_record_str(&rec, "sound"),
        .choice = avsp_choice_take(&rec),
        .sidecars = avsp_record_str_or(&rec, "sidecars", ""),
        .overwrite = avsp_record_i64(&rec, "overwrite", 0, 1) != 0,
        .dash = avsp_record_i64(&rec, "dash", 0, 1) != 0,
        .cache_control = avsp_record_str_or(&rec, "cache_control", ""),
        .libraries = avsp_record_str(&rec, "libraries"),
        .key = avsp_record_str(&rec, "key"),
        .host = avsp_record_str(&rec, "host"),
        .state = avsp_record_str(&rec, "state"),
        .manifest = avsp_record_str(&rec, "manifest"),
        .made_len = (size_t)avsp_record_i64(&rec, "made", 0, AVSP_PATH_MAX_BYTES),
    };
    rc = avsp_record_check(&rec, err);
    // It is part of a folder's name.
    if (rc == AVSP_OK && !avsp_id_is_valid(ret_identity->key))
        rc = avsp_err_set(err, AVSP_INVALID, "its key is none");
    return rc;
}

enum avsp_code avsp_identity_read(int folder, struct avsp_arena *arena,
                                  struct avsp_identity *ret_identity, struct avsp_err *err)
{
    int AVSP_CLEANUP(avsp_fd_cleanup) fd =
        openat(folder, FILE_NAME, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return avsp_err_set_errno(err, errno, "%s", FILE_NAME);
    char *line = avsp_arena_alloc(arena, AVSP_RECORD_MAX_BYTES + 2);
    size_t len = 0;
    if (line == NULL)
        return avsp_arena_failed(arena, err);
    if (avsp_fd_pread_all(fd, line, AVSP_RECORD_MAX_BYTES + 1, 0, &len, err) != AVSP_OK)
        return avsp_err_wrap(err, "%s", FILE_NAME);
    if (take(line, arena, ret_identity, err) == AVSP_OK)
        return AVSP_OK;
    if (err->code == AVSP_INVALID)
        err->code = AVSP_CORRUPT;
    return avsp_err_wrap(err, "%s", FILE_NAME);
}

void avsp_identity_remove(int folder)
{
    unlinkat(folder, FILE_NAME, 0);
    unlinkat(folder, NEW_NAME, 0);
    (void)!fsync(folder);
}

static bool same_content(const struct avsp_identity *a, const struct avsp_identity *b)
{
    return a->input_bytes == b->input_bytes && a->input_modified_ns == b->input_modified_ns &&
           strcmp(a->input_hash, b->input_hash) == 0;
}

/// "--crf 30, not 20"; NULL where memory ran out.
static const char *number_differs(struct avsp_arena *arena, const char *option, int32_t kept,
                                  int32_t asked)
{
    return avsp_arena_printf(arena, "was begun with --%s %" PRId32 ", not %" PRId32, option, kept,
                             asked);
}

static const char *part_differs(struct avsp_arena *arena, const struct avsp_time_range *kept)
{
    char start[AVSP_TIME_TEXT_BYTES];
    char end[AVSP_TIME_TEXT_BYTES];
    if (avsp_time_range_is_all(kept))
        return "was begun without --start and --end";
    return avsp_arena_printf(arena, "was begun with another part (--start %s%s%s)",
                             avsp_time_write(kept->start_us, start),
                             kept->end_us > 0 ? " --end " : "",
                             kept->end_us > 0 ? avsp_time_write(kept->end_us, end) : "");
}

const char *avsp_identity_difference(const struct avsp_identity *kept,
                                     const struct avsp_identity *asked, struct avsp_arena *arena)
{
    const char *text = "";
    if (strcmp(kept->input, asked->input) != 0)
        text = avsp_arena_printf(arena, "is of %.300s", kept->input);
    else if (!same_content(kept, asked))
        text = avsp_arena_printf(arena, "is of %.300s as it was before it changed", kept->input);
    else if (kept->segment_seconds != asked->segment_seconds)
        text =
            number_differs(arena, "segment-seconds", kept->segment_seconds, asked->segment_seconds);
    else if (kept->crf != asked->crf)
        text = number_differs(arena, "crf", kept->crf, asked->crf);
    else if (kept->preset != asked->preset)
        text = number_differs(arena, "preset", kept->preset, asked->preset);
    else if (strcmp(kept->picture, asked->picture) != 0)
        text = kept->picture[0] == '\0'
                   ? "was begun without options for the picture"
                   : avsp_arena_printf(arena, "was begun with other options for the picture (%s)",
                                       kept->picture);
    else if (strcmp(kept->sound, asked->sound) != 0)
        text = kept->sound[0] == '\0'
                   ? "was begun without options for the sound"
                   : avsp_arena_printf(arena, "was begun with other options for the sound (%s)",
                                       kept->sound);
    else if (!avsp_time_range_equal(&kept->choice.range, &asked->choice.range))
        text = part_differs(arena, &kept->choice.range);
    else if (!avsp_choice_equal(&kept->choice, &asked->choice))
        text = "was begun with other tracks (--video-track, --audio-tracks, --subtitle-tracks)";
    else if (strcmp(kept->sidecars, asked->sidecars) != 0)
        text = "was begun with other subtitles (--subtitle), or before these changed";
    else if (strcmp(kept->work, asked->work) != 0)
        text = kept->work[0] == '\0'
                   ? "was begun without --work"
                   : avsp_arena_printf(arena, "was begun with --work %.300s", kept->work);
    else if (kept->dash != asked->dash)
        text = kept->dash ? "was begun with --dash" : "was begun without --dash";
    else if (strcmp(kept->cache_control, asked->cache_control) != 0)
        text = kept->cache_control[0] == '\0'
                   ? "was begun without --cache-control"
                   : avsp_arena_printf(arena, "was begun with --cache-control \"%.200s\"",
                                       kept->cache_control);
    else if (kept->overwrite != asked->overwrite)
        text = kept->overwrite ? "was begun with --overwrite" : "was begun without --overwrite";
    else if (strcmp(kept->output, asked->output) != 0)
        text = avsp_arena_printf(arena, "was begun under the path %.300s", kept->output);
    else if (strcmp(kept->libraries, asked->libraries) != 0)
        text = avsp_arena_printf(arena,
                                 "was begun with other libraries, whose segments may not fit to "
                                 "those made now (%.200s)",
                                 kept->libraries);
    return text != NULL ? text : "differs";
}
