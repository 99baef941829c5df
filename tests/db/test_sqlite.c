/// What is SQLite's own: files that are no database of ours, the schema's versions, modes, where secrets lie, query plans.

#include "fixture.h"

#include "db/migrate.h"

#include "db/sqlite_file.h"

#include <fcntl.h>
#include <inttypes.h>
#include <sqlite3.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct avsp_store_options options = {.lease_ms = LEASE_MS,
                                                  .max_attempts = MAX_ATTEMPTS};

static void expect_refused(const char *url, enum avsp_code code, const char *word)
{
    struct avsp_err err = {0};
    struct avsp_store *store = avsp_store_open(url, &options, &err);
    assert_null(store);
    ASSERT_CODE(err.code, code, err);
    if (strstr(err.text, word) == NULL || strchr(err.text, '\n') != NULL)
        fail_msg("\"%s\" does not say \"%s\" in one line", err.text, word);
}

/// "sqlite://FOLDER/name"; static storage.
static const char *url_of(struct fixture *fx, const char *name)
{
    static char url[160];
    snprintf(url, sizeof url, "sqlite://%s/%s", fx->folder, name);
    return url;
}

static void write_file(struct fixture *fx, const char *name, const char *text)
{
    char path[160];
    snprintf(path, sizeof path, "%s/%s", fx->folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void run_sql(struct fixture *fx, const char *name, const char *sql)
{
    char path[160];
    sqlite3 *db = NULL;
    snprintf(path, sizeof path, "%s/%s", fx->folder, name);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
        fail_msg("%s", sqlite3_errmsg(db));
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void test_urls(void **state)
{
    (void)state;
    expect_refused("", AVSP_INVALID, "sqlite:///");
    expect_refused("mysql://u:" SECRET "@h/d", AVSP_INVALID, "sqlite:///");
    expect_refused("sqlite://", AVSP_INVALID, "ABSOLUTE");
    expect_refused("sqlite://relative/db", AVSP_INVALID, "ABSOLUTE");
    struct avsp_err err = {0};
    assert_null(avsp_store_open("mysql://u:" SECRET "@h/d", &options, &err));
    assert_null(strstr(err.text, SECRET));
}

static void test_places_that_do_not_fit(void **state)
{
    struct fixture *fx = *state;
    expect_refused(url_of(fx, ""), AVSP_INVALID, "is a folder");
    expect_refused(url_of(fx, "."), AVSP_INVALID, "is a folder");
    expect_refused(url_of(fx, "no/such/db"), AVSP_INVALID, "make it first");
    char fifo[160];
    snprintf(fifo, sizeof fifo, "%s/fifo", fx->folder);
    assert_int_equal(mkfifo(fifo, 0600), 0);
    expect_refused(url_of(fx, "fifo"), AVSP_INVALID, "regular");
}

static void test_files_of_others(void **state)
{
    struct fixture *fx = *state;
    char path[160];
    struct stat st;
    write_file(fx, "garbage",
               "This is a letter to my grandmother, and no database at all. It is "
               "long enough that it might be taken for one, were it not so plain.");
    snprintf(path, sizeof path, "%s/garbage", fx->folder);
    assert_int_equal(chmod(path, 0644), 0);
    expect_refused(url_of(fx, "garbage"), AVSP_INVALID, "not a database");
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0644); // left as it was
    run_sql(fx, "other", "CREATE TABLE bookmarks (url TEXT)");
    expect_refused(url_of(fx, "other"), AVSP_INVALID, "another program");
    run_sql(fx, "other2", "PRAGMA application_id = 77");
    expect_refused(url_of(fx, "other2"), AVSP_INVALID, "another program");
    write_file(fx, "empty", "");
    struct avsp_err err = {0};
    struct avsp_store *store = avsp_store_open(url_of(fx, "empty"), &options, &err);
    assert_non_null(store);
    avsp_store_close(store);
}

/// Root may write where others may not, so this needs another user.
static void test_read_only(void **state)
{
    struct fixture *fx = *state;
    if (geteuid() == 0)
        skip();
    char path[160];
    snprintf(path, sizeof path, "%s/ro", fx->folder);
    assert_int_equal(mkdir(path, 0500), 0);
    expect_refused(url_of(fx, "ro/db"), AVSP_DENIED, "writable");
    write_file(fx, "rofile", "");
    snprintf(path, sizeof path, "%s/rofile", fx->folder);
    assert_int_equal(chmod(path, 0400), 0);
    expect_refused(url_of(fx, "rofile"), AVSP_DENIED, "writable");
}

static void expect_private(struct fixture *fx, const char *name)
{
    char path[160];
    struct stat st;
    snprintf(path, sizeof path, "%s/%s", fx->folder, name);
    if (stat(path, &st) != 0)
        fail_msg("%s is not there", path);
    assert_int_equal(st.st_mode & 0777, 0600);
}

static void test_only_its_user_may_read_it(void **state)
{
    struct fixture *fx = *state;
    char path[160];
    (void)submit(fx, "a");
    expect_private(fx, "db");
    expect_private(fx, "db-wal");
    expect_private(fx, "db-shm");
    snprintf(path, sizeof path, "%s/db", fx->folder);
    assert_int_equal(chmod(path, 0664), 0);
    fixture_reopen(fx);
    expect_private(fx, "db");
}

static void test_reopening_changes_nothing(void **state)
{
    struct fixture *fx = *state;
    const char *job_id = submit_and_split(fx, "a", 2);
    uint64_t version = get_job(fx, job_id).version;
    for (int i = 0; i < 3; i++)
        fixture_reopen(fx);
    assert_int_equal(get_job(fx, job_id).version, version);
    assert_int_equal(claim(fx, "w").kind, AVSP_TASK_ENCODE);
}

static void test_schema_from_the_future(void **state)
{
    struct fixture *fx = *state;
    const char *job_id = submit(fx, "a");
    avsp_store_close(fx->store);
    fx->store = NULL;
    run_sql(fx, "db", "UPDATE schema_version SET version = 900, min_compatible = 1");
    fixture_reopen(fx); // newer, but it still serves us
    assert_string_equal(get_job(fx, job_id).id, job_id);
    avsp_store_close(fx->store);
    fx->store = NULL;
    run_sql(fx, "db", "UPDATE schema_version SET min_compatible = 899");
    expect_refused(fx->url, AVSP_PRECONDITION, "install a newer avspl1t");
    char sql[128];
    snprintf(sql, sizeof sql, "UPDATE schema_version SET version = %d, min_compatible = 1",
             (int)avsp_n_migrations);
    run_sql(fx, "db", sql);
    fixture_reopen(fx);
    assert_string_equal(get_job(fx, job_id).id, job_id);
}

/// Calls @p visit for each text in each column of each table.
static void for_each_text(sqlite3 *db, void (*visit)(const char *table, const char *text, void *),
                          void *opaque)
{
    sqlite3_stmt *tables = NULL;
    assert_int_equal(sqlite3_prepare_v2(db, "SELECT name FROM sqlite_master WHERE type = 'table'",
                                        -1, &tables, NULL),
                     SQLITE_OK);
    while (sqlite3_step(tables) == SQLITE_ROW) {
        const char *table = (const char *)sqlite3_column_text(tables, 0);
        char sql[128];
        sqlite3_stmt *rows = NULL;
        snprintf(sql, sizeof sql, "SELECT * FROM \"%s\"", table);
        assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &rows, NULL), SQLITE_OK);
        while (sqlite3_step(rows) == SQLITE_ROW)
            for (int i = 0; i < sqlite3_column_count(rows); i++)
                visit(table, (const char *)sqlite3_column_text(rows, i), opaque);
        sqlite3_finalize(rows);
    }
    sqlite3_finalize(tables);
}

static void look_for_secret(const char *table, const char *text, void *opaque)
{
    int *n_secrets = opaque;
    if (text == NULL || strstr(text, SECRET) == NULL)
        return;
    if (strcmp(table, "secrets") != 0)
        fail_msg("a secret stands in table %s: %s", table, text);
    ++*n_secrets;
}

static int count_secrets(struct fixture *fx)
{
    char path[160];
    sqlite3 *db = NULL;
    int n_secrets = 0;
    snprintf(path, sizeof path, "%s/db", fx->folder);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    for_each_text(db, look_for_secret, &n_secrets);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    return n_secrets;
}

static bool file_has_secret(struct fixture *fx, const char *name)
{
    char path[160];
    snprintf(path, sizeof path, "%s/%s", fx->folder, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    static char bytes[4 << 20];
    ssize_t n = read(fd, bytes, sizeof bytes);
    close(fd);
    return n > 0 && memmem(bytes, (size_t)n, SECRET, strlen(SECRET)) != NULL;
}

static void test_secrets_stand_apart(void **state)
{
    struct fixture *fx = *state;
    struct avsp_job_spec spec = s3_spec(fx, "a");
    const char *job_id = submit_spec(fx, &spec);
    struct avsp_task split = claim(fx, "w");
    struct avsp_piece piece = video_piece(fx, 0, 1);
    piece.file = split.work; // as a worker gives it: with the key that it was handed
    piece.file.path = "work/a/v0.piece";
    (void)report(fx, "w", &split, (struct avsp_outputs){.pieces = &piece, .n_pieces = 1});
    finish_ok(fx, "w", &split);
    struct avsp_job job = get_job(fx, job_id);
    const struct avsp_location *all[] = {&job.spec.input, &job.spec.work, &job.spec.output};
    for (size_t i = 0; i < AVSP_ARRAY_LEN(all); i++) {
        assert_string_equal(all[i]->secret_access_key.text, "");
        assert_string_not_equal(all[i]->access_key_id, ""); // no secret: shown to its owner
    }
    assert_int_equal(count_secrets(fx), 6);
    struct avsp_task encode = claim(fx, "w");
    finish_ok(fx, "w", &encode);
    struct avsp_task manifest = claim(fx, "w");
    struct avsp_finish finish = finish_of("w", &manifest);
    struct avsp_location file = manifest.output;
    struct avsp_err err = {0};
    finish.files_kind = AVSP_TASK_MANIFEST;
    finish.files = &file;
    finish.n_files = 1;
    ASSERT_OK(avsp_store_finish(fx->store, &finish, &err), err);
    assert_int_equal(count_secrets(fx), 0); // nothing needs them any more
    assert_string_equal(get_job(fx, job_id).manifest.secret_access_key.text, "");
    avsp_store_close(fx->store); // checkpoints
    fx->store = NULL;
    assert_false(file_has_secret(fx, "db")); // nor do its free pages hold them
    assert_false(file_has_secret(fx, "db-wal"));
}

static void test_cleanup_forgets_secrets(void **state)
{
    struct fixture *fx = *state;
    struct avsp_err err = {0};
    struct avsp_job_spec spec = s3_spec(fx, "a");
    const char *job_id = submit_spec(fx, &spec);
    ASSERT_OK(avsp_store_cancel(fx->store, job_id, &err), err);
    assert_int_equal(count_secrets(fx), 6);
    wait_ms(fx, 6000);
    struct avsp_task cleanup = claim(fx, "w");
    assert_int_equal(cleanup.kind, AVSP_TASK_CLEANUP);
    finish_ok(fx, "w", &cleanup);
    assert_int_equal(count_secrets(fx), 0);
}

/// A claim must not sort or walk over what waits: one probe of an index.
static void test_a_claim_does_not_sort(void **state)
{
    struct fixture *fx = *state;
    static const char sql[] =
        "EXPLAIN QUERY PLAN SELECT id, priority, fair_key, idx FROM tasks WHERE state = 1 AND"
        " pool = 1 AND not_before_us <= 5 AND kind IN (1, 2, 3, 4, 5)"
        " ORDER BY priority DESC, fair_key, idx, created_us, id LIMIT 1";
    sqlite3 *db = NULL;
    sqlite3_stmt *plan = NULL;
    char path[160];
    snprintf(path, sizeof path, "%s/db", fx->folder);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &plan, NULL), SQLITE_OK);
    int n = 0;
    while (sqlite3_step(plan) == SQLITE_ROW) {
        const char *step = (const char *)sqlite3_column_text(plan, 3);
        n++;
        if (strstr(step, "tasks_ready") == NULL)
            fail_msg("%s", step);
    }
    assert_int_equal(n, 1);
    sqlite3_finalize(plan);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_urls),
        TEST(test_places_that_do_not_fit),
        TEST(test_files_of_others),
        TEST(test_read_only),
        TEST(test_only_its_user_may_read_it),
        TEST(test_reopening_changes_nothing),
        TEST(test_schema_from_the_future),
        TEST(test_secrets_stand_apart),
        TEST(test_cleanup_forgets_secrets),
        TEST(test_a_claim_does_not_sort),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
