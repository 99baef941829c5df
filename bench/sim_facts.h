/// What a simulated encode claims to have made: the facts of one segment, for every index.
///
/// Without files the facts are made up, and fit for everything but a manifest. With an init segment and a segment that were really
/// made, each simulated segment is that one with its own decode time, and is written where the task wants it: a real worker's
/// manifest task finds a sound presentation. Any thread, after sim_facts_init.
#ifndef AVSP_BENCH_SIM_FACTS_H
#define AVSP_BENCH_SIM_FACTS_H

#include "core/model.h"
#include "util/buf.h"

#define SIM_FRAGMENTS_MAX 4

struct sim_facts {
    struct avsp_rendition rendition;
    struct avsp_buf init; ///< empty: nothing is written
    struct avsp_buf segment;
    struct {
        size_t at; ///< of a fragment's decode time, in the segment
        unsigned n_bytes;
    } times[SIM_FRAGMENTS_MAX];
    size_t n_times;
    uint64_t key_bytes; ///< as struct avsp_segment has it
    int64_t ticks;      ///< of one segment
    uint64_t frames;
    struct avsp_arena arena;
};

/// @param init_path  both or none NULL. @return OK; free with sim_facts_deinit whatever it is.
enum avsp_code sim_facts_init(struct sim_facts *facts, const char *init_path,
                              const char *segment_path, struct avsp_err *err) AVSP_CHECKED;
void sim_facts_deinit(struct sim_facts *facts);

/// The piece of index @p idx, which is never looked for.
/// @param folder  where it is said to be. Strings are in @p arena.
enum avsp_code sim_facts_piece(const struct sim_facts *facts, struct avsp_arena *arena,
                               const struct avsp_location *folder, uint32_t idx,
                               struct avsp_piece *ret_piece, struct avsp_err *err) AVSP_CHECKED;

/// The segment of index @p idx, written to @p output where there is something to write.
enum avsp_code sim_facts_encode(const struct sim_facts *facts, struct avsp_arena *arena,
                                const struct avsp_location *output, uint32_t idx,
                                struct avsp_segment *ret_segment,
                                struct avsp_err *err) AVSP_CHECKED;

#endif
