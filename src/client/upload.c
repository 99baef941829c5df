#include "client/upload.h"

#include "client/command.h"
#include "util/fd.h"
#include "util/time.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DRAW_US 200000
#define PLAIN_STEP 10 ///< per cent between two lines where there is no terminal
#define MIB (1024.0 * 1024.0)

struct progress {
    pthread_mutex_t lock;
    bool is_terminal;
    uint64_t bytes, total;
    struct avsp_mono begun, drawn;
    unsigned said; ///< per cent
};

static void draw(struct progress *p, unsigned percent)
{
    char line[128];
    double seconds = (double)(avsp_mono_now().us - p->begun.us + 1) / 1e6;
    double mib = (double)p->bytes / MIB;
    int n = snprintf(line, sizeof line, "\r\033[Kuploading: %3u %% of %.1f MiB, %.1f MiB a second",
                     percent, (double)p->total / MIB, mib / seconds);
    struct avsp_err ignored = {0};
    (void)!avsp_fd_write_all(STDERR_FILENO, line, (size_t)n, &ignored);
}

static void moved(void *opaque, uint64_t bytes)
{
    struct progress *p = opaque;
    pthread_mutex_lock(&p->lock);
    p->bytes += bytes;
    unsigned percent = p->total > 0 ? (unsigned)(p->bytes * 100 / p->total) : 100;
    struct avsp_mono now = avsp_mono_now();
    if (p->is_terminal && now.us - p->drawn.us >= DRAW_US) {
        p->drawn = now;
        draw(p, percent);
    } else if (!p->is_terminal && percent >= p->said + PLAIN_STEP) {
        p->said = percent / PLAIN_STEP * PLAIN_STEP;
        avsp_cmd_say("uploading: %u %%", p->said);
    }
    pthread_mutex_unlock(&p->lock);
}

static enum avsp_code transfer(struct avsp_storage *store, const struct avsp_location *folder,
                               const char *path, const char *name, uint64_t total,
                               struct avsp_arena *arena, struct avsp_location *ret_file,
                               struct avsp_err *err)
{
    const char *term = getenv("TERM");
    struct progress progress = {.is_terminal = isatty(STDERR_FILENO) && term != NULL &&
                                               strcmp(term, "dumb") != 0,
                                .total = total,
                                .begun = avsp_mono_now()};
    const struct avsp_watch watch = {.moved = moved, .opaque = &progress};
    struct avsp_put put = {.path = path, .name = name, .keep = true, .watch = &watch};
    AVSP_ASSERT(pthread_mutex_init(&progress.lock, NULL) == 0);
    enum avsp_code rc = avsp_storage_put_many(store, folder, &put, 1, arena, err);
    pthread_mutex_destroy(&progress.lock);
    static const char erase[] = "\r\033[K";
    struct avsp_err ignored = {0};
    if (progress.is_terminal && progress.drawn.us != 0)
        (void)!avsp_fd_write_all(STDERR_FILENO, erase, sizeof erase - 1, &ignored);
    if (rc == AVSP_OK)
        *ret_file = put.file;
    return rc;
}

enum avsp_code avsp_upload(struct avsp_storage *store, const struct avsp_location *folder,
                           struct avsp_location *input, struct avsp_arena *arena,
                           struct avsp_err *err)
{
    struct stat st;
    struct avsp_stat there;
    struct avsp_location file;
    if (input->kind != AVSP_LOCATION_FS || folder->kind != AVSP_LOCATION_S3)
        return avsp_err_set(err, AVSP_INVALID,
                            "--upload takes a local INPUT into a folder like s3://BUCKET/FOLDER");
    if (stat(input->path, &st) != 0)
        return avsp_err_set_errno(err, errno, "%s", input->path);
    const char *name = strrchr(input->path, '/') + 1; // it is absolute
    enum avsp_code rc = avsp_location_join(arena, folder, name, &file, err);
    if (rc != AVSP_OK)
        return rc;
    rc = avsp_storage_stat(store, &file, &there, err);
    if (rc == AVSP_OK)
        return avsp_err_set(err, AVSP_EXISTS,
                            "%s is there already: name it as INPUT, or upload into another folder",
                            avsp_location_show(arena, &file));
    if (rc == AVSP_NOT_FOUND)
        rc = transfer(store, folder, input->path, name, (uint64_t)st.st_size, arena, &file, err);
    if (rc != AVSP_OK)
        return avsp_err_wrap(err, "--upload");
    *input = file;
    return AVSP_OK;
}
