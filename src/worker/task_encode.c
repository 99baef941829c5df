#include "core/ladder.h"
#include "core/naming.h"
#include "core/sound_options.h"
#include "util/log.h"
#include "worker/need.h"
#include "worker/publish.h"
#include "worker/run.h"
#include "worker/upstream.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

/// Files that may be reported ahead of our answer: they stay in the attempt's folder until the step has ended, when
/// nobody can change them any more.
#define MAX_PENDING 64
/// What an encode writes, as a multiple of its piece, and at least: an estimate for --work-limit.
#define OUTPUT_FACTOR 2
#define OUTPUT_MIN_BYTES ((uint64_t)4 << 20)

static enum avsp_code keep_rendition(struct avsp_run *run, const struct avsp_rendition *reported,
                                     struct avsp_err *err)
{
    enum avsp_media_kind kind =
        run->task->kind == AVSP_TASK_AUDIO ? AVSP_MEDIA_AUDIO : AVSP_MEDIA_VIDEO;
    size_t max = kind == AVSP_MEDIA_VIDEO ? AVSP_PICTURES_MAX : AVSP_SOUND_N_FORMS;
    if (run->made.n_renditions == max || reported->kind != kind)
        return avsp_err_set(err, AVSP_INTERNAL, "the media step reports a rendition too many");
    return avsp_run_keep_rendition(run, reported, err);
}

static enum avsp_code take_report(void *opaque, const struct avsp_report *report,
                                  struct avsp_err *err)
{
    struct avsp_run *run = opaque;
    switch (report->kind) {
    case AVSP_REPORT_PROGRESS:
        avsp_run_progress(run, &report->progress);
        return AVSP_OK;
    case AVSP_REPORT_RENDITION:
        return keep_rendition(run, &report->rendition, err);
    case AVSP_REPORT_SEGMENT:
        return avsp_run_keep_segment(run, &report->segment, err);
    case AVSP_REPORT_WARNING:
        return avsp_run_warn(run, report->warning, err);
    default:
        return avsp_err_set(err, AVSP_INTERNAL, "the media step reports what it should not");
    }
}

/// How far from its place on the timeline a segment may begin: sound is cut at frames, and has its priming.
#define PLACE_SLACK_S 2

/// Is a segment of @p r where its index says, and behind the one before it? @param before  NULL: it is the first.
static bool is_in_place(const struct avsp_run *run, const struct avsp_rendition *r,
                        const struct avsp_segment *s, const struct avsp_segment *before)
{
    int64_t scale = r->timescale;
    int64_t length_s = run->task->segment_seconds;
    int64_t from_s = (int64_t)s->idx * length_s;
    return s->idx >= run->task->idx && s->start_ticks / scale >= from_s - PLACE_SLACK_S &&
           s->start_ticks / scale <= from_s + length_s + PLACE_SLACK_S &&
           s->duration_ticks / scale <= AVSP_SEGMENTS_MAX * (int64_t)AVSP_SEGMENT_SECONDS_MAX &&
           (before == NULL || (s->idx > before->idx &&
                               s->start_ticks >= before->start_ticks + before->duration_ticks));
}

/// Is the rendition one that this task may make, and are its segments in order? @param ret_n  how many.
static enum avsp_code check_rendition(const struct avsp_run *run, size_t which, size_t *ret_n,
                                      struct avsp_err *err)
{
    const struct avsp_outputs *made = &run->made;
    const struct avsp_rendition *r = &made->renditions[which];
    uint32_t track;
    enum avsp_sound_form form;
    bool named = run->task->kind == AVSP_TASK_AUDIO
                     ? avsp_sound_name_parse(r->name, &track, &form)
                     : r->name[0] == 'v' && avsp_name_is_folder(r->name, strlen(r->name));
    for (size_t i = 0; i < which; i++)
        named = named && strcmp(r->name, made->renditions[i].name) != 0;
    if (!named)
        return avsp_err_set(err, AVSP_INTERNAL, "the media step made a rendition \"%s\"", r->name);
    const struct avsp_segment *before = NULL;
    for (size_t i = 0; i < made->n_segments; i++) {
        const struct avsp_segment *s = &made->segments[i];
        if (strcmp(s->rendition, r->name) != 0)
            continue;
        if (!is_in_place(run, r, s, before))
            return avsp_err_set(err, AVSP_INTERNAL, "the media step made segments out of order");
        before = s;
        ++*ret_n;
    }
    return AVSP_OK;
}

/// Does what was reported make sense as a whole?
static enum avsp_code check_made(const struct avsp_run *run, struct avsp_err *err)
{
    const struct avsp_outputs *made = &run->made;
    if (!run->task->described && run->task->kind == AVSP_TASK_ENCODE)
        return made->n_segments == 1
                   ? AVSP_OK
                   : avsp_err_set(err, AVSP_INTERNAL, "the encode did not make one file");
    size_t n_first = 0;
    size_t n_all = 0;
    for (size_t i = 0; i < made->n_renditions; i++) {
        size_t n = 0;
        enum avsp_code rc = check_rendition(run, i, &n, err);
        if (rc != AVSP_OK)
            return rc;
        n_first = i == 0 ? n : n_first;
        n_all += n;
        if (n != n_first)
            return avsp_err_set(err, AVSP_INTERNAL, "%s and %s have not the same segments",
                                made->renditions[0].name, made->renditions[i].name);
    }
    if (n_all == 0 || n_all != made->n_segments)
        return avsp_err_set(err, AVSP_INTERNAL,
                            "the media step made no segments, or some of no rendition");
    return AVSP_OK;
}

/// The step may have found other libraries than it was told of: from here on claims tell of those.
static void look_again(struct avsp_worker *worker)
{
    struct avsp_err err = {0};
    if (avsp_encoders_learn(&worker->encoders, &err) != AVSP_OK)
        avsp_log(AVSP_LOG_WARN, "worker.encoders", "error=%s", AVSP_LOG_Q(err.text));
}

/// What the piece says of itself. @return false: it is none of ours, or damaged, of which the step will tell.
static bool read_header(const struct avsp_run *run, const struct avsp_input *input,
                        struct avsp_piece_header *ret_header)
{
    char block[AVSP_PIECE_HEADER_BYTES];
    struct avsp_err err = {0};
    return run->task->kind == AVSP_TASK_ENCODE && run->task->described &&
           pread(input->fd, block, sizeof block, 0) == (ssize_t)sizeof block &&
           avsp_piece_header_parse(run->arena, block, ret_header, &err) == AVSP_OK;
}

/// Finds how many slots the encode is to have, by the memory that it needs with all the threads that it may get.
static void size_up(struct avsp_run *run, const struct avsp_input *input)
{
    const struct avsp_worker_config *config = run->worker->config;
    struct avsp_piece_header header;
    run->n_slots = 1;
    if (!read_header(run, input, &header))
        return;
    uint64_t bytes = avsp_need_bytes(&header, &run->task->picture, run->task->preset,
                                     avsp_run_most_threads(run));
    run->n_slots = avsp_need_slots(bytes, config->memory_bytes, config->slots);
    if (run->n_slots > 1)
        avsp_run_log(run, AVSP_LOG_INFO, "task.large", " memory_mib=%" PRIu64 " slots=%u",
                     bytes >> 20, run->n_slots);
}

/// Takes the slots, and counts as as many loads. Of those that were claimed together one knows first how large it is, and others may
/// find that they were claimed for nothing.
static enum avsp_code take_slots(struct avsp_run *run, struct avsp_err *err)
{
    struct avsp_slots *slots = &run->worker->slots;
    if (run->n_loads > 0) {
        run->is_handed_back = !avsp_slots_load_all(slots, run->n_slots);
        if (run->is_handed_back)
            return avsp_err_set(err, AVSP_CANCELED, "larger ones have all slots");
        run->n_loads = run->n_slots;
    }
    return avsp_slots_take(slots, run->n_slots,
                           (struct avsp_slots_waiter){avsp_run_should_stop, run})
               ? AVSP_OK
               : avsp_run_stopped(run, err);
}

/// The part that needs a slot.
static enum avsp_code encode(struct avsp_run *run, const struct avsp_input *input,
                             struct avsp_err *err)
{
    size_up(run, input);
    enum avsp_code rc = take_slots(run, err);
    if (rc != AVSP_OK)
        return rc;
    struct avsp_step step = {
        .kind = run->task->kind == AVSP_TASK_AUDIO ? AVSP_STEP_AUDIO : AVSP_STEP_ENCODE,
        .segment_seconds = run->task->segment_seconds,
        .max_pending = MAX_PENDING,
        .crf = run->task->crf,
        .preset = run->task->preset,
        .picture = run->task->picture,
        .sound = run->task->sound,
        .threads = avsp_run_threads(run),
        .described = run->task->described,
        .idx = run->task->idx,
        .encoders = run->encoders,
    };
    rc = avsp_run_step(run, &step, input->fd, take_report, err);
    avsp_slots_give(&run->worker->slots, run->n_slots);
    if (rc == AVSP_UNAVAILABLE)
        look_again(run->worker);
    // From here on only storage is busy: the next piece may be encoded meanwhile.
    avsp_run_unload(run, run->n_loads);
    return rc == AVSP_OK ? check_made(run, err) : rc;
}

/// What does not fit into the finish is reported before it.
static enum avsp_code report_most(struct avsp_run *run, struct avsp_err *err)
{
    struct avsp_outputs *made = &run->made;
    while (made->n_segments > AVSP_BATCH_MAX) {
        struct avsp_outputs batch = {
            .renditions = made->renditions,
            .n_renditions = made->n_renditions,
            .segments = made->segments,
            .n_segments = AVSP_BATCH_MAX,
        };
        enum avsp_code rc = avsp_upstream_report(run, &batch, err);
        if (rc != AVSP_OK)
            return rc;
        made->segments += AVSP_BATCH_MAX;
        made->n_segments -= AVSP_BATCH_MAX;
    }
    return AVSP_OK;
}

enum avsp_code avsp_task_encode(struct avsp_run *run, struct avsp_err *err)
{
    struct avsp_input AVSP_CLEANUP(avsp_input_close) input = {.serving = {.fd = -1}, .own_fd = -1};
    enum avsp_code rc = avsp_input_open(run, &run->task->input, &input, err);
    // A shared file system may show a new file late; one that is gone for good is made again.
    run->is_input_gone = rc == AVSP_NOT_FOUND;
    if (run->is_input_gone)
        err->code = AVSP_UNAVAILABLE;
    if (rc == AVSP_OK)
        rc = avsp_input_fetch(run, &input, AVSP_MAX(input.bytes * OUTPUT_FACTOR, OUTPUT_MIN_BYTES),
                              err);
    if (rc == AVSP_OK)
        rc = encode(run, &input, err);
    if (rc != AVSP_OK)
        return rc;
    if (!run->task->described && run->task->kind == AVSP_TASK_ENCODE)
        return avsp_publish_whole(run, err);
    rc = avsp_publish_made(run, err);
    return rc == AVSP_OK ? report_most(run, err) : rc;
}
