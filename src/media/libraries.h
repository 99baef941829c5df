/// The libraries that decide what bytes come out. Any thread.
#ifndef AVSP_MEDIA_LIBRARIES_H
#define AVSP_MEDIA_LIBRARIES_H

#include "util/buf.h"

/// Writes their names and versions as one line: "libavformat 59.27.100, …, SVT-AV1 v1.4.1".
void avsp_libraries_text(struct avsp_buf *buf);

#endif
