/// What the store needs of a database system: one connection, transactions, statements with bound parameters.
///
///     struct avsp_db_rows AVSP_CLEANUP(avsp_db_rows_end) rows = {0};
///     rc = avsp_db_query(db, sql, AVSP_DB_ARGS(avsp_i64(7), avsp_text(id)), &rows, err);
///     while (rc == AVSP_OK && (rc = avsp_db_next(&rows, &more, err)) == AVSP_OK && more)
///         … avsp_db_i64(&rows, 0), avsp_db_text(&rows, 1) …
///
/// Statements are written once for all drivers: parameters are $1, $2, …; a statement is a static array, prepared at its
/// first use and found again by its address. Values are 64-bit integers and texts, never NULL. One thread at a time.
/// What a statement reads in order to decide is locked where others could change it meanwhile: AVSP_DB_LOCK at its end.
/// Errors: UNAVAILABLE busy or out of reach: retry; NO_SPACE disk full; DENIED; CORRUPT; INTERNAL a mistake in a statement.
#ifndef AVSP_DB_DRIVER_H
#define AVSP_DB_DRIVER_H

#include "util/base.h"
#include "util/err.h"

enum avsp_db_mode {
    AVSP_DB_READ, ///< one consistent view
    AVSP_DB_WRITE, ///< each statement sees what is committed when it begins, and its own transaction's changes
};

/// At the end of a SELECT in a write transaction: its rows (of table or alias `of`) are locked until the transaction ends, and
/// are seen as they are once the lock is there; SKIP leaves out those that somebody else has locked. A driver whose writers
/// exclude each other leaves the clause out.
#define AVSP_DB_LOCK(of) " FOR NO KEY UPDATE OF " of
#define AVSP_DB_LOCK_SKIP(of) AVSP_DB_LOCK(of) " SKIP LOCKED"

struct avsp_db_value {
    const char *text; ///< NULL = an integer
    int64_t i64;
};

static inline struct avsp_db_value avsp_i64(int64_t value)
{
    return (struct avsp_db_value){.i64 = value};
}

/// NULL counts as "".
static inline struct avsp_db_value avsp_text(const char *value)
{
    return (struct avsp_db_value){.text = value != NULL ? value : ""};
}

/// `native` of an error after which the same transaction may well succeed: a deadlock, or a connection that broke before the
/// commit was asked for.
#define AVSP_DB_AGAIN (-1)

/// A list of parameters, $1 to $32, for `IN (…)`: one statement whatever their number; values that are not needed repeat one.
#define AVSP_DB_LIST                                                                               \
    "$1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20,"   \
    " $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32"

/// The values of $1, $2, … and their number.
#define AVSP_DB_ARGS(...)                                                                          \
    (const struct avsp_db_value[]){__VA_ARGS__},                                                   \
        AVSP_ARRAY_LEN(((const struct avsp_db_value[]){__VA_ARGS__}))
#define AVSP_DB_NO_ARGS NULL, 0

#define AVSP_DB_ARGS_MAX 48 ///< parameters of one statement
#define AVSP_DB_STATEMENTS_MAX 160
#define AVSP_DB_LIST_MAX 32 ///< values that AVSP_DB_LIST stands for
#define AVSP_DB_CONNECTIONS_MAX 16

/// Tasks that became claimable; all zeros: none.
struct avsp_ready {
    unsigned n;          ///< how many; UINT32_MAX = who knows
    int64_t key;         ///< none has a lower fair key
    uint32_t priorities; ///< that they have, bit 1 << priority; 0 = none
};

/// Adds @p more.
static inline void avsp_ready_add(struct avsp_ready *ready, const struct avsp_ready *more)
{
    if (more->priorities != 0)
        ready->key = ready->priorities != 0 ? AVSP_MIN(ready->key, more->key) : more->key;
    ready->n += AVSP_MIN(more->n, UINT32_MAX - ready->n);
    ready->priorities |= more->priorities;
}

struct avsp_db_driver;
struct avsp_db_bus;

/// A connection; each driver's own structure begins with it.
struct avsp_db {
    const struct avsp_db_driver *driver;
};

/// A statement that runs. All zeros: none.
struct avsp_db_rows {
    struct avsp_db *db;
    void *statement; ///< the driver's own
};

struct avsp_db_driver {
    bool (*owns)(const char *url);             ///< is it one of its URLs?
    unsigned n_connections[AVSP_DB_WRITE + 1]; ///< at most, of one store, by mode
    enum avsp_code (*open)(const char *url, struct avsp_db **ret_db, struct avsp_err *err);
    void (*close)(struct avsp_db *db);
    bool (*is_broken)(struct avsp_db *db); ///< after an error: it will never work again
    enum avsp_code (*begin_migration)(struct avsp_db *db, int64_t *ret_now_us,
                                      struct avsp_err *err); ///< alone, whoever else migrates
    /// Also reads the database's clock.
    enum avsp_code (*begin)(struct avsp_db *db, enum avsp_db_mode mode, int64_t *ret_now_us,
                            struct avsp_err *err);
    /// The same, and starts a statement, in one message where it can. After an error a transaction may be open.
    enum avsp_code (*begin_query)(struct avsp_db *db, enum avsp_db_mode mode, const char *sql,
                                  const struct avsp_db_value *values, size_t n_values,
                                  int64_t *ret_now_us, struct avsp_db_rows *ret_rows,
                                  struct avsp_err *err);
    enum avsp_code (*commit)(struct avsp_db *db, struct avsp_err *err);
    void (*rollback)(struct avsp_db *db);
    enum avsp_code (*script)(struct avsp_db *db, const char *sql, struct avsp_err *err);
    enum avsp_code (*query)(struct avsp_db *db, const char *sql, const struct avsp_db_value *values,
                            size_t n_values, struct avsp_db_rows *ret_rows, struct avsp_err *err);
    enum avsp_code (*send)(struct avsp_db *db, const char *sql, const struct avsp_db_value *values,
                           size_t n_values, int64_t want, struct avsp_err *err);
    enum avsp_code (*flush)(struct avsp_db *db, struct avsp_err *err);
    enum avsp_code (*next)(struct avsp_db_rows *rows, bool *ret_more, struct avsp_err *err);
    int64_t (*i64)(struct avsp_db_rows *rows, int column);
    const char *(*text)(struct avsp_db_rows *rows, int column);
    int64_t (*changed)(struct avsp_db_rows *rows);
    void (*rows_end)(struct avsp_db_rows *rows);
    /// Word between the coordinators of one database, that tasks became ready or that jobs changed; both may come late or be
    /// lost. Starts a thread, from which `told` is called. NULL: there is no such thing, and the other two are not called.
    enum avsp_code (*bus_open)(const char *url,
                               void (*told)(void *opaque, const struct avsp_ready *ready),
                               void *opaque, struct avsp_db_bus **ret_bus, struct avsp_err *err);
    void (*bus_tell)(struct avsp_db_bus *bus, const struct avsp_ready *ready); ///< never blocks
    void (*bus_close)(struct avsp_db_bus *bus);
};

extern const struct avsp_db_driver avsp_db_sqlite;
extern const struct avsp_db_driver avsp_db_postgres;

/// Starts a statement; see above for its life. @p sql static storage.
static inline enum avsp_code AVSP_CHECKED avsp_db_query(struct avsp_db *db, const char *sql,
                                                        const struct avsp_db_value *values,
                                                        size_t n_values,
                                                        struct avsp_db_rows *ret_rows,
                                                        struct avsp_err *err)
{
    return db->driver->query(db, sql, values, n_values, ret_rows, err);
}

/// The next row. @param ret_more  false: there was none.
static inline enum avsp_code AVSP_CHECKED avsp_db_next(struct avsp_db_rows *rows, bool *ret_more,
                                                       struct avsp_err *err)
{
    return rows->db->driver->next(rows, ret_more, err);
}

static inline int64_t avsp_db_i64(struct avsp_db_rows *rows, int column)
{
    return rows->db->driver->i64(rows, column);
}

/// Borrowed until the next row; never NULL.
static inline const char *avsp_db_text(struct avsp_db_rows *rows, int column)
{
    return rows->db->driver->text(rows, column);
}

/// Ends a statement, at any point; safe on zeros and when called twice.
static inline void avsp_db_rows_end(struct avsp_db_rows *rows)
{
    if (rows->db != NULL)
        rows->db->driver->rows_end(rows);
    *rows = (struct avsp_db_rows){0};
}

/// Runs a statement that gives no rows. @param ret_changed  how many rows it changed.
static inline enum avsp_code AVSP_CHECKED avsp_db_exec(struct avsp_db *db, const char *sql,
                                                       const struct avsp_db_value *values,
                                                       size_t n_values, int64_t *ret_changed,
                                                       struct avsp_err *err)
{
    struct avsp_db_rows AVSP_CLEANUP(avsp_db_rows_end) rows = {0};
    bool more = false;
    enum avsp_code rc = avsp_db_query(db, sql, values, n_values, &rows, err);
    if (rc == AVSP_OK)
        rc = avsp_db_next(&rows, &more, err);
    if (rc == AVSP_OK)
        *ret_changed = db->driver->changed(&rows);
    return rc;
}

/// `want` of avsp_db_send: any number of rows.
#define AVSP_DB_ANY (-1)

/// Sends a statement that gives no rows, and whose end is not waited for: many go to the server in one message, in their order.
/// Nothing else may be asked of the connection before avsp_db_flush, but for a rollback.
/// @param want  how many rows it must change, or AVSP_DB_ANY.
static inline enum avsp_code AVSP_CHECKED avsp_db_send(struct avsp_db *db, const char *sql,
                                                       const struct avsp_db_value *values,
                                                       size_t n_values, int64_t want,
                                                       struct avsp_err *err)
{
    return db->driver->send(db, sql, values, n_values, want, err);
}

/// Waits for all that was sent. @return the first error among them; CONFLICT where one changed another number of rows.
static inline enum avsp_code AVSP_CHECKED avsp_db_flush(struct avsp_db *db, struct avsp_err *err)
{
    return db->driver->flush(db, err);
}

/// Judges how many rows a statement changed; for drivers.
static inline enum avsp_code AVSP_CHECKED avsp_db_judge(int64_t changed, int64_t want,
                                                        struct avsp_err *err)
{
    if (want == AVSP_DB_ANY || changed == want)
        return AVSP_OK;
    return avsp_err_set(err, AVSP_CONFLICT, "a race was lost");
}

#endif
