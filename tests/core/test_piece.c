#include "../cmocka_all.h"

#include "core/piece.h"

#include <glob.h>
#include <stdio.h>
#include <string.h>

static const struct avsp_piece_header video = {
    .kind = AVSP_MEDIA_VIDEO,
    .track = 0,
    .segment_seconds = 4,
    .time_base = {1, 30000},
    .origin_pts = -1001,
    .codec = {"prores", 0x6863706f, 0, 24, 1000000, 0},
    .origin_time_base = {1, 30000},
    .idx = 7,
    .n_segments = 3,
    .in_pts = 838999,
    .out_pts = 1198999,
    .next_pts = 1199000,
    .frames = 360,
    .timescale = 30000,
    .frame_rate = {30000, 1001},
    .rotation = 90,
    .hflip = true,
    .sample_aspect = {64, 45},
    .color_primaries = 9,
    .color_transfer = 16,
    .color_matrix = 9,
    .full_range = true,
    .chroma_location = 3,
    .width_px = 1920,
    .height_px = 1080,
    .bit_depth = 10,
    .hdr = {.has_mastering = true,
            .mastering = {{34000, 50000},
                          {16000, 50000},
                          {13250, 50000},
                          {34500, 50000},
                          {7500, 50000},
                          {3000, 50000},
                          {15635, 50000},
                          {16450, 50000},
                          {50, 10000},
                          {10000000, 10000}},
            .has_light = true,
            .max_cll = 1000,
            .max_fall = 400},
    .fields = AVSP_FIELDS_FLAGGED,
    .field_rate = true,
    .language = "und",
    .title = "",
};

static const struct avsp_piece_header audio = {
    .kind = AVSP_MEDIA_AUDIO,
    .segment_seconds = 4,
    .time_base = {1, 44100},
    .origin_pts = 5,
    .origin_time_base = {1, 90000},
    .end_pts = 90005,
    .in_pts = -20,
    .out_pts = INT64_MAX,
    .alone = true,
    .drift_ppb = -4999999,
    .codec = {"pcm_s16le", 1, 6, 16, 2116800, 7},
    .language = "deu",
    .title = "Ton = \"laut\"\nund mehr",
};

static void round_trip_of(const struct avsp_piece_header *header)
{
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    avsp_arena_init(&arena, 1 << 16);
    char block[AVSP_PIECE_HEADER_BYTES];
    char again[AVSP_PIECE_HEADER_BYTES];
    struct avsp_err err = {0};
    struct avsp_piece_header back;
    assert_int_equal(avsp_piece_header_write(header, block, &err), AVSP_OK);
    assert_int_equal(avsp_piece_header_parse(&arena, block, &back, &err), AVSP_OK);
    assert_int_equal(avsp_piece_header_write(&back, again, &err), AVSP_OK);
    assert_memory_equal(block, again, sizeof block);
    assert_int_equal(back.in_pts, header->in_pts);
    assert_int_equal(back.end_pts, header->end_pts);
    assert_int_equal(back.drift_ppb, header->drift_ppb);
    assert_memory_equal(&back.hdr, &header->hdr, sizeof back.hdr);
    assert_string_equal(back.title, header->title);
}

static void round_trips(void **state)
{
    (void)state;
    round_trip_of(&video);
    round_trip_of(&audio);
}

/// Any block is read without harm, and none but a header is accepted.
static void damage_is_refused(void **state)
{
    (void)state;
    char block[AVSP_PIECE_HEADER_BYTES];
    struct avsp_err err = {0};
    struct avsp_piece_header back;
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    avsp_arena_init(&arena, 64 << 20);
    assert_int_equal(avsp_piece_header_write(&video, block, &err), AVSP_OK);
    size_t len = strcspn(block, "\n");
    for (size_t cut = 0; cut < len; cut++) {
        char bad[AVSP_PIECE_HEADER_BYTES];
        memcpy(bad, block, sizeof bad);
        bad[cut] = '\n';
        enum avsp_code rc = avsp_piece_header_parse(&arena, bad, &back, &err);
        // Only digits may be missing at the very end, where the last number stays one.
        if (rc == AVSP_OK && cut < len - 1)
            fail_msg("a header cut after %zu bytes was accepted", cut);
    }
    memset(block, 'a', sizeof block);
    assert_int_equal(avsp_piece_header_parse(&arena, block, &back, &err), AVSP_INVALID);
}

static void contradictions_are_refused(void **state)
{
    (void)state;
    struct avsp_piece_header cases[10];
    for (size_t i = 0; i < AVSP_ARRAY_LEN(cases); i++)
        cases[i] = i < 8 ? video : audio;
    cases[0].out_pts = cases[0].in_pts;
    cases[1].next_pts = cases[1].in_pts;
    cases[2].rotation = 45;
    cases[3].time_base.den = 0;
    cases[3].time_base.num = 0;
    cases[4].n_segments = AVSP_SEGMENTS_MAX;
    cases[5].origin_pts = cases[5].in_pts + 1;
    cases[6].timescale -= 1;
    cases[7].hdr.mastering[2].num = 50001;
    cases[8].end_pts = cases[8].origin_pts;
    cases[9].out_pts = cases[9].in_pts;
    for (size_t i = 0; i < AVSP_ARRAY_LEN(cases); i++) {
        struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
        avsp_arena_init(&arena, 1 << 16);
        char block[AVSP_PIECE_HEADER_BYTES];
        struct avsp_err err = {0};
        struct avsp_piece_header back;
        assert_int_equal(avsp_piece_header_write(&cases[i], block, &err), AVSP_OK);
        if (avsp_piece_header_parse(&arena, block, &back, &err) != AVSP_INVALID)
            fail_msg("case %zu was accepted", i);
    }
}

/// A fuzz target whose seeds are refused at once learns nothing.
static void the_seeds_of_the_fuzz_targets_are_headers_of_today(void **state)
{
    (void)state;
    glob_t seeds;
    assert_int_equal(glob(PIECE_SEEDS "/*", 0, NULL, &seeds), 0);
    for (size_t i = 0; i < seeds.gl_pathc; i++) {
        struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
        avsp_arena_init(&arena, 1 << 16);
        char block[AVSP_PIECE_HEADER_BYTES];
        struct avsp_piece_header back;
        struct avsp_err err = {0};
        memset(block, '\n', sizeof block);
        FILE *f = fopen(seeds.gl_pathv[i], "rbe");
        assert_non_null(f);
        assert_true(fread(block, 1, sizeof block, f) > 0);
        fclose(f);
        if (avsp_piece_header_parse(&arena, block, &back, &err) != AVSP_OK)
            fail_msg("%s: %s (make them anew: fuzz/make_piece_seeds.py)", seeds.gl_pathv[i],
                     err.text);
    }
    globfree(&seeds);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trips),
        cmocka_unit_test(damage_is_refused),
        cmocka_unit_test(contradictions_are_refused),
        cmocka_unit_test(the_seeds_of_the_fuzz_targets_are_headers_of_today),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
