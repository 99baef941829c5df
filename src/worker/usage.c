#include "worker/usage.h"

#include "util/fd.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STAT_BYTES 1024

/// Reads a `stat` of a process or thread. @return its third field, the state, with all that follow; NULL: it is gone
static const char *read_stat(const char *path, char ret_text[STAT_BYTES])
{
    int AVSP_CLEANUP(avsp_fd_cleanup) fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, ret_text, STAT_BYTES - 1) : -1;
    ret_text[AVSP_MAX(n, 0)] = '\0';
    // The second, the name, may hold anything but ends with the last parenthesis.
    const char *end = strrchr(ret_text, ')');
    return end != NULL && end[1] == ' ' ? end + 2 : NULL;
}

void avsp_usage_look(pid_t pid, struct avsp_usage *ret_usage)
{
    char path[64], text[STAT_BYTES];
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    uint64_t ticks = 0;
    *ret_usage = (struct avsp_usage){0};
    const char *at = read_stat(path, text);
    // 14 and 15 are ticks in user and in kernel mode, 20 the number of threads, 24 the resident pages.
    for (unsigned field = 4; at != NULL && (at = strchr(at, ' ')) != NULL && field <= 24; field++) {
        uint64_t value = strtoull(++at, NULL, 10);
        if (field == 14 || field == 15)
            ticks += value;
        else if (field == 20)
            ret_usage->n_threads = value;
        else if (field == 24)
            ret_usage->resident_bytes = value * (uint64_t)sysconf(_SC_PAGESIZE);
    }
    ret_usage->cpu_ms = (int64_t)(ticks * 1000 / (uint64_t)sysconf(_SC_CLK_TCK));
}

bool avsp_usage_sleeps(pid_t pid)
{
    char path[64 + NAME_MAX], text[STAT_BYTES];
    snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
    DIR *dir = opendir(path);
    if (dir == NULL)
        return false;
    bool sleeps = true;
    for (struct dirent *entry = readdir(dir); entry != NULL && sleeps; entry = readdir(dir)) {
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "/proc/%d/task/%s/stat", (int)pid, entry->d_name);
        const char *state = read_stat(path, text);
        sleeps = state == NULL || *state == 'S';
    }
    closedir(dir);
    return sleeps;
}
