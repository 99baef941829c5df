/// avspl1t encode: the whole job on this machine, with nothing running before and nothing left after; one that is interrupted
/// is gone on with by the next run (client/place.h).
///
/// The main thread starts and minds the coordinator and the worker (client/stack.h) and takes signals; a second thread
/// submits the job and follows it (client/follow.h).
#include "client/command.h"
#include "client/follow.h"
#include "client/location.h"
#include "client/media_child.h"
#include "client/place.h"
#include "client/report.h"
#include "client/room.h"
#include "client/stack.h"
#include "client/stores.h"
#include "storage/sha256.h"
#include "util/fd.h"
#include "util/folders.h"
#include "util/parse.h"
#include "util/process.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#define SUBMIT_MS 5000
/// An interrupt ends all within two seconds (client/stack.h).
#define LOOK_ONCE_MORE_MS 300
/// For what was done in a store to be removed from it after an interrupt. It takes a few requests, unless the store does not answer.
#define UNDO_MS 5000
#define UNDO_TICK_MS 20
#define FOREVER_MS (365LL * 24 * 3600 * 1000)
#define LOG_SHOWN_BYTES 8192

struct encode {
    const struct avsp_cli_parsed *args;
    struct avsp_arena arena;
    struct avsp_job_spec spec;
    struct avsp_identity asked;
    struct avsp_storage *store;        ///< for what is in S3
    struct avsp_location asked_output; ///< with its credentials
    const char
        *home; ///< of what is kept: OUTPUT, or where that is in S3 a folder that stands for it
    struct avsp_place place;
    struct avsp_stack stack;
    struct avsp_mono room_at; ///< when the disk is looked at next
    struct avsp_client *cli;
    struct avsp_mono begun;
    int signal_fd;
    bool left_behind; ///< something stayed in the store

    // The follower's own, the main thread's again once it has been joined.
    pthread_t follower;
    bool following;
    int over_fd; ///< an eventfd: the follower has ended
    struct avsp_arena job_arena;
    struct avsp_display display;
    char job_id[AVSP_ANY_ID_BYTES];
    struct avsp_job job;
    struct avsp_err follow_err; ///< all zeros: `job` is how it ended
};

/// What came of it.
enum outcome {
    OVER,        ///< the job ended, one way or another
    INTERRUPTED, ///< by a signal
    BROKEN,      ///< our own machinery failed
};

static enum avsp_code submit(struct encode *encode, struct avsp_err *err)
{
    for (;;) {
        enum avsp_code rc = avsp_client_submit(encode->cli, &encode->spec, encode->job_id,
                                               avsp_mono_in_ms(SUBMIT_MS), err);
        // A coordinator that has just died is started again; the key keeps the job from being stored twice.
        if (rc != AVSP_UNAVAILABLE && rc != AVSP_TIMEOUT)
            return rc;
        usleep(100000);
    }
}

static void *follow(void *opaque)
{
    struct encode *encode = opaque;
    avsp_display_begin(&encode->display);
    enum avsp_code rc = submit(encode, &encode->follow_err);
    if (rc == AVSP_OK)
        rc = avsp_cmd_follow(encode->cli, encode->job_id, &encode->display,
                             avsp_mono_in_ms(FOREVER_MS), &encode->job_arena, &encode->job,
                             &encode->follow_err);
    if (rc == AVSP_OK)
        encode->follow_err = (struct avsp_err){0};
    avsp_display_end(&encode->display);
    AVSP_ASSERT(eventfd_write(encode->over_fd, 1) == 0);
    return NULL;
}

/// @return NULL on error.
static struct avsp_client *connect_own(const struct encode *encode, struct avsp_err *err)
{
    char target[64];
    // Short, whatever OUTPUT is: a socket's path has 107 bytes at most.
    snprintf(target, sizeof target, "unix:/proc/self/fd/%d/%s", encode->place.priv.state_fd,
             AVSP_STACK_SOCKET);
    return avsp_client_new(target, false, NULL, err);
}

/// The coordinator takes calls: the job can begin.
static enum avsp_code begin_job(struct encode *encode, struct avsp_err *err)
{
    encode->cli = connect_own(encode, err);
    if (encode->cli == NULL)
        return err->code;
    int errnum = pthread_create(&encode->follower, NULL, follow, encode);
    encode->following = errnum == 0;
    return errnum == 0 ? AVSP_OK : avsp_err_set_errno(err, errnum, "start a thread");
}

static enum avsp_code on_ready(struct encode *encode, struct avsp_err *err)
{
    bool ready = false;
    enum avsp_code rc = avsp_stack_ready(&encode->stack, &ready, err);
    return rc == AVSP_OK && ready && !encode->following ? begin_job(encode, err) : rc;
}

/// @param ret_interrupted  set where one of the signals asks us to end
static enum avsp_code on_signals(struct encode *encode, bool *ret_interrupted, struct avsp_err *err)
{
    struct signalfd_siginfo info;
    bool has_child = false;
    while (read(encode->signal_fd, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo == SIGCHLD)
            has_child = true;
        else
            *ret_interrupted = true;
    }
    return has_child && !*ret_interrupted ? avsp_stack_reap(&encode->stack, err) : AVSP_OK;
}

/// @return NO_SPACE and others: nothing more can be stored, not even that the job has failed.
static enum avsp_code look_for_room(struct encode *encode, struct avsp_err *err)
{
    if (!avsp_mono_passed(encode->room_at))
        return AVSP_OK;
    encode->room_at = avsp_mono_in_ms(AVSP_ROOM_EVERY_MS);
    return avsp_room_check(encode->place.priv.state_fd, encode->place.priv.state_path, err);
}

static int left_ms(const struct encode *encode)
{
    int stack_ms = avsp_stack_left_ms(&encode->stack);
    int room_ms = avsp_mono_left_ms(encode->room_at);
    return stack_ms < 0 ? room_ms : AVSP_MIN(stack_ms, room_ms);
}

/// Minds the children until the job is over.
static enum outcome run(struct encode *encode, struct avsp_err *err)
{
    for (;;) {
        struct pollfd fds[] = {
            {.fd = encode->signal_fd, .events = POLLIN},
            {.fd = encode->over_fd, .events = POLLIN},
            {.fd = encode->stack.ready_fd, .events = POLLIN},
        };
        if (poll(fds, AVSP_ARRAY_LEN(fds), left_ms(encode)) < 0 && errno != EINTR) {
            avsp_err_set_errno(err, errno, "poll");
            return BROKEN;
        }
        bool interrupted = false;
        enum avsp_code rc = AVSP_OK;
        if (fds[0].revents != 0)
            rc = on_signals(encode, &interrupted, err);
        if (interrupted)
            return INTERRUPTED;
        if (fds[1].revents != 0)
            return OVER;
        if (rc == AVSP_OK && fds[2].revents != 0)
            rc = on_ready(encode, err);
        if (rc == AVSP_OK)
            rc = avsp_stack_tick(&encode->stack, err);
        if (rc == AVSP_OK)
            rc = look_for_room(encode, err);
        if (rc != AVSP_OK)
            return BROKEN;
    }
}

/// Ends the follower's calls and waits for it.
static void stop_following(struct encode *encode)
{
    if (encode->cli != NULL)
        avsp_client_shutdown(encode->cli);
    if (encode->following)
        pthread_join(encode->follower, NULL);
    encode->following = false;
    avsp_client_free(encode->cli);
    encode->cli = NULL;
}

/// What is done was perhaps stored a moment ago, and nobody has told us yet.
static void look_once_more(struct encode *encode)
{
    struct avsp_err ignored = {0};
    struct avsp_job job = {0};
    if (encode->display.tasks_done > 0 || encode->job_id[0] == '\0')
        return;
    struct avsp_client *cli = connect_own(encode, &ignored);
    if (cli != NULL && avsp_client_get_job(cli, encode->job_id, &encode->arena, &job,
                                           avsp_mono_in_ms(LOOK_ONCE_MORE_MS), &ignored) == AVSP_OK)
        encode->display.tasks_done = job.tasks_done;
    avsp_client_free(cli);
}

static bool finished(const struct encode *encode, enum outcome outcome)
{
    return outcome == OVER && encode->follow_err.code == AVSP_OK &&
           encode->job.state == AVSP_JOB_FINISHED;
}

/// Would the same job come further another time? A disk that was full, an input that was out of reach: yes. What the input
/// itself brings about: no.
static bool is_passing(const struct avsp_job *job)
{
    enum avsp_code code = job->failure.code;
    return job->state == AVSP_JOB_FAILED && (code == AVSP_NO_SPACE || code == AVSP_UNAVAILABLE);
}

/// Is there something to go on with, and reason to?
static bool is_worth_keeping(const struct encode *encode, enum outcome outcome)
{
    if (finished(encode, outcome) || (!encode->place.is_resumed && encode->display.tasks_done == 0))
        return false;
    return outcome != OVER || encode->follow_err.code != AVSP_OK || is_passing(&encode->job);
}

static void say_summary(const struct encode *encode)
{
    char duration[AVSP_DURATION_BYTES];
    char fps[AVSP_DURATION_BYTES];
    uint64_t us = (uint64_t)(avsp_mono_now().us - encode->begun.us) + 1;
    uint64_t frames = encode->job.frames_total;
    uint64_t milli_fps = frames < UINT64_MAX / 1000000000 ? frames * 1000000000 / us : 0;
    avsp_duration_text(us / 1000000, duration);
    if (encode->place.is_resumed)
        avsp_cmd_say("%" PRIu64 " frames, the last of them in %s", frames, duration);
    else
        avsp_cmd_say("%" PRIu64 " frames in %s, %s", frames, duration,
                     avsp_fps_text(milli_fps, fps));
}

static void say_how_to_go_on(const struct encode *encode, const char *what)
{
    int32_t percent = encode->display.percent;
    char at[32] = "";
    if (percent > 0)
        snprintf(at, sizeof at, " at %" PRId32 " %%", percent);
    avsp_cmd_say("%s%s: the same command goes on from there; --restart begins anew", what, at);
}

static int conclude(struct encode *encode, enum outcome outcome, bool kept,
                    const struct avsp_err *err)
{
    int status = AVSP_EXIT_FAILED;
    if (outcome == INTERRUPTED && !kept)
        avsp_cmd_say("interrupted: %s was left in %s",
                     encode->left_behind ? "something" : "nothing",
                     avsp_location_show(&encode->arena, &encode->spec.output));
    else if (outcome == BROKEN || (outcome == OVER && encode->follow_err.code != AVSP_OK))
        avsp_cmd_say("%s", outcome == BROKEN ? err->text : encode->follow_err.text);
    if (outcome == OVER && encode->follow_err.code == AVSP_OK) {
        if (encode->job.state == AVSP_JOB_FINISHED)
            say_summary(encode);
        status = avsp_cmd_conclude(&encode->job, avsp_cli_flag(encode->args, "json"),
                                   avsp_cli_flag(encode->args, "verbose"));
    }
    if (kept)
        say_how_to_go_on(encode, outcome == INTERRUPTED ? "interrupted" : "what is done is kept");
    return status;
}

static enum avsp_code open_fds(struct encode *encode, struct avsp_err *err)
{
    sigset_t taken;
    avsp_process_ends(&taken);
    sigaddset(&taken, SIGCHLD);
    pthread_sigmask(SIG_BLOCK, &taken, NULL);
    encode->signal_fd = signalfd(-1, &taken, SFD_NONBLOCK | SFD_CLOEXEC);
    encode->over_fd = eventfd(0, EFD_CLOEXEC);
    if (encode->signal_fd < 0 || encode->over_fd < 0)
        return avsp_err_set_errno(err, errno, "signalfd");
    return AVSP_OK;
}

/// A path that the wire cannot carry (a line feed, bytes that are not UTF-8) is reached by a link of a plain name.
static enum avsp_code make_input_plain(struct encode *encode, struct avsp_err *err)
{
    const char *path = encode->spec.input.path;
    if (encode->spec.input.kind == AVSP_LOCATION_S3)
        return AVSP_OK;
    bool is_plain = avsp_utf8_is_valid(path);
    for (const char *c = path; is_plain && *c != '\0'; c++)
        is_plain = (unsigned char)*c >= 0x20 && *c != 0x7f;
    if (is_plain)
        return AVSP_OK;
    const char *link = avsp_arena_printf(&encode->arena, "%s/input", encode->place.priv.state_path);
    if (link == NULL)
        return avsp_arena_failed(&encode->arena, err);
    if ((unlink(link) != 0 && errno != ENOENT) || symlink(path, link) != 0)
        return avsp_err_set_errno(err, errno, "make %s", link);
    encode->spec.input.path = link;
    return AVSP_OK;
}

/// Fills what only this command knows of the job, and checks it.
static enum avsp_code complete_spec(struct encode *encode, struct avsp_err *err)
{
    enum avsp_code rc = make_input_plain(encode, err);
    if (rc != AVSP_OK)
        return rc;
    encode->spec.work = avsp_location_fs(encode->place.work);
    // The worker is started by us: it has the same credentials by itself, and none need to be stored.
    avsp_stores_keep_keys_back(&encode->spec.input);
    avsp_stores_keep_keys_back(&encode->spec.output);
    for (size_t i = 0; i < encode->spec.n_sidecars; i++)
        avsp_stores_keep_keys_back(&encode->spec.sidecars[i].file);
    // The same key gives the same job, with all that it has done.
    encode->spec.idempotency_key = encode->place.priv.identity.key;
    return avsp_job_spec_check(&encode->spec, &encode->arena, err);
}

static enum avsp_code start_stack(struct encode *encode, struct avsp_err *err)
{
    const struct avsp_private *priv = &encode->place.priv;
    const char *work_dir = avsp_arena_printf(&encode->arena, "%s/worker", priv->path);
    if (work_dir == NULL)
        return avsp_arena_failed(&encode->arena, err);
    if (mkdir(work_dir, 0700) != 0 && errno != EEXIST)
        return avsp_err_set_errno(err, errno, "make the folder %s", work_dir);
    struct avsp_stack_options options = {
        .state_path = priv->state_path,
        .state_fd = priv->state_fd,
        .work_dir = work_dir,
        .slots = avsp_cli_str(encode->args, "slots"),
        .log_path = avsp_cli_str(encode->args, "log"),
        .uploads = encode->spec.output.kind == AVSP_LOCATION_S3,
    };
    return avsp_stack_open(&encode->stack, &options, &encode->arena, err);
}

static void *undo_main(void *opaque)
{
    struct encode *encode = opaque;
    encode->left_behind = !avsp_stores_undo(encode->store, &encode->asked_output);
    return NULL;
}

/// Removes from the store what was made there. A signal ends it, and after one that came before so does a deadline.
static void undo(struct encode *encode, bool is_interrupted)
{
    struct avsp_mono deadline = avsp_mono_in_ms(is_interrupted ? UNDO_MS : FOREVER_MS);
    struct pollfd fd = {.fd = encode->signal_fd, .events = POLLIN};
    struct avsp_err ignored = {0};
    bool is_over = false;
    pthread_t thread;
    if (pthread_create(&thread, NULL, undo_main, encode) != 0) {
        undo_main(encode);
        return;
    }
    while (pthread_tryjoin_np(thread, NULL) != 0) {
        if (poll(&fd, 1, UNDO_TICK_MS) > 0)
            (void)!on_signals(encode, &is_over, &ignored);
        if (is_over || avsp_mono_passed(deadline))
            avsp_storage_stop(encode->store);
    }
}

/// Ends what was begun: keeps it for the next run, or leaves nothing but a finished presentation.
static void leave(struct encode *encode, bool keep, bool is_finished, bool is_interrupted)
{
    if (keep)
        avsp_place_keep(&encode->place);
    else
        avsp_place_close(&encode->place, is_finished);
    if (encode->spec.output.kind != AVSP_LOCATION_S3)
        return;
    if (!keep && !is_finished)
        undo(encode, is_interrupted);
    if (!keep)
        rmdir(encode->home);
}

/// From here on there are traces in OUTPUT.
static int encode_in_place(struct encode *encode)
{
    struct avsp_err err = {0};
    enum avsp_code rc =
        avsp_place_open(&encode->place, encode->home, &encode->asked,
                        avsp_cli_flag(encode->args, "restart"), &encode->arena, &err);
    if (rc != AVSP_OK)
        return avsp_cmd_fail(&err);
    rc = look_for_room(encode, &err);
    if (rc == AVSP_OK)
        rc = complete_spec(encode, &err);
    if (rc == AVSP_OK)
        rc = start_stack(encode, &err);
    if (rc != AVSP_OK) {
        leave(encode, encode->place.is_resumed, false, false);
        return avsp_cmd_fail(&err);
    }
    if (encode->place.is_resumed)
        avsp_cmd_say("going on with what was interrupted");
    enum outcome outcome = run(encode, &err);
    stop_following(encode);
    if (outcome != OVER)
        look_once_more(encode);
    avsp_stack_close(&encode->stack);
    bool keep = is_worth_keeping(encode, outcome);
    leave(encode, keep, finished(encode, outcome), outcome == INTERRUPTED);
    return conclude(encode, outcome, keep, &err);
}

/// Completes what is in S3, and looks whether it can be used.
static enum avsp_code look_into_stores(struct encode *encode, struct avsp_err *err)
{
    struct avsp_job_spec *spec = &encode->spec;
    if (spec->work.kind == AVSP_LOCATION_S3)
        return avsp_err_set(err, AVSP_INVALID,
                            "--work: encode keeps its pieces on this machine: name a local folder");
    encode->store = avsp_stores_open(err);
    if (encode->store == NULL)
        return err->code;
    enum avsp_code rc =
        avsp_stores_complete(encode->store, encode->args, true, &encode->arena, spec, err);
    if (rc == AVSP_OK)
        rc = avsp_stores_check(encode->store, &encode->arena, spec, err);
    encode->asked_output = spec->output;
    return rc;
}

/// Where what is kept is at home.
static enum avsp_code find_home(struct encode *encode, struct avsp_err *err)
{
    const struct avsp_location *output = &encode->spec.output;
    char hash[AVSP_SHA256_HEX_BYTES];
    const char *state = "";
    encode->home = output->path;
    if (output->kind != AVSP_LOCATION_S3)
        return AVSP_OK;
    const char *name = avsp_arena_printf(&encode->arena, "%s\n%s\n%s", output->endpoint,
                                         output->bucket, output->path);
    if (name == NULL)
        return avsp_arena_failed(&encode->arena, err);
    enum avsp_code rc = avsp_sha256_hex(name, strlen(name), hash, err);
    if (rc == AVSP_OK)
        rc = avsp_folder_state(&encode->arena, &state, err);
    if (rc != AVSP_OK)
        return rc;
    encode->home = avsp_arena_printf(&encode->arena, "%s/s3-%.16s", state, hash);
    return encode->home != NULL ? AVSP_OK : avsp_arena_failed(&encode->arena, err);
}

/// A file that is no video is refused before anything is made; of one that is, notes what it is.
static enum avsp_code look_into_input(struct encode *encode, struct avsp_err *err)
{
    struct avsp_probed probed;
    const char *log = "";
    const struct avsp_step step = {
        .kind = AVSP_STEP_PROBE,
        .segment_seconds = encode->spec.segment_seconds,
        .picture = encode->spec.picture,
        .sound = encode->spec.sound,
        .choice = encode->spec.choice,
        .max_pending = 1,
    };
    enum avsp_code rc = avsp_media_child_probe(encode->store, &encode->spec.input, &step,
                                               &encode->job_arena, &probed, &log, err);
    if (rc != AVSP_OK && avsp_cli_flag(encode->args, "verbose") && log[0] != '\0')
        fputs(log, stderr);
    if (rc == AVSP_OK)
        rc = avsp_identity_of(&encode->spec, encode->store, probed.input.libraries, &encode->arena,
                              &encode->asked, err);
    avsp_arena_clear(&encode->job_arena);
    return rc;
}

static enum avsp_code prepare(struct encode *encode, struct avsp_err *err)
{
    int64_t ignored = 0;
    enum avsp_code rc = avsp_cmd_read_spec(encode->args, &encode->arena, &encode->spec, err);
    if (rc == AVSP_OK)
        rc = look_into_stores(encode, err);
    if (rc == AVSP_OK)
        rc = find_home(encode, err);
    if (rc == AVSP_OK && avsp_cli_str(encode->args, "slots") != NULL)
        rc = avsp_cli_i64(encode->args, "slots", 1, AVSP_SLOTS_MAX, &ignored, err);
    if (rc == AVSP_OK)
        rc = look_into_input(encode, err);
    return rc == AVSP_OK ? open_fds(encode, err) : rc;
}

static void encode_deinit(struct encode *encode)
{
    avsp_fd_cleanup(&encode->signal_fd);
    avsp_fd_cleanup(&encode->over_fd);
    avsp_storage_free(encode->store);
    avsp_arena_deinit(&encode->job_arena);
    avsp_arena_deinit(&encode->arena);
}

int avsp_cmd_encode(const struct avsp_cli_parsed *args)
{
    struct encode AVSP_CLEANUP(encode_deinit) encode = {.args = args,
                                                        .begun = avsp_mono_now(),
                                                        .room_at = avsp_mono_now(),
                                                        .signal_fd = -1,
                                                        .over_fd = -1};
    avsp_arena_init(&encode.arena, AVSP_CMD_ARENA_BYTES);
    avsp_arena_init(&encode.job_arena, AVSP_CMD_ARENA_BYTES);
    struct avsp_err err = {0};
    if (prepare(&encode, &err) != AVSP_OK)
        return avsp_cmd_fail(&err);
    return encode_in_place(&encode);
}
