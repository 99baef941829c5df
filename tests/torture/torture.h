/// Runs a scenario again and again, each time with another call to the system or for memory failing, and looks whether what is
/// left is right.
///
/// A scenario runs in a child process under AddressSanitizer and LeakSanitizer: a crash, a leak, a hang and a descriptor that stays
/// open are faults. So is a failure without words, one that nothing caused, and whatever `check` asserts (AVSP_ASSERT).
#ifndef AVSP_TORTURE_TORTURE_H
#define AVSP_TORTURE_TORTURE_H

#include "util/base.h"
#include "util/err.h"

struct torture_case {
    const char *name;
    void *(*make)(void); ///< what is there before; nothing fails here, nor in `check` and `drop`
    enum avsp_code (*run)(void *fixture, struct avsp_err *err);
    void (*check)(void *fixture, enum avsp_code rc); ///< may be NULL
    void (*drop)(void *fixture);
    bool
        own_memory; ///< memory fails only where our own code asks for it: a library does not survive the rest
};

/// Runs all cases as a group of cmocka tests, one each. @return the exit code.
int torture_run(const char *name, const struct torture_case *cases, size_t n_cases);

/// A fresh folder, and its removal with all that is in it.
char *torture_folder(void);
void torture_folder_remove(char *folder);

/// Whether a file's content is this text.
bool torture_file_is(const char *folder, const char *name, const char *text);
void torture_put_file(const char *folder, const char *name, const char *text);

/// Names below the folder, files and folders alike.
unsigned torture_count_files(const char *folder);

#endif
