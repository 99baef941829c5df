#include "worker/config.h"

#include "core/model.h"
#include "util/id.h"
#include "util/parse.h"
#include "util/programs.h"
#include "worker/sizing.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define SECONDS_MAX (7 * 86400)

static const struct avsp_cli_option options[] = {
    {"coordinator", "TARGET", "AVSPL1T_COORDINATOR", "127.0.0.1:50051",
     "The coordinator: HOST:PORT, several with commas, unix:PATH or a gRPC name."},
    AVSP_CLIENT_SECURITY_OPTIONS,
    {"slots", "N", "AVSPL1T_SLOTS", NULL,
     "Encodes at once. Default: one a processor, fewer where memory is short."},
    {"threads", "N", "AVSPL1T_THREADS", NULL,
     "Threads of one encode. Default: processors divided by slots."},
    {"work-dir", "FOLDER", "AVSPL1T_WORK_DIR", NULL,
     "Where temporary files go. Default: avspl1t-UID in $TMPDIR or /tmp."},
    {"work-limit", "BYTES", "AVSPL1T_WORK_LIMIT", NULL,
     "Temporary storage to fill at most, as in 20G; work waits rather than exceeds it. Default: no "
     "limit."},
    {"memory-limit", "BYTES", "AVSPL1T_MEMORY_LIMIT", NULL,
     "Memory that one slot stands for. An encode that needs more, as of a ladder of 4K, takes "
     "several slots. Default: its share of this machine's."},
    {"task-seconds", "N", "AVSPL1T_TASK_SECONDS", "21600", "How long one media step may take."},
    {"stall-seconds", "N", "AVSPL1T_STALL_SECONDS", "600",
     "Give a task up that makes no progress for so long, in a media step or in storage that does "
     "not answer: the attempt has failed, and another worker may have it. An encode of a "
     "local file that does nothing at all is given up after 20 to 40 seconds."},
    {"id", "NAME", "AVSPL1T_WORKER_ID", NULL,
     "The worker's name, one of its own. Default: the host's with a random ending."},
    {"once", NULL, "AVSPL1T_ONCE", NULL, "Do one task and end."},
    {"exit-when-idle", "SECONDS", "AVSPL1T_EXIT_WHEN_IDLE", NULL,
     "End when the coordinator has had nothing to do for so long; 0 is taken as 1."},
    {"drain-seconds", "N", "AVSPL1T_DRAIN_SECONDS", "30",
     "How long SIGTERM lets running tasks finish before they are handed back; 0: at once."},
    {"allow-root", "FOLDER", NULL, NULL,
     "A folder whose files may be read and written. Default: all that the user may.", true},
    {"allow-s3", "ENDPOINT[/BUCKET]", NULL, NULL,
     "An S3 store, or a bucket of one, that may be read and written; s3.amazonaws.com stands for "
     "all "
     "of Amazon. Default: any. Link-local and metadata addresses are refused always.",
     true},
    {"s3-timeout", "SECONDS", "AVSPL1T_S3_TIMEOUT", "120",
     "How long an S3 store may fail before a task gives up; one that is silent for half of it is "
     "asked anew."},
    AVSP_LOG_OPTIONS,
};

static const struct avsp_cli_command whole = {
    .name = "",
    .arguments = "",
    .summary = "do the work",
    .help = "",
    .options = options,
    .n_options = AVSP_ARRAY_LEN(options),
};

const struct avsp_cli_program avsp_worker_program = {
    .name = "avspl1t-worker",
    .summary = "split, encode and package video for a coordinator",
    .description =
        "Takes tasks from avspl1t-coordinator and runs each media step in a process of its own, "
        "with limits. Input and output are files that this machine can reach under the paths that "
        "the job names: on several machines, a shared folder, or an S3 store. Credentials for that "
        "come with the job, or are the worker's own: those of the AWS_… variables, of "
        "~/.aws, of its container or instance. They go to the endpoint they are configured for, or "
        "that --allow-s3 names. AWS_CA_BUNDLE and HTTPS_PROXY count.\n"
        "\n"
        "SIGTERM takes no new task, lets running ones finish for a while (--drain-seconds) and "
        "hands the rest back; a second SIGTERM, or SIGINT, hands back at once. A worker that is "
        "killed loses nothing either: its tasks go to others.",
    .commands = &whole,
    .n_commands = 1,
    .notes = "EXIT STATUS\n"
             "0 stopped as asked; 1 it could not start; 2 a wrong option; 3 with --once or "
             "--exit-when-idle: the coordinator was out of reach for 30 seconds.\n"
             "\n"
             "SEE ALSO\navspl1t(1), avspl1t-coordinator(1)",
};

/// The host's name with what is no part of an identifier replaced.
static void host_name(char *ret_host, size_t len)
{
    if (gethostname(ret_host, len) != 0)
        snprintf(ret_host, len, "host");
    ret_host[len - 1] = '\0';
    for (char *c = ret_host; *c != '\0'; c++) {
        char one[] = {*c, '\0'};
        if (!avsp_id_is_valid(one) && *c != '.')
            *c = '-';
    }
    if (!avsp_id_is_valid(ret_host))
        snprintf(ret_host, len, "host");
}

static enum avsp_code read_id(const struct avsp_cli_parsed *args, struct avsp_worker_config *config,
                              struct avsp_err *err)
{
    host_name(config->host, sizeof config->host);
    const char *id = avsp_cli_str(args, "id");
    if (id == NULL) {
        char random[AVSP_ID_BYTES];
        avsp_id_new(random);
        snprintf(config->id, sizeof config->id, "%.48s-%.8s", config->host, random);
        return AVSP_OK;
    }
    if (!avsp_id_is_valid(id))
        return avsp_err_set(err, AVSP_INVALID,
                            "--id: \"%.80s\" is not 1 to 64 letters, digits, '-', '_' or '.'", id);
    snprintf(config->id, sizeof config->id, "%s", id);
    return AVSP_OK;
}

static enum avsp_code read_bytes(const struct avsp_cli_parsed *args, const char *name,
                                 uint64_t min_bytes, uint64_t *ret_bytes, struct avsp_err *err)
{
    const char *text = avsp_cli_str(args, name);
    if (text == NULL)
        return AVSP_OK;
    if (!avsp_parse_bytes(text, ret_bytes) || *ret_bytes < min_bytes || *ret_bytes > INT64_MAX)
        return avsp_err_set(err, AVSP_INVALID,
                            "--%s: \"%.80s\" is not a size of at least %juM, as in 20G", name, text,
                            (uintmax_t)(min_bytes >> 20));
    return AVSP_OK;
}

static enum avsp_code read_seconds(const struct avsp_cli_parsed *args, const char *name,
                                   int64_t min, int64_t *ret_ms, struct avsp_err *err)
{
    if (avsp_cli_str(args, name) == NULL)
        return AVSP_OK;
    int64_t seconds = 0;
    enum avsp_code rc = avsp_cli_i64(args, name, min, SECONDS_MAX, &seconds, err);
    if (rc == AVSP_OK)
        *ret_ms = seconds * 1000;
    return rc;
}

/// What this machine can do decides what was not said.
static enum avsp_code read_sizes(const struct avsp_cli_parsed *args,
                                 struct avsp_worker_config *config, struct avsp_err *err)
{
    struct avsp_machine machine;
    avsp_machine_look("", &machine);
    int64_t slots = avsp_machine_slots(&machine);
    if (avsp_cli_str(args, "slots") != NULL &&
        avsp_cli_i64(args, "slots", 1, AVSP_SLOTS_MAX, &slots, err) != AVSP_OK)
        return err->code;
    config->slots = (unsigned)slots;
    int64_t threads =
        AVSP_MIN(AVSP_MAX(machine.n_cpus / config->slots, 1u), AVSP_MACHINE_THREADS_MAX);
    if (avsp_cli_str(args, "threads") != NULL &&
        avsp_cli_i64(args, "threads", 1, AVSP_MACHINE_THREADS_MAX, &threads, err) != AVSP_OK)
        return err->code;
    config->threads = (unsigned)threads;
    config->memory_bytes = avsp_machine_memory_limit(&machine, config->slots);
    enum avsp_code rc =
        read_bytes(args, "memory-limit", (uint64_t)64 << 20, &config->memory_bytes, err);
    return rc == AVSP_OK
               ? read_bytes(args, "work-limit", (uint64_t)1 << 20, &config->work_bytes, err)
               : rc;
}

static enum avsp_code read_roots(const struct avsp_cli_parsed *args,
                                 struct avsp_worker_config *config, struct avsp_err *err)
{
    for (const char *root; (root = avsp_cli_nth(args, "allow-root", (unsigned)config->n_roots));) {
        if (config->n_roots == AVSP_WORKER_ROOTS_MAX)
            return avsp_err_set(err, AVSP_INVALID, "--allow-root: more than %d",
                                AVSP_WORKER_ROOTS_MAX);
        config->roots[config->n_roots++] = root;
    }
    return AVSP_OK;
}

static enum avsp_code read_s3(const struct avsp_cli_parsed *args, struct avsp_worker_config *config,
                              struct avsp_err *err)
{
    for (const char *place;
         (place = avsp_cli_nth(args, "allow-s3", (unsigned)config->n_allow_s3));) {
        if (config->n_allow_s3 == AVSP_WORKER_ROOTS_MAX)
            return avsp_err_set(err, AVSP_INVALID, "--allow-s3: more than %d",
                                AVSP_WORKER_ROOTS_MAX);
        config->allow_s3[config->n_allow_s3++] = place;
    }
    return read_seconds(args, "s3-timeout", 1, &config->s3_patience_ms, err);
}

static enum avsp_code read_work_dir(const struct avsp_cli_parsed *args,
                                    struct avsp_worker_config *config, struct avsp_err *err)
{
    config->work_dir = avsp_cli_str(args, "work-dir");
    if (config->work_dir != NULL && config->work_dir[0] != '/')
        return avsp_err_set(err, AVSP_INVALID, "--work-dir: \"%.200s\" is not an absolute path",
                            config->work_dir);
    return AVSP_OK;
}

/// Absolute: it is started in another working folder.
static enum avsp_code find_media_program(struct avsp_worker_config *config, struct avsp_err *err)
{
    char path[PATH_MAX];
    enum avsp_code rc = avsp_program_find("avspl1t-media", path, sizeof path, err);
    if (rc == AVSP_OK && realpath(path, config->media_program) == NULL)
        return avsp_err_set_errno(err, errno, "%s", path);
    return rc;
}

enum avsp_code avsp_worker_config_read(const struct avsp_cli_parsed *args,
                                       struct avsp_worker_config *ret_config, struct avsp_err *err)
{
    *ret_config = (struct avsp_worker_config){.idle_ms = -1};
    ret_config->coordinator = avsp_cli_str(args, "coordinator");
    ret_config->once = avsp_cli_flag(args, "once");
    enum avsp_code rc = avsp_client_security_read(args, &ret_config->security, err);
    if (rc == AVSP_OK)
        rc = read_id(args, ret_config, err);
    if (rc == AVSP_OK)
        rc = read_sizes(args, ret_config, err);
    if (rc == AVSP_OK)
        rc = read_seconds(args, "task-seconds", 1, &ret_config->task_ms, err);
    if (rc == AVSP_OK)
        rc = read_seconds(args, "stall-seconds", 1, &ret_config->stall_ms, err);
    if (rc == AVSP_OK)
        rc = read_seconds(args, "exit-when-idle", 0, &ret_config->idle_ms, err);
    if (ret_config->idle_ms == 0)
        ret_config->idle_ms = 1000; // what follows from a task that ends takes a moment to come
    if (rc == AVSP_OK)
        rc = read_seconds(args, "drain-seconds", 0, &ret_config->drain_ms, err);
    if (rc == AVSP_OK)
        rc = read_roots(args, ret_config, err);
    if (rc == AVSP_OK)
        rc = read_s3(args, ret_config, err);
    if (rc == AVSP_OK)
        rc = read_work_dir(args, ret_config, err);
    if (rc != AVSP_OK)
        return rc;
    rc = avsp_log_read_options(args, &ret_config->log, err);
    return rc == AVSP_OK ? find_media_program(ret_config, err) : rc;
}
