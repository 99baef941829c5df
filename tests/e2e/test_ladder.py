"""Several renditions of one picture, from one decode: each is whole, and all begin their segments at the same times."""
import json

import pytest
from harness import media, playlists

OPTIONS = ("--preset", 13)


@pytest.fixture(scope="module")
def ladder(build, clip, tmp_path_factory):
    source, output = clip("open-gop"), tmp_path_factory.mktemp("ladder") / "out"
    build.encode(source.path, output, *OPTIONS, "--segment-seconds", source.segment_seconds, "--ladder", "90:40:13,1080,120")
    return output


def test_every_rung_is_whole(build, ladder, clip):
    found = playlists.read(ladder / "manifest.m3u8")
    playlists.check(found)
    assert [v["RESOLUTION"] for v in found.variants] == ["320x180", "214x120", "160x90"]
    rates = [int(v["BANDWIDTH"]) for v in found.variants]
    assert rates == sorted(rates, reverse=True)
    starts = [[s.start for s in found.media[v["URI"]].segments] for v in found.variants]
    assert starts[0] == starts[1] == starts[2] and len(starts[0]) == 4
    wanted = media.source_times(clip("open-gop").path)
    for variant in found.variants:
        # Its own playlist is all that a player needs of a rung.
        assert media.relative_times(ladder / variant["URI"]) == wanted
        assert media.warnings(ladder / variant["URI"]) == ""
    assert playlists.all_files(ladder) == playlists.named_files(found)
    assert media.warnings(ladder / "manifest.m3u8") == ""
    verified = json.loads(build.run("verify", "--json", ladder).stdout)
    assert verified["findings"] == [] and len(verified["facts"]["renditions"]) == 7  # lists of keyframes among them


def test_pictures_of_a_rung_are_the_source_s(ladder, clip):
    for uri in [v["URI"] for v in playlists.read(ladder / "manifest.m3u8").variants]:
        size = media.picture_size(ladder / uri)
        graph = (f"[0:v:0]scale={size[0]}:{size[1]}:flags=bicubic,format=yuv420p,settb=1/25,setpts=N[a];"
                 "[1:v:0]format=yuv420p,settb=1/25,setpts=N[b];[a][b]psnr=stats_file=-:shortest=1")
        done = media.run(["ffmpeg", "-nostdin", "-v", "error", "-i", clip("open-gop").path, "-i", ladder / uri, "-lavfi", graph,
                          "-fps_mode", "passthrough", "-f", "null", "-"])
        least = min(float(line.split("psnr_y:")[1].split()[0]) for line in done.stdout.splitlines())
        assert least > 24, (uri, least)


def test_a_rung_has_the_bytes_it_has_alone(build, ladder, clip, tmp_path):
    source = clip("open-gop")
    build.encode(source.path, tmp_path / "alone", *OPTIONS, "--segment-seconds", source.segment_seconds)
    names = [sorted(p.name for p in (folder / "v0").glob("*.m*")) for folder in (ladder, tmp_path / "alone")]
    assert names[0] == names[1]  # which carry their hashes


def test_six_rungs_need_little_memory_for_their_threads(build, clip, tmp_path):
    """Several hundred threads: with stacks of the usual size their address space reached the limit, and the encoder hung."""
    done = build.run("encode", clip("silent").path, tmp_path / "out", "--preset", 13, "--slots", 1, "--ladder", "180,160,140,120,100,90",
                     env={"AVSPL1T_MEMORY_LIMIT": "1G"}, timeout=120)
    assert done.returncode == 0, done.stderr
    assert len(playlists.read(tmp_path / "out/manifest.m3u8").variants) == 6


def test_the_plan_says_it(build, clip):
    plan = build.run("probe", "--ladder", "90,1080,120", clip("open-gop").path).stdout
    assert "v0 320x180, v1 214x120, v2 160x90" in plan and "would be larger than the source's 180 lines" in plan


def test_an_encode_that_needs_more_memory_than_a_slot_s_takes_several(build, clip, tmp_path):
    # Three encoders take some 150 MiB; with one slot's they would be ended.
    done = build.run("encode", clip("open-gop").path, tmp_path / "out", *OPTIONS, "--ladder", "180,120,90",
                     env={"AVSPL1T_SLOTS": "4", "AVSPL1T_MEMORY_LIMIT": "100M"})
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("rungs", ["720p", "720,720", "60", "720:99", "auto,720"])
def test_ladders_that_make_no_sense(build, clip, tmp_path, rungs):
    done = build.run("encode", clip("open-gop").path, tmp_path / "out", "--ladder", rungs)
    assert done.returncode == 2 and "--ladder" in done.stderr and not (tmp_path / "out").exists()
