#include "media/complaints.h"

#include <stdatomic.h>

static _Atomic(const void *) heard;
static _Atomic(uint64_t) n_complaints;

static void hear(void *subject, int level, const char *fmt, va_list args)
{
    if (subject != NULL && level <= AV_LOG_ERROR && subject == atomic_load(&heard))
        atomic_fetch_add(&n_complaints, 1);
    av_log_default_callback(subject, level, fmt, args);
}

void avsp_complaints_hear(const AVFormatContext *ctx)
{
    atomic_store(&heard, ctx);
    atomic_store(&n_complaints, 0);
    av_log_set_callback(hear);
}

uint64_t avsp_complaints_count(const AVFormatContext *ctx)
{
    return ctx == atomic_load(&heard) ? atomic_load(&n_complaints) : 0;
}
