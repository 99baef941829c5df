"""Every track of the source arrives, with what is known of it, on one timeline."""
import fractions
import json
import pathlib

import pytest
from harness import clips, media, playlists

MS = fractions.Fraction(1, 1000)


def test_every_sound(presentation):
    manifest = presentation("tracks") / "manifest.m3u8"
    found = playlists.read(manifest)
    playlists.check(found)
    assert playlists.all_files(manifest.parent) == playlists.named_files(found)
    assert media.warnings(manifest) == ""
    said = [(a["NAME"], a["LANGUAGE"], a["CHANNELS"], a["AUTOSELECT"], a.get("CHARACTERISTICS", ""))
            for a in playlists.group(found, "audio")]
    assert said == [
        ("Main ”mix”", "en", "2", "YES", ""),
        ("de", "de", "6", "YES", ""),
        ("fr", "fr", "1", "NO", ""),
        ("Main ”mix” (a3)", "en", "2", "YES", "public.accessibility.describes-video"),
        ("en", "en", "2", "NO", ""),
    ]
    # The one of 5.1 has stereo beside it, in a group with all others.
    stereo = playlists.group(found, "audio-stereo")
    assert [a["CHANNELS"] for a in stereo] == ["2", "2", "1", "2", "2"]
    # Clicks are where they were: silence stands for what begins late, has a hole or ends early.
    clicks = {0: range(6), 1: range(2, 6), 2: range(6), 3: range(5), 4: range(6), 5: range(2, 6)}
    for i, sound in enumerate([*playlists.group(found, "audio"), stereo[1]]):
        onsets = media.onsets(*media.samples(manifest.parent / sound["URI"]))
        assert len(onsets) == len(clicks[i]), f"{i}: {[float(o) for o in onsets]}"
        assert all(abs(o - t) < MS for o, t in zip(onsets, clicks[i])), f"{i}: {[float(o) for o in onsets]}"
        assert media.probe(manifest.parent / sound["URI"], "stream=channels", "a:0")[0] == [sound["CHANNELS"]]


def test_every_text(presentation):
    found = playlists.read(presentation("tracks") / "manifest.m3u8")
    said = [(s["NAME"], s["LANGUAGE"], s["DEFAULT"], s["AUTOSELECT"], s["FORCED"]) for s in found.subtitles]
    assert said == [("en", "en", "NO", "YES", "NO"), ("de", "de", "NO", "YES", "YES")]
    english, german = [playlists.cues(found.media[s["URI"]]) for s in found.subtitles]
    end = round(found.media[found.subtitles[0]["URI"]].extinf[0] * 1000)
    assert 6000 <= end < 6040 and [(a, b) for a, b, _, _ in english] == [(a, min(b, end)) for a, b, _ in clips.WORDS]
    assert [text for _, _, _, text in english] == ["first", "<i>leaning</i> &amp; <b>bold</b>", *[t for _, _, t in clips.WORDS[2:]]]
    # What is no text is left out, what looks like a tag or a time stays text.
    assert german == [(1500, 2250, "line:0", "oben, <i>schräg</i>\nzweite Zeile"),
                      (4100, 5000, "", "00:00:02.000 --&gt; 00:00:03.000 &lt;script&gt;alert(1)&lt;/script&gt;")]


def test_captions_in_the_picture(presentation, clip, build):
    """Each channel that says anything is a rendition for the hard of hearing, to the millisecond."""
    folder = presentation("captions")
    found = playlists.read(folder / "manifest.m3u8")
    playlists.check(found)
    said = [(s["NAME"], s["LANGUAGE"], s["DEFAULT"], s["CHARACTERISTICS"]) for s in found.subtitles]
    hearing = "public.accessibility.transcribes-spoken-dialog,public.accessibility.describes-music-and-sound"
    assert said == [("CC1", "und", "NO", hearing), ("CC3", "und", "NO", hearing)]
    assert [playlists.cues(found.media[s["URI"]]) for s in found.subtitles] == [
        [(1001, 2002, "", "Good evening."), (2002, 3003, "", "&gt;&gt; ANN: And now\nthe &lt;news&gt;")],
        [(1001, 3003, "", "Buenas noches.")]]
    streams = json.loads(build.run("probe", "--json", "--subtitle-tracks", "cc1", clip("captions").path).stdout)["streams"]
    assert "captions inside the picture (CC1) → WebVTT; captions inside the picture (CC3) left out" in streams[0]["plan"]
    assert build.run("verify", folder).returncode == 0


def test_tracks_are_chosen(build, clip, tmp_path):
    options = ["--audio-tracks", "de,5,en", "--subtitle-tracks", "7"]
    plans = {s["index"]: s["plan"] for s in json.loads(build.run("probe", "--json", *options, clip("tracks").path).stdout)["streams"]}
    assert plans == {0: "→ AV1, v0", 1: "→ AAC, a2", 2: "→ AAC, a0, in stereo a0-stereo", 3: "left out: it was not chosen", 4: "→ AAC, a3",
                     5: "→ AAC, a1", 6: "left out: it was not chosen", 7: "→ WebVTT, s0"}
    done = build.encode(clip("tracks").path, tmp_path / "out", "--preset", 12, "--json", *options)
    found = playlists.read(tmp_path / "out/manifest.m3u8")
    playlists.check(found)
    assert [(a["LANGUAGE"], a["CHANNELS"]) for a in playlists.group(found, "audio")] == [("de", "6"), ("en", "2"), ("en", "2"), ("en", "2")]
    assert [s["LANGUAGE"] for s in found.subtitles] == ["de"]
    assert json.loads(done.stdout)["warnings"] == ["left out of the file's streams: 3 audio, flac, fr (it was not chosen); "
                                                   "6 subtitle, subrip, en (it was not chosen)"]


def test_sound_alone_can_be_chosen(build, clip, tmp_path):
    build.encode(clip("tracks").path, tmp_path / "out", "--video-track", "none", "--audio-tracks", "en")
    found = playlists.read(tmp_path / "out/manifest.m3u8")
    playlists.check(found)
    assert found.sound_alone and len(found.audio) == 3 and len(found.subtitles) == 2


def test_channels_in_tracks_of_their_own_are_told(build, tmp_path):
    tones = [arg for hz in (400, 900) for arg in ("-f", "lavfi", "-i", f"sine={hz}:duration=1")]
    source = tmp_path / "camera.mov"
    clips.ffmpeg(*tones, "-map", "0", "-map", "1", "-ac", 1, "-c:a", "pcm_s16le", source)
    for chosen, told in ((), True), (("--audio-tracks", "0,1"), False):
        done = build.encode(source, tmp_path / "out", *chosen, "--overwrite")
        assert ("2 mono sound tracks" in done.stderr) == told, done.stderr


def test_what_cannot_be_is_refused(build, clip, tmp_path):
    for options, said in [(["--video-track", "none", "--audio-tracks", "none"], "nothing left to play"),
                          (["--audio-tracks", "en,all"], "contradicts itself"),
                          (["--loudness", "-4"], "from -70 to -5"), (["--loudness=16"], "from -70 to -5"),
                          (["--subtitle-tracks", "english"], "neither a track's number")]:
        done = build.run("encode", clip("tracks").path, tmp_path / "out", *options)
        assert done.returncode == 2 and said in done.stderr, done.stderr
    assert not (tmp_path / "out").exists()
    # What is asked for by name costs the job.
    for options, said in [(["--audio-tracks", "en,ja"], 'no sound track "ja"'), (["--video-track", "7"], 'no video track "7"'),
                          (["--subtitle-tracks", "99"], 'no subtitle track "99"')]:
        done = build.run("encode", clip("tracks").path, tmp_path / "out", *options)
        assert done.returncode == 1 and said in done.stderr, done.stderr


def unreadable(path, how):
    """A picture and two sounds, of which the second cannot be decoded: its packets are noise, or nobody knows its codec."""
    noise = ["-bsf:a:1", "noise=amount=1"] if how == "noise" else []
    clips.ffmpeg(*clips.picture("128x96", 25, 2), *clips.sound(2), "-map", "0", "-map", "1", "-map", "1", *clips.x264("keyint=25"),
                 *clips.AAC, *noise, "-metadata:s:a:0", "language=eng", "-metadata:s:a:1", "language=ger", path)
    if how == "unknown":
        data = path.read_bytes()
        at = data.rindex(b"A_AAC")
        path.write_bytes(data[:at] + b"A_ZZZ" + data[at + 5:])


@pytest.mark.parametrize("how, told, refused", [
    ("noise", "damaged packets became silence", "none of it can be decoded"),
    ("unknown", "there is no decoder for it", 'the sound track "de" (none) was asked for, and it cannot be decoded')])
def test_a_track_that_cannot_be_decoded_costs_the_job_only_where_it_is_named(build, tmp_path, how, told, refused):
    source = tmp_path / "in.mkv"
    unreadable(source, how)
    done = build.encode(source, tmp_path / "out", "--preset", 13)
    assert told in done.stderr, done.stderr
    found = playlists.read(tmp_path / "out/manifest.m3u8")
    playlists.check(found)
    # The other one is whole.
    assert found.audio[0]["LANGUAGE"] == "en" and len(media.times(tmp_path / "out/manifest.m3u8")) == 50
    done = build.run("encode", source, tmp_path / "named", "--preset", 13, "--audio-tracks", "de")
    assert done.returncode == 1 and refused in done.stderr, done.stderr
    assert not (tmp_path / "named/manifest.m3u8").exists()


@pytest.mark.parametrize("name", ["ladder", "hdr", "song", "late-sound"])
def test_an_independent_parser_takes_every_playlist(presentation, name):
    found = playlists.read(presentation(name) / "manifest.m3u8")
    script = pathlib.Path(__file__).parent / "harness/parse_hls.js"
    said = json.loads(media.run(["node", script, presentation(name) / "manifest.m3u8"]).stdout)
    assert [v["uri"] for v in said["variants"]] == [v["URI"] for v in found.variants]
    for theirs, ours in zip(said["variants"], found.variants):
        assert theirs["codecs"] == ours["CODECS"] and theirs["bandwidth"] == int(ours["BANDWIDTH"])
        assert [(a["name"], a["language"], a["channels"], a["isDefault"], a["uri"]) for a in theirs["audio"]] == [
            (a["NAME"], a["LANGUAGE"], a["CHANNELS"], a["DEFAULT"] == "YES", a.get("URI"))
            for a in (playlists.group(found, ours["AUDIO"]) if "AUDIO" in ours else [])]
        assert [(s["name"], s["language"], s["forced"], s["uri"]) for s in theirs["subtitles"]] == [
            (s["NAME"], s["LANGUAGE"], s["FORCED"] == "YES", s["URI"]) for s in found.subtitles]
    assert [(i["uri"], i["bandwidth"], i["only"]) for i in said["iframes"]] == [
        (i["URI"], int(i["BANDWIDTH"]), True) for i in found.iframes]
    for theirs, ours in zip(said["iframes"], [playlists.read_media(found.folder / i["URI"]) for i in found.iframes]):
        assert theirs["ranges"] == ours.ranges and theirs["durations"] == [float(d) for d in ours.extinf]
    for uri, m in found.media.items():
        assert said["lists"][uri]["durations"] == [float(d) for d in m.extinf] and said["lists"][uri]["ends"]


def check_sweep(source, playlist, rendition):
    pcm, first = media.samples(playlist)
    wanted, wanted_first = media.samples(source)
    shift = round((first - wanted_first) * 48000)
    borders = [sum(rendition.extinf[:i]) for i in range(1, len(rendition.extinf))]
    assert len(borders) >= 3
    for border in borders:
        at = round((border - first) * 48000)
        window = range(at - 2400, at + 2400)
        error = sum((pcm[i] - wanted[i + shift]) ** 2 for i in window)
        power = sum(wanted[i + shift] ** 2 for i in window)
        assert error < power / 100, f"at {float(border)} s: {error / power:.4f} of the power is error"


def test_a_sweep_crosses_the_borders_of_segments(clip, presentation):
    """A tone that moves: around each border the sound is the source's, sample by sample, as everywhere else."""
    manifest = presentation("open-gop") / "manifest.m3u8"
    check_sweep(clip("open-gop").path, manifest, playlists.read(manifest).sound)


def test_opus_beside_aac(build, clip, tmp_path):
    """The same of Opus, with no picture."""
    source, out = clip("open-gop").path, tmp_path / "out"
    build.encode(source, out, "--video-track", "none", "--segment-seconds", 2, "--opus")
    found = playlists.read(out / "manifest.m3u8")
    playlists.check(found)
    assert [(v["CODECS"], v["AUDIO"], v["URI"][:7]) for v in found.variants] == [
        ("mp4a.40.2", "audio", "a0/play"), ("Opus", "audio-opus", "a0-opus")]
    uri = found.variants[1]["URI"]
    assert found.media[uri].init.edits == [(0, 312)]
    assert media.probe(out / uri, "stream=codec_name,sample_rate,channels", "a:0")[0] == ["opus", "48000", "2"]
    check_sweep(source, out / uri, found.media[uri])


def test_every_sound_in_opus(build, clip, tmp_path):
    """Each track, in its own channels, clicks where the pictures have them; in the MPD, too."""
    out = tmp_path / "out"
    build.encode(clip("tracks").path, out, "--preset", 13, "--segment-seconds", 2, "--opus", "--dash")
    found = playlists.read(out / "manifest.m3u8")
    playlists.check(found)
    assert playlists.all_files(out) - {"manifest.mpd"} == playlists.named_files(found)
    assert [v["AUDIO"] for v in found.variants] == ["audio-stereo", "audio", "audio-opus"]
    opus = playlists.group(found, "audio-opus")
    assert [a["CHANNELS"] for a in opus] == ["2", "6", "1", "2", "2"]
    for sound, seconds in zip(opus, [range(6), range(2, 6), range(6), range(5), range(6)]):
        onsets = media.onsets(*media.samples(out / sound["URI"]))
        assert len(onsets) == len(seconds) and all(abs(o - t) < MS for o, t in zip(onsets, seconds)), sound
    assert build.run("verify", out).returncode == 0
    mpd = (out / "manifest.mpd").read_text()
    assert all(f'id="a{i}-opus"' in mpd for i in range(5)) and mpd.count('codecs="Opus"') == 5
