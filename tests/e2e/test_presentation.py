"""A presentation shows exactly the source's frames at the source's times, and its playlists say what is there."""
import fractions

import pytest
from harness import clips, media, playlists
from harness.programs import fingerprint

TEN_BIT = {"ten-bit"}
WITHOUT_SOUND = {"rotated", "av1-source", "silent"}


@pytest.mark.parametrize("name", clips.CLIPS)
def test_frames_and_times_are_the_sources(name, clip, presentation):
    source = media.relative_times(clip(name).path)
    result = media.relative_times(presentation(name) / "manifest.m3u8")
    assert len(result) == len(source)
    assert result == source


@pytest.mark.parametrize("name", clips.CLIPS)
def test_pictures_are_the_sources(name, clip, presentation):
    # Compared by position: a frame that slipped would fall to some 20 dB.
    values = media.psnr_y(clip(name).path, presentation(name) / "manifest.m3u8")
    assert len(values) == len(media.times(clip(name).path))
    assert min(values) > 28, f"frame {values.index(min(values))}: {min(values)} dB"


@pytest.mark.parametrize("name", clips.CLIPS)
def test_playlists_agree_with_the_media(name, clip, presentation):
    found = playlists.read(presentation(name) / "manifest.m3u8")
    playlists.check(found, bit_depth=10 if name in TEN_BIT else 8)
    assert bool(found.audio) == (name not in WITHOUT_SOUND)
    width, height = media.picture_size(presentation(name) / "manifest.m3u8")
    assert found.variants[0]["RESOLUTION"] == f"{width}x{height}"
    assert sum(s.samples for s in found.video.segments) == len(media.times(clip(name).path))


@pytest.mark.parametrize("name", clips.CLIPS)
def test_segments_are_equally_long(name, clip, presentation):
    video = playlists.read(presentation(name) / "manifest.m3u8").video
    wanted = clip(name).segment_seconds
    # A frame belongs to the segment its time falls in: a segment differs by less than the longest frame distance.
    source = media.relative_times(clip(name).path)
    longest = max(b - a for a, b in zip(source, source[1:]))
    for duration in video.extinf[:-1]:
        assert abs(duration - wanted) <= longest, f"{[float(d) for d in video.extinf]}"
    assert len(video.extinf) == int(source[-1] / wanted) + 1


@pytest.mark.parametrize("name", clips.CLIPS)
def test_only_named_files_are_left(name, presentation):
    found = playlists.read(presentation(name) / "manifest.m3u8")
    assert playlists.all_files(presentation(name)) == playlists.named_files(found)


@pytest.mark.parametrize("name", clips.CLIPS)
def test_ffmpeg_reads_it_without_a_warning(name, presentation):
    assert media.warnings(presentation(name) / "manifest.m3u8") == ""


def test_rotation_is_applied(clip, presentation):
    assert media.picture_size(clip("rotated").path) == (180, 320)
    assert media.picture_size(presentation("rotated") / "manifest.m3u8") == (180, 320)


def test_odd_sizes_lose_a_row_and_a_column(clip, presentation):
    assert media.picture_size(clip("odd-size").path) == (161, 121)
    assert media.picture_size(presentation("odd-size") / "manifest.m3u8") == (160, 120)


def test_ten_bits_stay_ten(presentation):
    depth = media.probe(presentation("ten-bit") / "manifest.m3u8", "stream=pix_fmt")[0][0]
    assert depth == "yuv420p10le"


def test_every_segment_decodes_alone(presentation, tmp_path):
    video = playlists.read(presentation("open-gop") / "manifest.m3u8").video
    for path, segment in zip(video.files, video.segments):
        alone = tmp_path / f"{path.stem}.mp4"
        alone.write_bytes(video.init_file.read_bytes() + path.read_bytes())
        assert len(media.times(alone)) == segment.samples, path.name


def test_clicks_and_flashes_stay_together(clip, presentation):
    """Within 1 ms from first segment to last, and where the source has them."""
    for path in (clip("clicks").path, presentation("clicks") / "manifest.m3u8"):
        flashes = media.flashes(path)
        onsets = media.onsets(*media.samples(path))
        assert len(flashes) == len(onsets) == 12, f"{path}: {len(flashes)} flashes, {len(onsets)} clicks"
        apart = [o - f for o, f in zip(onsets, flashes)]
        assert max(map(abs, apart)) < fractions.Fraction(1, 1000), f"{path}: {[float(a) for a in apart]} s"
        assert flashes == list(range(12))


def test_the_same_input_gives_the_same_bytes(build, clip, presentation, tmp_path):
    source = clip("vfr")
    build.encode(source.path, tmp_path / "again", "--preset", 12, "--segment-seconds", source.segment_seconds)
    assert fingerprint(tmp_path / "again") == fingerprint(presentation("vfr"))
