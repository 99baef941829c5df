/// What decides which bytes come out: this program, the architecture that it is built for, and its libraries. Any thread.
#ifndef AVSP_MEDIA_LIBRARIES_H
#define AVSP_MEDIA_LIBRARIES_H

#include "util/buf.h"

/// Writes their names and versions as one line: "avspl1t 1.0.0 x86_64, libavformat 59.27.100, …, SVT-AV1 v1.4.1, libopus 1.3.1, x264 core 164 …".
void avsp_libraries_text(struct avsp_buf *buf);

#endif
