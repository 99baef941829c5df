#include "media/split_text.h"

#include <inttypes.h>
#include <stdio.h>

#define NAME_BYTES 24

enum avsp_code avsp_split_text_open(struct avsp_split_text *text, const struct avsp_tracks *tracks,
                                    int64_t origin_pts, struct avsp_err *err)
{
    text->tracks = tracks;
    text->n = 0;
    text->n_names = tracks->n_text;
    text->origin_pts = origin_pts;
    avsp_captions_init(&text->picture);
    enum avsp_code rc = AVSP_OK;
    while (rc == AVSP_OK && text->n < tracks->n_text) {
        size_t i = text->n++;
        rc = avsp_text_track_open(&text->items[i], tracks->text[i], err);
    }
    return rc;
}

void avsp_split_text_close(struct avsp_split_text *text)
{
    for (size_t i = 0; i < text->n; i++)
        avsp_text_track_close(&text->items[i]);
    text->n = 0;
    avsp_captions_deinit(&text->picture);
}

void avsp_split_text_move(struct avsp_split_text *text)
{
    for (size_t i = 0; i < text->n; i++)
        avsp_text_track_move(&text->items[i], text->tracks->text[i]);
    avsp_captions_restart(&text->picture);
}

enum avsp_code avsp_split_text_put(struct avsp_split_text *text, size_t track,
                                   const AVPacket *packet, struct avsp_err *err)
{
    return avsp_text_track_put(&text->items[track], packet, err);
}

enum avsp_code avsp_split_text_picture(struct avsp_split_text *text, const AVStream *video,
                                       const AVPacket *packet, bool shown, struct avsp_err *err)
{
    // What is hidden before the picture begins may load what is shown in it.
    if (!shown && packet->pts >= text->origin_pts)
        return AVSP_OK;
    return avsp_captions_put_packet(&text->picture, video, packet, err);
}

/// What writes renditions, and to where.
struct out {
    struct avsp_split_text *text;
    struct avsp_control *ctl;
    const struct avsp_text_range *range;
};

static enum avsp_code finish_channel(const struct out *out, struct avsp_text_cues *cues,
                                     size_t number, const struct avsp_rendition *about,
                                     uint64_t *ret_n, struct avsp_err *err)
{
    char name[NAME_BYTES];
    snprintf(name, sizeof name, "s%zu", number);
    struct avsp_rendition rendition = *about;
    rendition.name = name;
    rendition.purposes |= AVSP_PURPOSE_HEARING; // captions tell of sounds, too
    return avsp_text_cues_finish(cues, out->ctl, out->range, &rendition, ret_n, err);
}

/// Warns of captions that are no rendition because others say the same.
static enum avsp_code warn_of_same(const struct out *out, unsigned caption, unsigned as,
                                   struct avsp_err *err)
{
    char name[AVSP_CAPTION_NAME_BYTES], other[AVSP_CAPTION_NAME_BYTES];
    return avsp_control_warn(out->ctl, err, "the captions %s say the same as %s: left out",
                             avsp_captions_name(caption, name), avsp_captions_name(as, other));
}

/// A track of captions: its first channel with a text is the track, the others come behind all tracks.
static enum avsp_code finish_caption_track(const struct out *out, size_t track,
                                           struct avsp_err *err)
{
    struct avsp_text_track *item = &out->text->items[track];
    const char *own_title = avsp_tracks_title(item->stream);
    enum avsp_code rc = avsp_captions_end(item->captions, out->range->end_us, err);
    uint64_t n_all = 0;
    for (unsigned i = 0; i < AVSP_CAPTIONS_MAX && rc == AVSP_OK; i++) {
        struct avsp_text_cues *cues = avsp_captions_cues(item->captions, i);
        if (cues == NULL)
            continue;
        char name[AVSP_CAPTION_NAME_BYTES];
        bool first = n_all == 0;
        struct avsp_rendition about = {
            .language = avsp_tracks_language(item->stream),
            .title = first && own_title[0] != '\0' ? own_title : avsp_captions_name(i, name),
            .purposes = avsp_tracks_purposes(item->stream),
        };
        if (!first)
            about.purposes &= ~(uint32_t)AVSP_PURPOSE_DEFAULT;
        uint64_t n = 0;
        rc = finish_channel(out, cues, first ? track : out->text->n_names, &about, &n, err);
        n_all += n;
        out->text->n_names += !first && n > 0;
    }
    return rc == AVSP_OK && n_all == 0
               ? avsp_control_warn(out->ctl, err, "there is no text in subtitle track %d: left out",
                                   item->stream->index)
               : rc;
}

static enum avsp_code finish_track(const struct out *out, size_t track, struct avsp_err *err)
{
    struct avsp_text_track *item = &out->text->items[track];
    if (item->captions != NULL)
        return finish_caption_track(out, track, err);
    char name[NAME_BYTES];
    snprintf(name, sizeof name, "s%zu", track);
    struct avsp_rendition rendition = {
        .name = name,
        .language = avsp_tracks_language(item->stream),
        .title = avsp_tracks_title(item->stream),
        .purposes = avsp_tracks_purposes(item->stream),
    };
    return avsp_text_track_finish(item, out->ctl, out->range, &rendition, err);
}

/// One of the captions within the picture. @param ret_n  how many cues it has
static enum avsp_code finish_caption(const struct out *out, unsigned caption, uint64_t *ret_n,
                                     struct avsp_err *err)
{
    struct avsp_split_text *text = out->text;
    struct avsp_text_cues *cues = avsp_captions_cues(&text->picture, caption);
    char name[AVSP_CAPTION_NAME_BYTES];
    const struct avsp_rendition about = {.language = "und",
                                         .title = avsp_captions_name(caption, name)};
    enum avsp_code rc = AVSP_OK;
    *ret_n = 0;
    if (cues != NULL)
        rc = finish_channel(out, cues, text->n_names, &about, ret_n, err);
    text->n_names += *ret_n > 0;
    return rc == AVSP_OK && *ret_n == 0 && text->tracks->captions_are_named
               ? avsp_err_set(err, AVSP_UNSUPPORTED,
                              "the captions %s were asked for, and there are none within the "
                              "picture",
                              name)
               : rc;
}

/// @param ret_found  there were any
static enum avsp_code finish_picture(const struct out *out, bool *ret_found, struct avsp_err *err)
{
    struct avsp_split_text *text = out->text;
    const struct avsp_caption_set *wanted = &text->tracks->captions;
    struct avsp_captions_same same = {0};
    enum avsp_code rc = avsp_captions_end(&text->picture, out->range->end_us, err);
    if (rc == AVSP_OK && !text->tracks->captions_are_named)
        rc = avsp_captions_compare(&text->picture, wanted, &same, err);
    for (unsigned i = 0; i < AVSP_CAPTIONS_MAX && rc == AVSP_OK; i++) {
        uint64_t n = 0;
        if (wanted->has[i] && same.as[i] == 0)
            rc = finish_caption(out, i, &n, err);
        else if (same.as[i] != 0)
            rc = warn_of_same(out, i, same.as[i] - 1u, err);
        *ret_found |= n > 0;
    }
    return rc;
}

static enum avsp_code warn_of_unchosen(const struct out *out, struct avsp_err *err)
{
    struct avsp_buf AVSP_CLEANUP(avsp_buf_deinit) names;
    avsp_buf_init(&names, AVSP_TEXT_MAX_BYTES);
    struct avsp_caption_set unchosen;
    for (unsigned i = 0; i < AVSP_CAPTIONS_MAX; i++)
        unchosen.has[i] = !out->text->tracks->captions.has[i];
    unsigned n = avsp_captions_list(&out->text->picture, &unchosen, &names);
    enum avsp_code rc = avsp_buf_check(&names, err);
    return rc == AVSP_OK && n > 0
               ? avsp_control_warn(out->ctl, err,
                                   "the captions within the picture (%s) are left out: they were "
                                   "not chosen",
                                   avsp_buf_text(&names))
               : rc;
}

static enum avsp_code warn_of_damage(const struct out *out, struct avsp_err *err)
{
    const struct avsp_captions *picture = &out->text->picture;
    uint64_t n_pairs = picture->fields[0].n_damaged + picture->fields[1].n_damaged;
    uint64_t n_packets = picture->digital.n_services > 0 ? picture->digital.n_damaged : 0;
    enum avsp_code rc = AVSP_OK;
    if (n_pairs > 0)
        rc = avsp_control_warn(out->ctl, err,
                               "damaged letters of the captions within the picture are left out: "
                               "%" PRIu64 " pairs",
                               n_pairs);
    if (rc == AVSP_OK && n_packets > 0)
        rc = avsp_control_warn(out->ctl, err,
                               "packets of the captions within the picture (CEA-708) are missing "
                               "or cut off: %" PRIu64,
                               n_packets);
    return rc;
}

/// @param found  some of the captions became renditions
static enum avsp_code warn_of_lost(const struct out *out, bool found, bool seen,
                                   struct avsp_err *err)
{
    const struct avsp_captions *picture = &out->text->picture;
    enum avsp_code rc = warn_of_unchosen(out, err);
    if (rc == AVSP_OK && picture->digital.beyond != 0)
        rc = avsp_control_warn(out->ctl, err,
                               "%d services of captions within the picture are read, and %d more "
                               "are left out",
                               AVSP_CEA708_SERVICES_MAX,
                               __builtin_popcountll(picture->digital.beyond));
    if (rc == AVSP_OK && seen && !picture->has_data)
        rc = avsp_control_warn(out->ctl, err,
                               "the captions within the picture are neither where ATSC A/53 puts "
                               "them nor where DVDs do: left out");
    if (rc == AVSP_OK && (picture->fields[0].has_pages || picture->fields[1].has_pages))
        rc = avsp_control_warn(out->ctl, err,
                               "pages of text beside the captions (T1 to T4) are left out");
    return rc == AVSP_OK && found ? warn_of_damage(out, err) : rc;
}

enum avsp_code avsp_split_text_finish(struct avsp_split_text *text, struct avsp_control *ctl,
                                      const struct avsp_text_range *range, bool seen,
                                      struct avsp_err *err)
{
    const struct out out = {text, ctl, range};
    bool found = false;
    enum avsp_code rc = AVSP_OK;
    for (size_t i = 0; i < text->n && rc == AVSP_OK; i++)
        rc = finish_track(&out, i, err);
    if (rc == AVSP_OK)
        rc = finish_picture(&out, &found, err);
    return rc == AVSP_OK ? warn_of_lost(&out, found, seen, err) : rc;
}
