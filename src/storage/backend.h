/// What a storage system must be able to do: one table of functions each, private to src/storage.
///
/// storage.c checks names, picks the table by the location's kind and repeats what an ESTALE interrupted; a backend does
/// the work and names the location in its errors. Functions are as in storage/storage.h; any thread.
#ifndef AVSP_STORAGE_BACKEND_H
#define AVSP_STORAGE_BACKEND_H

#include "storage/storage.h"

struct avsp_s3;

struct avsp_storage {
    char **roots;       ///< folders that may be touched, with all links followed
    size_t n_roots;     ///< 0 = everything
    unsigned file_mode; ///< of published files: 0666 less the process's umask
    struct avsp_s3 *s3;
};

struct avsp_backend {
    enum avsp_code (*stat)(struct avsp_storage *store, const struct avsp_location *file,
                           struct avsp_stat *ret_stat, struct avsp_err *err);
    struct avsp_reader *(*open)(struct avsp_storage *store, const struct avsp_location *file,
                                struct avsp_err *err);
    void (*close)(struct avsp_reader *reader);
    enum avsp_code (*read)(struct avsp_reader *reader, uint64_t offset, void *ret_bytes, size_t len,
                           size_t *ret_len, struct avsp_err *err);
    enum avsp_code (*fetch)(struct avsp_reader *reader, int fd, const struct avsp_watch *watch,
                            struct avsp_err *err);
    /// Those that are done already are left alone: a call that was interrupted is repeated.
    enum avsp_code (*put)(struct avsp_storage *store, struct avsp_put *puts, size_t n_puts,
                          struct avsp_err *err);
    enum avsp_code (*put_bytes)(struct avsp_storage *store, const void *bytes, size_t len,
                                const struct avsp_location *file, struct avsp_err *err);
    enum avsp_code (*remove)(struct avsp_storage *store, const struct avsp_location *file,
                             struct avsp_err *err);
    enum avsp_code (*list)(struct avsp_storage *store, const struct avsp_location *folder,
                           bool (*each)(void *opaque, const char *name,
                                        const struct avsp_stat *stat),
                           void *opaque, struct avsp_err *err);
    enum avsp_code (*remove_folder)(struct avsp_storage *store, const struct avsp_location *folder,
                                    struct avsp_err *err);
    enum avsp_code (*drop_unfinished)(struct avsp_storage *store,
                                      const struct avsp_location *folder,
                                      bool (*goes)(const char *name), struct avsp_err *err);
    enum avsp_code (*url)(struct avsp_storage *store, const struct avsp_location *file,
                          int64_t seconds, struct avsp_arena *arena, const char **ret_url,
                          struct avsp_err *err);
    enum avsp_code (*probe_folder)(struct avsp_storage *store, const struct avsp_location *folder,
                                   struct avsp_err *err);
};

struct avsp_reader {
    const struct avsp_backend *backend;
    uint64_t bytes;
    int fd;       ///< -1 where the storage system has none
    bool is_sure; ///< see avsp_reader_is_sure
    char *name;   ///< for errors
};

extern const struct avsp_backend avsp_local_backend;
extern const struct avsp_backend avsp_s3_backend;

#endif
