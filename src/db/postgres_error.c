#include "db/postgres_error.h"

#include "db/driver.h"

#include <string.h>

/// By the first characters of an SQLSTATE; the first that fits.
static const struct {
    const char *state;
    enum avsp_code code;
    bool again;  ///< the transaction may be run again at once
    bool broken; ///< the connection is to be dropped
    const char *remedy;
} states[] = {
    {"40001", AVSP_UNAVAILABLE, true, false, ""}, // serialization failure
    {"40P01", AVSP_UNAVAILABLE, true, false, ""}, // deadlock
    {"23505", AVSP_UNAVAILABLE, true, false, ""}, // a race that no ON CONFLICT foresees
    {"23503", AVSP_UNAVAILABLE, true, false, ""}, // likewise, with rows that are being removed
    {"25006", AVSP_UNAVAILABLE, false, true,
     ": this server takes no writes: make it writable, or name the one that does"},
    {"57P", AVSP_UNAVAILABLE, true, true, ""},   // shut down, crashed, starting, terminated
    {"25P03", AVSP_UNAVAILABLE, true, true, ""}, // idle in a transaction for too long
    {"57014", AVSP_UNAVAILABLE, false, false, ": a statement took too long"},
    {"55P03", AVSP_UNAVAILABLE, false, false,
     ": somebody holds a lock for long: see pg_stat_activity for old transactions"},
    {"53100", AVSP_NO_SPACE, false, false, ": make room on its disk"},
    {"53", AVSP_UNAVAILABLE, false, false, ""}, // memory, connections
    {"08", AVSP_UNAVAILABLE, false, true, ""},
    {"58", AVSP_UNAVAILABLE, false, false, ""}, // I/O
    {"XX001", AVSP_CORRUPT, false, false, ": restore it from a backup"},
    {"XX002", AVSP_CORRUPT, false, false, ": REINDEX it, or restore it from a backup"},
    {"42501", AVSP_DENIED, false, false,
     ": give its user the rights, or make it the owner of the database"},
    {"42P07", AVSP_EXISTS, false, false,
     ": another program has a table of that name there: give avspl1t a database of its own"},
    {"3F000", AVSP_NOT_FOUND, false, false, ": make that schema, or name another search_path"},
    {"22021", AVSP_INVALID, false, false, ""}, // not UTF-8
};

/// What a server or libpq says where no connection came about; libpq gives words alone, no SQLSTATE.
static const struct {
    const char *needle;
    enum avsp_code code;
    const char *remedy;
} refusals[] = {
    {"password authentication failed", AVSP_DENIED, ": correct its user or password"},
    {"no password supplied", AVSP_DENIED, ": give one in the URL, PGPASSWORD or ~/.pgpass"},
    {"authentication failed", AVSP_DENIED, ": name another user, or see the server's pg_hba.conf"},
    {"no pg_hba.conf entry", AVSP_DENIED, ": the server's pg_hba.conf must allow it"},
    {"permission denied for database", AVSP_DENIED, ": GRANT CONNECT to its user"},
    {"is not permitted to log in", AVSP_DENIED, ": name another user"},
    {"too many clients", AVSP_UNAVAILABLE,
     ": raise its max_connections, or see pg_stat_activity for who holds them"},
    {"remaining connection slots", AVSP_UNAVAILABLE,
     ": raise its max_connections, or see pg_stat_activity for who holds them"},
    {"too many connections for", AVSP_UNAVAILABLE, ": raise that CONNECTION LIMIT"},
    {"role \"", AVSP_DENIED, ": make it with createuser, or name another user"},
    {"database \"", AVSP_NOT_FOUND, ": make it with createdb, or name another one"},
    {"session is read-only", AVSP_UNAVAILABLE,
     ": name the server that takes writes, or promote it"},
    {"hot standby", AVSP_UNAVAILABLE, ": name the server that takes writes, or promote it"},
    {"could not translate host name", AVSP_UNAVAILABLE, ": is its host spelt right?"},
    {"Connection refused", AVSP_UNAVAILABLE, ": does PostgreSQL run and listen there?"},
    {"No such file or directory", AVSP_UNAVAILABLE, ": does PostgreSQL run and listen there?"},
    {"invalid ", AVSP_INVALID, ""},
    {"certificate", AVSP_INVALID, ": see the host, sslrootcert and sslmode in the URL"},
    {"SSL", AVSP_INVALID, ": see sslmode in the URL"},
};

/// Copies libpq's lines as one, without the password should it stand there.
static void one_line(const PGconn *conn, const char *text, char *ret_line, size_t size)
{
    size_t n = 0;
    for (; *text != '\0' && n + 1 < size; text++) {
        if (*text != '\n' && *text != '\t')
            ret_line[n++] = *text;
        else if (text[1] != '\0' && text[1] != '\n' && text[1] != '\t')
            ret_line[n++] = ' ';
    }
    ret_line[n] = '\0';
    const char *password = conn != NULL ? PQpass(conn) : NULL;
    const size_t len = password != NULL ? strlen(password) : 0;
    for (char *at = ret_line; len > 0 && (at = strstr(at, password)) != NULL; at += len)
        memset(at, '*', len);
}

enum avsp_code avsp_pg_connect_error(const PGconn *conn, struct avsp_err *err)
{
    char line[512];
    enum avsp_code code = AVSP_UNAVAILABLE;
    const char *remedy = "";
    one_line(conn, PQerrorMessage(conn), line, sizeof line);
    for (size_t i = 0; i < AVSP_ARRAY_LEN(refusals); i++)
        if (strstr(line, refusals[i].needle) != NULL) {
            code = refusals[i].code;
            remedy = refusals[i].remedy;
            break;
        }
    return avsp_err_set(err, code, "the database: %s%s", line, remedy);
}

enum avsp_code avsp_pg_error(const PGconn *conn, const PGresult *result, const char *what,
                             bool committing, bool *ret_broken, struct avsp_err *err)
{
    const char *state = result != NULL ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : NULL;
    const char *said = result != NULL ? PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY) : NULL;
    // What the server says has a state: the rest is libpq's own, and it cannot be told how far things got. (Where it could not send,
    // it leaves its own status as it was.)
    bool broken = PQstatus(conn) == CONNECTION_BAD || state == NULL;
    bool again = broken;
    enum avsp_code code = broken ? AVSP_UNAVAILABLE : AVSP_INTERNAL;
    const char *remedy = "";
    char line[400];
    for (size_t i = 0; state != NULL && i < AVSP_ARRAY_LEN(states); i++)
        if (strncmp(state, states[i].state, strlen(states[i].state)) == 0) {
            code = states[i].code;
            again |= states[i].again;
            broken |= states[i].broken;
            remedy = states[i].remedy;
            break;
        }
    one_line(conn, said != NULL ? said : PQerrorMessage(conn), line, sizeof line);
    (void)avsp_err_set(err, code, "the database: %.200s: %s%s", what, line, remedy);
    // A transaction may have been committed although the answer to that never came.
    if (again && !(committing && broken))
        err->native = AVSP_DB_AGAIN;
    *ret_broken = broken;
    return code;
}
