/// HLS playlists (core/hls.h), and the paths that their URIs stand for (core/uri.h).
#include "core/hls.h"
#include "core/uri.h"
#include "fuzz.h"

static void check_uri(struct avsp_arena *arena, const char *uri)
{
    const char *path = NULL;
    struct avsp_err err = {0};
    if (uri != NULL && avsp_uri_resolve(arena, "v0/p.m3u8", uri, &path, &err) == AVSP_OK)
        AVSP_ASSERT(path[0] != '/' && strncmp(path, "../", 3) != 0 && strstr(path, "/../") == NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *AVSP_CLEANUP(avsp_free_ptr) bytes = fuzz_bytes(data, size);
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    struct avsp_findings AVSP_CLEANUP(avsp_findings_deinit) found;
    avsp_arena_init(&arena, 64 << 20);
    avsp_findings_init(&found);
    struct avsp_hls_playlist p;
    struct avsp_err err = {0};
    enum avsp_code rc = avsp_hls_parse(&arena, bytes, size, "p.m3u8", &found, &p, &err);
    AVSP_ASSERT(rc == AVSP_OK);
    for (size_t i = 0; i < p.n_segments; i++) {
        AVSP_ASSERT(p.segments[i].map <= p.n_maps && p.segments[i].duration_us >= 0);
        check_uri(&arena, p.segments[i].uri);
    }
    for (size_t i = 0; i < p.n_variants; i++)
        check_uri(&arena, p.variants[i].uri);
    for (size_t i = 0; i < p.n_media; i++)
        check_uri(&arena, p.media[i].uri);
    return 0;
}
