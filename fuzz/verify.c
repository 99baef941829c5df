/// A whole presentation (core/verify.h) of five files in memory. Input: the lengths of the first four as two bytes each, then the
/// files: manifest.m3u8, v0/p.m3u8, v0/init.mp4, manifest.mpd (none where it is empty), v0/s.m4s.
#include "core/verify.h"
#include "fuzz.h"

static const char *const names[] = {"manifest.m3u8", "v0/p.m3u8", "v0/init.mp4", "manifest.mpd",
                                    "v0/s.m4s"};
#define N_FILES AVSP_ARRAY_LEN(names)

struct files {
    struct avsp_bytes all[N_FILES];
};

static enum avsp_code read_file(void *opaque, const char *path, uint64_t offset, void *ret_bytes,
                                size_t len, size_t *ret_len, uint64_t *ret_file_bytes,
                                struct avsp_err *err)
{
    struct files *files = opaque;
    for (size_t i = 0; i < N_FILES; i++) {
        if (strcmp(path, names[i]) != 0 || (i == 3 && files->all[i].len == 0))
            continue;
        struct avsp_bytes left =
            avsp_bytes_from(files->all[i], (size_t)AVSP_MIN(offset, (uint64_t)SIZE_MAX));
        *ret_len = AVSP_MIN(len, left.len);
        *ret_file_bytes = files->all[i].len;
        if (*ret_len > 0)
            memcpy(ret_bytes, left.data, *ret_len);
        return AVSP_OK;
    }
    return avsp_err_set(err, AVSP_NOT_FOUND, "%s: not there", path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct files files = {0};
    if (size < 2 * (N_FILES - 1))
        return 0;
    struct avsp_bytes rest = {data + 2 * (N_FILES - 1), size - 2 * (N_FILES - 1)};
    for (size_t i = 0; i < N_FILES; i++) {
        size_t len = i + 1 < N_FILES ? (size_t)data[2 * i] << 8 | data[2 * i + 1] : rest.len;
        files.all[i] = (struct avsp_bytes){rest.data, AVSP_MIN(len, rest.len)};
        rest = avsp_bytes_from(rest, files.all[i].len);
    }
    struct avsp_findings AVSP_CLEANUP(avsp_findings_deinit) found;
    avsp_findings_init(&found);
    struct avsp_verify verify = {.files = {&files, read_file}, .found = &found};
    struct avsp_err err = {0};
    enum avsp_code rc = avsp_verify_run(&verify, names[0], &err);
    AVSP_ASSERT(rc == AVSP_OK);
    avsp_verify_deinit(&verify);
    return 0;
}
