/// Language codes of containers (ISO 639-2, three letters) as BCP 47 tags. Source: the ISO 639-2 registry; BCP 47 (RFC 5646,
/// 2.2.1) wants the two-letter code where there is one. Pure; any thread.
#ifndef AVSP_MEDIA_LANGUAGE_H
#define AVSP_MEDIA_LANGUAGE_H

#include "util/base.h"

/// @return the two-letter code where the language has one, else @p code itself where it is 2 or 3 letters a-z or a longer tag
/// of letters, digits and '-' (at most 35 bytes, begun by such letters), else "und".
const char *avsp_language_bcp47(const char *code);

#endif
