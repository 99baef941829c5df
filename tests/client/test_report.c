#include "../cmocka_all.h"

#include "client/command.h"
#include "client/json.h"
#include "client/report.h"
#include "util/fd.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

// What colours a terminal, as C0 and as C1 have it, in what strangers say.
#define EVIL                                                                                       \
    "\x1b[31m and \xc2\x9b"                                                                        \
    "31m caf\xc3\xa9"
#define TAME "?[31m and ??31m caf\xc3\xa9"

// No coordinator is called and no object printed here.
struct avsp_client *avsp_client_new(const char *target, bool fail_fast,
                                    const struct avsp_client_security *security,
                                    struct avsp_err *err)
{
    (void)target, (void)fail_fast, (void)security, (void)err;
    return NULL;
}

void avsp_client_free(struct avsp_client *cli)
{
    (void)cli;
}

enum avsp_code avsp_client_security_read(const struct avsp_cli_parsed *args,
                                         struct avsp_client_security *ret_security,
                                         struct avsp_err *err)
{
    (void)args, (void)ret_security, (void)err;
    return AVSP_OK;
}

enum avsp_code avsp_cmd_json_job(const struct avsp_job *job, struct avsp_err *err)
{
    (void)job, (void)err;
    return AVSP_OK;
}

static int conclude_failed(const struct avsp_job *job)
{
    return avsp_cmd_conclude(job, false, true);
}

static int show_history(const struct avsp_job *job)
{
    struct avsp_err err = {0};
    const struct avsp_attempt_record attempt = {
        .kind = AVSP_TASK_SPLIT, .worker_id = EVIL, .outcome = EVIL, .failure = job->failure};
    return avsp_cmd_report_history(job, &attempt, 1, &err);
}

/// What a report writes to descriptor @p to.
static const char *written(int (*report)(const struct avsp_job *job), const struct avsp_job *job,
                           int to)
{
    static char text[4096];
    struct avsp_err err = {0};
    size_t len = 0;
    int file = memfd_create("written", MFD_CLOEXEC);
    int before = dup(to);
    assert_true(file >= 0 && before >= 0 && dup2(file, to) == to);
    (void)report(job);
    assert_int_equal(dup2(before, to), to);
    assert_int_equal(avsp_fd_pread_all(file, text, sizeof text - 1, 0, &len, &err), AVSP_OK);
    text[len] = '\0';
    close(before);
    close(file);
    return text;
}

static void what_strangers_say_does_nothing_to_a_terminal(void **state)
{
    (void)state;
    const char *warnings[] = {EVIL};
    const struct avsp_job job = {
        .id = "j",
        .state = AVSP_JOB_FAILED,
        .spec = {.input = avsp_location_fs(EVIL), .output = avsp_location_fs("/out")},
        .failure = {.code = AVSP_CORRUPT, .message = EVIL, .log_tail = "one\n" EVIL "\n"},
        .warnings = warnings,
        .n_warnings = 1,
        .encoders = EVIL,
    };
    assert_string_equal(written(conclude_failed, &job, STDERR_FILENO),
                        "avspl1t: warning: " TAME "\n"
                        "avspl1t: the job failed: " TAME "\n"
                        "one\n" TAME "\n");
    const char *text = written(show_history, &job, STDOUT_FILENO);
    assert_non_null(strstr(text, "input      " TAME "\n"));
    assert_non_null(strstr(text, "             one\n             " TAME "\n"));
    assert_null(strpbrk(text, "\x1b\x9b"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_strangers_say_does_nothing_to_a_terminal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
