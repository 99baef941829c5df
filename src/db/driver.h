/// What the store needs of a database system: one connection, transactions, statements with bound parameters.
///
///     struct avsp_db_rows AVSP_CLEANUP(avsp_db_rows_end) rows = {0};
///     rc = avsp_db_query(db, sql, AVSP_DB_ARGS(avsp_i64(7), avsp_text(id)), &rows, err);
///     while (rc == AVSP_OK && (rc = avsp_db_next(&rows, &more, err)) == AVSP_OK && more)
///         … avsp_db_i64(&rows, 0), avsp_db_text(&rows, 1) …
///
/// Statements are written once for all drivers: parameters are $1, $2, …; a statement is a static array, prepared at its
/// first use and found again by its address. Values are 64-bit integers and texts, never NULL. One thread at a time.
/// Errors: UNAVAILABLE busy or out of reach: retry; NO_SPACE disk full; DENIED; CORRUPT; INTERNAL a mistake in a statement.
#ifndef AVSP_DB_DRIVER_H
#define AVSP_DB_DRIVER_H

#include "util/base.h"
#include "util/err.h"

enum avsp_db_mode {
    AVSP_DB_READ,  ///< one consistent view
    AVSP_DB_WRITE, ///< takes the right to write at once, so that it cannot be lost half way
};

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

/// The values of $1, $2, … and their number.
#define AVSP_DB_ARGS(...)                                                                          \
    (const struct avsp_db_value[]){__VA_ARGS__},                                                   \
        AVSP_ARRAY_LEN(((const struct avsp_db_value[]){__VA_ARGS__}))
#define AVSP_DB_NO_ARGS NULL, 0

#define AVSP_DB_ARGS_MAX 40 ///< parameters of one statement

struct avsp_db_driver;

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
    const char *prefix; ///< of its URLs: "sqlite://"
    enum avsp_code (*open)(const char *url, struct avsp_db **ret_db, struct avsp_err *err);
    void (*close)(struct avsp_db *db);
    enum avsp_code (*begin)(struct avsp_db *db, enum avsp_db_mode mode, struct avsp_err *err);
    enum avsp_code (*commit)(struct avsp_db *db, struct avsp_err *err);
    void (*rollback)(struct avsp_db *db);
    enum avsp_code (*script)(struct avsp_db *db, const char *sql, struct avsp_err *err);
    enum avsp_code (*query)(struct avsp_db *db, const char *sql, const struct avsp_db_value *values,
                            size_t n_values, struct avsp_db_rows *ret_rows, struct avsp_err *err);
    enum avsp_code (*next)(struct avsp_db_rows *rows, bool *ret_more, struct avsp_err *err);
    int64_t (*i64)(struct avsp_db_rows *rows, int column);
    const char *(*text)(struct avsp_db_rows *rows, int column);
    int64_t (*changed)(struct avsp_db_rows *rows);
    void (*rows_end)(struct avsp_db_rows *rows);
    enum avsp_code (*now)(struct avsp_db *db, int64_t *ret_us, struct avsp_err *err);
};

extern const struct avsp_db_driver avsp_db_sqlite;

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

#endif
