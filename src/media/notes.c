#include "media/notes.h"

#include "media/dolby.h"
#include "media/picture.h"

#include <libavutil/pixdesc.h>
#include <stdarg.h>

#define DEPTH_MAX 10

static void AVSP_PRINTF(2, 3) add(struct avsp_notes *notes, const char *fmt, ...)
{
    AVSP_ASSERT(notes->n < AVSP_NOTES_MAX);
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(notes->texts[notes->n++], AVSP_NOTE_BYTES, fmt, ap);
    va_end(ap);
}

static void note_format(const AVPixFmtDescriptor *format, const struct avsp_glance *glance,
                        struct avsp_notes *notes)
{
    if ((format->flags & AV_PIX_FMT_FLAG_RGB) != 0)
        add(notes, "RGB becomes Y'CbCr 4:2:0, which AV1's main profile and players take");
    else if (format->nb_components >= 3 && format->log2_chroma_h == 0)
        add(notes, "its chroma is brought to 4:2:0, which AV1's main profile and players take");
    if (format->comp[0].depth > DEPTH_MAX)
        add(notes, "its %d bits are brought to %d", format->comp[0].depth, DEPTH_MAX);
    // Every palette has room for transparency; few make use of it.
    bool has_alpha = (format->flags & AV_PIX_FMT_FLAG_ALPHA) != 0;
    bool has_palette = (format->flags & AV_PIX_FMT_FLAG_PAL) != 0;
    if (has_palette ? glance->has_clear_pixels : has_alpha)
        add(notes, "its transparency is left out");
}

static void note_dynamic(const AVStream *video, const struct avsp_glance *glance,
                         struct avsp_notes *notes)
{
    struct avsp_dolby dolby = avsp_dolby_of(video);
    if (dolby.base != NULL)
        add(notes, "Dolby Vision (profile %d) is reduced to its base layer, which is %s",
            dolby.profile, dolby.base);
    else if (glance->has_dolby_vision)
        add(notes, "Dolby Vision is reduced to its base layer");
    if (glance->has_hdr10_plus)
        add(notes, "HDR10+ is reduced to its base layer, which is HDR10");
}

static void note_fields(const struct avsp_piece_header *header, const struct avsp_glance *glance,
                        struct avsp_notes *notes)
{
    if (header->fields == AVSP_FIELDS_NONE && glance->n_interlaced > 0)
        add(notes, "its interlaced pictures stay so");
    else if (header->fields != AVSP_FIELDS_NONE && header->field_rate)
        add(notes, "its interlaced pictures are deinterlaced (bwdif), a picture for each field");
    else if (header->fields > AVSP_FIELDS_FLAGGED || glance->n_interlaced > 0)
        add(notes, "its interlaced pictures are deinterlaced (bwdif), a picture for each frame");
}

static void note_rungs(const struct avsp_piece_header *header, const struct avsp_ladder *ladder,
                       struct avsp_notes *notes)
{
    struct avsp_picture_size own = avsp_picture_own_size(header);
    uint32_t source = AVSP_MIN(own.width_px, own.height_px);
    uint32_t n = 0;
    for (uint32_t i = 0; i < ladder->n_rungs; i++)
        n += (uint32_t)ladder->rungs[i].height_px > source;
    if (n > 0)
        add(notes,
            "%u of the ladder's rungs would be larger than the source's %u lines: left out, or of "
            "that size",
            n, source);
}

static void note_hdr(const struct avsp_piece_header *header,
                     const struct avsp_picture_options *options, struct avsp_notes *notes)
{
    if (!avsp_piece_is_hdr(header))
        return;
    if (options->hdr != AVSP_HDR_KEEP)
        add(notes, options->hdr == AVSP_HDR_SDR ? "HDR is tone mapped to SDR"
                                                : "HDR is tone mapped to SDR, beside itself");
    else if (options->fallback != AVSP_FALLBACK_NONE)
        add(notes, "HDR is tone mapped to SDR for H.264");
}

enum avsp_code avsp_notes_of(const AVStream *video, const struct avsp_piece_header *header,
                             const struct avsp_picture_options *options,
                             const struct avsp_glance *glance, bool odd_rotation,
                             struct avsp_notes *ret_notes, struct avsp_err *err)
{
    struct avsp_notes notes = {.n = 0};
    struct avsp_picture *AVSP_CLEANUP(avsp_picture_free) picture = NULL;
    enum avsp_code rc = avsp_picture_new(header, NULL, AVSP_PICTURE_AS_IS, &picture, err);
    if (rc != AVSP_OK)
        return rc;
    const struct avsp_picture_format *made = avsp_picture_get_format(picture);
    const AVPixFmtDescriptor *format = av_pix_fmt_desc_get(video->codecpar->format);
    if (odd_rotation)
        add(&notes, "the picture is turned by something else than a quarter turn: it is left as it "
                    "is");
    if (made->cropped)
        add(&notes, "the picture loses a row or a column: 4:2:0 takes even sizes only");
    if (made->padded)
        add(&notes, "the picture is put on a black ground of 64 pixels: AV1 encoders take no less");
    if (format != NULL)
        note_format(format, glance, &notes);
    note_dynamic(video, glance, &notes);
    note_fields(header, glance, &notes);
    note_rungs(header, &options->ladder, &notes);
    note_hdr(header, options, &notes);
    *ret_notes = notes;
    return AVSP_OK;
}
