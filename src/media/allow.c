#include "media/allow.h"

#include <libavutil/avstring.h>
#include <libavutil/bprint.h>
#include <libavutil/mem.h>
#include <string.h>

/// Every demuxer under all of its names, as AVInputFormat.name has them.
static const char *const demuxers[] = {
    // Containers of cameras, phones, editors and players.
    "mov,mp4,m4a,3gp,3g2,mj2",
    "matroska,webm",
    "avi",
    "flv",
    "asf",
    "ogg",
    "nut",
    "gif",
    // Broadcast and tape; DVD; production.
    "mpegts",
    "mpeg",
    "mxf",
    "gxf",
    "wtv",
    "dv",
    // A picture's elementary stream alone.
    "h264",
    "hevc",
    "mpegvideo",
    "m4v",
    "ivf",
    "obu",
    "av1",
    "yuv4mpegpipe",
    // Sound alone.
    "mp3",
    "aac",
    "loas",
    "flac",
    "wav",
    "w64",
    "aiff",
    "caf",
    "au",
    "amr",
    "ac3",
    "eac3",
    "dts",
    "truehd",
    "wv",
    "tta",
};

/// Better words for what people do send. The name is one of the demuxer's.
static const struct {
    const char *name;
    const char *words;
} refusals[] = {
    {"hls", "a playlist (HLS) that names other files, and those are never followed"},
    {"dash", "a playlist (DASH) that names other files, and those are never followed"},
    {"webm_dash_manifest",
     "a playlist (WebM DASH) that names other files, and those are never followed"},
    {"imf", "a playlist (IMF) that names other files, and those are never followed"},
    {"concat", "a concat script that names other files, and those are never followed"},
    {"sdp", "a session description (SDP) that names network addresses, and those are never opened"},
    {"rtsp", "a description of a stream on the network, and that is never opened"},
    {"ffmetadata", "a text about another file (FFmpeg metadata), without picture or sound"},
};

/// Decoders of pictures.
static const enum AVCodecID picture_codecs[] = {
    // What is made today.
    AV_CODEC_ID_H264,
    AV_CODEC_ID_HEVC,
    AV_CODEC_ID_VP8,
    AV_CODEC_ID_VP9,
    AV_CODEC_ID_AV1,
    // Discs, broadcast, the web and the phones of twenty years.
    AV_CODEC_ID_MPEG1VIDEO,
    AV_CODEC_ID_MPEG2VIDEO,
    AV_CODEC_ID_MPEG4,
    AV_CODEC_ID_MSMPEG4V1,
    AV_CODEC_ID_MSMPEG4V2,
    AV_CODEC_ID_MSMPEG4V3,
    AV_CODEC_ID_WMV1,
    AV_CODEC_ID_WMV2,
    AV_CODEC_ID_WMV3,
    AV_CODEC_ID_VC1,
    AV_CODEC_ID_H261,
    AV_CODEC_ID_H263,
    AV_CODEC_ID_H263I,
    AV_CODEC_ID_H263P,
    AV_CODEC_ID_FLV1,
    AV_CODEC_ID_VP3,
    AV_CODEC_ID_VP6,
    AV_CODEC_ID_VP6A,
    AV_CODEC_ID_VP6F,
    AV_CODEC_ID_THEORA,
    AV_CODEC_ID_SVQ1,
    AV_CODEC_ID_SVQ3,
    AV_CODEC_ID_CINEPAK,
    AV_CODEC_ID_INDEO3,
    AV_CODEC_ID_INDEO4,
    AV_CODEC_ID_INDEO5,
    // Cameras and editing.
    AV_CODEC_ID_PRORES,
    AV_CODEC_ID_DNXHD,
    AV_CODEC_ID_CFHD,
    AV_CODEC_ID_MJPEG,
    AV_CODEC_ID_JPEG2000,
    AV_CODEC_ID_DVVIDEO,
    AV_CODEC_ID_AIC,
    // Without loss, and archives.
    AV_CODEC_ID_FFV1,
    AV_CODEC_ID_HUFFYUV,
    AV_CODEC_ID_FFVHUFF,
    AV_CODEC_ID_UTVIDEO,
    AV_CODEC_ID_MAGICYUV,
    AV_CODEC_ID_LAGARITH,
    AV_CODEC_ID_RAWVIDEO,
    AV_CODEC_ID_V210,
    AV_CODEC_ID_V308,
    AV_CODEC_ID_V410,
    AV_CODEC_ID_R210,
    AV_CODEC_ID_R10K,
    // Screens and animation.
    AV_CODEC_ID_PNG,
    AV_CODEC_ID_GIF,
    AV_CODEC_ID_QTRLE,
    AV_CODEC_ID_RPZA,
    AV_CODEC_ID_MSRLE,
    AV_CODEC_ID_MSVIDEO1,
    AV_CODEC_ID_CSCD,
    AV_CODEC_ID_TSCC,
    AV_CODEC_ID_TSCC2,
    AV_CODEC_ID_ZMBV,
    AV_CODEC_ID_FLASHSV,
    AV_CODEC_ID_FLASHSV2,
    AV_CODEC_ID_FRAPS,
    AV_CODEC_ID_MSS1,
    AV_CODEC_ID_MSS2,
    AV_CODEC_ID_G2M,
};

/// Decoders of sound, beside plain PCM.
static const enum AVCodecID sound_codecs[] = {
    AV_CODEC_ID_AAC,           AV_CODEC_ID_AAC_LATM,     AV_CODEC_ID_MP1,
    AV_CODEC_ID_MP2,           AV_CODEC_ID_MP3,          AV_CODEC_ID_AC3,
    AV_CODEC_ID_EAC3,          AV_CODEC_ID_DTS,          AV_CODEC_ID_TRUEHD,
    AV_CODEC_ID_MLP,           AV_CODEC_ID_OPUS,         AV_CODEC_ID_VORBIS,
    AV_CODEC_ID_FLAC,          AV_CODEC_ID_ALAC,         AV_CODEC_ID_WAVPACK,
    AV_CODEC_ID_TTA,           AV_CODEC_ID_WMAV1,        AV_CODEC_ID_WMAV2,
    AV_CODEC_ID_WMAVOICE,      AV_CODEC_ID_WMAPRO,       AV_CODEC_ID_WMALOSSLESS,
    AV_CODEC_ID_AMR_NB,        AV_CODEC_ID_AMR_WB,       AV_CODEC_ID_SPEEX,
    AV_CODEC_ID_GSM,           AV_CODEC_ID_GSM_MS,       AV_CODEC_ID_NELLYMOSER,
    AV_CODEC_ID_QDM2,          AV_CODEC_ID_S302M,        AV_CODEC_ID_ADPCM_MS,
    AV_CODEC_ID_ADPCM_IMA_WAV, AV_CODEC_ID_ADPCM_IMA_QT, AV_CODEC_ID_ADPCM_SWF,
    AV_CODEC_ID_ADPCM_YAMAHA,  AV_CODEC_ID_ADPCM_G722,   AV_CODEC_ID_ADPCM_G726,
    AV_CODEC_ID_ADPCM_G726LE,  AV_CODEC_ID_QCELP,
};

/// Decoders of text.
static const enum AVCodecID text_codecs[] = {
    AV_CODEC_ID_SUBRIP, AV_CODEC_ID_TEXT,     AV_CODEC_ID_ASS,
    AV_CODEC_ID_WEBVTT, AV_CODEC_ID_MOV_TEXT, AV_CODEC_ID_EIA_608,
};

/// PCM in all its widths, orders and laws is one range of numbers.
static bool is_pcm(enum AVCodecID id)
{
    return id >= AV_CODEC_ID_PCM_S16LE && id < AV_CODEC_ID_ADPCM_IMA_QT;
}

static bool is_in(const enum AVCodecID *list, size_t n, enum AVCodecID id)
{
    for (size_t i = 0; i < n; i++)
        if (list[i] == id)
            return true;
    return false;
}

enum avsp_code avsp_allow_demuxer(const AVInputFormat *format, struct avsp_err *err)
{
    for (size_t i = 0; i < AVSP_ARRAY_LEN(demuxers); i++)
        if (av_match_name(format->name, demuxers[i]) > 0)
            return AVSP_OK;
    for (size_t i = 0; i < AVSP_ARRAY_LEN(refusals); i++)
        if (av_match_name(refusals[i].name, format->name) > 0)
            return avsp_err_set(err, AVSP_UNSUPPORTED, "this is not a video but %s",
                                refusals[i].words);
    return avsp_err_set(err, AVSP_UNSUPPORTED,
                        "this kind of file is not supported (it looks like %s)",
                        format->long_name != NULL ? format->long_name : format->name);
}

bool avsp_allow_is_subtitles(const AVInputFormat *format)
{
    static const char *const names[] = {"srt", "webvtt", "ass"};
    for (size_t i = 0; i < AVSP_ARRAY_LEN(names); i++)
        if (strcmp(format->name, names[i]) == 0)
            return true;
    return false;
}

static bool is_allowed(enum AVCodecID id)
{
    return is_pcm(id) || is_in(picture_codecs, AVSP_ARRAY_LEN(picture_codecs), id) ||
           is_in(sound_codecs, AVSP_ARRAY_LEN(sound_codecs), id) ||
           is_in(text_codecs, AVSP_ARRAY_LEN(text_codecs), id);
}

const AVCodec *avsp_allow_decoder(enum AVCodecID id)
{
    return is_allowed(id) ? avcodec_find_decoder(id) : NULL;
}

void avsp_allow_why_not(const AVCodecParameters *par, char *ret_text, size_t len)
{
    char tag[AV_FOURCC_MAX_STRING_SIZE] = "";
    if (par->codec_id != AV_CODEC_ID_NONE)
        snprintf(ret_text, len, "%s%s", avcodec_get_name(par->codec_id),
                 avcodec_find_decoder(par->codec_id) != NULL ? ", which is not allowed here" : "");
    else if (par->codec_tag == MKTAG('v', 'v', 'c', '1') ||
             par->codec_tag == MKTAG('v', 'v', 'i', '1'))
        snprintf(ret_text, len, "H.266/VVC");
    else if (par->codec_tag != 0)
        snprintf(ret_text, len, "a codec that is not known, \"%s\"",
                 av_fourcc_make_string(tag, par->codec_tag));
    else
        snprintf(ret_text, len, "a codec that is not known");
}

char *avsp_allow_decoder_names(void)
{
    AVBPrint names;
    av_bprint_init(&names, 0, AV_BPRINT_SIZE_UNLIMITED);
    void *at = NULL;
    for (const AVCodec *codec = av_codec_iterate(&at); codec != NULL; codec = av_codec_iterate(&at))
        if (av_codec_is_decoder(codec) && is_allowed(codec->id) &&
            avcodec_find_decoder(codec->id) == codec)
            av_bprintf(&names, "%s%s", names.len > 0 ? "," : "", codec->name);
    char *text = NULL;
    return av_bprint_finalize(&names, &text) >= 0 ? text : NULL;
}
