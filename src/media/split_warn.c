#include "media/split_warn.h"

#include <inttypes.h>

/// Pictures of two tracks that go on beside each other take turns sooner.
#define STRANGE_MIN 32

/// So many of what.
struct finding {
    uint64_t n;
    const char *what;
};

static enum avsp_code warn_all(struct avsp_control *ctl, const struct finding *findings, size_t n,
                               struct avsp_err *err)
{
    enum avsp_code rc = AVSP_OK;
    for (size_t i = 0; i < n && rc == AVSP_OK; i++)
        if (findings[i].n > 0)
            rc = avsp_control_warn(ctl, err, "%" PRIu64 " %s", findings[i].n, findings[i].what);
    return rc;
}

static enum avsp_code warn_of_file(struct avsp_control *ctl, const struct avsp_split_seen *seen,
                                   struct avsp_err *err)
{
    const struct avsp_reader *reader = seen->reader;
    bool all = seen->from_start && seen->to_end;
    bool may_have_lost =
        reader->n_damaged > 0 || reader->n_complaints > 0 || avsp_reader_hides_damage(reader);
    const struct finding findings[] = {
        {reader->joins.n_jumps, "jumps of the file's clock, as where recordings were put "
                                "together: the times go on without them"},
        {reader->n_behind_join,
         "frames behind a jump of the clock lean on pictures that are not in the file: left out"},
        {reader->n_damaged, "places of the file are damaged or cut off: it goes on behind them"},
        {reader->n_complaints,
         "errors in the structure of the file: what lies there cannot be found, and is left out"},
        {may_have_lost ? avsp_gaps_n_missing(seen->gaps) : 0,
         "frames or so are missing between the others: the ones before them are shown longer"},
        {all ? avsp_reader_n_missing(reader) : 0,
         "frames that the file promises are not there: it is cut off"},
        {all ? avsp_reader_n_missing_sound(reader) : 0,
         "packets of sound that the file promises are not there: it is cut off"},
        {seen->from_start ? reader->n_before_key : 0,
         "frames before the first keyframe cannot be decoded: left out"},
        {seen->from_start ? seen->n_leading : 0,
         "frames at the start lean on pictures that are not in the file: left out"},
        {reader->most_strange >= STRANGE_MIN ? reader->most_strange : 0,
         "pictures follow in another track, of another codec, program or kind, where the chosen "
         "one has "
         "none: left out"},
        {reader->n_untimed, "frames have impossible times: left out"},
        {reader->n_void,
         "frames hold nothing that can be decoded: the ones before them are shown longer"},
        {seen->is_endless,
         "frame, the last one, claims to be shown for longer than it can be: it is "
         "shown as long as others, or as there is sound"},
        {seen->n_late, "frames come far out of order: left out"},
        {seen->n_sound_dropped, "packets of sound have no usable time: left out"},
        {seen->n_sound_unknown, "packets of sound are of another form of AAC than the first ones, "
                                "which cannot be kept: left out"},
    };
    return warn_all(ctl, findings, AVSP_ARRAY_LEN(findings), err);
}

/// What only a decoder or a look into the pictures tells.
static enum avsp_code warn_of_pictures(struct avsp_control *ctl, const struct avsp_reader *reader,
                                       struct avsp_err *err)
{
    struct avsp_lossless_counts counts = {0};
    if (reader->lossless != NULL)
        counts = avsp_lossless_counts(reader->lossless);
    const struct finding findings[] = {
        {counts.n_damaged, "errors in damaged pictures, which are concealed"},
        {counts.n_fitted, "pictures have another size than the first one: they are fitted into it"},
        {counts.n_retimed, "pictures have times that cannot be: they are shown between the others"},
    };
    enum avsp_code rc = warn_all(ctl, findings, AVSP_ARRAY_LEN(findings), err);
    if (rc != AVSP_OK || reader->watch.n_changes == 0)
        return rc;
    return avsp_control_warn(ctl, err,
                             "the picture's size changes in the middle, %" PRIu64
                             " times: all is fitted into the first one, %dx%d",
                             reader->watch.n_changes, reader->watch.first_width_px,
                             reader->watch.first_height_px);
}

enum avsp_code avsp_split_warn(struct avsp_control *ctl, const struct avsp_split_seen *seen,
                               struct avsp_err *err)
{
    enum avsp_code rc = warn_of_file(ctl, seen, err);
    return rc == AVSP_OK ? warn_of_pictures(ctl, seen->reader, err) : rc;
}
