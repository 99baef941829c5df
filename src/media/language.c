#include "media/language.h"

#include <string.h>

#define TAG_MAX_BYTES 35 ///< RFC 5646, 4.4.1: what an implementation must at least take

/// Five letters a language: the three-letter code (both forms where there are two) and the two-letter one.
static const char pairs[][6] = {
    "aaraa", "abkab", "afraf", "akaak", "albsq", "amham", "araar", "argan", "armhy", "asmas",
    "avaav", "aveae", "aymay", "azeaz", "bakba", "bambm", "baqeu", "belbe", "benbn", "bisbi",
    "bodbo", "bosbs", "brebr", "bulbg", "burmy", "catca", "cescs", "chach", "chece", "chizh",
    "chucu", "chvcv", "corkw", "cosco", "crecr", "cymcy", "czecs", "danda", "deude", "divdv",
    "dutnl", "dzodz", "ellel", "engen", "epoeo", "estet", "euseu", "eweee", "faofo", "fasfa",
    "fijfj", "finfi", "frafr", "frefr", "fryfy", "fulff", "geoka", "gerde", "glagd", "glega",
    "glggl", "glvgv", "greel", "grngn", "gujgu", "hatht", "hauha", "hebhe", "herhz", "hinhi",
    "hmoho", "hrvhr", "hunhu", "hyehy", "iboig", "iceis", "idoio", "iiiii", "ikuiu", "ileie",
    "inaia", "indid", "ipkik", "islis", "itait", "javjv", "jpnja", "kalkl", "kankn", "kasks",
    "katka", "kaukr", "kazkk", "khmkm", "kikki", "kinrw", "kirky", "komkv", "konkg", "korko",
    "kuakj", "kurku", "laolo", "latla", "lavlv", "limli", "linln", "litlt", "ltzlb", "lublu",
    "luglg", "macmk", "mahmh", "malml", "maomi", "marmr", "mayms", "mkdmk", "mlgmg", "mltmt",
    "monmn", "mrimi", "msams", "myamy", "nauna", "navnv", "nblnr", "ndend", "ndong", "nepne",
    "nldnl", "nnonn", "nobnb", "norno", "nyany", "ocioc", "ojioj", "orior", "ormom", "ossos",
    "panpa", "perfa", "plipi", "polpl", "porpt", "pusps", "quequ", "rohrm", "ronro", "rumro",
    "runrn", "rusru", "sagsg", "sansa", "sinsi", "slksk", "slosk", "slvsl", "smese", "smosm",
    "snasn", "sndsd", "somso", "sotst", "spaes", "sqisq", "srdsc", "srpsr", "sswss", "sunsu",
    "swasw", "swesv", "tahty", "tamta", "tattt", "telte", "tgktg", "tgltl", "thath", "tibbo",
    "tirti", "tonto", "tsntn", "tsots", "tuktk", "turtr", "twitw", "uigug", "ukruk", "urdur",
    "uzbuz", "venve", "vievi", "volvo", "welcy", "wlnwa", "wolwo", "xhoxh", "yidyi", "yoryo",
    "zhaza", "zhozh", "zulzu",
};

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_tag(const char *text)
{
    size_t n_letters = 0;
    while (is_letter(text[n_letters]))
        n_letters++;
    if (n_letters < 2 || n_letters > 3 || strlen(text) > TAG_MAX_BYTES)
        return false;
    for (const char *p = text + n_letters; *p != '\0'; p++) {
        bool is_word = is_letter(*p) || (*p >= '0' && *p <= '9');
        bool is_dash = *p == '-' && p[1] != '-' && p[1] != '\0';
        if (!is_word && !is_dash)
            return false;
    }
    return text[n_letters] == '\0' || text[n_letters] == '-';
}

const char *avsp_language_bcp47(const char *code)
{
    if (!is_tag(code))
        return "und";
    if (strlen(code) != 3)
        return code;
    for (size_t i = 0; i < AVSP_ARRAY_LEN(pairs); i++)
        if (memcmp(pairs[i], code, 3) == 0)
            return pairs[i] + 3;
    return code;
}
