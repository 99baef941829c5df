"""--audio-copy: AC-3, E-AC-3 and AAC as the source has them, beside AAC for all."""
import fractions
import json

import pytest
from harness import clips, media, playlists
from harness.programs import fingerprint, wait_until

MS = fractions.Fraction(1, 1000)
# What each track is in the source, and what it clicks with, on each second.
TRACKS = [("ac3", "5.1(side)", "en"), ("eac3", "stereo", "de"), ("aac", "stereo", "fr"), ("flac", "mono", "it")]
OPTIONS = ("--preset", 13, "--segment-seconds", 2, "--audio-copy")


def film(path, seconds=5):
    """A picture, and a sound of each kind."""
    click = f"aevalsrc='if(lt(mod(t,1),0.01),0.9*sin(2*PI*1500*mod(t,1)),0)':sample_rate=48000:duration={seconds}"
    sounds = [a for codec, layout, language in TRACKS for a in ("-f", "lavfi", "-i", click)]
    kinds = [a for i, (codec, layout, language) in enumerate(TRACKS) for a in (
        f"-c:a:{i}", codec, f"-filter:a:{i}", f"aformat=channel_layouts=mono,pan={layout}|FL=c0|FR=c0" if layout != "mono" else "anull",
        f"-metadata:s:a:{i}", f"language={language}")]
    maps = [a for i in range(len(TRACKS) + 1) for a in ("-map", str(i))]
    clips.ffmpeg(*clips.picture("128x96", 25, seconds), *sounds, *maps, *clips.x264(*clips.fixed_gop(50)), *kinds, path)


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    path = tmp_path_factory.mktemp("copied") / "film.mkv"
    film(path)
    return path


@pytest.fixture(scope="module")
def copied(build, source, tmp_path_factory):
    out = tmp_path_factory.mktemp("copied") / "out"
    done = build.encode(source, out, *OPTIONS, "--dash", "--json")
    return out, json.loads(done.stdout)["warnings"]


def test_copies_are_groups_of_their_own(build, source, copied):
    out, warnings = copied
    found = playlists.read(out / "manifest.m3u8")
    playlists.check(found)
    assert playlists.all_files(out) - {"manifest.mpd"} == playlists.named_files(found)
    assert [(v["AUDIO"], v["CODECS"].split(",", 1)[1]) for v in found.variants] == [
        ("audio-stereo", "mp4a.40.2"), ("audio", "mp4a.40.2"), ("audio-ac3", "ac-3,mp4a.40.2"), ("audio-ec3", "mp4a.40.2,ec-3")]
    assert [a["URI"].split("/")[0] for a in playlists.group(found, "audio-ac3")] == ["a0-ac3", "a1", "a2", "a3"]
    assert [a["URI"].split("/")[0] for a in playlists.group(found, "audio-ec3")] == ["a0", "a1-ec3", "a2", "a3"]
    assert [a["CHANNELS"] for a in playlists.group(found, "audio-ac3")] == ["6", "2", "2", "1"]
    assert warnings == ["sound a3 is not copied: it is flac, which HLS does not take"]
    plans = [s["plan"] for s in json.loads(build.run("probe", "--json", "--audio-copy", source).stdout)["streams"]]
    assert plans[1:] == ["→ AAC, a0, in stereo a0-stereo; AC-3 as it is, a0-ac3", "→ AAC, a1; E-AC-3 as it is, a1-ec3",
                         "→ AAC as it is, a2", "→ AAC, a3; not copied: it is flac, which HLS does not take"]
    verified = json.loads(build.run("verify", "--json", out).stdout)
    assert verified["findings"] == [], verified
    mpd = (out / "manifest.mpd").read_text()
    assert 'codecs="ac-3"' in mpd and 'codecs="ec-3"' in mpd


def decoded(path, stream, channels):
    """The samples between 0.1 s and 4.8 s, all channels of each."""
    raw = media.run(["ffmpeg", "-nostdin", "-v", "error", "-copyts", "-i", path, "-map", f"0:a:{stream}", "-af", "atrim=0.1:4.8",
                     "-f", "f32le", "-"], text=False).stdout
    return raw, 4 * channels


@pytest.mark.parametrize("track, name, channels", [(0, "a0-ac3", 6), (1, "a1-ec3", 2), (2, "a2", 2)])
def test_it_is_the_source_s_sound(track, name, channels, source, copied):
    """Decoded, it has the source's very samples, but for what Matroska's milliseconds make of times; and each click is beside its picture."""
    out, _ = copied
    playlist = next((out / name).glob("playlist-*.m3u8"))
    (theirs, frame), (ours, _) = decoded(source, track, channels), decoded(playlist, 0, channels)
    # From the first click on, for of silence there is more than one.
    at, n = 43300 * frame, 170000 * frame
    found = ours.find(theirs[at:at + n])
    moved = round(-48000 * media.times(source)[0])  # presentation time 0 is the first picture
    assert found >= 0 and abs((found - at) // frame - moved) <= 48, ((found - at) / frame, moved)
    onsets = media.onsets(*media.samples(playlist))
    assert len(onsets) == 5 and all(abs(onset - i) < MS for i, onset in enumerate(onsets)), [float(o) for o in onsets]
    assert media.warnings(playlist) == ""


@pytest.mark.full
def test_a_killed_worker_changes_no_byte(farm, build, tmp_path):
    source, wanted, out = tmp_path / "long.mkv", tmp_path / "wanted", tmp_path / "out"
    film(source, seconds=60)
    build.encode(source, wanted, *OPTIONS)
    coordinator = farm.coordinator("--lease-seconds", 3)
    victim = farm.worker(coordinator.address, name="victim")
    job = farm.submit(coordinator.address, source, out, *OPTIONS)
    wait_until(lambda: list(out.glob("*/*.m4s")), "a segment", 60)
    victim.kill()
    assert not (out / "manifest.m3u8").exists(), "nothing was left to be killed"
    farm.worker(coordinator.address, name="heir")
    assert farm.wait_over(coordinator.address, job)["state"] == "finished", farm.logs()
    assert fingerprint(out) == fingerprint(wanted)
