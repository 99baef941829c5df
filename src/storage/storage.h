/// Files and folders wherever they live: one interface, one table of functions a storage system (local.c, s3.c).
///
///     struct avsp_storage *store = avsp_storage_new(&options, err);
///     struct avsp_reader *in = avsp_storage_open(store, &file, err);         // random access
///     avsp_storage_put(store, "/tmp/attempt/seg", &folder, name, &file, err);   // publication: all or nothing
///
/// What is refused: relative paths, "." and ".." parts, and with allow-roots anything that, links followed, lies outside
/// of them; likewise with allow-s3 and its endpoints and buckets. Errors name the location and the cause ("/x/y.mp4: permission
/// denied"). Local folders may be NFS: publication is by rename, after fsync of the file and before fsync of the folder; ESTALE
/// is retried a few times.
///
/// An S3 store is asked again for as long as that may help (s3_patience_ms since it last got on), so a call can last minutes;
/// avsp_storage_stop ends all that wait. No store is looked for at link-local and metadata addresses. A location without
/// credentials is opened with this machine's own, which go to the endpoint they are configured for, or one that allow_s3 names,
/// and no other. AWS_CA_BUNDLE and the usual variables for proxies count.
/// Any thread may use one storage at once; a reader or lister belongs to one thread at a time.
#ifndef AVSP_STORAGE_STORAGE_H
#define AVSP_STORAGE_STORAGE_H

#include "core/model.h"
#include "util/arena.h"
#include "util/err.h"

struct avsp_storage;
struct avsp_reader;

/// How names of files begin that are not published yet, in the folder they will be published in. One that a killed process
/// left behind shows in avsp_storage_list; whoever owns the folder's content deletes it. No lock or age tells a dead one
/// from a living one that would hold on NFS.
#define AVSP_STORAGE_TMP_PREFIX ".avspl1t-tmp-"

struct avsp_storage_options {
    const char *const *allow_roots; ///< folders that may be touched; copied
    size_t n_allow_roots;           ///< 0 = all that the user may
    const char *const *allow_s3;    ///< "ENDPOINT" or "ENDPOINT/BUCKET" that may be touched
    size_t n_allow_s3;              ///< 0 = any
    int64_t s3_patience_ms;         ///< 0 = two minutes
    int64_t s3_silence_ms;          ///< after which a connection counts as dead; 0 = one minute
    bool s3_asks_instance;          ///< for credentials, where nothing else has some
};

/// @return free with avsp_storage_free; NULL with @p err: NOT_FOUND an allow-root that does not exist, NO_MEMORY.
struct avsp_storage *avsp_storage_new(const struct avsp_storage_options *options,
                                      struct avsp_err *err) AVSP_CHECKED;
void avsp_storage_free(struct avsp_storage *store);

/// Makes calls that wait for a server, and all later ones, return CANCELED within a second or so: an upload in parts takes five
/// more at most, to have the store forget them. Any thread.
void avsp_storage_stop(struct avsp_storage *store);

struct avsp_stat {
    uint64_t bytes;
    int64_t modified_us; ///< wall clock of the storage
};

/// @return OK; NOT_FOUND; INVALID not a regular file or a refused location; DENIED; UNAVAILABLE.
enum avsp_code avsp_storage_stat(struct avsp_storage *store, const struct avsp_location *file,
                                 struct avsp_stat *ret_stat, struct avsp_err *err) AVSP_CHECKED;

/// Opens a file for reading. @return close with avsp_reader_close; NULL with @p err as avsp_storage_stat.
struct avsp_reader *avsp_storage_open(struct avsp_storage *store, const struct avsp_location *file,
                                      struct avsp_err *err) AVSP_CHECKED;
void avsp_reader_close(struct avsp_reader *reader);

uint64_t avsp_reader_bytes(const struct avsp_reader *reader);

/// A descriptor with the file's content that a child can be given, borrowed until close; -1 where the storage system has
/// none (then the file must be fetched first).
int avsp_reader_fd(const struct avsp_reader *reader);

/// Is what avsp_reader_read gives certain to be what is stored? Not where bytes come without TLS and only all of a file has a sum:
/// then avsp_reader_fetch is, which checks it.
bool avsp_reader_is_sure(const struct avsp_reader *reader);

/// Reads a range; short only at the end of the file.
enum avsp_code avsp_reader_read(struct avsp_reader *reader, uint64_t offset, void *ret_bytes,
                                size_t len, size_t *ret_len, struct avsp_err *err) AVSP_CHECKED;

/// Whoever follows a long transfer. Called by any of the threads that do it, several at once; either may be NULL.
struct avsp_watch {
    bool (*should_stop)(void *opaque);
    void (*moved)(void *opaque, uint64_t bytes); ///< since the last call
    void *opaque;
};

/// Writes all of the file to @p fd, which is empty and may be read and written; verified where the storage system says what it
/// should be. @param watch  NULL = nobody. @return OK; CANCELED; NO_SPACE; UNAVAILABLE it changed, or is damaged on the way.
enum avsp_code avsp_reader_fetch(struct avsp_reader *reader, int fd, const struct avsp_watch *watch,
                                 struct avsp_err *err) AVSP_CHECKED;

/// Publishes a local file as @p name inside @p folder (made where missing): readers see all of it or nothing, an older
/// one of the same name is replaced. @p path is consumed on success (moved where that is possible, else copied and
/// removed) and untouched on failure; only where the last step fails, that of making the folder's new entry durable, the file
/// is published already. Nothing partial stays behind.
/// @param name      as avsp_location_join; may contain '/'
/// @param ret_file  where it is now; strings in @p arena
/// @return OK; NO_SPACE disk full; DENIED; INVALID; UNAVAILABLE retry safe.
enum avsp_code avsp_storage_put(struct avsp_storage *store, const char *path,
                                const struct avsp_location *folder, const char *name,
                                struct avsp_arena *arena, struct avsp_location *ret_file,
                                struct avsp_err *err) AVSP_CHECKED;

/// One file of several.
struct avsp_put {
    const char *path; ///< as above
    const char *name; ///< likewise
    bool keep;        ///< the local file stays; it may also be a link, or have several names
    const struct avsp_watch *watch; ///< NULL = nobody
    struct avsp_location file;      ///< result: where it is
    bool done;                      ///< result: it was published, for good
};

/// Publishes several local files into @p folder. What has to be waited for (a disk, a server) is waited for once, so that many small
/// files cost little more than one; each is whole or not there, none is done before the call returns.
/// @param puts  in no order that matters; `file` and `done` are set. After a failure some may be published without being done: calling
/// again with them is safe as long as their paths are there.
/// @return as avsp_storage_put, for the first that failed.
enum avsp_code avsp_storage_put_many(struct avsp_storage *store, const struct avsp_location *folder,
                                     struct avsp_put *puts, size_t n_puts, struct avsp_arena *arena,
                                     struct avsp_err *err) AVSP_CHECKED;

/// Says that a finished local file will be put soon: its data begin to go to the disk, where that is of use. Cannot fail.
void avsp_storage_will_put(const char *path);

/// avsp_storage_put for bytes in memory.
enum avsp_code avsp_storage_put_bytes(struct avsp_storage *store, const void *bytes, size_t len,
                                      const struct avsp_location *folder, const char *name,
                                      struct avsp_arena *arena, struct avsp_location *ret_file,
                                      struct avsp_err *err) AVSP_CHECKED;

/// Removes a file; one that is not there is a success.
enum avsp_code avsp_storage_delete(struct avsp_storage *store, const struct avsp_location *file,
                                   struct avsp_err *err) AVSP_CHECKED;

/// Calls @p each for every regular file below @p folder, in no order, with its name relative to the folder. A folder that
/// is not there has no files. Links are not followed. A folder in there that cannot be looked into hides none beside it: its error
/// comes at the end.
/// @param each  returns false to stop.
enum avsp_code avsp_storage_list(struct avsp_storage *store, const struct avsp_location *folder,
                                 bool (*each)(void *opaque, const char *name,
                                              const struct avsp_stat *stat),
                                 void *opaque, struct avsp_err *err) AVSP_CHECKED;

/// Removes every file below @p folder, then the folders that are empty, @p folder included. Never follows a link.
enum avsp_code avsp_storage_remove_folder(struct avsp_storage *store,
                                          const struct avsp_location *folder,
                                          struct avsp_err *err) AVSP_CHECKED;

/// Removes what writers that died left half done below @p folder, where avsp_storage_list does not show it. Whoever owns the
/// folder's content calls it: it ends uploads that are under way.
/// @param goes  says of a name, relative to the folder, whether it may go; NULL = all
enum avsp_code avsp_storage_drop_unfinished(struct avsp_storage *store,
                                            const struct avsp_location *folder,
                                            bool (*goes)(const char *name),
                                            struct avsp_err *err) AVSP_CHECKED;

/// The address that a program without credentials can open a file at. Does not ask whether it may.
/// @param seconds  for how long it carries a signature, at most 604800; 0 = none, for a file that everybody may read
/// @return OK; UNSUPPORTED a storage system without such; UNAUTHENTICATED nothing to sign with.
enum avsp_code avsp_storage_url(struct avsp_storage *store, const struct avsp_location *file,
                                int64_t seconds, struct avsp_arena *arena, const char **ret_url,
                                struct avsp_err *err) AVSP_CHECKED;

/// Gives an S3 location that says nothing of them this machine's own endpoint and region, and with @p keys its credentials, from
/// the environment and the profile's files; leaves any other alone. Where it then has credentials, or is for everybody, and no
/// endpoint, that is Amazon's outright. Strings are in @p arena.
enum avsp_code avsp_storage_lend(struct avsp_storage *store, struct avsp_location *location,
                                 bool keys, struct avsp_arena *arena,
                                 struct avsp_err *err) AVSP_CHECKED;

/// Can a file be made in @p folder, and removed? Makes the folder where missing and tries with a small file, which it removes.
enum avsp_code avsp_storage_probe_folder(struct avsp_storage *store,
                                         const struct avsp_location *folder,
                                         struct avsp_err *err) AVSP_CHECKED;

#endif
