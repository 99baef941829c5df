/// What S3 stores, credential services and the files of Amazon's tools say (storage/s3_text.h, s3_fields.h, s3_ini.h), and endpoints as people
/// and jobs name them (s3_endpoint.h). Input: any text.
#include "fuzz.h"
#include "storage/s3_endpoint.h"
#include "storage/s3_fields.h"
#include "storage/s3_ini.h"
#include "storage/s3_private.h"
#include "storage/s3_text.h"

#include <string.h>

static void check_answer(struct avsp_arena *arena, const char *text, size_t size)
{
    struct avsp_s3_span at = {text, size}, entry;
    static const char *const names[] = {"Key",      "Size", "LastModified",
                                        "UploadId", "Code", "Region"};
    for (size_t i = 0; i < AVSP_ARRAY_LEN(names); i++) {
        const char *value = avsp_s3_xml_text(arena, at, names[i]);
        AVSP_ASSERT(value != NULL && strlen(value) <= size);
        value = avsp_s3_json_text(arena, at, names[i]);
        AVSP_ASSERT(value != NULL && strlen(value) <= size);
    }
    const char *key = avsp_s3_listed_key(arena, at, "Key", avsp_s3_is_form(arena, at));
    AVSP_ASSERT(key != NULL && strlen(key) <= size);
    for (unsigned i = 0; i < 100 && (entry = avsp_s3_xml_next(&at, "Contents")).text != NULL; i++)
        AVSP_ASSERT(entry.text >= text && entry.text + entry.len <= text + size);
}

/// As libcurl hands them over, a line at a time.
static void check_fields(const char *text)
{
    struct avsp_s3_reply reply = {0};
    for (size_t n; *text != '\0'; text += n) {
        n = strcspn(text, "\n");
        n += text[n] == '\n';
        (void)!avsp_s3_field(&reply, text, n);
        AVSP_ASSERT(!reply.has_range || reply.range_from < reply.range_total);
        AVSP_ASSERT(reply.length <= AVSP_S3_OBJECT_MAX_BYTES &&
                    reply.range_total <= AVSP_S3_OBJECT_MAX_BYTES);
        AVSP_ASSERT(strpbrk(reply.etag, "\r\n") == NULL && avsp_s3_wait_s(&reply, 0) >= 0);
    }
}

/// A region stays one label of Amazon's host.
static void check_region(const char *text)
{
    struct avsp_s3_endpoint endpoint;
    if (text[0] == '\0' || !avsp_s3_region_is_valid(text))
        return;
    avsp_s3_endpoint_amazon(text, &endpoint);
    AVSP_ASSERT(strncmp(endpoint.host, "s3.", 3) == 0 &&
                strncmp(strchr(endpoint.host + 3, '.'), ".amazonaws.com", 14) == 0);
}

static void check_endpoint(const char *text)
{
    struct avsp_s3_endpoint endpoint, again;
    struct avsp_s3_allowed allowed;
    struct avsp_err err = {0};
    struct avsp_buf AVSP_CLEANUP(avsp_buf_deinit) shown, host, path;
    avsp_buf_init(&shown, 4096);
    avsp_buf_init(&host, 4096);
    avsp_buf_init(&path, 1 << 20);
    if (avsp_s3_allowed_parse(text, &allowed, &err) == AVSP_OK)
        AVSP_ASSERT(avsp_s3_allowed_covers(&allowed, &allowed.endpoint, allowed.bucket));
    if (avsp_s3_endpoint_parse(text, &endpoint, &err) != AVSP_OK)
        return;
    // What is shown means the same.
    avsp_s3_endpoint_show(&endpoint, &shown);
    AVSP_ASSERT(avsp_s3_endpoint_parse(avsp_buf_text(&shown), &again, &err) == AVSP_OK);
    AVSP_ASSERT(avsp_s3_endpoint_equal(&endpoint, &again));
    if (avsp_s3_endpoint_address(&endpoint, AVSP_S3_STYLE_AUTO, text, text, &host, &path, &err) ==
        AVSP_OK)
        AVSP_ASSERT(strpbrk(avsp_buf_text(&path), " ?#\r\n") == NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    avsp_arena_init(&arena, 16 << 20);
    char *AVSP_CLEANUP(avsp_free_ptr) text = malloc(size + 1);
    AVSP_ASSERT(text != NULL);
    memcpy(text, data, size);
    text[size] = '\0';
    check_answer(&arena, text, size);
    check_fields(text);
    const char *value = avsp_s3_ini_value(&arena, text, "default", "s3.endpoint_url");
    AVSP_ASSERT(value != NULL && strchr(value, '\n') == NULL);
    (void)avsp_s3_ini_has(text, "profile x");
    (void)avsp_s3_time(text);
    check_endpoint(text);
    check_region(text);
    avsp_s3_decode(text);
    return 0;
}
