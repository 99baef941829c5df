#include "stored.h"

#include <string.h>

enum avsp_code stored_read(struct avsp_storage *store, const struct avsp_location *file,
                           const char *text, struct avsp_err *err)
{
    char bytes[64];
    size_t n = 0;
    struct avsp_stat st;
    enum avsp_code rc = avsp_storage_stat(store, file, &st, err);
    struct avsp_reader *reader = rc == AVSP_OK ? avsp_storage_open(store, file, err) : NULL;
    if (reader == NULL)
        return err->code;
    rc = avsp_reader_read(reader, 0, bytes, sizeof bytes, &n, err);
    AVSP_ASSERT(rc != AVSP_OK || (n == strlen(text) && memcmp(bytes, text, n) == 0));
    avsp_reader_close(reader);
    return rc;
}

struct wanted {
    const char *name;
    const char *text;
    unsigned n_seen;
};

static bool see(void *opaque, const char *name, const struct avsp_stat *st)
{
    struct wanted *wanted = opaque;
    AVSP_ASSERT(strcmp(name, wanted->name) == 0 && st->bytes == strlen(wanted->text));
    wanted->n_seen++;
    return true;
}

enum avsp_code stored_list(struct avsp_storage *store, const struct avsp_location *folder,
                           const char *name, const char *text, struct avsp_err *err)
{
    struct wanted wanted = {.name = name, .text = text};
    enum avsp_code rc = avsp_storage_list(store, folder, see, &wanted, err);
    AVSP_ASSERT(rc != AVSP_OK || wanted.n_seen == 1);
    return rc;
}
