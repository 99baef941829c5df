/// Everything that travels, as a text: two values are the same where their texts are.
#ifndef TESTS_RPC_DUMP_H
#define TESTS_RPC_DUMP_H

#include "core/model.h"
#include "util/buf.h"

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
