/// Files of subtitles beside a source (struct avsp_sidecar, core/model.h): their words on a command line, checks, and their one text form, which the
/// database has. Pure; any thread.
#ifndef AVSP_CORE_SIDECAR_H
#define AVSP_CORE_SIDECAR_H

#include "core/model.h"

#define AVSP_SIDECARS_MAX 16
#define AVSP_SIDECAR_TITLE_MAX_BYTES 128
#define AVSP_LANGUAGE_MAX_BYTES 35 ///< the longest that RFC 5646 (4.4.1) asks for

/// Is it a language tag, well-formed as RFC 5646 has it: "en", "pt-BR", "zh-Hant-TW"? Extensions count as subtags like all others.
bool avsp_language_is_tag(const char *text, size_t len);

/// Takes "FILE:LANG" or "FILE:LANG:NAME" apart, at the first colon behind which a language stands alone.
/// @param ret_file, ret_language  in @p arena. @param ret_title  borrowed from @p text, or "". @return OK; INVALID; NO_MEMORY.
enum avsp_code avsp_sidecar_parse(struct avsp_arena *arena, const char *text, const char **ret_file,
                                  const char **ret_language, const char **ret_title,
                                  struct avsp_err *err) AVSP_CHECKED;

/// All but the files' places, which core/model.h checks. @return OK; INVALID naming the wire's field.
enum avsp_code avsp_sidecar_check(const struct avsp_sidecar *sidecar,
                                  struct avsp_err *err) AVSP_CHECKED;

/// As one text, without credentials. @param ret_text  "" where there is none.
enum avsp_code avsp_sidecars_store(struct avsp_arena *arena, const struct avsp_sidecar *sidecars,
                                   size_t n, const char **ret_text,
                                   struct avsp_err *err) AVSP_CHECKED;
enum avsp_code avsp_sidecars_load(struct avsp_arena *arena, const char *text,
                                  struct avsp_sidecar **ret_sidecars, size_t *ret_n,
                                  struct avsp_err *err) AVSP_CHECKED;

#endif
