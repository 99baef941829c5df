#include "../cmocka_all.h"

#include "core/verify.h"

#include "mp4_kit.h"

#include <inttypes.h>
#include <string.h>

#define SAMPLES 60
#define DURATION 1000
#define TIMESCALE 30000
#define SIZE 24

/// A presentation in memory: one media playlist, one init segment, segments of two seconds that are made when they are read.
struct world {
    char playlist[1 << 20];
    struct kit_bytes init;
    uint64_t n_reads, n_bytes;
    uint32_t missing;                 ///< number of a segment that is not there; UINT32_MAX = none
    uint64_t (*start_of)(uint32_t i); ///< tfdt of a segment
    void (*change)(uint32_t i, struct kit_bytes *segment);
    // Two pictures of the same segments: main.m3u8 names p.m3u8 and v1/p.m3u8.
    char main[1024];
    uint32_t
        first_fragment; ///< samples of the first of two fragments, in v1 alone; 0 = one fragment
    int64_t rung_later_ticks; ///< of v1
};

static uint64_t on_time(uint32_t i)
{
    return (uint64_t)i * SAMPLES * DURATION;
}

static void make_fragment(uint64_t start, uint32_t n, bool key, struct kit_bytes *segment)
{
    kit_moof(
        segment,
        &(struct kit_moof){
            .track = 1, .start = start, .n = n, .duration = DURATION, .size = SIZE, .sync = key});
    size_t mdat = kit_begin(segment, "mdat");
    if (key)
        kit_sample(segment, true);
    kit_zeros(segment, (size_t)SIZE * n - (key ? sizeof kit_av1c : 0));
    kit_end(segment, mdat);
}

static void make_segment(const struct world *w, uint32_t i, bool second, struct kit_bytes *segment)
{
    uint64_t start = w->start_of(i) + (second ? (uint64_t)w->rung_later_ticks : 0);
    uint32_t n = second ? w->first_fragment : 0;
    if (n > 0)
        make_fragment(start, n, true, segment);
    make_fragment(start + (uint64_t)n * DURATION, SAMPLES - n, n == 0, segment);
    if (w->change != NULL)
        w->change(i, segment);
}

static enum avsp_code give(const void *file, size_t file_len, uint64_t offset, void *ret_bytes,
                           size_t len, size_t *ret_len, uint64_t *ret_file_bytes)
{
    *ret_file_bytes = file_len;
    *ret_len = offset < file_len ? AVSP_MIN(len, file_len - (size_t)offset) : 0;
    if (*ret_len > 0)
        memcpy(ret_bytes, (const char *)file + offset, *ret_len);
    return AVSP_OK;
}

static enum avsp_code read_world(void *opaque, const char *path, uint64_t offset, void *ret_bytes,
                                 size_t len, size_t *ret_len, uint64_t *ret_file_bytes,
                                 struct avsp_err *err)
{
    struct world *w = opaque;
    w->n_reads++;
    if (strcmp(path, "main.m3u8") == 0 && w->main[0] != '\0')
        return give(w->main, strlen(w->main), offset, ret_bytes, len, ret_len, ret_file_bytes);
    bool second = strncmp(path, "v1/", 3) == 0;
    path += second ? 3 : 0;
    if (strcmp(path, "p.m3u8") == 0)
        return give(w->playlist, strlen(w->playlist), offset, ret_bytes, len, ret_len,
                    ret_file_bytes);
    if (strcmp(path, "init.mp4") == 0)
        return give(w->init.data, w->init.len, offset, ret_bytes, len, ret_len, ret_file_bytes);
    uint32_t i = (uint32_t)strtoul(path, NULL, 10);
    if (i == w->missing)
        return avsp_err_set(err, AVSP_NOT_FOUND, "%s is not there", path);
    static struct kit_bytes segment;
    segment.len = 0;
    make_segment(w, i, second, &segment);
    enum avsp_code rc =
        give(segment.data, segment.len, offset, ret_bytes, len, ret_len, ret_file_bytes);
    w->n_bytes += *ret_len;
    return rc;
}

static struct world *new_world(unsigned n)
{
    struct world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    w->missing = UINT32_MAX;
    w->start_of = on_time;
    kit_init(&w->init, 1, TIMESCALE, 640, 360);
    size_t len = (size_t)snprintf(w->playlist, sizeof w->playlist,
                                  "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-INDEPENDENT-SEGMENTS\n"
                                  "#EXT-X-TARGETDURATION:2\n#EXT-X-MAP:URI=\"init.mp4\"\n");
    for (unsigned i = 0; i < n; i++)
        len += (size_t)snprintf(w->playlist + len, sizeof w->playlist - len,
                                "#EXTINF:2.0,\n%u.m4s\n", i);
    snprintf(w->playlist + len, sizeof w->playlist - len, "#EXT-X-ENDLIST\n");
    return w;
}

/// Exactly these findings, by their rules.
static void expect(struct world *w, const enum avsp_rule *rules, size_t n_rules)
{
    struct avsp_findings AVSP_CLEANUP(avsp_findings_deinit) found;
    avsp_findings_init(&found);
    struct avsp_verify AVSP_CLEANUP(avsp_verify_deinit)
        v = {.files = {w, read_world}, .found = &found};
    struct avsp_err err = {0};
    assert_int_equal(avsp_verify_run(&v, w->main[0] != '\0' ? "main.m3u8" : "p.m3u8", &err),
                     AVSP_OK);
    for (size_t i = 0; i < found.n; i++)
        if (i >= n_rules || found.items[i].rule != rules[i])
            fail_msg("%s: %s: %s", found.items[i].file, avsp_rule_info(found.items[i].rule)->id,
                     found.items[i].text);
    assert_int_equal(found.n, n_rules);
    free(w);
}

#define EXPECT(w, ...)                                                                             \
    expect(w, (const enum avsp_rule[]){__VA_ARGS__},                                               \
           sizeof((const enum avsp_rule[]){__VA_ARGS__}) / sizeof(enum avsp_rule))

static uint64_t late_from_5(uint32_t i)
{
    return on_time(i) + (i >= 5 ? 700 : 0);
}

static uint64_t rounded(uint32_t i)
{
    return on_time(i) + (i % 2 ? 400 : 0); // less than half a frame
}

static uint64_t exchanged(uint32_t i)
{
    return on_time(i == 3 ? 4 : i == 4 ? 3 : i);
}

static void timelines_are_followed(void **state)
{
    (void)state;
    expect(new_world(10), NULL, 0);
    struct world *w = new_world(10);
    w->start_of = late_from_5;
    EXPECT(w, AVSP_RULE_TFDT_GAP);
    w = new_world(10);
    w->start_of = rounded;
    expect(w, NULL, 0);
    w = new_world(10);
    w->start_of = exchanged;
    EXPECT(w, AVSP_RULE_SEGMENT_ORDER);
    w = new_world(10);
    w->missing = 4;
    // Behind what is missing, nothing is known of where the next one should begin.
    EXPECT(w, AVSP_RULE_FILE_MISSING);
}

static void change_3(uint32_t i, struct kit_bytes *segment)
{
    if (i == 3)
        segment->len -= 10;
}

static void no_key_at_3(uint32_t i, struct kit_bytes *segment)
{
    // The frame header stands behind the sequence header, at the beginning of the mdat.
    uint8_t *frame = (uint8_t *)memmem(segment->data, segment->len, "\x32\x02", 2);
    assert_non_null(frame);
    if (i == 3)
        frame[2] = 0x30;
}

static void other_sequence(uint32_t i, struct kit_bytes *segment)
{
    (void)i;
    uint8_t *sequence = memmem(segment->data, segment->len, kit_av1c + 4, 4);
    assert_non_null(sequence);
    sequence[7] ^= 0x01; // in its frame size
}

static void segments_are_looked_into(void **state)
{
    (void)state;
    struct world *w = new_world(5);
    w->change = change_3;
    EXPECT(w, AVSP_RULE_TRUNCATED);
    w = new_world(5);
    w->change = no_key_at_3;
    EXPECT(w, AVSP_RULE_INDEPENDENT);
    w = new_world(5);
    w->change = other_sequence;
    EXPECT(w, AVSP_RULE_AV1_SEQUENCE);
}

static uint64_t beyond_time(uint32_t i)
{
    return (uint64_t)INT64_MAX / 4 - 100000 + i;
}

static void absurd_times_are_harmless(void **state)
{
    (void)state;
    struct world *w = new_world(3);
    w->start_of = beyond_time;
    w->init.len = 0;
    kit_init(&w->init, 1, 1, 640, 360);
    EXPECT(w, AVSP_RULE_TFDT_OVERLAP, AVSP_RULE_TFDT_OVERLAP, AVSP_RULE_EXTINF);
    w = new_world(3);
    snprintf(w->playlist, sizeof w->playlist,
             "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:2\n#EXT-X-MAP:URI=\"init.mp4\"\n"
             "#EXTINF:999999999.9,\n0.m4s\n#EXT-X-ENDLIST\n");
    EXPECT(w, AVSP_RULE_TAG);
}

static void only_the_keyframes_of_an_iframe_playlist_are_there(void **state)
{
    (void)state;
    struct world *w = new_world(0);
    snprintf(w->playlist, sizeof w->playlist,
             "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:2\n#EXT-X-I-FRAMES-ONLY\n"
             "#EXT-X-MAP:URI=\"init.mp4\"\n#EXTINF:2.0,\n#EXT-X-BYTERANGE:200@0\n0.m4s\n"
             "#EXTINF:2.0,\n#EXT-X-BYTERANGE:200@0\n1.m4s\n#EXT-X-ENDLIST\n");
    expect(w, NULL, 0);
}

static struct world *new_ladder(unsigned n)
{
    static const char variant[] =
        "#EXT-X-STREAM-INF:BANDWIDTH=%d,CODECS=\"av01.0.01M.08\",RESOLUTION=640x360,FRAME-RATE=30\n"
        "%s\n";
    struct world *w = new_world(n);
    size_t len = (size_t)snprintf(w->main, sizeof w->main, "#EXTM3U\n#EXT-X-VERSION:7\n");
    for (int i = 0; i < 2; i++)
        len += (size_t)snprintf(w->main + len, sizeof w->main - len, variant, 6500,
                                i == 0 ? "p.m3u8" : "v1/p.m3u8");
    return w;
}

static void all_rungs_are_cut_at_the_same_frames(void **state)
{
    (void)state;
    EXPECT(new_ladder(5), AVSP_RULE_IFRAME_MISSING);
    struct world *w = new_ladder(5);
    w->first_fragment = 1;
    EXPECT(w, AVSP_RULE_FRAGMENT_ALIGNMENT, AVSP_RULE_IFRAME_MISSING);
    w = new_ladder(5);
    w->rung_later_ticks = DURATION;
    EXPECT(w, AVSP_RULE_SEGMENT_ALIGNMENT, AVSP_RULE_IFRAME_MISSING);
    w = new_ladder(5);
    w->rung_later_ticks = 10; // what rounding to another timescale comes to
    EXPECT(w, AVSP_RULE_IFRAME_MISSING);
}

static void the_cost_is_linear_and_small(void **state)
{
    (void)state;
    struct world *w = new_world(20000);
    struct avsp_findings AVSP_CLEANUP(avsp_findings_deinit) found;
    avsp_findings_init(&found);
    struct avsp_verify AVSP_CLEANUP(avsp_verify_deinit)
        v = {.files = {w, read_world}, .found = &found};
    struct avsp_err err = {0};
    assert_int_equal(avsp_verify_run(&v, "p.m3u8", &err), AVSP_OK);
    assert_int_equal(found.n, 0);
    assert_int_equal(v.renditions[0].n_samples, 20000 * SAMPLES);
    // One read a segment, and a few for the playlist and the init segment.
    assert_in_range(w->n_reads, 20000, 20020);
    free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(timelines_are_followed),
        cmocka_unit_test(segments_are_looked_into),
        cmocka_unit_test(absurd_times_are_harmless),
        cmocka_unit_test(only_the_keyframes_of_an_iframe_playlist_are_there),
        cmocka_unit_test(all_rungs_are_cut_at_the_same_frames),
        cmocka_unit_test(the_cost_is_linear_and_small),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
