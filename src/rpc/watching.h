/// What the two kinds of watch have in common; for server_watch*.c alone.
///
/// A watch is IDLE (the list has it) or BUSY (a pool thread or gRPC has it); who turns it BUSY, under the lock, has the duty. Its
/// `look`, on a pool thread, asks the coordinator, sends what is new, and in the end rests or ends.
/// Looks are at most ten a second, and fewer where they are dear: all watches together keep the database busy for no more than a
/// fifth of the time. So a watch costs what it costs, however large its jobs are and however often they change.
#ifndef AVSP_RPC_WATCHING_H
#define AVSP_RPC_WATCHING_H

#include "rpc/serving.h"

struct avsp_watch {
    struct avsp_call *call;
    struct avsp_watch *prev, *next; ///< in the list from its start to its end
    void (*look)(struct avsp_work *work);
    bool is_busy;
    bool is_changed; ///< something happened since the last look began
    bool is_over;    ///< what happened was the end of `job_id`
    bool is_gone;
    const char *job_id; ///< "" = all
    int64_t looked_us;  ///< when the last look began
    int64_t asked_us;   ///< how long it kept the database busy
    struct avsp_watch *due_next;
};

/// Enlists a watch that is part of the call's `state`, and looks for the first time. Fails the call where it cannot.
/// @param watch  zeroed but for `look` and `job_id`; in the call's arena
void avsp_watch_begin(struct avsp_call *call, struct avsp_watch *watch);

/// Notes that a look begins: what happens from here on is for the next one.
void avsp_watch_look_begins(struct avsp_watch *watch);
/// Notes that the database answered a question that was asked at @p asked.
void avsp_watch_answered(struct avsp_watch *watch, struct avsp_mono asked);

/// Waits for the next look; the duty goes to whoever makes it. Ends it where the client is gone, or the server stops.
void avsp_watch_rest(struct avsp_watch *watch);
/// Ends it. @p err NULL: well.
void avsp_watch_end(struct avsp_watch *watch, const struct avsp_err *err);

/// As struct avsp_method has it.
void avsp_watch_closed(struct avsp_call *call);

#endif
