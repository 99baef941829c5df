"""A part of a source, end to end: picture, sound and text of one range, told in the plan, kept apart from the whole when an encode goes on."""
import json

from harness import media, playlists
from test_tracks import MS

PART = ("--start", "1.5", "--end", "0:00:04.25", "--segment-seconds", 2, "--preset", 13)


def test_every_track_of_a_part(build, clip, tmp_path):
    source = clip("tracks").path
    plan = json.loads(build.run("probe", "--json", *PART[:6], source).stdout)
    assert (plan["start_us"], plan["end_us"], plan["segments"]) == (1500000, 4250000, 2)
    done = json.loads(build.encode(source, tmp_path / "out", *PART, "--json").stdout)
    assert done["warnings"] == ["sound: 1 holes, 597 ms in all, are filled with silence"]  # as in the whole
    found = playlists.read(tmp_path / "out/manifest.m3u8")
    playlists.check(found)
    assert build.run("verify", tmp_path / "out").returncode == 0
    assert sum(found.video.extinf) == 2.75
    # 30 frames a second, in Matroska's milliseconds.
    times = [round(t * 1000) for t in media.relative_times(source)]
    inside = [t for t in times if 1500 <= t < 4250]
    assert [round(t * 1000) for t in media.times(tmp_path / "out/manifest.m3u8")] == [t - 1500 for t in inside]
    for i, sound in enumerate(found.audio):
        onsets = media.onsets(*media.samples(tmp_path / "out" / sound["URI"]))
        assert len(onsets) == 3 and all(abs(o - t) < MS for o, t in zip(onsets, (0.5, 1.5, 2.5))), f"{i}: {onsets}"
    english, german = [playlists.cues(found.media[s["URI"]]) for s in found.subtitles]
    assert [(a, b) for a, b, _, _ in english] == [(0, 845), (499, 2501), (499, 1000)]
    assert [(a, b) for a, b, _, _ in german] == [(0, 750), (2600, 2750)]


def test_captions_of_a_part(build, clip, tmp_path):
    """What is on the screen where the part begins was said before it."""
    build.encode(clip("captions").path, tmp_path / "out", "--preset", 13, "--start", "1.5", "--end", "2.75")
    found = playlists.read(tmp_path / "out/manifest.m3u8")
    playlists.check(found)
    assert build.run("verify", tmp_path / "out").returncode == 0
    first, last = [round(t - 45 * 1001 / 30 + 1e-6) for t in (60 * 1001 / 30, 2750)]  # it begins with the 45th frame
    assert [playlists.cues(found.media[s["URI"]]) for s in found.subtitles] == [
        [(0, first, "", "Good evening."), (first, last, "", "&gt;&gt; ANN: And now\nthe &lt;news&gt;")], [(0, last, "", "Buenas noches.")]]


def test_sound_that_has_nothing_in_the_part_is_silence(build, clip, tmp_path):
    """Also where it was asked for by name: elsewhere there is some."""
    options = ["--video-track", "none", "--audio-tracks", "1,2", "--end", "0.4", "--audio-copy"]
    done = json.loads(build.encode(clip("tracks").path, tmp_path / "out", *options, "--json").stdout)
    assert "sound track 2 of the file has nothing in this part: it is silence" in done["warnings"]
    assert "sound a1 is not copied: there is nothing of it in this part" in done["warnings"]
    found = playlists.read(tmp_path / "out/manifest.m3u8")
    assert [a["CHANNELS"] for a in playlists.group(found, "audio")] == ["2", "6"]
    pcm, _ = media.samples(tmp_path / "out" / playlists.group(found, "audio")[1]["URI"])
    assert len(pcm) >= 0.4 * 48000 and not any(pcm)
    assert build.run("verify", tmp_path / "out").returncode == 0


def test_what_is_no_part_is_refused(build, clip, tmp_path):
    source = clip("tracks").path
    for options, said in [(["--start", "5", "--end", "5"], "the end has to come after the start"), (["--end", "0"], "nothing lies before 0"),
                          (["--start", "1:99"], '--start: "1:99" is neither seconds'), (["--start", "60"], "the source is only 9 s long"),
                          (["--end", "-1"], "--end")]:
        done = build.run("encode", source, tmp_path / "out", *options)
        assert done.returncode == 2 and said in done.stderr, done.stderr
        assert not (tmp_path / "out").exists()
    done = build.run("probe", "--start", "5", "--end", "100", source)
    assert "the part was to end at 0:01:40, but the source is only 9 s long" in done.stderr and "the part from 5 to 9" in done.stdout
