"""Files of subtitles beside the source: renditions behind its own, in every form and character set that is taken; what is not is refused in words."""
import json

import pytest
from harness import clips, playlists

VTT = "WEBVTT\n\n00:01.000 --> 00:02.500 region:r line:0 align:start\n<b>Grüße</b>\n\n00:07.000 --> 00:30.000\nzum Ende\n"
OPTIONS = ("--preset", 13, "--segment-seconds", 2, "--json")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("subtitles")
    (folder / "a.srt").write_text("\ufeff" + clips.srt(clips.WORDS), encoding="utf-8")
    (folder / "b: de.vtt").write_text(VTT, encoding="utf-8")
    (folder / "c.ass").write_text(clips.ASS, encoding="utf-16")
    (folder / "latin.srt").write_bytes(clips.srt([(0, 1000, "first"), (1000, 2000, "caf\u00e9")]).encode("latin-1"))
    (folder / "wide.srt").write_bytes(clips.srt([(0, 1000, "first")]).encode("utf-16-le"))
    (folder / "empty.srt").write_bytes(b"")
    (folder / "empty.vtt").write_text("WEBVTT\n\nNOTE nothing\n")
    (folder / "list.m3u8").write_text("#EXTM3U\n#EXTINF:4,\n/etc/passwd\n")
    return folder


def cues_of(output):
    found = playlists.read(output / "manifest.m3u8")
    playlists.check(found)
    return ([(s["NAME"], s["LANGUAGE"], s["URI"].split("/")[0]) for s in found.subtitles],
            [playlists.cues(found.media[s["URI"]]) for s in found.subtitles])


def test_every_form(build, clip, files, tmp_path):
    asked = ["--subtitle", f"{files}/a.srt:en:English", "--subtitle", f"{files}/b: de.vtt:de-AT", "--subtitle", f"{files}/c.ass:ger"]
    done = build.encode(clip("tracks").path, tmp_path / "out", *OPTIONS, "--audio-tracks", "none", *asked)
    assert not any("ubtitle" in w for w in json.loads(done.stdout)["warnings"] if "left out of" not in w)
    said, cues = cues_of(tmp_path / "out")
    assert said == [("en", "en", "s0"), ("de", "de", "s1"), ("English", "en", "s2"), ("de-AT", "de-AT", "s3"), ("de (s4)", "de", "s4")]
    assert cues[2] == cues[0] and cues[4] == cues[1]
    assert cues[3] == [(1000, 2500, "line:0 align:start", "<b>Grüße</b>")]
    # In a part: clipped as the source's own are.
    build.encode(clip("tracks").path, tmp_path / "part", *OPTIONS, "--audio-tracks", "none", *asked, "--start", "1.5", "--end", "4.25")
    _, cues = cues_of(tmp_path / "part")
    assert cues[2] == cues[0] and cues[4] == cues[1] and [(a, b) for a, b, _, _ in cues[0]] == [(0, 845), (499, 2501), (499, 1000)]
    assert cues[3] == [(0, 1000, "line:0 align:start", "<b>Grüße</b>")]


def test_a_probe_shows_them(build, clip, files):
    asked = ["--subtitle", f"{files}/a.srt:en:English", "--subtitle", f"{files}/b: de.vtt:ger"]
    shown = json.loads(build.run("probe", clip("silent").path, "--json", *asked, "--end", "1.5").stdout)
    assert shown["subtitles"] == [
        {"file": f"{files}/a.srt", "title": "English", "codec": "subrip", "details": "5 cues from 0 to 9", "language": "en", "plan": "→ WebVTT"},
        {"file": f"{files}/b: de.vtt", "title": None, "codec": "webvtt", "details": "2 cues from 1 to 30", "language": "de", "plan": "→ WebVTT"}]
    assert f"{files}/a.srt\n  subrip, 5 cues" in build.run("probe", clip("silent").path, *asked).stdout
    shown = json.loads(build.run("probe", clip("silent").path, "--json", "--start", 0.5, "--end", 0.75, *asked[2:]).stdout)
    assert shown["subtitles"][0]["plan"] == "left out: none of it is within the part"
    done = build.run("probe", clip("silent").path, "--subtitle", f"{files}/latin.srt:en")
    assert done.returncode == 2 and "line 7 is not UTF-8" in done.stderr and done.stdout == ""


@pytest.mark.parametrize("name, said", [("latin.srt", "line 7 is not UTF-8"), ("wide.srt", "UTF-16 without a byte order mark"),
                                        ("empty.srt", "the file is empty"), ("empty.vtt", "not one subtitle in it"),
                                        ("list.m3u8", "neither SubRip, WebVTT nor ASS")])
def test_what_cannot_be_read_fails_the_job(build, clip, files, tmp_path, name, said):
    done = build.run("encode", clip("silent").path, tmp_path / "out", *OPTIONS, "--subtitle", f"{files}/{name}:en")
    assert done.returncode == 1 and said in done.stderr and name in done.stderr, done.stderr
    assert not (tmp_path / "out/manifest.m3u8").exists()


def test_what_is_not_there_is_found_first(build, clip, files, tmp_path):
    for text, said in [(f"{files}/none.srt:en", "none.srt"), (f"{files}/a.srt", "is not FILE:LANG"),
                       (f"{files}/a.srt:english", "is not FILE:LANG")]:
        done = build.run("encode", clip("silent").path, tmp_path / "out", "--subtitle", text)
        assert done.returncode == 2 and said in done.stderr, done.stderr
    assert not (tmp_path / "out").exists()


def test_no_worker_reads_what_it_may_not(farm, clip, files, tmp_path):
    """--allow-root holds for subtitles as for everything else."""
    coordinator = farm.coordinator()
    farm.worker(coordinator.address, "--allow-root", clip("silent").path.parent, "--allow-root", tmp_path)
    job = farm.submit(coordinator.address, clip("silent").path, tmp_path / "out", "--subtitle", f"{files}/a.srt:en")
    over = farm.wait_over(coordinator.address, job)
    assert over["state"] == "failed" and "a.srt" in over["error"] and "outside of the folders that are allowed here" in over["error"], over


def test_within_little_temporary_storage(farm, clip, files, tmp_path):
    """The encodes need all of it for themselves, one after another: the split has to give all back that it took, for its source and for each file."""
    coordinator = farm.coordinator()
    farm.worker(coordinator.address, "--work-limit", "4M")
    job = farm.submit(coordinator.address, clip("silent").path, tmp_path / "out", *OPTIONS[:4], "--subtitle", f"{files}/a.srt:en",
                      "--subtitle", f"{files}/c.ass:de")
    over = farm.wait_over(coordinator.address, job)
    assert over["state"] == "finished", over
    assert [language for _, language, _ in cues_of(tmp_path / "out")[0]] == ["en", "de"]
