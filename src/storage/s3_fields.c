#include "storage/s3_fields.h"

#include "storage/s3_text.h"
#include "util/parse.h"

#include <string.h>
#include <strings.h>

#define LINE_BYTES 2048

/// The number that a text begins with. @return where it ends; NULL: there is none, or it is larger than any object.
static const char *take_size(const char *text, uint64_t *ret_bytes)
{
    uint64_t bytes = 0;
    if (*text < '0' || *text > '9')
        return NULL;
    for (; *text >= '0' && *text <= '9'; text++) {
        bytes = 10 * bytes + (uint64_t)(*text - '0');
        if (bytes > AVSP_S3_OBJECT_MAX_BYTES)
            return NULL;
    }
    *ret_bytes = bytes;
    return text;
}

/// "bytes FROM-TO/TOTAL", or "bytes */TOTAL" where none was to be had.
static bool take_range(struct avsp_s3_reply *reply, const char *value)
{
    uint64_t from, to, total;
    if (strncasecmp(value, "bytes ", 6) != 0 || value[6] == '*')
        return true;
    const char *at = take_size(value + 6, &from);
    at = at != NULL && *at == '-' ? take_size(at + 1, &to) : NULL;
    at = at != NULL && *at == '/' ? take_size(at + 1, &total) : NULL;
    if (at == NULL || *at != '\0' || from > to || to >= total)
        return false;
    reply->has_range = true;
    reply->range_from = from;
    reply->range_total = total;
    return true;
}

static bool take_field(struct avsp_s3_reply *reply, const char *name, const char *value)
{
    const struct {
        const char *name;
        char *to;
        size_t size;
    } texts[] = {
        {"etag", reply->etag, sizeof reply->etag},
        {"x-amz-request-id", reply->request_id, sizeof reply->request_id},
        {"x-amz-bucket-region", reply->region, sizeof reply->region},
        {"location", reply->location, sizeof reply->location},
    };
    for (size_t i = 0; i < AVSP_ARRAY_LEN(texts); i++)
        if (strcasecmp(name, texts[i].name) == 0) {
            snprintf(texts[i].to, texts[i].size, "%s", value);
            avsp_text_tame(texts[i].to, '?', false);
            return true;
        }
    if (strcasecmp(name, "content-length") == 0) {
        const char *end = take_size(value, &reply->length);
        return end != NULL && *end == '\0';
    }
    if (strcasecmp(name, "content-range") == 0)
        return take_range(reply, value);
    if (strcasecmp(name, "date") == 0)
        reply->date_s = avsp_s3_time(value);
    else if (strcasecmp(name, "last-modified") == 0)
        reply->modified_s = avsp_s3_time(value);
    else if (strcasecmp(name, "retry-after") == 0 &&
             !avsp_parse_i64(value, 0, INT32_MAX, &reply->retry_after_s))
        reply->retry_at_s = avsp_s3_time(value);
    return true;
}

bool avsp_s3_field(struct avsp_s3_reply *reply, const char *bytes, size_t len)
{
    char line[LINE_BYTES];
    len = AVSP_MIN(len, sizeof line - 1);
    memcpy(line, bytes, len);
    while (len > 0 && strchr("\r\n \t", line[len - 1]) != NULL)
        len--;
    line[len] = '\0';
    if (strncmp(line, "HTTP/", 5) == 0) {
        const char *status = strchr(line, ' ');
        struct avsp_buf body = reply->body;
        *reply = (struct avsp_s3_reply){.body = body};
        reply->status = status != NULL ? strtol(status, NULL, 10) : 0;
        return true;
    }
    char *colon = strchr(line, ':');
    if (colon == NULL)
        return true;
    *colon = '\0';
    return take_field(reply, line, colon + 1 + strspn(colon + 1, " \t"));
}

int64_t avsp_s3_wait_s(const struct avsp_s3_reply *reply, int64_t now_s)
{
    if (reply->retry_at_s == 0)
        return reply->retry_after_s;
    return AVSP_MAX(reply->retry_at_s - (reply->date_s != 0 ? reply->date_s : now_s), (int64_t)0);
}
