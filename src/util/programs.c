#include "util/programs.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

/// Folders to look in, from the running program's own; the build folder has one for each program.
static const char *const beside[] = {
    "", "../libexec/avspl1t/", "../client/", "../coordinator/", "../worker/", "../media/",
};

static bool is_program(const char *path)
{
    return access(path, X_OK) == 0;
}

static bool own_folder(char ret_path[PATH_MAX])
{
    ssize_t n = readlink("/proc/self/exe", ret_path, PATH_MAX - 1);
    if (n <= 0)
        return false;
    ret_path[n] = '\0';
    char *slash = strrchr(ret_path, '/');
    if (slash == NULL)
        return false;
    slash[1] = '\0';
    return true;
}

/// Whoever starts it may have gone to another folder by then.
static enum avsp_code make_absolute(const char *name, char *path, size_t len, struct avsp_err *err)
{
    char whole[PATH_MAX];
    if (path[0] == '/')
        return AVSP_OK;
    if (realpath(path, whole) == NULL)
        return avsp_err_set_errno(err, errno, "%s", path);
    int n = snprintf(path, len, "%s", whole);
    return n >= 0 && (size_t)n < len
               ? AVSP_OK
               : avsp_err_set(err, AVSP_LIMIT, "the path of %s is too long", name);
}

enum avsp_code avsp_program_find(const char *name, char *ret_path, size_t len, struct avsp_err *err)
{
    const char *named = getenv("AVSPL1T_LIBEXEC");
    char own[PATH_MAX];
    bool have_own = own_folder(own);
    for (size_t i = 0; i < AVSP_ARRAY_LEN(beside) + 2; i++) {
        int n;
        if (i == 0 && named != NULL && named[0] != '\0')
            n = snprintf(ret_path, len, "%s/%s", named, name);
        else if (i >= 1 && i <= AVSP_ARRAY_LEN(beside) && have_own)
            n = snprintf(ret_path, len, "%s%s%s", own, beside[i - 1], name);
        else if (i == AVSP_ARRAY_LEN(beside) + 1)
            n = snprintf(ret_path, len, "%s/%s", AVSP_LIBEXECDIR, name);
        else
            continue;
        if (n < 0 || (size_t)n >= len)
            return avsp_err_set(err, AVSP_LIMIT, "the path of %s is too long", name);
        if (is_program(ret_path))
            return make_absolute(name, ret_path, len, err);
    }
    return avsp_err_set(err, AVSP_NOT_FOUND,
                        "the program %s is missing: install avspl1t as a whole, or name the "
                        "folder that holds it in AVSPL1T_LIBEXEC",
                        name);
}
