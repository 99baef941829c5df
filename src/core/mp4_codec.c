#include "core/mp4.h"

#include "core/avc.h"

#include <inttypes.h>
#include <string.h>

static enum avsp_code broken(struct avsp_err *err, const char *type)
{
    return avsp_err_set(err, AVSP_CORRUPT, "its %s box cannot be read", type);
}

static enum avsp_code read_av1c(struct avsp_bytes box, struct avsp_mp4_track *track,
                                struct avsp_err *err)
{
    enum avsp_code rc = avsp_av1_config(box.data, box.len, &track->av1, err);
    if (rc == AVSP_OK)
        rc = avsp_av1_codecs(box.data, box.len, track->codecs, err);
    track->has_av1 = rc == AVSP_OK;
    if (!track->has_av1)
        return rc;
    track->transfer = track->av1.transfer;
    track->coded_width_px = track->av1.width_px;
    track->coded_height_px = track->av1.height_px;
    return AVSP_OK;
}

static enum avsp_code read_avcc(struct avsp_bytes box, struct avsp_mp4_track *track,
                                struct avsp_err *err)
{
    char codecs[AVSP_AVC_CODECS_BYTES];
    enum avsp_code rc = avsp_avc_codecs(track->entry, box.data, box.len, codecs, err);
    if (rc == AVSP_OK)
        snprintf(track->codecs, sizeof track->codecs, "%s", codecs);
    if (rc == AVSP_OK)
        (void)avsp_avc_size(box.data, box.len, &track->coded_width_px, &track->coded_height_px);
    return rc;
}

/// ISO/IEC 14496-15 8.3.3.1 and Annex E.3.
static enum avsp_code read_hvcc(struct avsp_bytes box, struct avsp_mp4_track *track,
                                struct avsp_err *err)
{
    if (box.len < 23 || box.data[0] != 1)
        return broken(err, "hvcC");
    static const char spaces[4][2] = {"", "A", "B", "C"};
    uint32_t compatibility = (uint32_t)avsp_bytes_be(box, 2, 4), reversed = 0;
    for (unsigned i = 0; i < 32; i++)
        reversed |= (compatibility >> i & 1) << (31 - i);
    int n = snprintf(track->codecs, sizeof track->codecs, "%s.%s%u.%" PRIX32 ".%c%u", track->entry,
                     spaces[box.data[1] >> 6], box.data[1] & 31u, reversed,
                     (box.data[1] & 0x20) != 0 ? 'H' : 'L', (unsigned)box.data[12]);
    size_t last = 12;
    while (last > 6 && box.data[last - 1] == 0)
        last--;
    for (size_t i = 6; i < last && n > 0 && (size_t)n < sizeof track->codecs; i++)
        n += snprintf(track->codecs + n, sizeof track->codecs - (size_t)n, ".%X",
                      (unsigned)box.data[i]);
    return AVSP_OK;
}

/// A descriptor of ISO/IEC 14496-1 8.3.3: a tag, a size of up to four bytes, a body.
static bool take_descriptor(struct avsp_bytes *rest, unsigned *ret_tag, struct avsp_bytes *ret_body)
{
    size_t at = 1, len = 0;
    if (rest->len < 2)
        return false;
    *ret_tag = rest->data[0];
    for (unsigned i = 0; i < 4; i++) {
        if (at >= rest->len)
            return false;
        uint8_t byte = rest->data[at++];
        len = len << 7 | (byte & 0x7f);
        if ((byte & 0x80) == 0)
            break;
    }
    if (len > rest->len - at)
        return false;
    *ret_body = (struct avsp_bytes){rest->data + at, len};
    *rest = avsp_bytes_from(*rest, at + len);
    return true;
}

/// AudioSpecificConfig, ISO/IEC 14496-3 1.6.2.1, as far as the channels.
static unsigned read_audio_config(struct avsp_bytes config, struct avsp_mp4_track *track)
{
    uint64_t bits = avsp_bytes_be(config, 0, config.len >= 8 ? 8 : (unsigned)config.len)
                    << (config.len >= 8 ? 0 : 8 * (8 - config.len));
    unsigned type = (unsigned)(bits >> 59), used = 5;
    if (type == 31) {
        type = 32 + (unsigned)(bits >> 53 & 63);
        used += 6;
    }
    unsigned rate = (unsigned)(bits >> (60 - used) & 15);
    used += rate == 15 ? 28 : 4;
    unsigned channels = (unsigned)(bits >> (60 - used) & 15);
    static const uint8_t counts[16] = {0, 1, 2, 3, 4, 5, 6, 8, 0, 0, 0, 7, 8, 24, 8, 0};
    track->channels = counts[channels];
    return type;
}

/// ES_Descriptor, ISO/IEC 14496-1 7.2.6.5; DecoderConfigDescriptor 7.2.6.6.
static enum avsp_code read_esds(struct avsp_bytes box, struct avsp_mp4_track *track,
                                struct avsp_err *err)
{
    struct avsp_bytes rest = avsp_bytes_from(box, 4), es, config, specific;
    unsigned tag;
    if (!take_descriptor(&rest, &tag, &es) || tag != 3 || es.len < 3)
        return broken(err, "esds");
    size_t skip = 3;
    uint8_t flags = es.data[2];
    skip += (flags & 0x80) != 0 ? 2 : 0;
    skip += (flags & 0x40) != 0 ? 1 + (size_t)avsp_bytes_be(es, skip, 1) : 0;
    skip += (flags & 0x20) != 0 ? 2 : 0;
    rest = avsp_bytes_from(es, skip);
    if (!take_descriptor(&rest, &tag, &config) || tag != 4 || config.len < 13)
        return broken(err, "esds");
    unsigned object = config.data[0];
    rest = avsp_bytes_from(config, 13);
    if (object != 0x40) {
        snprintf(track->codecs, sizeof track->codecs, "mp4a.%02X", object);
        return AVSP_OK;
    }
    if (!take_descriptor(&rest, &tag, &specific) || tag != 5 || specific.len < 2)
        return broken(err, "esds");
    snprintf(track->codecs, sizeof track->codecs, "mp4a.40.%u", read_audio_config(specific, track));
    return AVSP_OK;
}

/// OpusSpecificBox, Encapsulation of Opus in ISO Base Media File Format 4.3.2: version, channels.
static enum avsp_code read_dops(struct avsp_bytes box, struct avsp_mp4_track *track,
                                struct avsp_err *err)
{
    if (box.len < 11 || box.data[0] != 0 || box.data[1] == 0)
        return broken(err, "dOps");
    track->channels = box.data[1];
    snprintf(track->codecs, sizeof track->codecs, "%s", track->entry);
    return AVSP_OK;
}

/// Full channels of an acmod, ETSI TS 102 366 4.4.2.3, and of its bass.
static uint32_t ac3_channels(uint64_t acmod, uint64_t lfeon)
{
    static const uint8_t counts[8] = {2, 1, 2, 3, 3, 4, 4, 5};
    return counts[acmod & 7] + (uint32_t)(lfeon & 1);
}

/// AC3SpecificBox, ETSI TS 102 366 F.4: fscod (2 bits), bsid (5), bsmod (3), acmod (3), lfeon (1), bit_rate_code (5).
static enum avsp_code read_dac3(struct avsp_bytes box, struct avsp_mp4_track *track,
                                struct avsp_err *err)
{
    if (box.len < 3)
        return broken(err, "dac3");
    uint64_t bits = avsp_bytes_be(box, 0, 3);
    track->channels = ac3_channels(bits >> 11, bits >> 10);
    snprintf(track->codecs, sizeof track->codecs, "%s", track->entry);
    return AVSP_OK;
}

/// EC3SpecificBox, ETSI TS 102 366 F.6: data_rate (13 bits), num_ind_sub (3), and of the first substream fscod (2), bsid (5), a
/// reserved bit, asvc (1), bsmod (3), acmod (3), lfeon (1), 3 reserved bits, num_dep_sub (4). Where other substreams add channels,
/// how many there are is not known here.
static enum avsp_code read_dec3(struct avsp_bytes box, struct avsp_mp4_track *track,
                                struct avsp_err *err)
{
    if (box.len < 5)
        return broken(err, "dec3");
    uint64_t bits = avsp_bytes_be(box, 0, 5);
    bool more = (bits >> 24 & 7) != 0 || (bits >> 1 & 15) != 0;
    track->channels = more ? 0 : ac3_channels(bits >> 9, bits >> 8);
    snprintf(track->codecs, sizeof track->codecs, "%s", track->entry);
    return AVSP_OK;
}

/// colr of type nclx or nclc: primaries, transfer, matrix.
static void read_colr(struct avsp_bytes boxes, struct avsp_mp4_track *track)
{
    struct avsp_bytes colr;
    if (!avsp_box_find(boxes, "colr", &colr) || colr.len < 10 ||
        (memcmp(colr.data, "nclx", 4) != 0 && memcmp(colr.data, "nclc", 4) != 0))
        return;
    track->transfer = (uint32_t)avsp_bytes_be(colr, 6, 2);
    track->has_color = memcmp(colr.data, "nclx", 4) == 0 && colr.len >= 11;
    if (!track->has_color)
        return;
    track->color_primaries = (uint32_t)avsp_bytes_be(colr, 4, 2);
    track->color_transfer = track->transfer;
    track->color_matrix = (uint32_t)avsp_bytes_be(colr, 8, 2);
    track->color_full_range = colr.data[10] >> 7;
}

/// mdcv and clli; ISO/IEC 14496-12 12.1.6 and 12.1.7. The order there is green, blue, red, white.
static void read_hdr(struct avsp_bytes boxes, struct avsp_av1_hdr *hdr)
{
    static const size_t order[] = {2, 3, 4, 5, 0, 1, 6, 7};
    struct avsp_bytes mdcv, clli;
    hdr->has_mastering = avsp_box_find(boxes, "mdcv", &mdcv) && mdcv.len >= 24;
    for (size_t i = 0; hdr->has_mastering && i < AVSP_ARRAY_LEN(order); i++)
        hdr->colors[order[i]] = (uint32_t)avsp_bytes_be(mdcv, 2 * i, 2);
    if (hdr->has_mastering) {
        hdr->most = (uint32_t)avsp_bytes_be(mdcv, 16, 4);
        hdr->least = (uint32_t)avsp_bytes_be(mdcv, 20, 4);
    }
    hdr->has_light = avsp_box_find(boxes, "clli", &clli) && clli.len >= 4;
    if (hdr->has_light) {
        hdr->max_cll = (uint32_t)avsp_bytes_be(clli, 0, 2);
        hdr->max_fall = (uint32_t)avsp_bytes_be(clli, 2, 2);
    }
}

static const struct {
    char entry[5];
    char config[5];
    enum avsp_code (*read)(struct avsp_bytes box, struct avsp_mp4_track *track,
                           struct avsp_err *err);
} codecs[] = {
    {"av01", "av1C", read_av1c}, {"avc1", "avcC", read_avcc}, {"avc3", "avcC", read_avcc},
    {"hvc1", "hvcC", read_hvcc}, {"hev1", "hvcC", read_hvcc}, {"mp4a", "esds", read_esds},
    {"Opus", "dOps", read_dops}, {"ac-3", "dac3", read_dac3}, {"ec-3", "dec3", read_dec3},
};

enum avsp_code avsp_mp4_codec(struct avsp_bytes boxes, struct avsp_mp4_track *track,
                              struct avsp_err *err)
{
    if (track->kind == AVSP_MEDIA_VIDEO) {
        read_colr(boxes, track);
        read_hdr(boxes, &track->hdr);
    }
    for (size_t i = 0; i < AVSP_ARRAY_LEN(codecs); i++) {
        struct avsp_bytes config;
        if (strcmp(track->entry, codecs[i].entry) != 0)
            continue;
        if (!avsp_box_find(boxes, codecs[i].config, &config))
            return avsp_err_set(err, AVSP_CORRUPT, "its %s sample entry has no %s box",
                                track->entry, codecs[i].config);
        return codecs[i].read(config, track, err);
    }
    // The entry's name is the codec string, as it is of those three. Others are not known here.
    if (strcmp(track->entry, "fLaC") == 0)
        snprintf(track->codecs, sizeof track->codecs, "%s", track->entry);
    return AVSP_OK;
}
