/// Random values of everything that travels, and their text: two values are the same where their texts are.
#ifndef TESTS_RPC_SAMPLE_H
#define TESTS_RPC_SAMPLE_H

#include "core/model.h"
#include "util/buf.h"

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

void dump_labels(struct avsp_buf *buf, const struct avsp_label *labels, size_t n);
void dump_spec(struct avsp_buf *buf, const struct avsp_job_spec *spec);
void dump_job(struct avsp_buf *buf, const struct avsp_job *job);
void dump_attempt(struct avsp_buf *buf, const struct avsp_attempt_record *attempt);
void dump_worker(struct avsp_buf *buf, const struct avsp_worker_record *worker);
void dump_claim(struct avsp_buf *buf, const struct avsp_claim *claim);
void dump_task(struct avsp_buf *buf, const struct avsp_task *task);
void dump_progress(struct avsp_buf *buf, const struct avsp_progress *progress);
void dump_token(struct avsp_buf *buf, struct avsp_token token);
void dump_outputs(struct avsp_buf *buf, const struct avsp_outputs *outputs);
void dump_finish(struct avsp_buf *buf, const struct avsp_finish *finish);

#endif
