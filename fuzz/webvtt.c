/// Subtitles of strangers: the text of an ASS event → a cue, and WebVTT that is checked. Input: any bytes.
#include "core/webvtt.h"
#include "core/ass_text.h"
#include "fuzz.h"
#include "util/parse.h"

/// What a cue's text may never hold: a player would take it for a tag, a time or the cue's end.
static void judge_text(const char *text)
{
    AVSP_ASSERT(avsp_utf8_is_valid(text) && strstr(text, "-->") == NULL &&
                strstr(text, "\n\n") == NULL && text[0] != '\n');
    for (const char *c = text; *c != '\0'; c++) {
        AVSP_ASSERT((unsigned char)*c >= ' ' || *c == '\n');
        if (*c == '<')
            AVSP_ASSERT(strspn(c[1] == '/' ? c + 2 : c + 1, "biu") == 1);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *AVSP_CLEANUP(avsp_free_ptr) bytes = fuzz_bytes(data, size);
    struct avsp_buf AVSP_CLEANUP(avsp_buf_deinit) text;
    struct avsp_buf AVSP_CLEANUP(avsp_buf_deinit) file;
    avsp_buf_init(&text, 64 * size + 4096);
    avsp_buf_init(&file, 64 * size + 8192);
    struct avsp_webvtt_facts facts;
    avsp_webvtt_read(bytes, size, &facts);
    unsigned place = AVSP_CUE_PLACE_DEFAULT;
    avsp_ass_text_convert(bytes, size, &text, &place);
    AVSP_ASSERT(place >= 1 && place <= 9 && text.sticky == AVSP_OK);
    judge_text(avsp_buf_text(&text));
    struct avsp_buf AVSP_CLEANUP(avsp_buf_deinit) settings;
    avsp_buf_init(&settings, 2 * size + 16);
    avsp_webvtt_settings(bytes, size, &settings);
    AVSP_ASSERT(strpbrk(avsp_buf_text(&settings), "\n\r>\t") == NULL);
    if (text.len == 0)
        return 0;
    avsp_webvtt_begin(&file);
    avsp_webvtt_put(&file, &(struct avsp_cue){1, 2, place, avsp_buf_text(&text), NULL});
    avsp_webvtt_put(
        &file, &(struct avsp_cue){3, 4, place, avsp_buf_text(&text), avsp_buf_text(&settings)});
    avsp_webvtt_read(file.data, file.len, &facts);
    AVSP_ASSERT(facts.is_webvtt && facts.n_cues == 2 && facts.bad_line == 0 && facts.last_ms == 4);
    return 0;
}
