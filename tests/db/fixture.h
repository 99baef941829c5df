/// What the contract suite of the store shares: a fresh database for each test, and short ways to say what a client or a
/// worker does. The suite runs on any driver; nothing in it names one (test_sqlite.c and test_postgres.c do). It runs on
/// SQLite, or on the PostgreSQL that AVSPL1T_TEST_POSTGRES names (a URL without parameters, as tests/postgres.py gives it),
/// where each test has a schema of its own.
#ifndef AVSP_TESTS_DB_FIXTURE_H
#define AVSP_TESTS_DB_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "db/store.h"
#include "db/testing.h"

#define LEASE_MS 30000
#define EXPIRED_MS                                                                                 \
    (LEASE_MS + 10000) ///< a sweep has seen it by then, also where some were too busy to look
#define MAX_ATTEMPTS 3
#define SECRET "s3cr3t-0f-th3-t3st"
#define KINDS_ALL 0xffffU

struct fixture {
    char folder[64];
    char url[256];
    bool is_postgres;
    struct avsp_store *store;
    int64_t split_ahead_bytes; ///< for the next time it is opened
    struct avsp_arena arena;
    _Atomic unsigned n_ready; ///< told by `changed`, from any thread
    _Atomic unsigned n_changes;
    _Atomic unsigned n_over; ///< told by `job_over`
    enum avsp_job_state over_state;
    char over_why[AVSP_TEXT_MAX_BYTES];
};

/// cmocka's set-up and tear-down.
int fixture_setup(void **state);
int fixture_teardown(void **state);

/// Runs SQL in the database of the test, past the store, on PostgreSQL. Fails the test where it fails.
void fixture_psql(struct fixture *fx, const char *sql);
/// The same; the first value of its answer, in the fixture's arena.
const char *fixture_psql_value(struct fixture *fx, const char *sql);

/// Closes the database and opens it again, as after a crash.
void fixture_reopen(struct fixture *fx);

/// One more store on the same database.
struct avsp_store *fixture_open_another(struct fixture *fx);

/// Fails the test, with the error's text, unless @p got is @p want.
#define ASSERT_CODE(got, want, err)                                                                \
    do {                                                                                           \
        enum avsp_code got_code = (got);                                                           \
        if (got_code != (want))                                                                    \
            fail_msg("got %s, expected %s: %s", avsp_code_name(got_code), avsp_code_name(want),    \
                     (err).text);                                                                  \
    } while (0)
#define ASSERT_OK(got, err) ASSERT_CODE(got, AVSP_OK, err)

/// A local job with its output in a folder of that name.
struct avsp_job_spec local_spec(struct fixture *fx, const char *name);
/// One on S3, with credentials in all three places.
struct avsp_job_spec s3_spec(struct fixture *fx, const char *name);
struct avsp_location fs_file(struct fixture *fx, const char *path);
struct avsp_location s3_file(struct fixture *fx, const char *key);

const char *submit(struct fixture *fx, const char *name);
const char *submit_spec(struct fixture *fx, const struct avsp_job_spec *spec);
struct avsp_job get_job(struct fixture *fx, const char *job_id);

/// What a claim gives; kind NONE where there is nothing.
struct avsp_task claim(struct fixture *fx, const char *worker);
struct avsp_task claim_base(struct fixture *fx, const char *worker);
struct avsp_task claim_with(struct fixture *fx, const struct avsp_claim *claim);
struct avsp_attempt_status heartbeat(struct fixture *fx, const char *worker,
                                     const struct avsp_task *task);
struct avsp_attempt_status report(struct fixture *fx, const char *worker,
                                  const struct avsp_task *task, struct avsp_outputs outputs);

/// The piece that begins at segment @p idx: n segments of 100 frames each.
struct avsp_piece video_piece(struct fixture *fx, uint32_t idx, uint32_t n_segments);
struct avsp_piece audio_piece(struct fixture *fx);
struct avsp_rendition rendition_of(enum avsp_task_kind kind);
struct avsp_segment segment_of(struct fixture *fx, enum avsp_task_kind kind, uint32_t idx);

/// Pieces 0..n-1 of one segment each.
struct avsp_outputs video_pieces(struct fixture *fx, uint32_t first, uint32_t n);
/// The rendition and the one segment of an encode.
struct avsp_outputs encoded(struct fixture *fx, const struct avsp_task *task);

struct avsp_finish finish_of(const char *worker, const struct avsp_task *task);
/// Finishes a task as one of our workers does, with all that it owes.
void finish_ok(struct fixture *fx, const char *worker, const struct avsp_task *task);
void finish_failed(struct fixture *fx, const char *worker, const struct avsp_task *task,
                   bool may_retry, const char *message);

/// Claims and finishes until nothing is left. @return how many encodes that were.
unsigned finish_all(struct fixture *fx);

/// Submits, splits into @p n pieces and finishes the split. @return the job's id.
const char *submit_and_split(struct fixture *fx, const char *name, uint32_t n);

/// What people do to a job; each succeeds.
void retry_job(struct fixture *fx, const char *id);
void pause_job(struct fixture *fx, const char *id);
void resume_job(struct fixture *fx, const char *id);
void cancel_job(struct fixture *fx, const char *id);

/// Fails the test unless @p got is @p want, and the error says @p text.
void expect(enum avsp_code got, enum avsp_code want, struct avsp_err err, const char *text);

/// Lets a cleanup wait its time, and do its work.
void clean_up(struct fixture *fx);

void advance_ms(struct fixture *fx, int64_t ms);
void sweep(struct fixture *fx);
/// Time passes with sweeps all along, as in a coordinator that runs.
void wait_ms(struct fixture *fx, int64_t ms);

#endif
