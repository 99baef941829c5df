#include "core/verify.h"

#include "core/uri.h"
#include "core/verify_private.h"

#include <inttypes.h>
#include <string.h>

#define ARENA_BYTES ((size_t)1 << 30)
#define READ_BYTES ((size_t)1 << 20)

enum avsp_code avsp_verify_unread(struct avsp_verify *v, const char *named_in, uint32_t line,
                                  const char *path, struct avsp_err *err)
{
    enum avsp_code rc = err->code;
    if (rc == AVSP_CANCELED || rc == AVSP_NO_MEMORY)
        return rc;
    if (rc == AVSP_NOT_FOUND)
        avsp_findings_add(v->found, AVSP_RULE_FILE_MISSING, named_in, line, "%s is not there",
                          path);
    else
        avsp_findings_add(v->found,
                          rc == AVSP_DENIED && err->native == 0 // no system call failed
                              ? AVSP_RULE_FILE_OUTSIDE
                              : AVSP_RULE_FILE_UNREADABLE,
                          named_in, line, "%s", err->text);
    *err = (struct avsp_err){0};
    return AVSP_OK;
}

const char *avsp_verify_resolve(struct avsp_verify *v, struct avsp_arena *arena, const char *base,
                                uint32_t line, const char *uri, struct avsp_err *err)
{
    const char *path = NULL;
    struct avsp_err why = {0};
    switch (avsp_uri_resolve(arena, base, uri, &path, &why)) {
    case AVSP_OK:
        return path;
    case AVSP_NO_MEMORY:
        *err = why;
        return NULL;
    case AVSP_UNSUPPORTED:
        avsp_findings_add(v->found, AVSP_RULE_FILE_REMOTE, base, line, "%s", why.text);
        return NULL;
    case AVSP_DENIED:
        avsp_findings_add(v->found, AVSP_RULE_FILE_OUTSIDE, base, line, "%s", why.text);
        return NULL;
    default:
        avsp_findings_add(v->found, AVSP_RULE_FILE_UNREADABLE, base, line, "%s", why.text);
        return NULL;
    }
}

static enum avsp_code append(struct avsp_verify *v, const struct avsp_verify_part *part,
                             uint64_t end, struct avsp_buf *buf, struct avsp_err *err)
{
    char *AVSP_CLEANUP(avsp_free_ptr) bytes = malloc(READ_BYTES);
    if (bytes == NULL)
        return avsp_err_set(err, AVSP_NO_MEMORY, "memory ran out");
    for (uint64_t at = part->range.offset + buf->len; at < end;) {
        size_t n = 0, want = (size_t)AVSP_MIN(end - at, (uint64_t)READ_BYTES);
        uint64_t file_bytes = 0;
        enum avsp_code rc =
            v->files.read(v->files.opaque, part->path, at, bytes, want, &n, &file_bytes, err);
        if (rc != AVSP_OK)
            return rc;
        if (n == 0)
            break; // it became shorter meanwhile
        avsp_buf_append(buf, bytes, n);
        at += n;
    }
    return avsp_buf_check(buf, err);
}

enum avsp_code avsp_verify_slurp(struct avsp_verify *v, const char *named_in, uint32_t line,
                                 const struct avsp_verify_part *part, uint64_t max_bytes,
                                 struct avsp_buf *buf, bool *ret_read, struct avsp_err *err)
{
    *ret_read = false;
    size_t n = 0;
    uint64_t file_bytes = 0;
    char first[1];
    enum avsp_code rc = v->files.read(v->files.opaque, part->path, part->range.offset, first, 1, &n,
                                      &file_bytes, err);
    if (rc != AVSP_OK)
        return avsp_verify_unread(v, named_in, line, part->path, err);
    uint64_t end = file_bytes;
    if (part->range.bytes > 0) {
        end = part->range.offset + part->range.bytes;
        if (end > file_bytes) {
            avsp_findings_add(v->found, AVSP_RULE_BYTERANGE, named_in, line,
                              "the range ends at byte %" PRIu64 " of %s, which has %" PRIu64, end,
                              part->path, file_bytes);
            return AVSP_OK;
        }
    }
    if (end > part->range.offset && end - part->range.offset > max_bytes) {
        avsp_findings_add(v->found, AVSP_RULE_FILE_TOO_LARGE, part->path, 0,
                          "%" PRIu64 " bytes; at most %" PRIu64 " are read", file_bytes, max_bytes);
        return AVSP_OK;
    }
    rc = append(v, part, end, buf, err);
    if (rc != AVSP_OK)
        return avsp_verify_unread(v, named_in, line, part->path, err);
    *ret_read = true;
    return AVSP_OK;
}

/// The rendition of a playlist; added where it is new. NULL where there is no path.
static struct avsp_verify_rendition *get_rendition(struct avsp_verify *v, const char *path)
{
    if (path == NULL)
        return NULL;
    for (size_t i = 0; i < v->n_renditions; i++)
        if (strcmp(v->renditions[i].path, path) == 0)
            return &v->renditions[i];
    struct avsp_verify_rendition *r = &v->renditions[v->n_renditions++];
    *r = (struct avsp_verify_rendition){.path = path};
    return r;
}

static void expect_kinds(const struct avsp_hls_playlist *p,
                         struct avsp_verify_rendition *const *of_variants,
                         struct avsp_verify_rendition *const *of_media)
{
    for (size_t i = 0; i < p->n_variants; i++)
        if (of_variants[i] != NULL && p->variants[i].width_px > 0)
            of_variants[i]->expected = AVSP_MEDIA_VIDEO;
    for (size_t i = 0; i < p->n_media; i++)
        if (of_media[i] != NULL && of_media[i]->expected == 0 &&
            strcmp(p->media[i].type, "AUDIO") == 0)
            of_media[i]->expected = AVSP_MEDIA_AUDIO;
}

static enum avsp_code check_multivariant(struct avsp_verify *v, const char *path,
                                         const struct avsp_hls_playlist *p, struct avsp_err *err)
{
    struct avsp_verify_rendition **of_variants =
        avsp_arena_array(&v->arena, p->n_variants, sizeof *of_variants);
    struct avsp_verify_rendition **of_media =
        avsp_arena_array(&v->arena, p->n_media, sizeof *of_media);
    if (of_variants == NULL || of_media == NULL)
        return avsp_arena_failed(&v->arena, err);
    for (size_t i = 0; i < p->n_variants; i++)
        if (p->variants[i].uri[0] != '\0')
            of_variants[i] =
                get_rendition(v, avsp_verify_resolve(v, &v->arena, path, p->variants[i].line,
                                                     p->variants[i].uri, err));
    for (size_t i = 0; i < p->n_media; i++)
        if (p->media[i].uri[0] != '\0') {
            of_media[i] = get_rendition(
                v, avsp_verify_resolve(v, &v->arena, path, p->media[i].line, p->media[i].uri, err));
            if (of_media[i] != NULL)
                of_media[i]->is_subtitles = strcmp(p->media[i].type, "SUBTITLES") == 0;
        }
    enum avsp_code rc = err->code;
    if (rc == AVSP_OK)
        rc = avsp_verify_dash_read(v, path, err);
    expect_kinds(p, of_variants, of_media);
    for (size_t i = 0; i < v->n_renditions; i++)
        v->renditions[i].independent = p->independent;
    for (size_t i = 0; rc == AVSP_OK && i < v->n_renditions; i++)
        rc = avsp_verify_rendition_run(v, &v->renditions[i], err);
    if (rc != AVSP_OK)
        return rc;
    avsp_verify_variants(v, path, p, of_variants, of_media);
    avsp_verify_dash(v, p, of_variants, of_media);
    return AVSP_OK;
}

enum avsp_code avsp_verify_run(struct avsp_verify *v, const char *path, struct avsp_err *err)
{
    avsp_arena_init(&v->arena, ARENA_BYTES);
    struct avsp_buf AVSP_CLEANUP(avsp_buf_deinit) text;
    avsp_buf_init(&text, AVSP_HLS_PLAYLIST_MAX_BYTES);
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    avsp_arena_init(&arena, ARENA_BYTES);
    struct avsp_verify_part part = {.path = path};
    struct avsp_hls_playlist playlist;
    // What one playlist says of its media is said when that is checked: here it is only asked what it is.
    struct avsp_findings AVSP_CLEANUP(avsp_findings_deinit) unsaid;
    avsp_findings_init(&unsaid);
    bool is_read = false;
    enum avsp_code rc =
        avsp_verify_slurp(v, path, 0, &part, AVSP_HLS_PLAYLIST_MAX_BYTES, &text, &is_read, err);
    if (rc == AVSP_OK && is_read)
        rc = avsp_hls_parse(&arena, text.data, text.len, path, &unsaid, &playlist, err);
    if (rc != AVSP_OK || !is_read)
        return rc;
    size_t n_max = 1 + playlist.n_variants + playlist.n_media;
    v->renditions = avsp_arena_array(&v->arena, n_max, sizeof *v->renditions);
    if (v->renditions == NULL)
        return avsp_arena_failed(&v->arena, err);
    if (!playlist.is_multivariant) {
        avsp_buf_deinit(&text);
        avsp_arena_clear(&arena);
        return avsp_verify_rendition_run(v, get_rendition(v, path), err);
    }
    rc = avsp_hls_parse(&arena, text.data, text.len, path, v->found, &playlist, err);
    return rc == AVSP_OK ? check_multivariant(v, path, &playlist, err) : rc;
}

void avsp_verify_deinit(struct avsp_verify *v)
{
    avsp_arena_deinit(&v->arena);
    v->renditions = NULL;
    v->n_renditions = 0;
}
