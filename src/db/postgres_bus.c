/// Word between the coordinators of one PostgreSQL database: LISTEN and NOTIFY on one connection, which one thread owns.
///
/// A NOTIFY holds a lock of the whole database through its commit: so it is never part of a transaction that matters, and what is
/// to be told while one is on its way goes with the next. After a break whoever listens is told to look for himself.

#include "db/postgres_bus.h"

#include "db/postgres_target.h"
#include "util/id.h"
#include "util/parse.h"
#include "util/time.h"

#include <errno.h>
#include <inttypes.h>
#include <libpq-fe.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define CHANNEL "avspl1t"

/// Waiting workers hear of work at once and then at this distance, those who watch a job at the other.
#define READY_EVERY_MS 5
#define CHANGE_EVERY_MS 50

/// A server that hangs is given up after this; whoever stops does not wait for it at all.
#define ANSWER_MAX_MS 10000

#define BACKOFF_FIRST_MS 100
#define BACKOFF_MAX_MS 5000

struct avsp_db_bus {
    char *url;
    void (*told)(void *opaque, const struct avsp_ready *ready);
    void *opaque;
    pthread_t thread;
    int wake_fd; ///< written when there is something to tell, or to stop
    pthread_mutex_t mutex;
    struct avsp_ready ready; ///< to be told
    bool is_changed;         ///< something is to be told
    bool is_stopping;
    // of the thread alone
    PGconn *conn;
    int64_t sent_us; ///< when something was told last
};

static bool is_stopping(struct avsp_db_bus *bus)
{
    pthread_mutex_lock(&bus->mutex);
    bool stopping = bus->is_stopping;
    pthread_mutex_unlock(&bus->mutex);
    return stopping;
}

/// Milliseconds until there is something that may be told now; -1 = nothing.
static int until_send_ms(struct avsp_db_bus *bus)
{
    pthread_mutex_lock(&bus->mutex);
    const int every_ms = bus->ready.priorities != 0 ? READY_EVERY_MS : CHANGE_EVERY_MS;
    const bool is_changed = bus->is_changed;
    pthread_mutex_unlock(&bus->mutex);
    struct avsp_mono due = {bus->sent_us + (int64_t)every_ms * 1000};
    return is_changed ? avsp_mono_left_ms(due) : -1;
}

/// Sleeps until there is something to do. @param ms  -1 = no end.
static void sleep_until(struct avsp_db_bus *bus, int ms)
{
    struct pollfd fds[] = {{.fd = bus->wake_fd, .events = POLLIN},
                           {.fd = bus->conn != NULL ? PQsocket(bus->conn) : -1, .events = POLLIN}};
    uint64_t n = 0;
    (void)poll(fds, AVSP_ARRAY_LEN(fds), ms);
    (void)!read(bus->wake_fd, &n, sizeof n);
}

/// Runs a statement that gives nothing. @return false: it failed, had no answer in time, or the bus is being closed.
static bool run_sql(struct avsp_db_bus *bus, const char *sql)
{
    const struct avsp_mono deadline = avsp_mono_in_ms(ANSWER_MAX_MS);
    bool is_done = false;
    if (PQsendQuery(bus->conn, sql) == 0)
        return false;
    for (;;) {
        while (PQisBusy(bus->conn)) {
            if (is_stopping(bus) || avsp_mono_passed(deadline))
                return false;
            sleep_until(bus, avsp_mono_left_ms(deadline));
            if (PQconsumeInput(bus->conn) == 0)
                return false;
        }
        PGresult *result = PQgetResult(bus->conn);
        if (result == NULL)
            return is_done;
        is_done = PQresultStatus(result) == PGRES_COMMAND_OK;
        PQclear(result);
    }
}

static bool connect_and_listen(struct avsp_db_bus *bus)
{
    struct avsp_pg_target AVSP_CLEANUP(avsp_pg_target_deinit) target;
    struct avsp_err err = {0}; // whoever works with the database says what is wrong with it
    if (avsp_pg_target_init(&target, bus->url, &err) != AVSP_OK)
        return false;
    bus->conn = avsp_pg_connect(&target);
    // A note that a crash of the server swallows is as good as one that came late: nobody waits for the disk because of it.
    return run_sql(bus, "SET synchronous_commit = off") && run_sql(bus, "LISTEN " CHANNEL);
}

static void disconnect(struct avsp_db_bus *bus)
{
    PQfinish(bus->conn); // NULL is fine
    bus->conn = NULL;
}

/// Tells what is to be told. @return false: the connection broke.
static bool send(struct avsp_db_bus *bus)
{
    pthread_mutex_lock(&bus->mutex);
    const struct avsp_ready ready = bus->ready;
    bus->ready = (struct avsp_ready){0};
    bus->is_changed = false;
    pthread_mutex_unlock(&bus->mutex);
    char sql[128];
    snprintf(sql, sizeof sql, "NOTIFY " CHANNEL ", '%u %" PRId64 " %" PRIu32 "'", ready.n,
             ready.key, ready.priorities);
    bool is_sent = run_sql(bus, sql);
    bus->sent_us = avsp_mono_now().us;
    return is_sent;
}

/// The number that a text begins with; moves on to the next one.
static bool next_number(const char **text, int64_t *ret_number)
{
    char digits[24];
    const size_t n = strcspn(*text, " ");
    snprintf(digits, sizeof digits, "%.*s", (int)n, *text);
    *text += n + (size_t)((*text)[n] != '\0');
    return avsp_parse_i64(digits, 0, INT64_MAX, ret_number);
}

/// What a note says: three numbers. A coordinator of another version may say less: then there may be work anywhere.
static struct avsp_ready read_note(const char *text)
{
    int64_t n = UINT32_MAX;
    int64_t key = 0;
    int64_t priorities = 0;
    if (!next_number(&text, &n) || !next_number(&text, &key) || !next_number(&text, &priorities))
        return (struct avsp_ready){.n = (unsigned)n, .priorities = UINT32_MAX};
    return (struct avsp_ready){(unsigned)n, key, (uint32_t)priorities};
}

/// Passes on what others told. @return false: the connection broke.
static bool receive(struct avsp_db_bus *bus)
{
    bool is_told = false;
    struct avsp_ready all = {0};
    if (PQconsumeInput(bus->conn) == 0)
        return false;
    for (PGnotify *note; (note = PQnotifies(bus->conn)) != NULL; PQfreemem(note)) {
        if (note->be_pid == PQbackendPID(bus->conn))
            continue; // our own
        const struct avsp_ready ready = read_note(note->extra);
        avsp_ready_add(&all, &ready);
        is_told = true;
    }
    if (is_told)
        bus->told(bus->opaque, &all);
    return true;
}

/// Listens and tells until the connection breaks or the bus is closed.
static void serve(struct avsp_db_bus *bus)
{
    while (!is_stopping(bus)) {
        if (until_send_ms(bus) == 0 && !send(bus))
            return;
        if (!receive(bus))
            return;
        if (!is_stopping(bus)) // whose wake may be taken already
            sleep_until(bus, until_send_ms(bus));
    }
}

static void *run(void *opaque)
{
    struct avsp_db_bus *bus = opaque;
    int64_t backoff_ms = 0;
    while (!is_stopping(bus)) {
        if (bus->conn != NULL || connect_and_listen(bus)) {
            const struct avsp_ready missed = {.n = UINT32_MAX, .priorities = UINT32_MAX};
            if (backoff_ms > 0)
                bus->told(bus->opaque, &missed); // who knows
            backoff_ms = 0;
            serve(bus);
        }
        disconnect(bus);
        backoff_ms =
            AVSP_MAX((int64_t)BACKOFF_FIRST_MS, AVSP_MIN(backoff_ms * 2, (int64_t)BACKOFF_MAX_MS));
        struct avsp_mono over = avsp_mono_in_ms(backoff_ms / 2 + avsp_nonce_new() % backoff_ms / 2);
        while (!is_stopping(bus) && !avsp_mono_passed(over))
            sleep_until(bus, avsp_mono_left_ms(over));
    }
    return NULL;
}

static void bus_free(struct avsp_db_bus *bus)
{
    disconnect(bus);
    if (bus->wake_fd >= 0)
        close(bus->wake_fd);
    pthread_mutex_destroy(&bus->mutex);
    if (bus->url != NULL)
        explicit_bzero(bus->url, strlen(bus->url));
    free(bus->url);
    free(bus);
}

enum avsp_code avsp_pg_bus_open(const char *url,
                                void (*told)(void *opaque, const struct avsp_ready *ready),
                                void *opaque, struct avsp_db_bus **ret_bus, struct avsp_err *err)
{
    struct avsp_db_bus *bus = calloc(1, sizeof *bus);
    if (bus == NULL)
        return avsp_err_set(err, AVSP_NO_MEMORY, "open the database: memory ran out");
    *bus = (struct avsp_db_bus){.told = told, .opaque = opaque, .url = strdup(url)};
    pthread_mutex_init(&bus->mutex, NULL);
    bus->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    enum avsp_code rc = AVSP_OK;
    if (bus->url == NULL)
        rc = avsp_err_set(err, AVSP_NO_MEMORY, "open the database: memory ran out");
    else if (bus->wake_fd < 0)
        rc = avsp_err_set_errno(err, errno, "open the database: make an event descriptor");
    else if (!connect_and_listen(bus)) // at once, so that nothing from here on is missed
        disconnect(bus);
    if (rc == AVSP_OK && pthread_create(&bus->thread, NULL, run, bus) != 0)
        rc = avsp_err_set(err, AVSP_LIMIT, "start a thread: no more threads are allowed");
    if (rc != AVSP_OK) {
        bus_free(bus);
        return rc;
    }
    *ret_bus = bus;
    return AVSP_OK;
}

static void wake(struct avsp_db_bus *bus)
{
    const uint64_t one = 1;
    (void)!write(bus->wake_fd, &one, sizeof one); // full is awake too
}

void avsp_pg_bus_tell(struct avsp_db_bus *bus, const struct avsp_ready *ready)
{
    pthread_mutex_lock(&bus->mutex);
    const bool is_first =
        !bus->is_changed || (bus->ready.priorities == 0 && ready->priorities != 0);
    avsp_ready_add(&bus->ready, ready);
    bus->is_changed = true;
    pthread_mutex_unlock(&bus->mutex);
    if (is_first)
        wake(bus);
}

void avsp_pg_bus_close(struct avsp_db_bus *bus)
{
    pthread_mutex_lock(&bus->mutex);
    bus->is_stopping = true;
    pthread_mutex_unlock(&bus->mutex);
    wake(bus);
    pthread_join(bus->thread, NULL);
    bus_free(bus);
}
