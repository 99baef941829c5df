/// What every storage system must do, whichever it is: one suite, run on each.
#ifndef TESTS_STORAGE_CONTRACT_H
#define TESTS_STORAGE_CONTRACT_H

#include "storage/storage.h"

/// A storage and an empty folder in it.
struct contract_fixture {
    struct avsp_storage *store;
    struct avsp_location folder;
    char local[256]; ///< a folder of this machine for files that are to be published
};

/// @param make  fills the fixture; 0 on success
/// @param drop  undoes it
/// @return the number of failed tests
int contract_run(const char *name, int (*make)(struct contract_fixture *fixture),
                 void (*drop)(struct contract_fixture *fixture));

/// A fresh folder below TMPDIR, and its removal with all that is in it.
void contract_make_folder(char ret_path[256]);
void contract_remove_folder(const char *path);

/// Writes a file of @p len bytes, each of them @p fill.
void contract_write(const char *path, char fill, size_t len);

#endif
