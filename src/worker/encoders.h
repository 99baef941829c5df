/// What decides the bytes of this machine's encodes: the programs and libraries that avspl1t-media runs with, as one line of
/// text. A job's encodes are made by workers that say the same (db/store.h). The libraries may be exchanged while the worker runs:
/// a media step that finds others than it was told of fails, and the text is asked for again.
///
///     avsp_encoders_init(&encoders, program);
///     avsp_encoders_learn(&encoders, err);
///     … avsp_encoders_text(&encoders, text) …
///     avsp_encoders_deinit(&encoders);
///
/// Any thread.
#ifndef AVSP_WORKER_ENCODERS_H
#define AVSP_WORKER_ENCODERS_H

#include "core/model.h"

#include <pthread.h>

struct avsp_encoders {
    const char *program; ///< avspl1t-media
    pthread_mutex_t lock;
    char text[AVSP_TEXT_MAX_BYTES];
};

/// @param program  borrowed until deinit.
void avsp_encoders_init(struct avsp_encoders *encoders, const char *program);
void avsp_encoders_deinit(struct avsp_encoders *encoders);

/// Asks the program. @return OK; INTERNAL it has no answer, TIMEOUT, or as avsp_spawn: what was known before stays.
enum avsp_code avsp_encoders_learn(struct avsp_encoders *encoders,
                                   struct avsp_err *err) AVSP_CHECKED;

/// What was learned last. @return @p ret_text.
const char *avsp_encoders_text(struct avsp_encoders *encoders, char ret_text[AVSP_TEXT_MAX_BYTES]);

#endif
