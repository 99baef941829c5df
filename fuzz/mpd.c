/// MPDs (core/mpd.h), and the XML that they are (core/xml.h).
#include "core/mpd.h"
#include "core/xml.h"
#include "fuzz.h"

static void read_all(const char *bytes, size_t len)
{
    struct avsp_xml AVSP_CLEANUP(avsp_xml_deinit) xml;
    avsp_xml_init(&xml, bytes, len);
    struct avsp_xml_event event;
    struct avsp_err err = {0};
    size_t depth = 0;
    while (avsp_xml_next(&xml, &event, &err) == AVSP_OK && event.kind != AVSP_XML_END_OF_FILE) {
        AVSP_ASSERT(event.kind != AVSP_XML_TEXT || event.text[0] != '\0');
        AVSP_ASSERT(event.kind != AVSP_XML_END || depth > 0);
        depth += event.kind == AVSP_XML_BEGIN;
        depth -= event.kind == AVSP_XML_END;
        AVSP_ASSERT(depth == xml.depth);
    }
    AVSP_ASSERT(err.code != AVSP_OK || (depth == 0 && xml.at == len));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *AVSP_CLEANUP(avsp_free_ptr) bytes = fuzz_bytes(data, size);
    read_all(bytes, size);
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    avsp_arena_init(&arena, 64 << 20);
    struct avsp_mpd mpd;
    struct avsp_err err = {0};
    enum avsp_code rc = avsp_mpd_parse(&arena, bytes, size, &mpd, &err);
    AVSP_ASSERT((rc == AVSP_OK) == (err.code == AVSP_OK));
    AVSP_ASSERT(rc == AVSP_OK || err.text[0] != '\0');
    for (size_t i = 0; rc == AVSP_OK && i < mpd.n_representations; i++) {
        const struct avsp_mpd_representation *r = &mpd.representations[i];
        AVSP_ASSERT(r->n_segments == 0 || r->timescale > 0);
        for (size_t k = 0; k < r->n_segments; k++)
            AVSP_ASSERT(r->segments[k] != NULL);
    }
    return 0;
}
