/// The driver for SQLite, and the only includer of sqlite3.h. WAL with synchronous=FULL: what was acknowledged survives a
/// power cut. A connection is used by one thread at a time; others wait for its writes by SQLite's own locks.

#include "db/driver.h"
#include "db/sqlite_file.h"
#include "util/time.h"

#include <sqlite3.h>
#include <string.h>
#include <unistd.h>

/// "AV1t", in the file's header: how we know a database of ours.
#define APPLICATION_ID 0x41563174
#define BUSY_TIMEOUT_MS 20000 ///< those of one program wait for each other as long, too
#define URL_PREFIX "sqlite://"

struct statement {
    const char *sql; ///< its address is the key
    sqlite3_stmt *stmt;
    struct sqlite_db *db;
    int slots[AVSP_DB_ARGS_MAX + 1]; ///< of $n: where SQLite put it; 0 = not in the statement
    bool running;
};

struct sqlite_db {
    struct avsp_db base;
    sqlite3 *handle;
    char *path;
    struct statement statements[AVSP_DB_STATEMENTS_MAX];
    size_t n_statements;
};

static struct sqlite_db *sqlite_of(struct avsp_db *db)
{
    return (struct sqlite_db *)db;
}

static enum avsp_code set_error(struct sqlite_db *db, int native, const char *what,
                                struct avsp_err *err)
{
    enum avsp_code code = AVSP_INTERNAL;
    const char *remedy = "";
    switch (native & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        code = AVSP_UNAVAILABLE;
        break;
    case SQLITE_IOERR:
    case SQLITE_PROTOCOL:
        code = native == SQLITE_IOERR_NOMEM ? AVSP_NO_MEMORY : AVSP_UNAVAILABLE;
        break;
    case SQLITE_FULL:
        code = AVSP_NO_SPACE;
        remedy = ": make room on its disk";
        break;
    case SQLITE_NOMEM:
        code = AVSP_NO_MEMORY;
        break;
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
        code = AVSP_DENIED;
        remedy = ": it and its folder must be writable";
        break;
    case SQLITE_NOTADB:
        code = AVSP_INVALID;
        remedy = ": name another file";
        break;
    case SQLITE_CORRUPT:
        code = AVSP_CORRUPT;
        remedy = ": restore it from a backup";
        break;
    default:
        break;
    }
    (void)avsp_err_set(err, code, "database %s: %s: %s%s", db->path, what,
                       db->handle != NULL ? sqlite3_errmsg(db->handle) : sqlite3_errstr(native),
                       remedy);
    err->native = native;
    return code;
}

static enum avsp_code run(struct sqlite_db *db, const char *sql, const char *what,
                          struct avsp_err *err)
{
    int native = sqlite3_exec(db->handle, sql, NULL, NULL, NULL);
    return native == SQLITE_OK ? AVSP_OK : set_error(db, native, what, err);
}

/// Reads one integer, or a text's first bytes, of a statement that is run once.
static enum avsp_code read_one(struct sqlite_db *db, const char *sql, int64_t *ret_value,
                               char ret_text[16], struct avsp_err *err)
{
    sqlite3_stmt *stmt = NULL;
    int native = sqlite3_prepare_v2(db->handle, sql, -1, &stmt, NULL);
    if (native == SQLITE_OK)
        native = sqlite3_step(stmt);
    if (native == SQLITE_ROW) {
        *ret_value = sqlite3_column_int64(stmt, 0);
        const char *text = (const char *)sqlite3_column_text(stmt, 0);
        snprintf(ret_text, 16, "%s", text != NULL ? text : "");
    }
    enum avsp_code rc = native == SQLITE_ROW ? AVSP_OK : set_error(db, native, "open", err);
    sqlite3_finalize(stmt);
    return rc;
}

/// Ours, or new and empty? Nothing is written to a database of another program.
static enum avsp_code check_owner(struct sqlite_db *db, bool *ret_new, struct avsp_err *err)
{
    int64_t id = 0;
    int64_t n_tables = 0;
    char text[16];
    enum avsp_code rc = read_one(db, "PRAGMA application_id", &id, text, err);
    if (rc == AVSP_OK)
        rc = read_one(db, "SELECT count(*) FROM sqlite_master", &n_tables, text, err);
    if (rc != AVSP_OK)
        return rc;
    *ret_new = id == 0 && n_tables == 0;
    if (!*ret_new && id != APPLICATION_ID)
        return avsp_err_set(err, AVSP_INVALID,
                            "database %s belongs to another program: name another file", db->path);
    return AVSP_OK;
}

/// SQLite does not wait for others while it changes the journal mode of a new file, so this does.
static enum avsp_code enter_wal(struct sqlite_db *db, struct avsp_err *err)
{
    struct avsp_mono deadline = avsp_mono_in_ms(BUSY_TIMEOUT_MS);
    for (;;) {
        int64_t unused = 0;
        char mode[16] = "";
        enum avsp_code rc = read_one(db, "PRAGMA journal_mode = WAL", &unused, mode, err);
        if (rc == AVSP_OK && strcmp(mode, "wal") == 0)
            return AVSP_OK;
        if (rc == AVSP_OK)
            return avsp_err_set(err, AVSP_INVALID,
                                "database %s: its file system cannot do write-ahead logging: use "
                                "a local disk",
                                db->path);
        if (rc != AVSP_UNAVAILABLE || avsp_mono_passed(deadline))
            return rc;
        usleep(20000);
    }
}

static enum avsp_code configure(struct sqlite_db *db, struct avsp_err *err)
{
    sqlite3_extended_result_codes(db->handle, 1);
    sqlite3_busy_timeout(db->handle, BUSY_TIMEOUT_MS);
    sqlite3_db_config(db->handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(db->handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    bool is_new = false;
    enum avsp_code rc = check_owner(db, &is_new, err);
    if (rc == AVSP_OK && sqlite3_db_readonly(db->handle, "main") != 0)
        return avsp_err_set(err, AVSP_DENIED, "database %s must be writable", db->path);
    if (rc == AVSP_OK)
        rc = avsp_sqlite_file_protect(db->path, err);
    if (rc == AVSP_OK)
        rc = enter_wal(db, err);
    if (rc == AVSP_OK && is_new) {
        char sql[64];
        snprintf(sql, sizeof sql, "PRAGMA application_id = %d", APPLICATION_ID);
        rc = run(db, sql, "open", err);
    }
    if (rc == AVSP_OK)
        rc = run(db,
                 "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA secure_delete = ON;"
                 "PRAGMA temp_store = MEMORY; PRAGMA cache_size = -32768;"
                 "PRAGMA journal_size_limit = 67108864",
                 "open", err);
    return rc;
}

static void sqlite_close(struct avsp_db *base)
{
    struct sqlite_db *db = sqlite_of(base);
    for (size_t i = 0; i < db->n_statements; i++)
        sqlite3_finalize(db->statements[i].stmt);
    int native = sqlite3_close(db->handle);
    AVSP_ASSERT(native == SQLITE_OK);
    free(db->path);
    free(db);
}

static bool sqlite_owns(const char *url)
{
    return strncmp(url, URL_PREFIX, strlen(URL_PREFIX)) == 0;
}

static bool sqlite_is_broken(struct avsp_db *db)
{
    (void)db;
    return false;
}

static enum avsp_code sqlite_open(const char *url, struct avsp_db **ret_db, struct avsp_err *err)
{
    const char *path = url + strlen(URL_PREFIX);
    enum avsp_code rc = avsp_sqlite_file_prepare(path, err);
    if (rc != AVSP_OK)
        return rc;
    struct sqlite_db *db = calloc(1, sizeof *db);
    char *own_path = strdup(path);
    if (db == NULL || own_path == NULL) {
        free(db);
        free(own_path);
        return avsp_err_set(err, AVSP_NO_MEMORY, "database %s: memory ran out", path);
    }
    db->base.driver = &avsp_db_sqlite;
    db->path = own_path;
    int native =
        sqlite3_open_v2(path, &db->handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    rc = native == SQLITE_OK ? configure(db, err) : set_error(db, native, "open", err);
    if (rc != AVSP_OK) {
        sqlite_close(&db->base);
        return rc;
    }
    *ret_db = &db->base;
    return AVSP_OK;
}

/// Takes the right to write at once, so that it cannot be lost half way. The database is a file of this host, so its clock
/// is this host's.
static enum avsp_code sqlite_begin(struct avsp_db *base, enum avsp_db_mode mode,
                                   int64_t *ret_now_us, struct avsp_err *err)
{
    enum avsp_code rc =
        run(sqlite_of(base), mode == AVSP_DB_WRITE ? "BEGIN IMMEDIATE" : "BEGIN", "begin", err);
    if (rc == AVSP_OK)
        *ret_now_us = avsp_wall_now().us;
    return rc;
}

static enum avsp_code sqlite_begin_migration(struct avsp_db *base, int64_t *ret_now_us,
                                             struct avsp_err *err)
{
    return sqlite_begin(base, AVSP_DB_WRITE, ret_now_us, err);
}

static enum avsp_code sqlite_commit(struct avsp_db *base, struct avsp_err *err)
{
    return run(sqlite_of(base), "COMMIT", "commit", err);
}

static void sqlite_rollback(struct avsp_db *base)
{
    // A full disk or an I/O error may have ended the transaction already; nothing else can make this fail.
    struct sqlite_db *db = sqlite_of(base);
    if (sqlite3_get_autocommit(db->handle) == 0)
        (void)sqlite3_exec(db->handle, "ROLLBACK", NULL, NULL, NULL);
}

static enum avsp_code sqlite_script(struct avsp_db *base, const char *sql, struct avsp_err *err)
{
    return run(sqlite_of(base), sql, "script", err);
}

/// SQLite numbers named parameters by their first appearance; $n is found by its name.
static enum avsp_code find_parameters(struct statement *st, struct avsp_err *err)
{
    int n = sqlite3_bind_parameter_count(st->stmt);
    for (int slot = 1; slot <= n; slot++) {
        const char *name = sqlite3_bind_parameter_name(st->stmt, slot);
        long number = name != NULL && name[0] == '$' ? strtol(name + 1, NULL, 10) : 0;
        if (number < 1 || number > AVSP_DB_ARGS_MAX)
            return avsp_err_set(err, AVSP_INTERNAL, "a parameter that is not $1 to $%d in: %.200s",
                                AVSP_DB_ARGS_MAX, st->sql);
        st->slots[number] = slot;
    }
    return AVSP_OK;
}

/// The prepared statement; NULL with @p err.
static struct statement *prepare(struct sqlite_db *db, const char *sql, struct avsp_err *err)
{
    for (size_t i = 0; i < db->n_statements; i++)
        if (db->statements[i].sql == sql)
            return &db->statements[i];
    AVSP_ASSERT(db->n_statements < AVSP_DB_STATEMENTS_MAX);
    struct statement *st = &db->statements[db->n_statements];
    *st = (struct statement){.sql = sql, .db = db};
    const char *lock = strstr(sql, AVSP_DB_LOCK("")); // who may write is alone already
    int n_bytes = lock != NULL ? (int)(lock - sql) : -1;
    int native =
        sqlite3_prepare_v3(db->handle, sql, n_bytes, SQLITE_PREPARE_PERSISTENT, &st->stmt, NULL);
    if (native != SQLITE_OK) {
        (void)set_error(db, native, sql, err);
        return NULL;
    }
    if (find_parameters(st, err) != AVSP_OK) {
        sqlite3_finalize(st->stmt);
        return NULL;
    }
    db->n_statements++;
    return st;
}

static enum avsp_code sqlite_query(struct avsp_db *base, const char *sql,
                                   const struct avsp_db_value *values, size_t n_values,
                                   struct avsp_db_rows *ret_rows, struct avsp_err *err)
{
    struct sqlite_db *db = sqlite_of(base);
    struct statement *st = prepare(db, sql, err);
    if (st == NULL)
        return err->code;
    AVSP_ASSERT(!st->running && n_values <= AVSP_DB_ARGS_MAX);
    st->running = true;
    *ret_rows = (struct avsp_db_rows){base, st};
    for (size_t i = 0; i < n_values; i++) {
        int slot = st->slots[i + 1];
        AVSP_ASSERT(slot != 0);
        int native = values[i].text != NULL
                         ? sqlite3_bind_text(st->stmt, slot, values[i].text, -1, SQLITE_TRANSIENT)
                         : sqlite3_bind_int64(st->stmt, slot, values[i].i64);
        if (native != SQLITE_OK)
            return set_error(db, native, "bind", err);
    }
    return AVSP_OK;
}

static enum avsp_code sqlite_begin_query(struct avsp_db *base, enum avsp_db_mode mode,
                                         const char *sql, const struct avsp_db_value *values,
                                         size_t n_values, int64_t *ret_now_us,
                                         struct avsp_db_rows *ret_rows, struct avsp_err *err)
{
    enum avsp_code rc = sqlite_begin(base, mode, ret_now_us, err);
    return rc == AVSP_OK ? sqlite_query(base, sql, values, n_values, ret_rows, err) : rc;
}

static enum avsp_code sqlite_next(struct avsp_db_rows *rows, bool *ret_more, struct avsp_err *err)
{
    struct statement *st = rows->statement;
    int native = sqlite3_step(st->stmt);
    if (native != SQLITE_ROW && native != SQLITE_DONE)
        return set_error(st->db, native, "run a statement", err);
    *ret_more = native == SQLITE_ROW;
    return AVSP_OK;
}

/// The database is in this process: there is nothing to wait for.
static enum avsp_code sqlite_send(struct avsp_db *base, const char *sql,
                                  const struct avsp_db_value *values, size_t n_values, int64_t want,
                                  struct avsp_err *err)
{
    int64_t changed = 0;
    enum avsp_code rc = avsp_db_exec(base, sql, values, n_values, &changed, err);
    return rc == AVSP_OK ? avsp_db_judge(changed, want, err) : rc;
}

static enum avsp_code sqlite_flush(struct avsp_db *base, struct avsp_err *err)
{
    (void)base;
    (void)err;
    return AVSP_OK;
}

static int64_t sqlite_i64(struct avsp_db_rows *rows, int column)
{
    struct statement *st = rows->statement;
    return sqlite3_column_int64(st->stmt, column);
}

static const char *sqlite_text(struct avsp_db_rows *rows, int column)
{
    struct statement *st = rows->statement;
    const char *text = (const char *)sqlite3_column_text(st->stmt, column);
    return text != NULL ? text : "";
}

static int64_t sqlite_changed(struct avsp_db_rows *rows)
{
    return sqlite3_changes64(sqlite_of(rows->db)->handle);
}

static void sqlite_rows_end(struct avsp_db_rows *rows)
{
    struct statement *st = rows->statement;
    (void)sqlite3_reset(st->stmt); // gives again what step returned
    (void)sqlite3_clear_bindings(st->stmt);
    st->running = false;
}

const struct avsp_db_driver avsp_db_sqlite = {
    .owns = sqlite_owns,
    .n_connections = {[AVSP_DB_READ] = 1, [AVSP_DB_WRITE] = 1},
    .open = sqlite_open,
    .close = sqlite_close,
    .is_broken = sqlite_is_broken,
    .begin_migration = sqlite_begin_migration,
    .begin = sqlite_begin,
    .begin_query = sqlite_begin_query,
    .commit = sqlite_commit,
    .rollback = sqlite_rollback,
    .script = sqlite_script,
    .query = sqlite_query,
    .send = sqlite_send,
    .flush = sqlite_flush,
    .next = sqlite_next,
    .i64 = sqlite_i64,
    .text = sqlite_text,
    .changed = sqlite_changed,
    .rows_end = sqlite_rows_end,
};
