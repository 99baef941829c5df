"""Sound alone, and where picture and sound begin and end apart: nothing is lost, and clicks stay at their flashes."""
import fractions
import subprocess

import pytest
from harness import clips, media, playlists

MS = fractions.Fraction(1, 1000)


def test_sound_alone(clip, presentation):
    manifest = presentation("song") / "manifest.m3u8"
    found = playlists.read(manifest)
    playlists.check(found)
    assert playlists.all_files(manifest.parent) == playlists.named_files(found)
    assert media.warnings(manifest) == ""
    assert media.probe(manifest, "stream=codec_name", "v") == []
    # To the sample, priming and padding of both encoders aside.
    assert abs(sum(found.sound.extinf) - fractions.Fraction("5.2")) <= fractions.Fraction(1024, 48000)
    onsets = media.onsets(*media.samples(manifest))
    assert len(onsets) == 6
    assert all(abs(onset - i) < MS for i, onset in enumerate(onsets)), [float(o) for o in onsets]


@pytest.mark.parametrize("codec, suffix", [("libopus", "mka"), ("libopus", "mp4"), ("libopus", "ogg"), ("libvorbis", "mka"),
                                           ("libvorbis", "ogg")])
def test_what_a_decoder_drops_at_the_start(codec, suffix, farm, clip, tmp_path):
    """Pre-skip, which only Ogg tells of, and Vorbis' first packet, of which nothing comes, are no part of the sound."""
    source = tmp_path / f"song.{suffix}"
    subprocess.run(["ffmpeg", "-v", "error", "-i", clip("song").path, "-map", "0:a", "-ar", "48000", "-c:a", codec, source], check=True, timeout=60)
    done = farm.build.run("encode", source, tmp_path / "out", "--fallback", "h264")
    assert done.returncode == 0, done.stderr
    assert "there is no picture: what is asked of it has no effect (fallback=h264)" in done.stderr
    before = media.onsets(media.samples(source)[0], 0)
    after = media.onsets(*media.samples(tmp_path / "out/manifest.m3u8"))
    assert len(before) == len(after) > 1
    assert all(abs(a - b) < MS for a, b in zip(before, after)), [float(a - b) for a, b in zip(before, after)]


@pytest.mark.parametrize("codec, rate", [("aac", 44100), ("pcm_s16le", 48000)])
def test_a_clock_that_drifts(codec, rate, build, tmp_path):
    """Samples that last 0.03 % longer than they say: each click is at its time, the last like the first, and not only within 20 ms."""
    source, out = tmp_path / "drift.mkv", tmp_path / "out"
    click = f"aevalsrc='if(lt(mod(t,1),0.01),0.9*sin(2*PI*1500*mod(t,1)),0)':sample_rate={rate}:duration=30.5"
    clips.ffmpeg("-f", "lavfi", "-i", click, "-c:a", codec, "-bsf:a", "setts=ts=TS*1.0003", source)
    done = build.encode(source, out)
    assert "its clock drifts by 10" in done.stderr and "holes" not in done.stderr, done.stderr
    onsets = media.onsets(*media.samples(out / "manifest.m3u8"))
    assert len(onsets) == 31
    wanted = [onsets[0] + i * fractions.Fraction("1.0003") for i in range(31)]
    assert all(abs(o - w) < MS for o, w in zip(onsets, wanted)), [float(o - w) for o, w in zip(onsets, wanted)]


# name: when the presentation's time 0 is in the source, and its end
EXTENTS = {"late-picture": (0, 5), "long-sound": (0, 7), "late-sound": (0, 6)}


@pytest.mark.parametrize("name", EXTENTS)
def test_picture_and_sound_apart(name, clip, presentation):
    origin, end = EXTENTS[name]
    manifest = presentation(name) / "manifest.m3u8"
    found = playlists.read(manifest)
    playlists.check(found)
    assert sum(found.video.extinf) == end - origin
    # Every frame once, at its time; the first one from the start.
    source = media.times(clip(name).path)
    assert media.times(manifest) == [0] + [t - origin for t in source[1:]]
    assert media.flashes(manifest) == [t - origin for t in media.flashes(clip(name).path)]
    # Every click there is, and each where a flash would be.
    onsets = media.onsets(*media.samples(manifest))
    assert len(onsets) == len(media.onsets(*media.samples(clip(name).path)))
    assert all(abs(2 * o - round(2 * o)) < 2 * MS and round(2 * o) % 2 == 1 for o in onsets), [float(o) for o in onsets]
