#include "util/folders.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

const char *avsp_folder_network_fs(unsigned long magic)
{
    // Numbers: statfs(2), linux/magic.h, and the sources of those outside of the kernel. WAL needs memory that is shared
    // between processes of one host (sqlite.org/wal.html, "does not work over a network filesystem").
    static const struct {
        unsigned long magic;
        const char *name;
    } table[] = {
        {0x6969, "NFS"},       {0x517b, "SMB"},       {0xff534d42, "CIFS"},  {0xfe534d42, "SMB"},
        {0x65735546, "FUSE"},  {0x01021997, "9P"},    {0x00c36400, "Ceph"},  {0x0bd00bd0, "Lustre"},
        {0x47504653, "GPFS"},  {0x01161970, "GFS2"},  {0x7461636f, "OCFS2"}, {0x5346414f, "AFS"},
        {0x6b414653, "AFS"},   {0x73757245, "Coda"},  {0x564c, "NCP"},       {0x19830326, "BeeGFS"},
        {0x013111a8, "IBRIX"}, {0xaad7aaea, "PanFS"},
    };
    for (size_t i = 0; i < AVSP_ARRAY_LEN(table); i++)
        if (table[i].magic == magic)
            return table[i].name;
    return NULL;
}

static enum avsp_code make_folder(const char *path, struct avsp_err *err)
{
    if (mkdir(path, 0700) == 0 || errno == EEXIST)
        return AVSP_OK;
    return avsp_err_set_errno(err, errno, "make the folder %s", path);
}

static enum avsp_code make_folders(char *path, struct avsp_err *err)
{
    for (char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        enum avsp_code rc = make_folder(path, err);
        *slash = '/';
        if (rc != AVSP_OK)
            return rc;
    }
    return make_folder(path, err);
}

enum avsp_code avsp_folder_state(struct avsp_arena *arena, const char **ret_path,
                                 struct avsp_err *err)
{
    const char *state = getenv("XDG_STATE_HOME");
    const char *home = getenv("HOME");
    char *path = NULL;
    if (state != NULL && state[0] == '/')
        path = avsp_arena_printf(arena, "%s/avspl1t", state);
    else if (home != NULL && home[0] == '/')
        path = avsp_arena_printf(arena, "%s/.local/state/avspl1t", home);
    else
        return avsp_err_set(err, AVSP_PRECONDITION, "there is no home folder");
    if (path == NULL)
        return avsp_arena_failed(arena, err);
    enum avsp_code rc = make_folders(path, err);
    if (rc == AVSP_OK)
        *ret_path = path;
    return rc;
}
