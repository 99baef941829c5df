"""Real clips, where a folder of them is at hand: AVSPL1T_TEST_MEDIA with dev/. Hostile ones: test_hostile.py."""
import os
import pathlib

import pytest
from harness import media, playlists

FOLDER = os.environ.get("AVSPL1T_TEST_MEDIA")
CONTAINERS = {".mp4", ".mov", ".mkv", ".webm"}
CODECS = {"h264", "hevc", "vp9", "av1"}
# A choice of small ones, each with a property of its own.
QUICK = {
    "awesome movie vfr webcam.mov", "h264_iphone_rot90_mono_data_tracks.mov", "h264_editlist_start10s_sar1137x800.mp4",
    "h264_opengop_bpyramid_dance_480p25_noaudio.mp4", "vp9_odd_161x121.webm", "h264_ac3_srt_vfr_1080x720.mkv",
    "hevc10_hlg_dovi_rot90_editlist_iphone.mp4", "h264_fragmented_flower_2997.mp4", "short_047s_iphone_rot90.mov",
    "vp9_opus_noduration_vfr_dark.webm", "h264_closedgop_bframes_friday_30.mp4", "h264_fullrange_yuvj_asl_noaudio.mkv",
}


def files_in(name):
    folder = pathlib.Path(FOLDER or "/nonexistent") / name
    return sorted(p for p in folder.iterdir() if p.is_file()) if folder.is_dir() else []


def clips_at_hand():
    for path in files_in("dev"):
        if path.suffix in CONTAINERS:
            yield pytest.param(path, id=path.name, marks=[] if path.name in QUICK else [pytest.mark.full])


def codec_of(path):
    # Cover art is a video stream as well: V leaves it out.
    rows = media.probe(path, "stream=codec_name", "V:0")
    return rows[0][0] if rows else None


@pytest.mark.parametrize("source", clips_at_hand())
def test_a_real_clip(build, source, tmp_path):
    if codec_of(source) not in CODECS:
        done = build.run("encode", source, tmp_path / "out", "--preset", 12)
        assert done.returncode in (0, 1, 2), done.stderr
        assert done.returncode == 0 or not playlists.all_files(tmp_path / "out")
        return
    build.encode(source, tmp_path / "out", "--preset", 12, "--segment-seconds", 2)
    manifest = tmp_path / "out/manifest.m3u8"
    wanted = media.relative_times(source)
    result = media.relative_times(manifest)
    assert len(result) == len(wanted)
    assert result == wanted
    # The rotated, scaled and toned are compared by eye; here every frame must be the right one of its neighbours.
    found = playlists.read(manifest)
    depth = 10 if "10" in media.probe(manifest, "stream=pix_fmt")[0][0] else 8
    playlists.check(found, depth)
    assert playlists.all_files(tmp_path / "out") == playlists.named_files(found)
    assert media.warnings(manifest) == ""
