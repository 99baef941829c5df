/// Addresses of objects for others: public ones, and ones that carry a signature.
#include "storage/s3_private.h"

#include <string.h>

enum avsp_code avsp_s3_url(struct avsp_storage *store, const struct avsp_location *file,
                           int64_t seconds, struct avsp_arena *arena, const char **ret_url,
                           struct avsp_err *err)
{
    struct avsp_s3_target target;
    struct avsp_s3_endpoint endpoint;
    struct avsp_err ignored = {0};
    struct avsp_stat stat;
    const char *region = "";
    struct avsp_location at = *file;
    at.anonymous = at.anonymous || seconds == 0;
    enum avsp_code rc = avsp_s3_target(store->s3, &at, arena, &target, err);
    // A signature is of one region: where none was said, the store's answer to a request tells it.
    if (rc == AVSP_OK && seconds > 0 && target.region[0] == '\0')
        (void)!avsp_s3_backend.stat(store, file, &stat, &ignored);
    if (rc == AVSP_OK)
        rc = avsp_s3_where(store->s3, &target, file->bucket, arena, &endpoint, &region, err);
    struct avsp_buf AVSP_CLEANUP(avsp_buf_deinit) host, path;
    avsp_buf_init(&host, AVSP_PATH_MAX_BYTES);
    avsp_buf_init(&path, 4 * AVSP_PATH_MAX_BYTES);
    if (rc == AVSP_OK)
        rc = avsp_s3_endpoint_address(&endpoint, file->style, file->bucket, file->path, &host,
                                      &path, err);
    if (rc != AVSP_OK)
        return rc;
    struct avsp_s3_request request = {
        .method = "GET",
        .host = avsp_buf_text(&host),
        .path = avsp_buf_text(&path),
        .region = region,
        .service = "s3",
        .time_s = avsp_wall_now().us / 1000000,
    };
    const char *query = "";
    if (seconds > 0)
        rc = avsp_s3_presign(&request, &target.keys, seconds, arena, &query, err);
    if (rc != AVSP_OK)
        return rc;
    *ret_url = avsp_arena_printf(arena, "%s://%s%s%s%s", endpoint.tls ? "https" : "http",
                                 request.host, request.path, query[0] != '\0' ? "?" : "", query);
    return *ret_url != NULL ? AVSP_OK : avsp_arena_failed(arena, err);
}
