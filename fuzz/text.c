/// Small texts from people and peers: numbers, sizes, UTF-8, names of our files, the log of a child. Input: any bytes.
#include "core/naming.h"
#include "fuzz.h"
#include "util/id.h"
#include "util/parse.h"
#include "worker/child_log.h"

static void check_log(const uint8_t *data, size_t size)
{
    struct avsp_child_log *AVSP_CLEANUP(avsp_free_ptr) log = calloc(1, sizeof *log);
    AVSP_ASSERT(log != NULL);
    char tail[AVSP_LOG_TAIL_MAX_BYTES + 1];
    // Often enough to fill it.
    for (unsigned i = 0; i < 8; i++)
        avsp_child_log_add(log, (const char *)data, size);
    avsp_child_log_tail(log, tail);
    AVSP_ASSERT(strlen(tail) <= AVSP_LOG_TAIL_MAX_BYTES && avsp_utf8_is_valid(tail));
    for (const char *c = tail; *c != '\0'; c++)
        AVSP_ASSERT((unsigned char)*c >= ' ' || *c == '\n');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *AVSP_CLEANUP(avsp_free_ptr) text = fuzz_text(data, size);
    uint8_t *AVSP_CLEANUP(avsp_free_ptr) bytes = fuzz_bytes(data, size);
    int64_t number = 7;
    uint64_t length = 7;
    if (avsp_parse_i64(text, -5, 1000, &number))
        AVSP_ASSERT(number >= -5 && number <= 1000);
    else
        AVSP_ASSERT(number == 7);
    (void)!avsp_parse_bytes(text, &length);
    (void)avsp_id_is_valid(text);
    (void)avsp_sha256_is_valid(text);
    if (avsp_name_is_safe(text))
        AVSP_ASSERT(strchr(text, '/') == NULL && text[0] != '.' && strlen(text) <= 128);
    if (avsp_name_is_ours(text))
        AVSP_ASSERT(strstr(text, "..") == NULL && text[0] != '/');
    check_log(bytes, size);
    return 0;
}
