/// avspl1t-media: one media step in a process of its own, so that a hostile file costs an attempt and nothing else.
/// Not for people; whoever starts it is described in core/step.h.
#include "media/control.h"
#include "media/libraries.h"
#include "media/sandbox.h"
#include "media/steps.h"

#include <errno.h>
#include <libavutil/log.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum {
    EXIT_DONE = 0,
    EXIT_FAILED = 1,
    EXIT_USAGE = 2,
};

/// Of each thread that a library starts. SVT-AV1 starts some 80 for one rendition and 60 for each other one, more with more processors;
/// with the usual 8 MiB their stacks alone reached the limit of writable memory, where it does not fail but hangs (1.4.1). It
/// asks for no size itself; 1 MiB is what its later versions take to be enough.
#define STACK_BYTES ((size_t)2 << 20)

static void limit_stacks(void)
{
    pthread_attr_t attr;
    if (pthread_attr_init(&attr) != 0)
        return;
    // Without it they are larger, and all else is the same.
    if (pthread_attr_setstacksize(&attr, STACK_BYTES) == 0)
        (void)pthread_setattr_default_np(&attr);
    pthread_attr_destroy(&attr);
}

static void control_cleanup(struct avsp_control **ctl)
{
    avsp_control_close(*ctl);
}

/// Does whoever asked for an encode know what it will be made with? Its libraries may have been exchanged since.
static enum avsp_code check_encoders(const struct avsp_step *step, struct avsp_err *err)
{
    if (step->encoders == 0)
        return AVSP_OK;
    struct avsp_buf AVSP_CLEANUP(avsp_buf_deinit) text;
    avsp_buf_init(&text, AVSP_TEXT_MAX_BYTES);
    avsp_libraries_text(&text);
    if (step->encoders == avsp_step_encoders(avsp_buf_text(&text)))
        return AVSP_OK;
    return avsp_err_set(err, AVSP_UNAVAILABLE,
                        "the libraries of this machine were exchanged while its worker ran: it has "
                        "%s now",
                        avsp_buf_text(&text));
}

static enum avsp_code print_encoders(struct avsp_err *err)
{
    struct avsp_buf AVSP_CLEANUP(avsp_buf_deinit) text;
    avsp_buf_init(&text, AVSP_TEXT_MAX_BYTES);
    avsp_libraries_text(&text);
    enum avsp_code rc = avsp_buf_check(&text, err);
    if (rc == AVSP_OK && (printf("%s\n", avsp_buf_text(&text)) < 0 || fflush(stdout) != 0))
        rc = avsp_err_set_errno(err, errno, "write to standard output");
    return rc;
}

static enum avsp_code run_step(const struct avsp_step *step, struct avsp_control *ctl,
                               struct avsp_err *err)
{
    switch (step->kind) {
    case AVSP_STEP_PROBE:
        return avsp_probe_run(AVSP_STEP_INPUT_FD, step, ctl, err);
    case AVSP_STEP_SPLIT:
        return avsp_split_run(AVSP_STEP_INPUT_FD, step, ctl, err);
    case AVSP_STEP_ENCODE:
        return avsp_encode_run(AVSP_STEP_INPUT_FD, step, ctl, err);
    case AVSP_STEP_AUDIO:
        return avsp_audio_run(AVSP_STEP_INPUT_FD, step, ctl, err);
    case AVSP_STEP_TEXT:
        return avsp_sidecar_run(AVSP_STEP_INPUT_FD, step, ctl, err);
    case AVSP_STEP_CHECK:
        return avsp_check_run(AVSP_STEP_INPUT_FD, step, ctl, err);
    case AVSP_STEP_PROBE_TEXT:
        return avsp_sidecar_probe(AVSP_STEP_INPUT_FD, step, ctl, err);
    }
    return avsp_err_set(err, AVSP_INVALID, "unknown step %d", (int)step->kind);
}

/// Runs the step and says how it ended.
static enum avsp_code run_and_report(const struct avsp_step *step, struct avsp_control *ctl,
                                     struct avsp_err *err)
{
    enum avsp_code rc = avsp_sandbox_enter(err);
    if (rc == AVSP_OK)
        rc = check_encoders(step, err);
    if (rc == AVSP_OK)
        rc = run_step(step, ctl, err);
    if (rc == AVSP_OK)
        rc = avsp_control_drain(ctl, err);
    struct avsp_report report = {.kind = AVSP_REPORT_DONE};
    if (rc != AVSP_OK) {
        report.kind = AVSP_REPORT_FAILED;
        report.failure = (struct avsp_failure){
            .code = rc, .may_retry = avsp_code_may_retry(rc), .message = err->text, .log_tail = ""};
    }
    struct avsp_err report_err = {0};
    enum avsp_code report_rc = avsp_control_report(ctl, &report, &report_err);
    if (report_rc != AVSP_OK)
        fprintf(stderr, "avspl1t-media: %s\n", report_err.text);
    return rc != AVSP_OK ? rc : report_rc;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        printf("avspl1t-media %s\n", AVSP_VERSION);
        return EXIT_DONE;
    }
    av_log_set_level(AV_LOG_WARNING);
    struct avsp_err err = {0};
    if (argc == 2 && strcmp(argv[1], "--encoders") == 0)
        return print_encoders(&err) == AVSP_OK ? EXIT_DONE : EXIT_FAILED;
    struct stat st;
    if (argc != 1 || fstat(AVSP_STEP_CONTROL_FD, &st) != 0 || !S_ISSOCK(st.st_mode)) {
        fprintf(stderr, "avspl1t-media is started by avspl1t-worker and avspl1t, not by hand.\n");
        return EXIT_USAGE;
    }
    // A parent that went away, and a file that is too large, show as errors of write(2).
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
    limit_stacks();

    struct avsp_step step = {0};
    struct avsp_control *AVSP_CLEANUP(control_cleanup) ctl =
        avsp_control_open(AVSP_STEP_CONTROL_FD, &step, &err);
    if (ctl == NULL) {
        fprintf(stderr, "avspl1t-media: %s\n", err.text);
        return EXIT_FAILED;
    }
    return run_and_report(&step, ctl, &err) == AVSP_OK ? EXIT_DONE : EXIT_FAILED;
}
