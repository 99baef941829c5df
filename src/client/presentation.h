/// A folder, here or in S3, that holds an HLS presentation, for a check: its playlist is found, its files are read by their names,
/// and nothing outside of it is ever opened, whatever a playlist names and wherever a link leads. One thread at a time.
#ifndef AVSP_CLIENT_PRESENTATION_H
#define AVSP_CLIENT_PRESENTATION_H

#include "core/verify.h"
#include "storage/storage.h"

struct avsp_presentation {
    struct avsp_storage *store; ///< of a local one, with the folder as its only root
    struct avsp_location folder;
    const char *playlist; ///< its name in the folder
    // The file that was read last.
    struct avsp_arena names;
    char *path;
    struct avsp_reader *reader;
};

/// Finds the presentation that @p text names: a folder with a playlist in it (manifest.m3u8, master.m3u8, or else the
/// only one, or the only multivariant one), or a playlist itself.
/// @param arena  for the texts; as long-lived as the result
/// @return OK: close with avsp_presentation_close; NOT_FOUND, INVALID, DENIED there is none, or it is not clear which.
enum avsp_code avsp_presentation_open(struct avsp_arena *arena, const char *text,
                                      struct avsp_presentation *ret_presentation,
                                      struct avsp_err *err) AVSP_CHECKED;
/// Safe on a zeroed value.
void avsp_presentation_close(struct avsp_presentation *presentation);

/// As struct avsp_verify_files has it. @param opaque  the presentation
enum avsp_code avsp_presentation_read(void *opaque, const char *path, uint64_t offset,
                                      void *ret_bytes, size_t len, size_t *ret_len,
                                      uint64_t *ret_file_bytes, struct avsp_err *err) AVSP_CHECKED;

#endif
