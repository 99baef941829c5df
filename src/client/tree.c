#include "client/tree.h"

#include "util/fd.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void close_dir(DIR **dir)
{
    if (*dir != NULL)
        closedir(*dir);
}

bool avsp_tree_each(int folder, bool (*each)(void *opaque, int folder, const char *name),
                    void *opaque)
{
    int AVSP_CLEANUP(avsp_fd_cleanup) fd =
        openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC); // a read position of its own
    if (fd < 0)
        return false;
    DIR *AVSP_CLEANUP(close_dir) dir = fdopendir(fd);
    if (dir == NULL)
        return false;
    avsp_fd_take(&fd);
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(dir);
        if (entry == NULL)
            return errno == 0; // else there is more that cannot be read
        const char *name = entry->d_name;
        if (strcmp(name, ".") != 0 && strcmp(name, "..") != 0 && !each(opaque, folder, name))
            return false;
    }
}

struct clearing {
    const char *keep;
    unsigned depth;
};

static bool remove_entry(void *opaque, int folder, const char *name);

static void clear(int folder, const char *keep, unsigned depth)
{
    struct clearing clearing = {.keep = keep, .depth = depth};
    (void)avsp_tree_each(folder, remove_entry, &clearing);
}

static void remove_at(int at, const char *name, unsigned depth)
{
    if (unlinkat(at, name, 0) == 0 || depth == AVSP_TREE_DEPTH_MAX)
        return;
    int AVSP_CLEANUP(avsp_fd_cleanup) folder =
        openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (folder >= 0)
        clear(folder, "", depth + 1);
    unlinkat(at, name, AT_REMOVEDIR);
}

static bool remove_entry(void *opaque, int folder, const char *name)
{
    const struct clearing *clearing = opaque;
    if (strcmp(name, clearing->keep) != 0)
        remove_at(folder, name, clearing->depth);
    return true;
}

void avsp_tree_remove(int at, const char *name)
{
    remove_at(at, name, 0);
}

void avsp_tree_clear(int folder, const char *keep)
{
    clear(folder, keep, 0);
}

static bool is_named(void *opaque, int folder, const char *name)
{
    (void)folder;
    const char *wanted = opaque;
    return strcmp(name, wanted) == 0;
}

bool avsp_tree_holds_only(int folder, const char *name)
{
    char copy[256];
    snprintf(copy, sizeof copy, "%s", name);
    return avsp_tree_each(folder, is_named, copy);
}
