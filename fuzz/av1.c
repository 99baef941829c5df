/// AV1 configuration records (core/av1.h): the codec string is one of the two forms.
#include "core/av1.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *AVSP_CLEANUP(avsp_free_ptr) av1c = fuzz_bytes(data, size);
    char codecs[AVSP_AV1_CODECS_BYTES] = "";
    struct avsp_err err = {0};
    if (avsp_av1_codecs(av1c, size, codecs, &err) == AVSP_OK)
        AVSP_ASSERT(strncmp(codecs, "av01.", 5) == 0 &&
                    strspn(codecs + 5, "0123456789.MH") == strlen(codecs + 5));
    else
        AVSP_ASSERT(err.code == AVSP_CORRUPT && err.text[0] != '\0');
    return 0;
}
