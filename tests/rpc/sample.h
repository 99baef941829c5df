/// Random values of everything that travels; dump.h has their texts.
#ifndef TESTS_RPC_SAMPLE_H
#define TESTS_RPC_SAMPLE_H

#include "core/model.h"

struct sampler {
    struct avsp_arena *arena;
    uint64_t state; ///< the seed at first
};

uint64_t sample_number(struct sampler *s, uint64_t max);
struct avsp_location sample_location(struct sampler *s, bool may_be_none);
struct avsp_label *sample_labels(struct sampler *s, size_t n);
struct avsp_job_spec sample_spec(struct sampler *s);
struct avsp_job sample_job(struct sampler *s, bool with_running);
struct avsp_attempt_record sample_attempt(struct sampler *s);
struct avsp_worker_record sample_worker(struct sampler *s);
struct avsp_claim sample_claim(struct sampler *s);
struct avsp_task sample_task(struct sampler *s, enum avsp_task_kind kind);
struct avsp_progress sample_progress(struct sampler *s);
struct avsp_token sample_token(struct sampler *s);
struct avsp_outputs sample_outputs(struct sampler *s);
struct avsp_finish sample_finish(struct sampler *s);
const char *sample_text(struct sampler *s, size_t max);

#endif
