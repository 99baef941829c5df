"""Real and hostile clips, where a folder of them is at hand: AVSPL1T_TEST_MEDIA with dev/ and bad-dev/."""
import os
import pathlib

import pytest
from harness import media, playlists
from harness.programs import children, rss_kib, wait_until

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
# Hostile ones that are whole videos all the same.
VALID = {"frame%03d.mp4", "ts_pts_wrap_33bit.ts", "te[s]t_ video ' _ .flv"}
# Must never end in a presentation: not videos, or ways to make a reader open something else.
REFUSED = {
    "concat_neighbour.mp4", "meta.ffmeta", "other_path.ffconcat", "playlist_file_passwd.m3u8", "playlist_neighbour.m3u8",
    "playlist_renamed.mp4", "playlist_ssrf.m3u8", "random_bytes.mp4", "stream.sdp", "text_renamed.mp4",
    "truncated_no_moov.mp4", "unsupported_codec_vvc.mp4", "zero_byte.mp4", "huge_dims.y4m",
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


@pytest.mark.skipif(not files_in("bad-dev"), reason="AVSPL1T_TEST_MEDIA has no bad-dev")
def test_hostile_files_cost_an_attempt_and_not_the_worker(farm, tmp_path):
    coordinator = farm.coordinator("--max-attempts", 1)
    worker = farm.worker(coordinator.address, slots=2)
    jobs = {}
    for source in files_in("bad-dev"):
        output = tmp_path / "out" / str(len(jobs))
        jobs[source.name] = (farm.submit(coordinator.address, source, output, "--preset", 12), output)
    for name, (job, output) in jobs.items():
        status = farm.wait_over(coordinator.address, job, 240)
        manifest = output / "manifest.m3u8"
        if status["state"] == "finished":
            assert name not in REFUSED, f"{name} was encoded"
            assert len(media.times(manifest)) > 0, name
        else:
            assert status["state"] == "failed", f"{name}: {status}"
            assert name not in VALID, f"{name}: {status}"
            assert status["error"], name
            wait_until(lambda out=output: not playlists.all_files(out), f"nothing left of {name}", 30)
        assert worker.process.poll() is None, f"{name} ended the worker:\n{worker.text()[-4000:]}"
    wait_until(lambda: not children(worker.pid), "the end of all children", 20)
    assert rss_kib(worker.pid) < 200 * 1024
    assert worker.stop() == 0
    assert playlists.all_files(worker.work) <= {"lock"}
