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

/// A track of captions: its first channel with a text is the track, the others come behind all tracks.
static enum avsp_code finish_caption_track(const struct out *out, size_t track,
                                           struct avsp_err *err)
{
    struct avsp_text_track *item = &out->text->items[track];
    const char *own_title = avsp_tracks_title(item->stream);
    enum avsp_code rc = avsp_captions_end(item->captions, out->range->end_us, err);
    uint64_t n_all = 0;
    for (unsigned i = 0; i < AVSP_CAPTION_TRACKS && rc == AVSP_OK; i++) {
        char title[NAME_BYTES];
        snprintf(title, sizeof title, "CC%u", i + 1);
        bool first = n_all == 0;
        struct avsp_rendition about = {
            .language = avsp_tracks_language(item->stream),
            .title = first && own_title[0] != '\0' ? own_title : title,
            .purposes = avsp_tracks_purposes(item->stream),
        };
        if (!first)
            about.purposes &= ~(uint32_t)AVSP_PURPOSE_DEFAULT;
        uint64_t n = 0;
        rc = finish_channel(out, &item->captions->channels[i], first ? track : out->text->n_names,
                            &about, &n, err);
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

/// @param ret_found  bits of the channels that became renditions
static enum avsp_code finish_picture(const struct out *out, unsigned *ret_found,
                                     struct avsp_err *err)
{
    struct avsp_split_text *text = out->text;
    enum avsp_code rc = avsp_captions_end(&text->picture, out->range->end_us, err);
    for (unsigned i = 0; i < AVSP_CAPTION_TRACKS && rc == AVSP_OK; i++) {
        if ((text->tracks->captions >> i & 1) == 0)
            continue;
        char title[NAME_BYTES];
        snprintf(title, sizeof title, "CC%u", i + 1);
        struct avsp_rendition about = {.language = "und", .title = title};
        uint64_t n = 0;
        rc = finish_channel(out, &text->picture.channels[i], text->n_names, &about, &n, err);
        text->n_names += n > 0;
        *ret_found |= (unsigned)(n > 0) << i;
        if (rc == AVSP_OK && n == 0 && (text->tracks->named_captions >> i & 1) != 0)
            return avsp_err_set(err, AVSP_UNSUPPORTED,
                                "the captions cc%u were asked for, and there are none within the "
                                "picture",
                                i + 1);
    }
    return rc;
}

static enum avsp_code warn_of_unchosen(const struct out *out, struct avsp_err *err)
{
    struct avsp_buf AVSP_CLEANUP(avsp_buf_deinit) names;
    avsp_buf_init(&names, AVSP_TEXT_MAX_BYTES);
    unsigned n = avsp_captions_list(&out->text->picture, ~out->text->tracks->captions, &names);
    enum avsp_code rc = avsp_buf_check(&names, err);
    return rc == AVSP_OK && n > 0
               ? avsp_control_warn(out->ctl, err,
                                   "the captions within the picture (%s) are left out: they were "
                                   "not chosen",
                                   avsp_buf_text(&names))
               : rc;
}

/// Services of CEA-708 usually say again what the channels of CEA-608 say; where they are more, something is lost.
static enum avsp_code warn_of_digital(const struct out *out, struct avsp_err *err)
{
    const struct avsp_captions *picture = &out->text->picture;
    struct avsp_buf AVSP_CLEANUP(avsp_buf_deinit) names;
    avsp_buf_init(&names, AVSP_TEXT_MAX_BYTES);
    unsigned n_channels = avsp_captions_list(picture, AVSP_CAPTIONS_ALL, &names);
    enum avsp_code rc = avsp_buf_check(&names, err);
    unsigned n_services = (unsigned)__builtin_popcountll(picture->digital.services);
    if (rc != AVSP_OK || n_services <= n_channels)
        return rc;
    if (n_channels == 0)
        return avsp_control_warn(out->ctl, err,
                                 "the captions within the picture are CEA-708 alone, without the "
                                 "CEA-608 ones that can be read: left out");
    return avsp_control_warn(out->ctl, err,
                             "the captions within the picture are %u services of CEA-708, and %u "
                             "channels of CEA-608 (%s): only the latter are read",
                             n_services, n_channels, avsp_buf_text(&names));
}

/// @param found  bits of the channels that became renditions
static enum avsp_code warn_of_lost(const struct out *out, unsigned found, bool seen,
                                   struct avsp_err *err)
{
    const struct avsp_captions *picture = &out->text->picture;
    enum avsp_code rc = warn_of_unchosen(out, err);
    if (rc == AVSP_OK)
        rc = warn_of_digital(out, err);
    if (rc == AVSP_OK && seen && !picture->has_data)
        rc = avsp_control_warn(out->ctl, err,
                               "the captions within the picture are neither where ATSC A/53 puts "
                               "them nor where DVDs do: left out");
    if (rc == AVSP_OK && (picture->fields[0].has_pages || picture->fields[1].has_pages))
        rc = avsp_control_warn(out->ctl, err,
                               "pages of text beside the captions (T1 to T4) are left out");
    uint64_t n_damaged = picture->fields[0].n_damaged + picture->fields[1].n_damaged;
    if (rc == AVSP_OK && found != 0 && n_damaged > 0)
        rc = avsp_control_warn(out->ctl, err,
                               "damaged letters of the captions within the picture are left out: "
                               "%" PRIu64 " pairs",
                               n_damaged);
    return rc;
}

enum avsp_code avsp_split_text_finish(struct avsp_split_text *text, struct avsp_control *ctl,
                                      const struct avsp_text_range *range, bool seen,
                                      struct avsp_err *err)
{
    const struct out out = {text, ctl, range};
    unsigned found = 0;
    enum avsp_code rc = AVSP_OK;
    for (size_t i = 0; i < text->n && rc == AVSP_OK; i++)
        rc = finish_track(&out, i, err);
    if (rc == AVSP_OK)
        rc = finish_picture(&out, &found, err);
    return rc == AVSP_OK ? warn_of_lost(&out, found, seen, err) : rc;
}
