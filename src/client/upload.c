#include "client/upload.h"

#include "client/command.h"
#include "client/identity.h"
#include "util/fd.h"
#include "util/process.h"
#include "util/time.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#define DRAW_MS 200
#define PLAIN_STEP 10 ///< per cent between two lines where there is no terminal
#define MIB (1024.0 * 1024.0)

struct progress {
    bool is_terminal, is_drawn;
    struct avsp_mono begun;
    unsigned said; ///< per cent
};

/// A thread that waits for the storage, while the one that began it minds signals and the terminal.
struct transfer {
    struct avsp_storage *store;
    const struct avsp_location *folder;
    struct avsp_put put;
    struct avsp_arena *arena;
    uint64_t total;
    _Atomic uint64_t bytes; ///< that are there
    int over_fd;            ///< an eventfd: it has ended
    int signal_fd;
    sigset_t before;          ///< signals that were blocked before
    struct progress progress; ///< of whoever began it
    enum avsp_code rc;        ///< the thread's, like the next, until it has ended
    struct avsp_err err;
};

static struct progress progress_begin(void)
{
    const char *term = getenv("TERM");
    return (struct progress){.is_terminal =
                                 isatty(STDERR_FILENO) && term != NULL && strcmp(term, "dumb") != 0,
                             .begun = avsp_mono_now()};
}

/// A terminal that stands still (Ctrl-S), or a reader that hangs, would keep us from the signals.
static bool is_taken(void)
{
    struct pollfd fd = {STDERR_FILENO, POLLOUT, 0};
    return poll(&fd, 1, 0) > 0;
}

static void write_terminal(const char *text)
{
    struct avsp_err ignored = {0};
    (void)!avsp_fd_write_all(STDERR_FILENO, text, strlen(text), &ignored);
}

static void show(struct progress *p, uint64_t bytes, uint64_t total)
{
    unsigned percent = total > 0 ? (unsigned)(bytes * 100 / total) : 100;
    if (!is_taken())
        return;
    if (p->is_terminal) {
        char line[128];
        double seconds = (double)(avsp_mono_now().us - p->begun.us + 1) / 1e6;
        snprintf(line, sizeof line, "\r\033[Kuploading: %3u %% of %.1f MiB, %.1f MiB a second",
                 percent, (double)total / MIB, (double)bytes / MIB / seconds);
        write_terminal(line);
        p->is_drawn = true;
    } else if (percent >= p->said + PLAIN_STEP) {
        p->said = percent / PLAIN_STEP * PLAIN_STEP;
        avsp_cmd_say("uploading: %u %%", p->said);
    }
}

static void moved(void *opaque, uint64_t bytes)
{
    struct transfer *t = opaque;
    atomic_fetch_add(&t->bytes, bytes);
}

static void *transfer_main(void *opaque)
{
    struct transfer *t = opaque;
    t->rc = avsp_storage_put_many(t->store, t->folder, &t->put, 1, t->arena, &t->err);
    eventfd_write(t->over_fd, 1);
    return NULL;
}

/// Takes the signals that came. @return was there one?
static bool take_signals(int signal_fd)
{
    struct signalfd_siginfo info;
    bool is_any = false;
    while (read(signal_fd, &info, sizeof info) == (ssize_t)sizeof info)
        is_any = true;
    return is_any;
}

/// Waits for the thread, and stops the storage where a signal comes. @return was it a signal?
static bool await(struct transfer *t)
{
    struct pollfd fds[] = {{t->over_fd, POLLIN, 0}, {t->signal_fd, POLLIN, 0}};
    bool is_interrupted = false;
    while (fds[0].revents == 0) {
        (void)poll(fds, AVSP_ARRAY_LEN(fds), DRAW_MS);
        show(&t->progress, atomic_load(&t->bytes), t->total);
        if (take_signals(t->signal_fd)) {
            is_interrupted = true;
            avsp_storage_stop(t->store);
            pthread_sigmask(SIG_SETMASK, &t->before, NULL); // the next one ends the program
        }
    }
    return is_interrupted;
}

/// Does it all while signals come by @p t's descriptors.
static enum avsp_code run(struct transfer *t, struct avsp_err *err)
{
    pthread_t thread;
    if (t->over_fd < 0 || t->signal_fd < 0)
        return avsp_err_set_errno(err, errno, "signalfd");
    int errnum = pthread_create(&thread, NULL, transfer_main, t);
    if (errnum != 0)
        return avsp_err_set_errno(err, errnum, "start a thread");
    bool is_interrupted = await(t);
    pthread_join(thread, NULL);
    if (is_interrupted && t->rc == AVSP_OK)
        return avsp_err_set(err, AVSP_CANCELED, "interrupted: %s is there, but no job",
                            avsp_location_show(t->arena, &t->put.file));
    *err = t->err;
    return is_interrupted ? avsp_err_wrap(err, "interrupted") : t->rc;
}

static enum avsp_code transfer(struct avsp_storage *store, const struct avsp_location *folder,
                               const char *path, const char *name, uint64_t total,
                               struct avsp_arena *arena, struct avsp_location *ret_file,
                               struct avsp_err *err)
{
    struct transfer t = {.store = store,
                         .folder = folder,
                         .arena = arena,
                         .total = total,
                         .progress = progress_begin()};
    const struct avsp_watch watch = {.moved = moved, .opaque = &t};
    sigset_t ends;
    t.put = (struct avsp_put){.path = path, .name = name, .keep = true, .watch = &watch};
    avsp_process_ends(&ends);
    pthread_sigmask(SIG_BLOCK, &ends, &t.before);
    t.over_fd = eventfd(0, EFD_CLOEXEC);
    t.signal_fd = signalfd(-1, &ends, SFD_NONBLOCK | SFD_CLOEXEC);
    enum avsp_code rc = run(&t, err);
    avsp_fd_cleanup(&t.over_fd);
    avsp_fd_cleanup(&t.signal_fd);
    pthread_sigmask(SIG_SETMASK, &t.before, NULL);
    if (t.progress.is_drawn)
        write_terminal("\r\033[K");
    if (rc == AVSP_OK)
        *ret_file = t.put.file;
    return rc;
}

/// Whoever could not submit the job after the upload calls again.
static enum avsp_code take_copy(struct avsp_storage *store, const struct avsp_location *file,
                                const char *path, struct avsp_arena *arena, struct avsp_err *err)
{
    bool is_copy = false;
    enum avsp_code rc = avsp_identity_is_copy(store, file, path, arena, &is_copy, err);
    if (rc != AVSP_OK)
        return rc;
    if (!is_copy)
        return avsp_err_set(err, AVSP_EXISTS,
                            "%s is there already, and is no copy of %s: name it as INPUT, or "
                            "upload into another folder",
                            avsp_location_show(arena, file), path);
    avsp_cmd_say("note: %s is there already", avsp_location_show(arena, file));
    return AVSP_OK;
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
        rc = take_copy(store, &file, input->path, arena, err);
    else if (rc == AVSP_NOT_FOUND)
        rc = transfer(store, folder, input->path, name, (uint64_t)st.st_size, arena, &file, err);
    if (rc != AVSP_OK)
        return avsp_err_wrap(err, "--upload");
    *input = file;
    return AVSP_OK;
}
