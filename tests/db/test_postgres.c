/// What is PostgreSQL's own: strings that name no database, schemas from the future, servers that say no, connections that break,
/// word between coordinators, and plans that follow the indexes.

#include "fixture.h"

#include "db/postgres_error.h"
#include "util/time.h"

#include <libpq-fe.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct avsp_store_options options = {.lease_ms = LEASE_MS,
                                                  .max_attempts = MAX_ATTEMPTS};

/// @param word  that the one line of the error must hold.
static void expect_refused(const char *url, enum avsp_code code, const char *word)
{
    struct avsp_err err = {0};
    struct avsp_store *store = avsp_store_open(url, &options, &err);
    if (store != NULL)
        fail_msg("%s was opened", url);
    ASSERT_CODE(err.code, code, err);
    if (strstr(err.text, word) == NULL || strchr(err.text, '\n') != NULL)
        fail_msg("\"%s\" does not say \"%s\" in one line", err.text, word);
    if (strstr(err.text, SECRET) != NULL)
        fail_msg("\"%s\" tells the secret", err.text);
}

static void test_malformed_urls(void **state)
{
    (void)state;
    expect_refused("postgresql://u:" SECRET "%zz@h/d", AVSP_INVALID, "percent-encoded");
    expect_refused("postgresql://u:x@" SECRET "@h/d", AVSP_INVALID, "%40");
    expect_refused("postgresql://u:" SECRET "/x@h/d", AVSP_INVALID, "%2F");
    expect_refused("postgresql://h/d?" SECRET "=1", AVSP_INVALID, "parameter");
    expect_refused("host=h password=x " SECRET, AVSP_INVALID, "missing");
    expect_refused("postgresql://u:" SECRET "@127.0.0.1:0/d", AVSP_INVALID, "invalid port");
    expect_refused("postgresql://u:" SECRET "@127.0.0.1:1/d?sslmode=" SECRET, AVSP_INVALID,
                   "sslmode");
}

/// The fixture's URL with another user, database or option.
static const char *url_with(struct fixture *fx, const char *user, const char *database,
                            const char *more_options)
{
    static char url[512];
    const char *host = strchr(fx->url, '@') + 1;
    const char *query = strchr(fx->url, '?');
    snprintf(url, sizeof url, "postgresql://%s@%.*s/%s%s%s", user, (int)strcspn(host, "/"), host,
             database, query, more_options);
    return url;
}

static void test_servers_that_say_no(void **state)
{
    struct fixture *fx = *state;
    expect_refused("postgresql://u:" SECRET "@127.0.0.1:1/d", AVSP_UNAVAILABLE,
                   "does PostgreSQL run");
    expect_refused("postgresql://u:" SECRET "@%2Fno%2Fsuch%2Fplace/d", AVSP_UNAVAILABLE,
                   "does PostgreSQL run");
    expect_refused(url_with(fx, "tester", "nowhere", ""), AVSP_NOT_FOUND, "createdb");
    expect_refused(url_with(fx, "nobody:" SECRET, "postgres", ""), AVSP_DENIED, "createuser");
    expect_refused(url_with(fx, "locked:" SECRET, "postgres", ""), AVSP_DENIED, "correct its user");
    expect_refused(url_with(fx, "crowd", "postgres", ""), AVSP_UNAVAILABLE, "CONNECTION LIMIT");
    expect_refused(url_with(fx, "tester", "postgres", "%20-cdefault_transaction_read_only%3Don"),
                   AVSP_UNAVAILABLE, "takes writes");
    fixture_psql(fx, "DROP DATABASE IF EXISTS latin");
    fixture_psql(fx, "CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0");
    expect_refused(url_with(fx, "tester", "latin", ""), AVSP_INVALID, "UTF8");
}

static void test_tables_of_others(void **state)
{
    struct fixture *fx = *state;
    avsp_store_close(fx->store);
    fx->store = NULL;
    fixture_psql(fx, "CREATE SCHEMA others; CREATE TABLE others.jobs (title TEXT)");
    char url[256];
    snprintf(url, sizeof url, "%.*s?options=-csearch_path%%3Dothers", (int)strcspn(fx->url, "?"),
             fx->url);
    expect_refused(url, AVSP_EXISTS, "a database of its own");
    assert_string_equal(fixture_psql_value(fx, "SELECT count(*) FROM pg_tables"
                                               " WHERE schemaname = 'others'"),
                        "1"); // nothing was left there
    fixture_psql(fx, "DROP SCHEMA others CASCADE");
    fixture_psql(fx, "DROP ROLE IF EXISTS guest; CREATE ROLE guest LOGIN");
    snprintf(url, sizeof url, "postgresql://guest@%.*s",
             (int)strcspn(strchr(fx->url, '@') + 1, "?"), strchr(fx->url, '@') + 1);
    expect_refused(url, AVSP_DENIED, "owner");
}

static void test_schema_from_the_future(void **state)
{
    struct fixture *fx = *state;
    struct avsp_err err = {0};
    struct avsp_job job;
    const char *job_id = submit(fx, "a");
    fixture_psql(fx, "UPDATE schema_version SET version = 900");
    sweep(fx); // newer, but it still serves us
    assert_string_equal(get_job(fx, job_id).id, job_id);
    // Another coordinator's upgrade leaves us behind: no more calls, until somebody helps.
    fixture_psql(fx, "UPDATE schema_version SET min_compatible = 899");
    ASSERT_CODE(avsp_store_sweep(fx->store, &err), AVSP_PRECONDITION, err);
    assert_non_null(strstr(err.text, "install a newer avspl1t"));
    ASSERT_CODE(avsp_store_get_job(fx->store, job_id, &fx->arena, &job, &err), AVSP_UNAVAILABLE,
                err);
    assert_non_null(strstr(err.text, "upgrade it"));
    expect_refused(fx->url, AVSP_PRECONDITION, "install a newer avspl1t");
    fixture_psql(fx, "UPDATE schema_version SET min_compatible = 1");
    sweep(fx);
    assert_string_equal(get_job(fx, job_id).id, job_id);
}

static void *open_one(void *url)
{
    struct avsp_err err = {0};
    struct avsp_store *store = avsp_store_open(url, &options, &err);
    if (store == NULL)
        print_error("%s\n", err.text);
    return store;
}

/// Whoever comes first makes the tables; the others find them.
static void test_many_open_at_once(void **state)
{
    struct fixture *fx = *state;
    pthread_t threads[8];
    void *stores[8];
    avsp_store_close(fx->store);
    char schema[80];
    char sql[256];
    snprintf(schema, sizeof schema, "%s", strrchr(fx->folder, '/') + 1);
    snprintf(sql, sizeof sql, "DROP SCHEMA \"%s\" CASCADE; CREATE SCHEMA \"%s\"", schema, schema);
    fixture_psql(fx, sql);
    for (size_t i = 0; i < AVSP_ARRAY_LEN(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, open_one, fx->url), 0);
    for (size_t i = 0; i < AVSP_ARRAY_LEN(threads); i++)
        pthread_join(threads[i], &stores[i]);
    for (size_t i = 1; i < AVSP_ARRAY_LEN(threads); i++) {
        assert_non_null(stores[i]);
        avsp_store_close(stores[i]);
    }
    fx->store = stores[0];
    assert_int_equal(get_job(fx, submit(fx, "a")).state, AVSP_JOB_RUNNING);
}

static void terminate_all(struct fixture *fx)
{
    fixture_psql(fx, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                     " WHERE application_name = 'avspl1t-coordinator'");
}

/// Connections that broke while nobody used them are replaced, and nobody hears of it.
static void test_idle_connections_break(void **state)
{
    struct fixture *fx = *state;
    const char *job_id = submit_and_split(fx, "a", 3);
    terminate_all(fx);
    assert_string_equal(get_job(fx, job_id).id, job_id);
    struct avsp_task task = claim(fx, "w");
    assert_int_equal(task.kind, AVSP_TASK_ENCODE);
    terminate_all(fx);
    finish_ok(fx, "w", &task);
    terminate_all(fx);
    sweep(fx);
    assert_int_equal(get_job(fx, job_id).tasks_done, 2);
}

/// Where libpq could not send, it may take the connection for a sound one still; its own errors have no state.
static void test_errors_without_a_state_break_the_connection(void **state)
{
    struct fixture *fx = *state;
    struct avsp_err err = {0};
    bool broken = false;
    char url[256];
    snprintf(url, sizeof url, "%.*s", (int)strcspn(fx->url, "?"), fx->url);
    PGconn *conn = PQconnectdb(url);
    assert_int_equal(PQstatus(conn), CONNECTION_OK);
    PGresult *result = PQmakeEmptyPGresult(conn, PGRES_FATAL_ERROR);
    ASSERT_CODE(avsp_pg_error(conn, result, "begin", false, &broken, &err), AVSP_UNAVAILABLE, err);
    assert_true(broken);
    PQclear(result);
    result = PQexec(conn, "SELECT 1/0"); // what the server says is no reason to break it
    ASSERT_CODE(avsp_pg_error(conn, result, "divide", false, &broken, &err), AVSP_INTERNAL, err);
    assert_false(broken);
    PQclear(result);
    PQfinish(conn);
}

/// A worker that repeats what had no answer, with the same claim id and token.
struct stubborn {
    pthread_t thread;
    struct fixture *fx;
    struct fixture scratch; ///< for its arena alone
    char name[16];
    atomic_int *n_left;
    int n_repeated;
    struct avsp_err err; ///< one that no repetition helps against
};

static bool goes_on(struct stubborn *s, enum avsp_code rc, const struct avsp_err *err)
{
    s->n_repeated += rc == AVSP_UNAVAILABLE;
    if (rc != AVSP_OK && rc != AVSP_UNAVAILABLE)
        s->err = *err;
    return rc == AVSP_UNAVAILABLE;
}

static void *work_stubbornly(void *opaque)
{
    struct stubborn *s = opaque;
    while (*s->n_left > 0 && s->err.code == AVSP_OK) {
        struct avsp_err err = {0};
        struct avsp_task task = {0};
        char claim_id[AVSP_ID_BYTES];
        enum avsp_code rc;
        avsp_id_new(claim_id);
        avsp_arena_clear(&s->scratch.arena);
        const struct avsp_claim ask = {
            .worker = {.id = s->name, .kinds = KINDS_ALL}, .own = true, .claim_id = claim_id};
        do
            rc = avsp_store_claim(s->fx->store, &ask, &s->scratch.arena, &task, &err);
        while (goes_on(s, rc, &err));
        if (rc != AVSP_OK || task.kind != AVSP_TASK_ENCODE)
            continue;
        struct avsp_finish finish = finish_of(s->name, &task);
        finish.outputs = encoded(&s->scratch, &task);
        do
            rc = avsp_store_finish(s->fx->store, &finish, &err);
        while (goes_on(s, rc, &err));
        if (rc == AVSP_OK)
            --*s->n_left;
    }
    return NULL;
}

/// Connections that break in the middle of their work: every claim and every finish counts once.
static void test_busy_connections_break(void **state)
{
    struct fixture *fx = *state;
    atomic_int n_left = 100;
    const char *job_id = submit_and_split(fx, "a", 100);
    struct stubborn workers[6] = {0};
    for (size_t i = 0; i < AVSP_ARRAY_LEN(workers); i++) {
        struct stubborn *s = &workers[i];
        s->fx = fx;
        s->n_left = &n_left;
        avsp_arena_init(&s->scratch.arena, 16U << 20);
        snprintf(s->name, sizeof s->name, "w%d", (int)i);
        assert_int_equal(pthread_create(&s->thread, NULL, work_stubbornly, s), 0);
    }
    int n_rounds = 0;
    while (atomic_load(&n_left) > 0) {
        terminate_all(fx);
        n_rounds++;
    }
    for (size_t i = 0; i < AVSP_ARRAY_LEN(workers); i++) {
        pthread_join(workers[i].thread, NULL);
        assert_string_equal(workers[i].err.text, "");
        avsp_arena_deinit(&workers[i].scratch.arena);
    }
    assert_true(n_rounds > 1);
    assert_int_equal(get_job(fx, job_id).tasks_done, 101);
    assert_string_equal(fixture_psql_value(fx, "SELECT count(*) FROM attempts"
                                               " WHERE outcome <> 'done'"),
                        "0");
}

/// A server that takes no writes any more: a clear line, and all is well once it takes them again.
static void test_server_turns_read_only(void **state)
{
    struct fixture *fx = *state;
    struct avsp_err err = {0};
    char id[AVSP_ID_BYTES];
    struct avsp_job_spec spec = local_spec(fx, "a");
    fixture_psql(fx, "ALTER ROLE tester SET default_transaction_read_only = on");
    terminate_all(fx);
    enum avsp_code rc = avsp_store_submit(fx->store, &spec, id, &err);
    fixture_psql(fx,
                 "BEGIN READ WRITE; ALTER ROLE tester RESET default_transaction_read_only; COMMIT");
    ASSERT_CODE(rc, AVSP_UNAVAILABLE, err);
    assert_non_null(strstr(err.text, "takes writes"));
    struct avsp_mono deadline = avsp_mono_in_ms(60000);
    while ((rc = avsp_store_submit(fx->store, &spec, id, &err)) != AVSP_OK &&
           !avsp_mono_passed(deadline))
        usleep(20000);
    ASSERT_OK(rc, err);
}

static void wait_for_ready(struct fixture *fx, unsigned n, const char *what)
{
    struct avsp_mono began = avsp_mono_now();
    struct avsp_mono deadline = avsp_mono_in_ms(60000);
    while (fx->n_ready < n && !avsp_mono_passed(deadline))
        usleep(200);
    if (fx->n_ready < n)
        fail_msg("not told of %s", what);
    print_message("told of %s after %.1f ms\n", what,
                  (double)(avsp_mono_now().us - began.us) / 1000);
}

static void wait_for_changes(struct fixture *fx, unsigned n)
{
    for (struct avsp_mono end = avsp_mono_in_ms(60000); fx->n_changes < n; usleep(200))
        assert_false(avsp_mono_passed(end));
}

/// One coordinator hears of what another one made ready, which a claim finds then although it found nothing there before; and of its
/// own from itself alone.
static void test_coordinators_tell_each_other(void **state)
{
    struct fixture *fx = *state;
    struct avsp_err err = {0};
    char id[AVSP_ID_BYTES];
    struct avsp_store *another = fixture_open_another(fx);
    struct avsp_job_spec a = local_spec(fx, "a");
    struct avsp_job_spec b = local_spec(fx, "b");
    assert_int_equal(claim(fx, "w").kind, AVSP_TASK_NONE);
    ASSERT_OK(avsp_store_submit(another, &a, id, &err), err);
    wait_for_ready(fx, 1, "a job");
    assert_string_equal(claim(fx, "w").job_id, id);
    assert_int_equal(claim(fx, "w").kind, AVSP_TASK_NONE);
    unsigned n_changes = fx->n_changes;
    ASSERT_OK(avsp_store_cancel(another, id, &err), err);
    wait_for_changes(fx, n_changes + 1);
    // After a break, whoever listens must look for himself.
    n_changes = fx->n_changes;
    terminate_all(fx);
    wait_for_changes(fx, n_changes + 1);
    fx->n_ready = 0;
    ASSERT_OK(avsp_store_submit(another, &b, id, &err), err);
    wait_for_ready(fx, 1, "a job after a break");
    assert_string_equal(claim(fx, "w").job_id, id);
    avsp_store_close(another);
    fx->n_ready = 0;
    (void)submit(fx, "c");
    assert_int_equal(fx->n_ready, 1);
}

static void *close_store(void *opaque)
{
    struct fixture *fx = opaque;
    avsp_store_close(fx->store);
    fx->store = NULL;
    fx->n_changes = 0;
    return NULL;
}

/// The connection by which coordinators tell each other has a server process of its own; that one hangs.
static void test_a_hanging_server_keeps_nobody_from_stopping(void **state)
{
    struct fixture *fx = *state;
    pthread_t thread;
    const char *pid = fixture_psql_value(fx, "SELECT max(pid) FROM pg_stat_activity WHERE"
                                             " application_name = 'avspl1t-coordinator'"
                                             " AND query LIKE 'LISTEN%'");
    assert_string_not_equal(pid, ""); // else kill would stop this program, and all that it started
    assert_int_equal(kill((pid_t)strtol(pid, NULL, 10), SIGSTOP), 0);
    (void)submit(fx, "a"); // which is told of
    usleep(100000);
    const struct avsp_mono end = avsp_mono_in_ms(20000);
    assert_int_equal(pthread_create(&thread, NULL, close_store, fx), 0);
    while (fx->n_changes > 0 && !avsp_mono_passed(end))
        usleep(1000);
    const bool is_late = avsp_mono_passed(end);
    assert_int_equal(kill((pid_t)strtol(pid, NULL, 10), SIGCONT), 0);
    pthread_join(thread, NULL);
    assert_false(is_late);
}

/// No statement walks over a whole table, however little the server knows of it. (Those that make the indexes do.)
static void test_plans_follow_the_indexes(void **state)
{
    struct fixture *fx = *state;
    const char *job_id = submit_and_split(fx, "a", 300);
    for (int i = 0; i < 200; i++) {
        struct avsp_task task = claim(fx, "w");
        (void)heartbeat(fx, "w", &task);
        finish_ok(fx, "w", &task);
        if (i % 50 == 0)
            sweep(fx);
        (void)get_job(fx, job_id);
    }
    avsp_store_close(fx->store); // its servers write down what they counted
    fx->store = NULL;
    char sql[256];
    snprintf(sql, sizeof sql,
             "SELECT coalesce(string_agg(relname || ': ' || seq_scan, ' '), '') FROM"
             " pg_stat_user_tables WHERE schemaname = '%s' AND seq_scan > 50"
             " AND relname IN ('tasks', 'attempts', 'segments', 'jobs', 'warnings', 'renditions')",
             strrchr(fx->folder, '/') + 1);
    for (struct avsp_mono end = avsp_mono_in_ms(60000); !avsp_mono_passed(end);) {
        char count[256];
        snprintf(count, sizeof count,
                 "SELECT coalesce(sum(idx_scan), 0) > 1000 FROM pg_stat_user_tables"
                 " WHERE schemaname = '%s' AND relname = 'tasks'",
                 strrchr(fx->folder, '/') + 1);
        if (strcmp(fixture_psql_value(fx, count), "t") == 0)
            break;
        usleep(50000);
    }
    assert_string_equal(fixture_psql_value(fx, sql), "");
}

static int make_roles(void **state)
{
    int rc = fixture_setup(state);
    fixture_psql(*state, "DROP ROLE IF EXISTS locked; CREATE ROLE locked LOGIN PASSWORD 'right'");
    fixture_psql(*state, "DROP ROLE IF EXISTS crowd; CREATE ROLE crowd LOGIN CONNECTION LIMIT 0");
    return rc;
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_malformed_urls),
        cmocka_unit_test_setup_teardown(test_servers_that_say_no, make_roles, fixture_teardown),
        TEST(test_tables_of_others),
        TEST(test_schema_from_the_future),
        TEST(test_many_open_at_once),
        TEST(test_idle_connections_break),
        TEST(test_errors_without_a_state_break_the_connection),
        TEST(test_busy_connections_break),
        TEST(test_server_turns_read_only),
        TEST(test_coordinators_tell_each_other),
        TEST(test_a_hanging_server_keeps_nobody_from_stopping),
        TEST(test_plans_follow_the_indexes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
