#include "media/libraries.h"

#include "media/encode_h264.h"

#include <dlfcn.h>
#include <libavcodec/avcodec.h>
#include <libavfilter/avfilter.h>
#include <libavformat/avformat.h>
#include <libswresample/swresample.h>
#include <libswscale/swscale.h>
#include <string.h>

/// What a library that libavcodec links, not we, says of itself: @p function gives it.
static const char *version_by(const char *function)
{
    const char *(*version)(void) = NULL;
    void *symbol = dlsym(RTLD_DEFAULT, function);
    // ISO C has no cast from one to the other; POSIX says that the bytes are the same.
    memcpy(&version, &symbol, sizeof symbol);
    return version != NULL ? version() : "?";
}

#if defined(__x86_64__)
#define ARCHITECTURE "x86_64"
#elif defined(__aarch64__)
#define ARCHITECTURE "aarch64"
#else
#define ARCHITECTURE "other"
#endif

// What options a processor has does not stand here: SVT-AV1 gives the same bytes with plain C, SSE, AVX2 and AVX-512
// (measured with 1.4.1, presets 6 to 12, 8 and 10 bits), and x264 (core 164) does from SSSE3 on.
void avsp_libraries_text(struct avsp_buf *buf)
{
    static const struct {
        const char *name;
        unsigned (*version)(void);
    } table[] = {
        {"libavformat", avformat_version}, {"libavcodec", avcodec_version},
        {"libavfilter", avfilter_version}, {"libswresample", swresample_version},
        {"libswscale", swscale_version},   {"libavutil", avutil_version},
    };
    avsp_buf_printf(buf, "avspl1t %s %s, ", AVSP_VERSION, ARCHITECTURE);
    for (size_t i = 0; i < AVSP_ARRAY_LEN(table); i++) {
        unsigned v = table[i].version();
        avsp_buf_printf(buf, "%s %u.%u.%u, ", table[i].name, AV_VERSION_MAJOR(v),
                        AV_VERSION_MINOR(v), AV_VERSION_MICRO(v));
    }
    // libopus gives its name with it.
    avsp_buf_printf(buf, "SVT-AV1 %s, %s, ", version_by("svt_av1_get_version"),
                    version_by("opus_get_version_string"));
    avsp_h264_version(buf);
}
