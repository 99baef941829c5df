/// The driver for PostgreSQL: the only one, with its bus and their helpers, that includes libpq. READ COMMITTED for what writes:
/// statements are guarded, and lock what they decide from; one snapshot for what reads. Statements are prepared once a
/// connection and their rows fetched whole, which LIMITs bound.

#include "db/driver.h"
#include "db/postgres_bus.h"
#include "db/postgres_error.h"
#include "db/postgres_target.h"
#include "util/buf.h"
#include "util/parse.h"
#include "util/time.h"

#include <inttypes.h>
#include <libpq-fe.h>
#include <poll.h>
#include <string.h>

/// "AV1t": whoever migrates holds this advisory lock.
#define MIGRATION_LOCK "1096167796"
#define NUMBER_BYTES 24
#define SCRIPT_MAX_BYTES (1 << 20)
#define SENT_MAX 256 ///< statements on their way; more wait for these
#define OID_INT8 20
#define OID_TEXT 25

/// The server ends a statement before this (postgres_target.c); but not where it hangs itself, and it does not end a commit that
/// waits for a standby. Then nobody knows what became of it, as after a break.
#define ANSWER_MAX_MS 20000

/// now() would be the transaction's start, which a wait for a lock leaves behind.
#define CLOCK "SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT)"
static const char clock_sql[] = CLOCK;
static const char begin_sql[][56] = {
    [AVSP_DB_READ] = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
    [AVSP_DB_WRITE] = "BEGIN ISOLATION LEVEL READ COMMITTED",
};

struct pg_db {
    struct avsp_db base;
    PGconn *conn;
    bool is_broken;
    bool is_mute;                                   ///< it did not answer in time, which breaks it
    const char *statements[AVSP_DB_STATEMENTS_MAX]; ///< prepared; the name is the place in here
    size_t n_statements;
    // What was sent and not waited for: libpq's pipeline mode is on while there is any.
    int64_t sent[SENT_MAX]; ///< how many rows each is to change
    size_t n_sent;
};

struct pg_rows {
    PGresult *result;
    int row; ///< -1 before the first
};

static struct pg_db *pg_of(struct avsp_db *db)
{
    return (struct pg_db *)db;
}

static enum avsp_code failed(struct pg_db *db, PGresult *result, const char *what, bool committing,
                             struct avsp_err *err)
{
    bool broken = false;
    enum avsp_code rc = avsp_pg_error(db->conn, result, what, committing, &broken, err);
    db->is_broken |= broken;
    PQclear(result);
    if (db->is_mute)
        return avsp_err_set(err, AVSP_UNAVAILABLE,
                            "the database: %.200s: no answer within %d s: does its server hang, or "
                            "wait for a synchronous standby that is away?",
                            what, ANSWER_MAX_MS / 1000);
    return rc;
}

/// Waits until there is something to be had from PQgetResult. @param within_ms  -1 = without end. @return false: it is mute.
static bool wait_for_answer(struct pg_db *db, int within_ms)
{
    const struct avsp_mono deadline = avsp_mono_in_ms(within_ms);
    while (PQisBusy(db->conn) && PQsocket(db->conn) >= 0) {
        struct pollfd fd = {.fd = PQsocket(db->conn), .events = POLLIN};
        int n = poll(&fd, 1, within_ms < 0 ? -1 : avsp_mono_left_ms(deadline));
        if (n == 0 && avsp_mono_passed(deadline)) {
            db->is_mute = db->is_broken = true;
            return false;
        }
        if (n > 0 && PQconsumeInput(db->conn) == 0)
            break; // PQgetResult says why
    }
    return true;
}

/// The next of several answers. NULL where there is none, or none came in time.
static PGresult *next_answer(struct pg_db *db)
{
    return wait_for_answer(db, ANSWER_MAX_MS) ? PQgetResult(db->conn) : NULL;
}

/// The answer to what was sent: the last one, or the first that is an error; NULL where none came.
static PGresult *answer(struct pg_db *db, int within_ms)
{
    PGresult *found = NULL;
    while (wait_for_answer(db, within_ms)) {
        PGresult *next = PQgetResult(db->conn);
        if (next == NULL)
            return found;
        if (PQresultStatus(found) == PGRES_FATAL_ERROR && found != NULL) {
            PQclear(next);
            continue;
        }
        PQclear(found);
        found = next;
    }
    PQclear(found);
    return NULL;
}

/// Runs statements whose last one gives a number. @param ret_number  NULL where it gives nothing.
static enum avsp_code run_within(struct pg_db *db, const char *sql, const char *what, int within_ms,
                                 int64_t *ret_number, struct avsp_err *err)
{
    PGresult *result = PQsendQuery(db->conn, sql) == 1 ? answer(db, within_ms) : NULL;
    ExecStatusType want = ret_number != NULL ? PGRES_TUPLES_OK : PGRES_COMMAND_OK;
    if (PQresultStatus(result) != want)
        return failed(db, result, what, false, err);
    bool fits =
        ret_number == NULL || avsp_parse_i64(PQgetvalue(result, 0, 0), 0, INT64_MAX, ret_number);
    PQclear(result);
    return fits ? AVSP_OK : avsp_err_set(err, AVSP_INTERNAL, "the database: %s: no number", what);
}

static void pg_close(struct avsp_db *base)
{
    struct pg_db *db = pg_of(base);
    PQfinish(db->conn);
    free(db);
}

static enum avsp_code check_server(PGconn *conn, struct avsp_err *err)
{
    const char *encoding = PQparameterStatus(conn, "server_encoding");
    if (encoding != NULL && strcmp(encoding, "UTF8") != 0)
        return avsp_err_set(err, AVSP_INVALID,
                            "the database \"%.100s\" is encoded in %.50s: make one with "
                            "createdb --encoding=UTF8 --template=template0",
                            PQdb(conn), encoding);
    return AVSP_OK;
}

static enum avsp_code pg_open(const char *url, struct avsp_db **ret_db, struct avsp_err *err)
{
    struct avsp_pg_target AVSP_CLEANUP(avsp_pg_target_deinit) target;
    enum avsp_code rc = avsp_pg_target_init(&target, url, err);
    if (rc != AVSP_OK)
        return rc;
    struct pg_db *db = calloc(1, sizeof *db);
    if (db == NULL)
        return avsp_err_set(err, AVSP_NO_MEMORY, "open the database: memory ran out");
    db->base.driver = &avsp_db_postgres;
    db->conn = avsp_pg_connect(&target);
    rc = PQstatus(db->conn) == CONNECTION_OK ? check_server(db->conn, err)
                                             : avsp_pg_connect_error(db->conn, err);
    if (rc != AVSP_OK) {
        pg_close(&db->base);
        return rc;
    }
    *ret_db = &db->base;
    return AVSP_OK;
}

static bool pg_is_broken(struct avsp_db *base)
{
    return pg_of(base)->is_broken;
}

/// Whoever comes first migrates, however long it takes; the tables themselves are not waited for without end.
static enum avsp_code pg_begin_migration(struct avsp_db *base, int64_t *ret_now_us,
                                         struct avsp_err *err)
{
    return run_within(pg_of(base),
                      "BEGIN ISOLATION LEVEL READ COMMITTED;"
                      "SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0;"
                      "SELECT pg_advisory_xact_lock(" MIGRATION_LOCK ");"
                      "SET LOCAL lock_timeout = 10000; " CLOCK,
                      "begin", -1, ret_now_us, err);
}

static enum avsp_code pg_commit(struct avsp_db *base, struct avsp_err *err)
{
    struct pg_db *db = pg_of(base);
    PGresult *result = PQsendQuery(db->conn, "COMMIT") == 1 ? answer(db, ANSWER_MAX_MS) : NULL;
    if (PQresultStatus(result) != PGRES_COMMAND_OK)
        return failed(db, result, "commit", true, err);
    // A transaction that had failed is rolled back by its COMMIT, which says so in its tag alone.
    bool committed = strcmp(PQcmdStatus(result), "COMMIT") == 0;
    PQclear(result);
    return committed ? AVSP_OK
                     : avsp_err_set(err, AVSP_INTERNAL, "the database: commit: rolled back");
}

/// One answer of those that were sent. @return OK also for what was left out because of an error before it.
static enum avsp_code read_sent(struct pg_db *db, int64_t want, struct avsp_err *err)
{
    PGresult *result = next_answer(db);
    ExecStatusType status = PQresultStatus(result);
    int64_t changed = 0;
    enum avsp_code rc = AVSP_OK;
    if (status == PGRES_COMMAND_OK) {
        (void)!avsp_parse_i64(PQcmdTuples(result), 0, INT64_MAX, &changed);
        rc = avsp_db_judge(changed, want, err);
    } else if (status != PGRES_PIPELINE_ABORTED) {
        rc = failed(db, result, "run a statement", false, err);
        result = NULL;
    }
    PQclear(result);
    PQclear(db->is_broken ? NULL : next_answer(db)); // the end of this statement
    return rc;
}

static enum avsp_code pg_flush(struct avsp_db *base, struct avsp_err *err)
{
    struct pg_db *db = pg_of(base);
    enum avsp_code rc = AVSP_OK;
    if (db->n_sent == 0)
        return AVSP_OK;
    if (PQpipelineSync(db->conn) == 0)
        rc = failed(db, NULL, "send statements", false, err);
    for (size_t i = 0; !db->is_broken && i < db->n_sent; i++) {
        struct avsp_err later = {0};
        enum avsp_code one = read_sent(db, db->sent[i], rc == AVSP_OK ? err : &later);
        rc = rc == AVSP_OK ? one : rc;
    }
    db->n_sent = 0;
    PQclear(db->is_broken ? NULL : next_answer(db)); // the sync's own
    if (!db->is_broken && PQexitPipelineMode(db->conn) == 0)
        db->is_broken = true;
    return rc;
}

static void pg_rollback(struct avsp_db *base)
{
    struct pg_db *db = pg_of(base);
    struct avsp_err ignored = {0};
    (void)!pg_flush(base, &ignored);
    bool sent = !db->is_broken && PQsendQuery(db->conn, "ROLLBACK") == 1;
    PGresult *result = sent ? answer(db, ANSWER_MAX_MS) : NULL;
    db->is_broken |= PQresultStatus(result) != PGRES_COMMAND_OK;
    PQclear(result);
}

/// Migrations say TEXT, which is to be compared byte by byte, as SQLite does it: another order would depend on the server's
/// C library, and break indexes with its next version.
static enum avsp_code pg_script(struct avsp_db *base, const char *sql, struct avsp_err *err)
{
    struct avsp_buf AVSP_CLEANUP(avsp_buf_deinit) buf;
    avsp_buf_init(&buf, SCRIPT_MAX_BYTES);
    for (const char *at; (at = strstr(sql, " TEXT ")) != NULL; sql = at + strlen(" TEXT")) {
        avsp_buf_append(&buf, sql, (size_t)(at - sql));
        avsp_buf_puts(&buf, " TEXT COLLATE \"C\"");
    }
    avsp_buf_puts(&buf, sql);
    enum avsp_code rc = avsp_buf_check(&buf, err);
    return rc == AVSP_OK ? run_within(pg_of(base), avsp_buf_text(&buf), "script", -1, NULL, err)
                         : rc;
}

static bool is_prepared(const struct pg_db *db, const char *sql)
{
    for (size_t i = 0; i < db->n_statements; i++)
        if (db->statements[i] == sql)
            return true;
    return false;
}

/// Finds or prepares a statement. Types follow from the first values.
static enum avsp_code prepare(struct pg_db *db, const char *sql, const struct avsp_db_value *values,
                              size_t n_values, size_t *ret_number, struct avsp_err *err)
{
    for (*ret_number = 0; *ret_number < db->n_statements; ++*ret_number)
        if (db->statements[*ret_number] == sql)
            return AVSP_OK;
    AVSP_ASSERT(db->n_statements < AVSP_DB_STATEMENTS_MAX && n_values <= AVSP_DB_ARGS_MAX);
    Oid types[AVSP_DB_ARGS_MAX];
    char name[NUMBER_BYTES];
    for (size_t i = 0; i < n_values; i++)
        types[i] = values[i].text != NULL ? OID_TEXT : OID_INT8;
    snprintf(name, sizeof name, "%zu", *ret_number);
    bool sent = PQsendPrepare(db->conn, name, sql, (int)n_values, types) == 1;
    PGresult *result = sent ? answer(db, ANSWER_MAX_MS) : NULL;
    if (PQresultStatus(result) != PGRES_COMMAND_OK)
        return failed(db, result, sql, false, err);
    PQclear(result);
    db->statements[db->n_statements++] = sql;
    return AVSP_OK;
}

/// A prepared statement's name and values as libpq takes them.
struct call {
    char name[NUMBER_BYTES];
    char numbers[AVSP_DB_ARGS_MAX][NUMBER_BYTES];
    const char *texts[AVSP_DB_ARGS_MAX];
};

static void make_call(size_t number, const struct avsp_db_value *values, size_t n_values,
                      struct call *ret_call)
{
    snprintf(ret_call->name, sizeof ret_call->name, "%zu", number);
    for (size_t i = 0; i < n_values; i++) {
        ret_call->texts[i] = values[i].text;
        if (values[i].text != NULL)
            continue;
        snprintf(ret_call->numbers[i], NUMBER_BYTES, "%" PRId64, values[i].i64);
        ret_call->texts[i] = ret_call->numbers[i];
    }
}

/// @param result  taken
static enum avsp_code give_rows(struct avsp_db *base, PGresult *result,
                                struct avsp_db_rows *ret_rows, struct avsp_err *err)
{
    struct pg_rows *rows = calloc(1, sizeof *rows);
    if (rows == NULL) {
        PQclear(result);
        return avsp_err_set(err, AVSP_NO_MEMORY, "the database: memory ran out");
    }
    *rows = (struct pg_rows){result, -1};
    *ret_rows = (struct avsp_db_rows){base, rows};
    return AVSP_OK;
}

static enum avsp_code pg_query(struct avsp_db *base, const char *sql,
                               const struct avsp_db_value *values, size_t n_values,
                               struct avsp_db_rows *ret_rows, struct avsp_err *err)
{
    struct pg_db *db = pg_of(base);
    struct call call;
    size_t number = 0;
    AVSP_ASSERT(db->n_sent == 0);
    enum avsp_code rc = prepare(db, sql, values, n_values, &number, err);
    if (rc != AVSP_OK)
        return rc;
    make_call(number, values, n_values, &call);
    bool sent =
        PQsendQueryPrepared(db->conn, call.name, (int)n_values, call.texts, NULL, NULL, 0) == 1;
    PGresult *result = sent ? answer(db, ANSWER_MAX_MS) : NULL;
    ExecStatusType status = PQresultStatus(result);
    if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK)
        return failed(db, result, "run a statement", false, err);
    return give_rows(base, result, ret_rows, err);
}

static enum avsp_code pg_send(struct avsp_db *base, const char *sql,
                              const struct avsp_db_value *values, size_t n_values, int64_t want,
                              struct avsp_err *err)
{
    struct pg_db *db = pg_of(base);
    struct call call;
    size_t number = 0;
    enum avsp_code rc = AVSP_OK;
    if (db->n_sent == SENT_MAX || (db->n_sent > 0 && !is_prepared(db, sql)))
        rc = pg_flush(base, err);
    if (rc == AVSP_OK)
        rc = prepare(db, sql, values, n_values, &number, err);
    if (rc != AVSP_OK)
        return rc;
    make_call(number, values, n_values, &call);
    if (db->n_sent == 0 && PQenterPipelineMode(db->conn) == 0)
        return failed(db, NULL, "send a statement", false, err);
    db->sent[db->n_sent++] = want;
    if (PQsendQueryPrepared(db->conn, call.name, (int)n_values, call.texts, NULL, NULL, 0) == 0)
        return failed(db, NULL, "send a statement", false, err);
    return AVSP_OK;
}

// --- the beginning of a transaction: BEGIN, the clock, and a statement where one is asked for, in one message

#define BEGIN_MAX 3

struct beginning {
    struct {
        const char *sql;
        const struct avsp_db_value *values;
        size_t n_values;
        PGresult *result;
    } of[BEGIN_MAX];
    size_t n;
};

/// @return false: it is not known what was sent, which breaks the connection.
static bool send_beginning(struct pg_db *db, const struct beginning *all, const size_t *numbers)
{
    if (PQenterPipelineMode(db->conn) == 0)
        return false;
    for (size_t i = 0; i < all->n; i++) {
        struct call call;
        make_call(numbers[i], all->of[i].values, all->of[i].n_values, &call);
        if (PQsendQueryPrepared(db->conn, call.name, (int)all->of[i].n_values, call.texts, NULL,
                                NULL, 0) == 0)
            return false;
    }
    return PQpipelineSync(db->conn) == 1;
}

static enum avsp_code run_beginning(struct pg_db *db, struct beginning *all, struct avsp_err *err)
{
    size_t numbers[BEGIN_MAX];
    enum avsp_code rc = AVSP_OK;
    for (size_t i = 0; rc == AVSP_OK && i < all->n; i++)
        rc = prepare(db, all->of[i].sql, all->of[i].values, all->of[i].n_values, &numbers[i], err);
    if (rc != AVSP_OK)
        return rc;
    if (!send_beginning(db, all, numbers)) {
        rc = failed(db, NULL, "begin", false, err);
        db->is_broken = true;
        return rc;
    }
    for (size_t i = 0; !db->is_broken && i < all->n; i++) {
        PGresult *result = next_answer(db);
        const ExecStatusType status = PQresultStatus(result);
        if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK)
            all->of[i].result = result;
        else if (status == PGRES_PIPELINE_ABORTED)
            PQclear(result);
        else if (rc == AVSP_OK)
            rc = failed(db, result, i == 0 ? "begin" : "run a statement", false, err);
        else
            PQclear(result);
        PQclear(db->is_broken ? NULL : next_answer(db)); // the end of this statement
    }
    PQclear(db->is_broken ? NULL : next_answer(db)); // the sync's own
    if (!db->is_broken && PQexitPipelineMode(db->conn) == 0)
        db->is_broken = true;
    return rc;
}

static enum avsp_code begin_and(struct pg_db *db, struct beginning *all, int64_t *ret_now_us,
                                struct avsp_err *err)
{
    enum avsp_code rc = run_beginning(db, all, err);
    if (rc == AVSP_OK &&
        !avsp_parse_i64(PQgetvalue(all->of[1].result, 0, 0), 0, INT64_MAX, ret_now_us))
        rc = avsp_err_set(err, AVSP_INTERNAL, "the database: begin: no number");
    for (size_t i = 0; i < all->n; i++)
        if (i < 2 || rc != AVSP_OK) {
            PQclear(all->of[i].result);
            all->of[i].result = NULL;
        }
    return rc;
}

static enum avsp_code pg_begin(struct avsp_db *base, enum avsp_db_mode mode, int64_t *ret_now_us,
                               struct avsp_err *err)
{
    struct beginning all = {.of = {{.sql = begin_sql[mode]}, {.sql = clock_sql}}, .n = 2};
    return begin_and(pg_of(base), &all, ret_now_us, err);
}

static enum avsp_code pg_begin_query(struct avsp_db *base, enum avsp_db_mode mode, const char *sql,
                                     const struct avsp_db_value *values, size_t n_values,
                                     int64_t *ret_now_us, struct avsp_db_rows *ret_rows,
                                     struct avsp_err *err)
{
    struct beginning all = {.of = {{.sql = begin_sql[mode]},
                                   {.sql = clock_sql},
                                   {.sql = sql, .values = values, .n_values = n_values}},
                            .n = 3};
    enum avsp_code rc = begin_and(pg_of(base), &all, ret_now_us, err);
    return rc == AVSP_OK ? give_rows(base, all.of[2].result, ret_rows, err) : rc;
}

static enum avsp_code pg_next(struct avsp_db_rows *base, bool *ret_more, struct avsp_err *err)
{
    (void)err;
    struct pg_rows *rows = base->statement;
    *ret_more = ++rows->row < PQntuples(rows->result);
    return AVSP_OK;
}

static const char *pg_text(struct avsp_db_rows *base, int column)
{
    struct pg_rows *rows = base->statement;
    return PQgetvalue(rows->result, rows->row, column); // "" for NULL
}

static int64_t pg_i64(struct avsp_db_rows *base, int column)
{
    int64_t value = 0;
    return avsp_parse_i64(pg_text(base, column), INT64_MIN, INT64_MAX, &value) ? value : 0;
}

static int64_t pg_changed(struct avsp_db_rows *base)
{
    struct pg_rows *rows = base->statement;
    int64_t value = 0;
    return avsp_parse_i64(PQcmdTuples(rows->result), 0, INT64_MAX, &value) ? value : 0;
}

static void pg_rows_end(struct avsp_db_rows *base)
{
    struct pg_rows *rows = base->statement;
    if (rows == NULL)
        return;
    PQclear(rows->result);
    free(rows);
}

const struct avsp_db_driver avsp_db_postgres = {
    .owns = avsp_pg_owns,
    .n_connections = {[AVSP_DB_READ] = 4, [AVSP_DB_WRITE] = 12},
    .open = pg_open,
    .close = pg_close,
    .is_broken = pg_is_broken,
    .begin_migration = pg_begin_migration,
    .begin = pg_begin,
    .begin_query = pg_begin_query,
    .commit = pg_commit,
    .rollback = pg_rollback,
    .script = pg_script,
    .query = pg_query,
    .send = pg_send,
    .flush = pg_flush,
    .next = pg_next,
    .i64 = pg_i64,
    .text = pg_text,
    .changed = pg_changed,
    .rows_end = pg_rows_end,
    .bus_open = avsp_pg_bus_open,
    .bus_tell = avsp_pg_bus_tell,
    .bus_close = avsp_pg_bus_close,
};
