#include "../cmocka_all.h"

#include "core/mp4.h"

#include "mp4_kit.h"

#include <string.h>

static void boxes_are_walked_within_their_bounds(void **state)
{
    (void)state;
    static const uint8_t two[] = {0, 0, 0, 9, 'f', 'r', 'e', 'e', 7,
                                  0, 0, 0, 8, 'm', 'd', 'a', 't'};
    struct avsp_bytes rest = {two, sizeof two};
    struct avsp_box box;
    assert_true(avsp_box_next(&rest, &box));
    assert_string_equal(box.type, "free");
    assert_int_equal(box.body.len, 1);
    assert_true(avsp_box_next(&rest, &box));
    assert_false(avsp_box_next(&rest, &box));
    assert_int_equal(rest.len, 0);
    for (size_t len = 1; len < sizeof two; len++) {
        rest = (struct avsp_bytes){two, len};
        while (avsp_box_next(&rest, &box))
            assert_true(box.body.data + box.body.len <= two + len);
    }
    // A size of 1 is followed by the real one; 0 reaches to the end; less than a header is none.
    static const uint8_t wide[] = {0, 0, 0, 1, 'm', 'd', 'a', 't', 0, 0, 0, 1, 0, 0, 0, 0};
    assert_int_equal(avsp_box_head((struct avsp_bytes){wide, 16}, 99, &box), AVSP_OK);
    assert_true(box.bytes == (uint64_t)1 << 32);
    assert_int_equal(avsp_box_head((struct avsp_bytes){wide, 15}, 99, &box), AVSP_LIMIT);
    static const uint8_t open[] = {0, 0, 0, 0, 'm', 'd', 'a', 't'};
    assert_int_equal(avsp_box_head((struct avsp_bytes){open, 8}, 99, &box), AVSP_OK);
    assert_int_equal(box.bytes, 99);
    static const uint8_t tiny[] = {0, 0, 0, 7, 'm', 'd', 'a', 't'};
    assert_int_equal(avsp_box_head((struct avsp_bytes){tiny, 8}, 99, &box), AVSP_CORRUPT);
}

static void an_init_segment_tells_of_its_track(void **state)
{
    (void)state;
    struct kit_bytes file = {.len = 0};
    kit_init(&file, 1, 30000, 640, 360);
    struct avsp_mp4_init init;
    struct avsp_err err = {0};
    if (avsp_mp4_init_parse((struct avsp_bytes){file.data, file.len}, &init, &err) != AVSP_OK)
        fail_msg("%s", err.text);
    assert_true(init.has_brand && !init.has_samples);
    assert_int_equal(init.n_tracks, 1);
    const struct avsp_mp4_track *t = &init.tracks[0];
    assert_int_equal(t->kind, AVSP_MEDIA_VIDEO);
    assert_int_equal(t->timescale, 30000);
    assert_string_equal(t->entry, "av01");
    assert_string_equal(t->codecs, "av01.0.01M.08");
    assert_true(t->has_av1);
    assert_int_equal(t->av1.width_px, 640);
    assert_int_equal(t->av1.height_px, 360);
    // Cut off or changed anywhere, it is refused or read, but nothing else.
    for (size_t len = 0; len < file.len; len++)
        assert_int_not_equal(avsp_mp4_init_parse((struct avsp_bytes){file.data, len}, &init, &err),
                             AVSP_OK);
    for (size_t i = 0; i < file.len; i++)
        for (unsigned bit = 0; bit < 8; bit++) {
            file.data[i] ^= (uint8_t)(1u << bit);
            (void)!avsp_mp4_init_parse((struct avsp_bytes){file.data, file.len}, &init, &err);
            file.data[i] ^= (uint8_t)(1u << bit);
        }
}

/// The facts of a segment of the kit's: @p edit may change its bytes first.
/// Sound that is no AAC: the box of its own says how many channels it has.
static void sound_tells_of_its_channels(void **state)
{
    (void)state;
    static const struct {
        char entry[5];
        uint8_t box[24];
        uint32_t channels;
        enum avsp_code rc;
    } cases[] = {
        {"Opus", {0, 0, 0, 19, 'd', 'O', 'p', 's', 0, 2, 1, 0x38, 0, 0, 0xbb, 0x80}, 2, AVSP_OK},
        {"Opus", {0, 0, 0, 19, 'd', 'O', 'p', 's', 0, 6, 1, 0x38, 0, 0, 0xbb, 0x80}, 6, AVSP_OK},
        {"Opus", {0, 0, 0, 19, 'd', 'O', 'p', 's', 1, 2}, 0, AVSP_CORRUPT},
        {"Opus", {0, 0, 0, 10, 'd', 'O', 'p', 's', 0, 2}, 0, AVSP_CORRUPT},
        {"Opus", {0, 0, 0, 8, 'f', 'r', 'e', 'e'}, 0, AVSP_CORRUPT},
        // fscod 0, bsid 8, bsmod 0, acmod 7, lfeon 1
        {"ac-3", {0, 0, 0, 11, 'd', 'a', 'c', '3', 0x10, 0x3d, 0xe0}, 6, AVSP_OK},
        {"ac-3", {0, 0, 0, 11, 'd', 'a', 'c', '3', 0x10, 0x11, 0xe0}, 2, AVSP_OK},
        {"ac-3", {0, 0, 0, 10, 'd', 'a', 'c', '3', 0x10, 0x3d}, 0, AVSP_CORRUPT},
        // one substream: bsid 16, acmod 7, lfeon 1; then one that others lean on
        {"ec-3", {0, 0, 0, 13, 'd', 'e', 'c', '3', 0x06, 0x00, 0x20, 0x0f, 0x00}, 6, AVSP_OK},
        {"ec-3", {0, 0, 0, 13, 'd', 'e', 'c', '3', 0x06, 0x00, 0x20, 0x0f, 0x02}, 0, AVSP_OK},
    };
    for (size_t i = 0; i < AVSP_ARRAY_LEN(cases); i++) {
        struct avsp_mp4_track track = {.kind = AVSP_MEDIA_AUDIO};
        struct avsp_err err = {0};
        memcpy(track.entry, cases[i].entry, sizeof track.entry);
        struct avsp_bytes boxes = {cases[i].box, cases[i].box[3]};
        assert_int_equal(avsp_mp4_codec(boxes, &track, &err), cases[i].rc);
        if (cases[i].rc != AVSP_OK)
            continue;
        assert_int_equal(track.channels, cases[i].channels);
        assert_string_equal(track.codecs, cases[i].entry);
    }
}

static enum avsp_code add_moof(const struct kit_bytes *moof, struct avsp_mp4_segment *segment,
                               struct avsp_err *err)
{
    struct avsp_mp4_init init = {.n_tracks = 1};
    init.tracks[0] = (struct avsp_mp4_track){.id = 1, .timescale = 30000};
    return avsp_mp4_moof_add((struct avsp_bytes){moof->data + 8, moof->len - 8}, 0, &init, segment,
                             err);
}

static void a_fragment_is_added_up(void **state)
{
    (void)state;
    struct kit_bytes moof = {.len = 0};
    kit_moof(&moof,
             &(struct kit_moof){
                 .track = 1, .start = 60000, .n = 3, .duration = 1001, .size = 50, .sync = true});
    struct avsp_mp4_segment segment = {0};
    struct avsp_err err = {0};
    assert_int_equal(add_moof(&moof, &segment, &err), AVSP_OK);
    const struct avsp_mp4_run *run = &segment.runs[0];
    assert_true(run->is_there && run->starts_with_sync);
    assert_int_equal(run->start_ticks, 60000);
    assert_int_equal(run->duration_ticks, 3003);
    assert_int_equal(run->n_samples, 3);
    assert_int_equal(run->n_bytes, 150);
    assert_int_equal(run->shortest_ticks, 1001);
    assert_int_equal(segment.data_from, moof.len + 8);
    assert_int_equal(segment.data_to, moof.len + 8 + 150);
    // A second fragment that leaves a frame out.
    struct kit_bytes next = {.len = 0};
    kit_moof(&next, &(struct kit_moof){
                        .track = 1, .start = 60000 + 4004, .n = 1, .duration = 1001, .size = 1});
    assert_int_equal(add_moof(&next, &segment, &err), AVSP_OK);
    assert_int_equal(run->inner_gap_ticks, 1001);
}

static void fragments_that_lie_are_refused(void **state)
{
    (void)state;
    struct avsp_mp4_segment segment = {0};
    struct avsp_err err = {0};
    struct kit_bytes moof = {.len = 0};
    kit_moof(&moof, &(struct kit_moof){.track = 9, .n = 1, .duration = 1, .size = 1});
    assert_int_equal(add_moof(&moof, &segment, &err), AVSP_CONFLICT);
    moof.len = 0;
    kit_moof(&moof,
             &(struct kit_moof){.track = 1, .n = 1, .duration = 1, .size = 1, .no_tfdt = true});
    assert_int_equal(add_moof(&moof, &segment, &err), AVSP_PRECONDITION);
    // Four thousand million samples that need no bytes each: no loop over them.
    moof.len = 0;
    kit_moof(&moof,
             &(struct kit_moof){.track = 1, .n = 1, .duration = 1, .size = 1, .claim = UINT32_MAX});
    assert_int_equal(add_moof(&moof, &segment, &err), AVSP_CORRUPT);
    moof.len = 0;
    kit_moof(&moof,
             &(struct kit_moof){.track = 1, .start = UINT64_MAX, .n = 1, .duration = 1, .size = 1});
    assert_int_equal(add_moof(&moof, &segment, &err), AVSP_CORRUPT);
    moof.len = 0;
    kit_moof(&moof, &(struct kit_moof){.track = 1, .n = 3, .duration = 1001, .size = 50});
    for (size_t i = 8; i < moof.len; i++)
        for (unsigned bit = 0; bit < 8; bit++) {
            struct avsp_mp4_segment other = {0};
            moof.data[i] ^= (uint8_t)(1u << bit);
            (void)!add_moof(&moof, &other, &err);
            moof.data[i] ^= (uint8_t)(1u << bit);
        }
}

static void samples_show_whether_they_are_keyframes(void **state)
{
    (void)state;
    struct avsp_av1_sequence sequence;
    struct avsp_av1_unit unit;
    struct avsp_err err = {0};
    assert_int_equal(avsp_av1_config(kit_av1c, sizeof kit_av1c, &sequence, &err), AVSP_OK);
    struct kit_bytes sample = {.len = 0};
    kit_sample(&sample, true);
    assert_int_equal(avsp_av1_look(sample.data, sample.len, &sequence, &unit, &err), AVSP_OK);
    assert_true(unit.has_sequence && unit.has_frame && unit.is_key);
    assert_memory_equal(&unit.sequence, &sequence, sizeof sequence);
    sample.len = 0;
    kit_sample(&sample, false);
    assert_int_equal(avsp_av1_look(sample.data, sample.len, &sequence, &unit, &err), AVSP_OK);
    assert_true(!unit.has_sequence && unit.has_frame && !unit.is_key);
    static const uint8_t noise[] = {0xff, 0xff, 0xff};
    assert_int_equal(avsp_av1_look(noise, sizeof noise, &sequence, &unit, &err), AVSP_CORRUPT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(boxes_are_walked_within_their_bounds),
        cmocka_unit_test(an_init_segment_tells_of_its_track),
        cmocka_unit_test(sound_tells_of_its_channels),
        cmocka_unit_test(a_fragment_is_added_up),
        cmocka_unit_test(fragments_that_lie_are_refused),
        cmocka_unit_test(samples_show_whether_they_are_keyframes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
