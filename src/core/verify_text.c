/// The rules of segments that are WebVTT: RFC 8216 3.5.
#include "core/verify_private.h"

#include "core/webvtt.h"

#include <inttypes.h>

#define TEXT_MAX_BYTES ((uint64_t)64 << 20)
#define APART_MS 500 ///< so far may a cue lie outside of its segment

static void check_lines(struct avsp_verify_work *w, const struct avsp_verify_segment *s,
                        const struct avsp_webvtt_facts *facts)
{
    const struct {
        uint32_t line;
        const char *text;
    } faults[] = {
        {facts->bad_line, "the times cannot be read"},
        {facts->empty_line, "the cue ends before it begins"},
        {facts->order_line, "the cue begins before the one in front of it"},
    };
    for (size_t i = 0; i < AVSP_ARRAY_LEN(faults); i++)
        if (faults[i].line > 0)
            avsp_findings_add(w->v->found, AVSP_RULE_CUE, s->part.path, faults[i].line, "%s",
                              faults[i].text);
}

/// Every cue of a segment is shown while it lasts; one that is not belongs to another.
static void check_place(struct avsp_verify_work *w, size_t i, const struct avsp_webvtt_facts *facts)
{
    const struct avsp_verify_segment *s = &w->segments[i];
    int64_t begin_us = avsp_verify_listed_us(w, i);
    int64_t begin_ms = begin_us / 1000;
    int64_t end_ms = (begin_us + s->duration_us) / 1000;
    if (facts->n_cues == 0 || w->r->unmeasured)
        return;
    if (facts->latest_start_ms > end_ms + APART_MS)
        avsp_findings_add(w->v->found, AVSP_RULE_CUE_TIME, s->part.path, 0,
                          "a cue begins at %.3f s, and the segment ends at %.3f s",
                          (double)facts->latest_start_ms / 1e3, (double)end_ms / 1e3);
    else if (facts->earliest_end_ms < begin_ms - APART_MS)
        avsp_findings_add(w->v->found, AVSP_RULE_CUE_TIME, s->part.path, 0,
                          "a cue ends at %.3f s, and the segment begins at %.3f s",
                          (double)facts->earliest_end_ms / 1e3, (double)begin_ms / 1e3);
}

enum avsp_code avsp_verify_text(struct avsp_verify_work *w, size_t i, struct avsp_err *err)
{
    const struct avsp_verify_segment *s = &w->segments[i];
    struct avsp_buf AVSP_CLEANUP(avsp_buf_deinit) text;
    avsp_buf_init(&text, TEXT_MAX_BYTES);
    bool is_read = false;
    enum avsp_code rc = avsp_verify_slurp(w->v, w->r->path, s->line, &s->part, TEXT_MAX_BYTES,
                                          &text, &is_read, err);
    if (rc != AVSP_OK || !is_read)
        return rc;
    struct avsp_webvtt_facts facts;
    avsp_webvtt_read(text.data, text.len, &facts);
    check_lines(w, s, &facts);
    check_place(w, i, &facts);
    if (facts.map_is_bad)
        avsp_findings_add(w->v->found, AVSP_RULE_TIMESTAMP_MAP, s->part.path, 0,
                          "X-TIMESTAMP-MAP cannot be read");
    // The first one is compared with the media, once that is known.
    if (i == 0) {
        w->r->has_text_map = facts.has_map;
        w->r->text_map_is_known = !facts.map_is_bad;
        w->r->text_map_ms = facts.map_ms;
    }
    return AVSP_OK;
}
