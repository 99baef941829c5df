#include "client/verify_report.h"

#include "client/command.h"
#include "util/buf.h"

#include <inttypes.h>

#define REPORT_MAX_BYTES (16 << 20)

bool avsp_verify_has_picture(const struct avsp_verify_rendition *r)
{
    if (r->init.n_tracks > 0)
        return r->init.tracks[r->primary].kind == AVSP_MEDIA_VIDEO;
    return r->video_codec != NULL;
}

struct avsp_verify_facts avsp_verify_sum(const struct avsp_verify *v, bool fast)
{
    struct avsp_verify_facts facts = {0};
    bool counted = false;
    for (size_t i = 0; i < v->n_renditions; i++) {
        const struct avsp_verify_rendition *r = &v->renditions[i];
        // Keyframes are listed a second time: they are neither another rendition nor other segments.
        if (r->iframes_only)
            continue;
        facts.n_renditions++;
        facts.n_segments += r->n_segments;
        facts.duration_us = AVSP_MAX(facts.duration_us, r->duration_us);
        if (counted || !avsp_verify_has_picture(r))
            continue;
        facts.n_frames = fast ? r->n_samples : r->n_frames;
        counted = true;
    }
    return facts;
}

static void put_finding(struct avsp_buf *buf, const struct avsp_finding *f, bool with_remedy)
{
    const struct avsp_rule_info *rule = avsp_rule_info(f->rule);
    avsp_buf_puts(buf, f->file);
    if (f->line > 0)
        avsp_buf_printf(buf, ":%" PRIu32, f->line);
    avsp_buf_printf(buf, ": %s: %s [%s]\n", f->severity == AVSP_ERROR ? "error" : "warning",
                    f->text, rule->id);
    if (with_remedy)
        avsp_buf_printf(buf, "    %s. %s\n", rule->source, rule->remedy);
}

static void put_summary(struct avsp_buf *buf, const struct avsp_verify *v, bool fast)
{
    struct avsp_verify_facts facts = avsp_verify_sum(v, fast);
    const struct avsp_findings *found = v->found;
    if (found->n_errors == 0)
        avsp_buf_puts(buf, fast ? "sound, as far as headers tell" : "sound");
    else
        avsp_buf_printf(buf, "%" PRIu64 " error%s", found->n_errors,
                        found->n_errors == 1 ? "" : "s");
    if (found->n_warnings > 0)
        avsp_buf_printf(buf, ", %" PRIu64 " warning%s", found->n_warnings,
                        found->n_warnings == 1 ? "" : "s");
    avsp_buf_printf(buf, ": %zu rendition%s, %zu segments, %" PRIu64 " frames, %.3f s\n",
                    facts.n_renditions, facts.n_renditions == 1 ? "" : "s", facts.n_segments,
                    facts.n_frames, (double)facts.duration_us / 1e6);
}

enum avsp_code avsp_verify_print(const struct avsp_verify *v, bool fast, struct avsp_err *err)
{
    struct avsp_buf AVSP_CLEANUP(avsp_buf_deinit) buf;
    avsp_buf_init(&buf, REPORT_MAX_BYTES);
    bool told[AVSP_N_RULES] = {false};
    for (size_t i = 0; i < v->found->n; i++) {
        const struct avsp_finding *f = &v->found->items[i];
        put_finding(&buf, f, !told[f->rule]);
        told[f->rule] = true;
    }
    for (unsigned i = 0; i < AVSP_N_RULES; i++)
        if (v->found->counts[i] > AVSP_FINDINGS_EACH)
            avsp_buf_printf(&buf, "… and %" PRIu64 " more [%s]\n",
                            v->found->counts[i] - AVSP_FINDINGS_EACH,
                            avsp_rule_info((enum avsp_rule)i)->id);
    put_summary(&buf, v, fast);
    enum avsp_code rc = avsp_buf_check(&buf, err);
    return rc == AVSP_OK ? avsp_cmd_print(avsp_buf_text(&buf), err) : rc;
}
