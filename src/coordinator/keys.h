/// Where the keyring of the coordinator comes from: a file, the environment, or, beside a database in a file, a file that is
/// made for it.
///
///     avsp_keys_init(&keys);
///     … options.keyring = &keys.ring …; avsp_store_open(…)
///     avsp_keys_open(&keys, &config, err);
///     avsp_keys_look(&keys);              // now and then: goes over to what is in the file now
///     avsp_keys_close(&keys);
///
/// A database in a file is one machine's: its keyring, "DATABASE.keyring" with mode 0600, protects copies of the database, and
/// nobody has to think of it. For PostgreSQL there is no such place: without a keyring credentials are refused.
/// One thread, but for the ring.
#ifndef AVSP_COORDINATOR_KEYS_H
#define AVSP_COORDINATOR_KEYS_H

#include "coordinator/config.h"
#include "crypto/keyring.h"
#include "util/file.h"

struct avsp_keys {
    struct avsp_keyring ring;
    char *path; ///< NULL = no file
    struct avsp_file_mark mark;
    struct avsp_err refused; ///< why the file was, when it was last read
    bool is_inited;
};

/// Without a key yet.
void avsp_keys_init(struct avsp_keys *keys);

/// After the database was opened: nothing is put beside a file that is none. Once, unless it failed. @return OK; INVALID, LIMIT no keyring; NOT_FOUND,
/// DENIED, … the file.
enum avsp_code avsp_keys_open(struct avsp_keys *keys, const struct avsp_config *config,
                              struct avsp_err *err) AVSP_CHECKED;
/// Safe on zeros.
void avsp_keys_close(struct avsp_keys *keys);

/// Reads the file again where it has changed; one that is no keyring is logged, and changes nothing.
void avsp_keys_look(struct avsp_keys *keys);

#endif
