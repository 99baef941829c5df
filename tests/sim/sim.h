/// What the files of the simulation share; test_simulation.c says what it is about. One thread.
#ifndef AVSP_TESTS_SIM_SIM_H
#define AVSP_TESTS_SIM_SIM_H

#include "db/store.h"
#include "util/id.h"

#include <sqlite3.h>

#define LEASE_MS 10000
#define MAX_ATTEMPTS 4
#define N_COORDINATORS 3
#define N_WORKERS 5
#define JOBS_MAX 4
#define PIECES_MAX 10
#define QUESTIONS_MAX 24

struct job {
    char key[16]; ///< idempotency key, and the name of its output
    char id[AVSP_ID_BYTES];
    bool is_known; ///< its submit was answered
    bool was_canceled;
    bool is_bad; ///< its split fails for good
    uint32_t n_pieces;
    uint32_t n_segments[PIECES_MAX];
    bool has_sound;
};

/// A statement of the judge's, prepared.
struct question {
    const char *sql; ///< found by its address
    sqlite3_stmt *stmt;
};

enum work { IDLE, ASKING, AT_WORK, FINISHING };

struct worker {
    char id[32];
    unsigned life; ///< counts its deaths
    enum work state;
    char claim_id[AVSP_ID_BYTES];
    int64_t asleep_ms; ///< stands still for so long yet
    char task_id
        [AVSP_ID_BYTES]; ///< what it was given last; ASKING: in an answer that was lost, "" = none
    char job_id[AVSP_ID_BYTES];
    enum avsp_task_kind kind;
    uint32_t idx;
    struct avsp_token token;
    uint32_t n_reported; ///< pieces
    bool succeeds;
    bool may_retry;
};

struct sim {
    uint64_t seed;
    uint64_t step;
    bool is_quiet; ///< nothing goes wrong any more
    char folder[64];
    char url[96];
    struct question questions[QUESTIONS_MAX];
    sqlite3 *look;                             ///< the judge's own connection
    struct avsp_store *stores[N_COORDINATORS]; ///< NULL = down
    struct worker workers[N_WORKERS];
    struct job jobs[JOBS_MAX];
    uint32_t n_jobs;
    bool owes_sweep;         ///< the disk failed: what follows may have to wait for a sweep
    struct avsp_arena arena; ///< for one step
    uint64_t n_claims, n_lost, n_failed_writes;
};

/// A rule does not hold: says so, with the seed, and ends the program.
void broken(const struct sim *sim, const char *fmt, ...) AVSP_PRINTF(2, 3);

// --- judge.c

/// One number that a statement gives (static storage); its text parameters in order, NULL where it has fewer.
int64_t ask(struct sim *sim, const char *sql, const char *a, const char *b);

/// What must hold after every step.
void check_rules(struct sim *sim);
/// What must hold of a job once all are over.
void check_end(struct sim *sim, const struct job *job);

/// Is the worker's token the newest one of its task?
bool is_current(struct sim *sim, const struct worker *w);
bool is_running(struct sim *sim, const char *task_id);
int64_t job_state(struct sim *sim, const char *job_id);

// --- test_simulation.c

/// One of the coordinators that are up; NULL where none is.
struct avsp_store *any_store(const struct sim *sim);
/// Did the call reach the database? What it answers then must be one of the codes that the caller can expect.
bool reached(struct sim *sim, enum avsp_code rc, const struct avsp_err *err);
/// Is the answer lost on its way?
bool is_lost(struct sim *sim);
struct avsp_location location(struct sim *sim, const char *folder, const char *name,
                              const char *file);
struct job *job_of(struct sim *sim, const char *id);

// --- workers.c

/// It dies, and another one of a new name takes its place.
void die(struct sim *sim, struct worker *w);
void step_worker(struct sim *sim, struct worker *w);

#endif
