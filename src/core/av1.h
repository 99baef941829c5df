/// The codec string of an AV1 stream, from its configuration record.
///
/// Source: AV1 Codec ISO Media File Format Binding 2.3 (av1C) and 5 (codecs parameter); AV1 specification 5.5
/// (sequence header). Any input is safe. Any thread.
#ifndef AVSP_CORE_AV1_H
#define AVSP_CORE_AV1_H

#include "util/base.h"
#include "util/err.h"

#define AVSP_AV1_CODECS_BYTES 40

/// Writes `av01.P.LLT.DD`, followed by `.M.CCC.cp.tc.mc.F` where anything differs from what the short form stands for
/// (4:2:0 of unknown chroma position, BT.709, studio range).
/// @param av1c  the record: 4 bytes and the sequence header OBU.
/// @return OK; CORRUPT not such a record.
enum avsp_code avsp_av1_codecs(const uint8_t *av1c, size_t len,
                               char ret_codecs[AVSP_AV1_CODECS_BYTES],
                               struct avsp_err *err) AVSP_CHECKED;

#endif
