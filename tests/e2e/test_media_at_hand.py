"""Real clips, where a folder of them is at hand: AVSPL1T_TEST_MEDIA with dev/. Hostile ones: test_hostile.py."""
import json
import os
import pathlib
import re

import pytest
from harness import media, playlists

FOLDER = os.environ.get("AVSPL1T_TEST_MEDIA")
# A choice of small ones, each with a property of its own.
QUICK = {
    "awesome movie vfr webcam.mov", "h264_iphone_rot90_mono_data_tracks.mov", "h264_editlist_start10s_sar1137x800.mp4",
    "h264_opengop_bpyramid_dance_480p25_noaudio.mp4", "vp9_odd_161x121.webm", "h264_ac3_srt_vfr_1080x720.mkv",
    "hevc10_hlg_dovi_rot90_editlist_iphone.mp4", "h264_fragmented_flower_2997.mp4", "short_047s_iphone_rot90.mov",
    "vp9_opus_noduration_vfr_dark.webm", "h264_closedgop_bframes_friday_30.mp4", "h264_fullrange_yuvj_asl_noaudio.mkv",
    "mpeg4asp_mp3_packed_320x240_25.avi", "mpeg2_576i_sar64x45_broadcast_start19207.ts",
}
# Of the hostile ones, those that play. Damage is shown as the command line tool shows it: pictures are concealed, and what cannot
# be decoded is left out.
PLAYABLE = {
    "frame%03d.mp4", "ts_pts_wrap_33bit.ts", "te[s]t_ video ' _ .flv", "broadcast_loss_1080i_4eac3_dvbsub.ts",
    "corrupt_middle_h264.mp4", "invalid_elst_entry_count.mp4", "invalid_nalu.mp4", "lies_duration_143165s.mp4",
    "truncated_mdat_faststart.mp4", "huge_dims_container.mp4", "reschange_640x360_to_640x480.ts",
}


def files_in(name):
    folder = pathlib.Path(FOLDER or "/nonexistent") / name
    return sorted(p for p in folder.iterdir() if p.is_file()) if folder.is_dir() else []


def decoded_frames():
    """What MANIFEST.tsv says of each clip, where it does."""
    path = pathlib.Path(FOLDER or "/nonexistent") / "MANIFEST.tsv"
    if not path.is_file():
        return {}
    lines = [line.split("\t") for line in path.read_text().splitlines()]
    name, number = lines[0].index("file"), lines[0].index("decoded_frames")
    return {line[name]: int(line[number]) for line in lines[1:] if line[number] != "-"}


FRAMES = decoded_frames()


def clips_at_hand():
    for path in files_in("dev"):
        if f"dev/{path.name}" in FRAMES:
            yield pytest.param(path, id=path.name, marks=[] if path.name in QUICK else [pytest.mark.full])
    for path in files_in("bad-dev"):
        if path.name in PLAYABLE:
            yield pytest.param(path, id=path.name, marks=[pytest.mark.full])


def check_that_nothing_is_lost(build, source, done, folder):
    """What ffprobe finds in the source is in the plan, and again in the presentation or in the warnings."""
    told = json.loads(done.stdout)["warnings"]
    plans = {s["index"]: s for s in json.loads(build.run("probe", "--json", source).stdout)["streams"]}
    rows = json.loads(media.run(["ffprobe", "-v", "quiet", "-show_streams", "-of", "json", f"file:{source}"]).stdout)["streams"]
    assert {int(row["index"]) for row in rows} == set(plans)
    found = playlists.read(folder / "manifest.m3u8")
    folders = {path.parent.name for path in (media.path for media in found.media.values())}
    for row in rows:
        stream = plans[row["index"]]
        into = re.match(r"→ (AV1|AAC|WebVTT), ([vas]\d+)", stream["plan"])
        if into is None:
            assert stream["plan"].startswith("left out: "), stream
            assert any(re.search(rf"(: |; ){row['index']} \w+, {row.get('codec_name', 'none')}\b", text) for text in told), \
                f"{stream} in {told}"
        elif into[2] not in folders:
            assert any(f"track {row['index']}" in text for text in told), f"{stream}: neither in {folders} nor in {told}"
        elif into[2][0] in "as":
            entries = found.audio + found.subtitles
            (entry,) = [e for e in entries if e.get("URI", found.variants[0]["URI"]).startswith(into[2] + "/")]
            assert entry["LANGUAGE"] == stream["language"], f"{stream}: {entry}"


@pytest.mark.parametrize("source", clips_at_hand())
def test_a_real_clip(build, source, tmp_path):
    done = build.encode(source, tmp_path / "out", "--preset", 12, "--segment-seconds", 2, "--json")
    check_that_nothing_is_lost(build, source, done, tmp_path / "out")
    manifest = tmp_path / "out/manifest.m3u8"
    wanted = media.source_times(source)
    result = media.relative_times(manifest)
    assert len(result) == FRAMES.get(f"{source.parent.name}/{source.name}", len(wanted))
    assert result == wanted
    # The rotated, scaled and toned are compared by eye; here every frame must be the right one of its neighbours.
    found = playlists.read(manifest)
    depth = 10 if "10" in media.probe(manifest, "stream=pix_fmt")[0][0] else 8
    playlists.check(found, depth)
    assert playlists.all_files(tmp_path / "out") == playlists.named_files(found)
    assert media.warnings(manifest) == ""
    verified = json.loads(build.run("verify", "--json", tmp_path / "out").stdout)
    assert verified["findings"] == [] and verified["facts"]["frames"] == len(wanted)


@pytest.mark.full
@pytest.mark.parametrize("source", [pytest.param(p, id=p.name) for p in files_in("dev") if f"dev/{p.name}" not in FRAMES])
def test_nothing_of_the_others_is_lost(build, source, tmp_path):
    """Sound alone, and what nobody has counted the frames of."""
    done = build.encode(source, tmp_path / "out", "--preset", 12, "--json")
    check_that_nothing_is_lost(build, source, done, tmp_path / "out")
