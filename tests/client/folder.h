/// A folder of a test's own, and what is in it.
#ifndef AVSP_TESTS_CLIENT_FOLDER_H
#define AVSP_TESTS_CLIENT_FOLDER_H

#include "client/tree.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char test_folder[PATH_MAX];

static inline int make_test_folder(void **state)
{
    (void)state;
    char path[] = "/tmp/avspl1t-test-XXXXXX";
    // The real path: what the code under test resolves must compare equal.
    return mkdtemp(path) != NULL && realpath(path, test_folder) != NULL ? 0 : -1;
}

static inline int remove_test_folder(void **state)
{
    (void)state;
    avsp_tree_remove(AT_FDCWD, test_folder);
    return access(test_folder, F_OK) != 0 ? 0 : -1;
}

/// The path of @p name in the test's folder; of four calls the last four texts are valid.
static inline const char *in_folder(const char *name)
{
    static char texts[4][2 * PATH_MAX];
    static unsigned next;
    char *text = texts[next++ % 4];
    snprintf(text, sizeof texts[0], "%s/%s", test_folder, name);
    return text;
}

/// Writes a small file, and the folder it is in.
static inline void put_file(const char *name)
{
    char path[2 * PATH_MAX];
    snprintf(path, sizeof path, "%s", in_folder(name));
    for (char *slash = strchr(path + strlen(test_folder) + 1, '/'); slash != NULL;
         slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        (void)mkdir(path, 0777);
        *slash = '/';
    }
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0 || write(fd, name, strlen(name)) < 0)
        perror(path);
    close(fd);
}

static inline bool is_there(const char *name)
{
    struct stat st;
    return lstat(in_folder(name), &st) == 0;
}

#endif
