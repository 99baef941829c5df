"""A part of a source (--start, --end): the pictures that lie in it and no other, bit by bit and at their own distances, wherever keyframes lie;
sound and text cut to the same range; and no more read of the source than it takes.
"""

import os
import socket
import struct
import subprocess
import threading
from fractions import Fraction
from pathlib import Path

import pytest

import child
from test_deinterlace import MADE as INTERLACED
from test_deinterlace import of_pieces, one_pass
from test_sources import make_h264_avi, make_new_parameters
from test_split import MADE, ffmpeg, picture, pieces_of, sound, x264

MEDIA = os.environ.get("AVSPL1T_TEST_MEDIA")
FULL = bool(os.environ.get("AVSPL1T_FULL"))
CLIPS = sorted(Path(MEDIA, "dev").iterdir()) if MEDIA else []
US = 1000000


def make_late_ts(path):
    ffmpeg(*picture(25, 9), *sound(9), *x264("keyint=40", "bframes=3", "open-gop=1"), "-c:a", "mp2",
           "-output_ts_offset", 5000.123, path)


def make_leading_pictures(path):
    # Clean random access with leading pictures that are skipped where decoding begins there.
    ffmpeg(*picture(25, 8), "-c:v", "libx265", "-preset", "ultrafast", "-x265-params",
           "log-level=none:pools=1:frame-threads=1:keyint=25:min-keyint=25:open-gop=1:bframes=4:b-adapt=0", path)


def make_long(path, *codec, seconds=60):
    """Long enough to be sought in."""
    ffmpeg(*picture(10, seconds, "64x64"), *sound(seconds), *(codec or x264("keyint=37", "bframes=3", "open-gop=1")), "-c:a", "aac", path)


def make_long_refresh(path):
    make_long(path, *x264("intra-refresh=1", "keyint=30", "bframes=0"))


def make_long_fragmented(path):
    ffmpeg(*picture(10, 60, "64x64"), *x264("keyint=30", "bframes=2"), "-movflags", "frag_keyframe+empty_moov+default_base_moof", path)


def make_long_edited(path):
    whole = path.with_suffix(".whole.mp4")
    make_long(whole, seconds=75)
    ffmpeg("-ss", "7.3", "-t", "60", "-i", whole, "-c", "copy", path)


def make_one_keyframe(path):
    make_long(path, *x264("keyint=9999", "scenecut=0", "bframes=2"))


def joined(path):
    parts = [path.with_suffix(".a.ts"), path.with_suffix(".b.ts")]
    for i, part in enumerate(parts):
        ffmpeg(*picture(25, 5), *sound(5), *x264("keyint=30", "bframes=2"), "-c:a", "mp2", "-output_ts_offset", 3000 * i + 10, part)
    path.write_bytes(b"".join(part.read_bytes() for part in parts))


CASES = {
    "open_gop.mp4": (MADE["open_gop.mp4"][0], [(3.3, 9.01), (0, 5.5), (5, None)]),
    "vfr.mp4": (MADE["vfr.mp4"][0], [(2.5, 12.5)]),
    "edit_list.mp4": (MADE["edit_list.mp4"][0], [(1.2, 3.96), (4.9, None)]),
    "long_gop.mp4": (MADE["long_gop.mp4"][0], [(9.48, 14.2)]),
    "hevc10.mp4": (MADE["hevc10.mp4"][0], [(1.6, 7.7)]),
    "leading.mkv": (make_leading_pictures, [(2.04, 5)]),
    "vp9.webm": (MADE["vp9.webm"][0], [(2.5, 5.5)]),
    "film.mkv": (MADE["film.mkv"][0], [(4.5, 8.25)]),
    "intra_refresh.mp4": (MADE["intra_refresh.mp4"][0], [(4, 6.4)]),
    "fragmented.mp4": (MADE["fragmented.mp4"][0], [(2.22, 4.44)]),
    "negative.mov": (MADE["negative.mov"][0], [(1.1, 2.5)]),
    "late.ts": (make_late_ts, [(3.21, 7.01), (0.02, 0.06)]),
    "long.mp4": (make_long, [(33.3, 41.7), (55, None)]),
    "long.mkv": (make_long, [(33.35, 41.7)]),
    "long_refresh.mp4": (make_long_refresh, [(33.3, 40)]),
    "long_fragmented.mp4": (make_long_fragmented, [(33.3, 40)]),
    "long_edited.mp4": (make_long_edited, [(33.3, 41.7), (59, None)]),
    "one_keyframe.mp4": (make_one_keyframe, [(40.1, 44)]),
}


@pytest.fixture(scope="session")
def clips(tmp_path_factory):
    """Makes clips when they are first asked for; with what they decode to."""
    folder = tmp_path_factory.mktemp("parts")
    decoded = {}

    def clip(name, make):
        path = folder / name
        if not path.exists():
            make(path)
            decoded[name] = child.source_frames(path)
        return path, decoded[name]

    return clip


def split(source, folder, start=0, end=None, **options):
    folder.mkdir(exist_ok=True)
    return child.run(source, folder, start_us=round(start * US), end_us=round((end or 0) * US), **options)


def frames_of(result, folder):
    """The pictures of all pieces, with their times on the presentation's timeline; and where the last one ends."""
    frames, end = [], None
    for piece in pieces_of(result):
        head = child.header(folder / piece["file"])
        tb, origin = child.fraction(head["tb"]), int(head["origin"])
        first, nxt = int(head["in"]), int(head["next"])
        assert end is None or first == end, "windows follow each other"
        end = nxt
        own = child.window_frames(folder / piece["file"])
        assert len(own) == int(head["frames"]) == int(piece["frames"])
        frames += own
    return frames, (end - origin) * tb


def part_of(frames, start, end):
    """What should come out of a whole source's frames, counted from its first one and from the part's first one."""
    origin = frames[0][0]
    inside = [(t - origin, digest) for t, digest in frames
              if t - origin >= Fraction(str(start)) and (end is None or t - origin < Fraction(str(end)))]
    return inside, [(t - inside[0][0], digest) for t, digest in inside]


# The others tell no more than these, most of the time.
QUICK = ["open_gop.mp4", "leading.mkv", "intra_refresh.mp4", "late.ts", "long.mp4", "long.mkv"]


@pytest.mark.parametrize("name, start, end", [(name, *part) for name, (_, parts) in CASES.items() if FULL or name in QUICK
                                              for part in (parts if FULL else parts[:1])])
def test_exact(clips, tmp_path, name, start, end):
    source, whole = clips(name, CASES[name][0])
    inside, wanted = part_of(whole, start, end)
    result = split(source, tmp_path, start, end)
    found, until = frames_of(result, tmp_path)
    assert found == wanted
    assert result.of("warning") == []
    if end is not None:  # the last frame is shown until the end, give or take a tick
        assert abs(until - (Fraction(str(end)) - inside[0][0])) < Fraction(1, 900)


@pytest.mark.parametrize("name", ["open_gop.ts", "aligned.mp4", *(["intra.mov", "untimed.avi", "new_parameters.flv"] if FULL else [])])
def test_interlaced_as_in_one_pass(tmp_path, name):
    source = tmp_path / name
    INTERLACED[name](source)
    wanted, _ = one_pass(source, "send_frame")
    for start, end in ((2, 4.48), (1.04, 3), (0.04, 4)) if FULL else ((2, 4.48),):
        folder = tmp_path / f"{start}"
        result = split(source, folder, start, end)
        found, _ = of_pieces(result, folder)
        assert found == wanted[round(start * 25):round(end * 25)]


@pytest.mark.parametrize("name, make", [("untimed.avi", make_h264_avi), *([("new_parameters.flv", make_new_parameters)] if FULL else [])])
def test_decoded_in_the_split(tmp_path, name, make):
    """Exactly what the whole source gives, in that range."""
    source = tmp_path / name
    make(source)
    whole, _ = frames_of(split(source, tmp_path / "whole"), tmp_path / "whole")
    for start, end in ((3.5, 6), (13, None)) if name.endswith("flv") else ((3.5, 6), (0, 2)):
        folder = tmp_path / f"part{start}"
        found, _ = frames_of(split(source, folder, start, end), folder)
        assert found == part_of(whole, start, end)[1]


def test_clock_that_jumps(tmp_path):
    source = tmp_path / "joined.ts"
    joined(source)
    whole, _ = frames_of(split(source, tmp_path / "whole"), tmp_path / "whole")
    found, _ = frames_of(split(source, tmp_path / "part", 4, 7), tmp_path / "part")
    assert found == part_of(whole, 4, 7)[1]


def test_a_frame_that_begins_late_in_the_part_is_shown_from_the_start(clips, tmp_path):
    """Where more than a second of sound comes before it, as at the beginning of a source."""
    source = tmp_path / "slides.mp4"
    ffmpeg(*picture("1/4", 20, "64x64"), *sound(20), *x264("keyint=3", "bframes=0"), "-c:a", "aac", source)
    result = split(source, tmp_path / "part", 5, 13)
    frames, until = frames_of(result, tmp_path / "part")
    assert [t for t, _ in frames] == [0, 7] and until == 8
    assert "3.00 s after the sound" in result.of("warning")[0]["text"]
    result = split(source, tmp_path / "none", 5, 7.5)
    assert "no picture begins between 5 s and 7.5 s" in result.failure["text"]


def encoded_sound(result, folder):
    """What the audio task makes of the piece of sound, decoded, without the encoder's priming."""
    piece = pieces_of(result, "4")[0]
    made = folder / "made"
    made.mkdir()
    done = child.run(folder / piece["file"], made, "audio", seconds=2)
    assert done.failure is None, done.failure
    rendition = done.of("rendition")[0]
    file = made / "whole.mp4"
    file.write_bytes(b"".join((made / name).read_bytes() for name in [rendition["init"], *[s["name"] for s in done.of("segment")]]))
    samples = subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-i", file, "-f", "s16le", "-ac", "1", "-"], check=True,
                             stdout=subprocess.PIPE, timeout=child.DEADLINE_S).stdout
    return samples[2 * int(rendition["priming"]):]


def clicks(samples):
    """Where clicks begin."""
    values = memoryview(samples).cast("h")
    found = []
    for i, value in enumerate(values):
        if abs(value) > 8000 and (not found or i - found[-1] > 4800):
            found.append(i)
    return found


CLICKS = ["-f", "lavfi", "-i", "aevalsrc='0.9*lt(mod(n+24000,48000),24)':s=48000:d=36"]


@pytest.mark.parametrize("name, codec", [("clicks.m4a", "aac"), *([("clicks.wav", "pcm_s16le"), ("clicks.mp3", "libmp3lame"),
                                                                   ("clicks.mka", "libopus")] if FULL else [])])
def test_sound_is_cut_to_the_sample(tmp_path, name, codec):
    """A click each second, half a second in: as many samples behind the start as in the whole source."""
    source = tmp_path / name
    ffmpeg(*CLICKS, "-c:a", codec, source)
    whole = clicks(encoded_sound(split(source, tmp_path / "whole"), tmp_path / "whole"))
    assert len(whole) == 36
    for start, end in ((30.25, 33.75), (1.2, 4.7)):
        folder = tmp_path / f"{start}"
        result = split(source, folder, start, end)
        head = child.header(folder / pieces_of(result, "4")[0]["file"])
        length = (int(head["end"]) - int(head["origin"])) * child.fraction(head["origin_tb"])
        assert abs(length - (Fraction(str(end)) - Fraction(str(start)))) < Fraction(1, 40000)
        found = clicks(encoded_sound(result, folder))
        wanted = [at - round(start * 48000) for at in whole if start * 48000 <= at < end * 48000]
        assert len(wanted) == len(found)
        # Matroska's times are milliseconds.
        assert all(abs(a - b) <= (48 if name.endswith("mka") else 1) for a, b in zip(wanted, found)), (wanted, found)


class Served(child.Child):
    """A source that is read by range, so that it shows what of it was read."""

    def __init__(self, source, folder, **options):
        self.data = source.read_bytes()
        self.n_read = 0
        self.ours, theirs = socket.socketpair()
        threading.Thread(target=self.serve, daemon=True).start()
        with theirs:
            super().__init__(theirs, folder, **options)

    def serve(self):
        with self.ours:
            while question := self.ours.recv(16, socket.MSG_WAITALL):
                offset, length = struct.unpack("=QQ", question)
                if offset == 2**64 - 1:
                    self.ours.sendall(struct.pack("=q", len(self.data)))
                    continue
                block = self.data[offset:offset + min(length, 1 << 20)]
                self.n_read += len(block)
                self.ours.sendall(struct.pack("=q", len(block)) + block)


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_little_else_is_read(tmp_path, suffix):
    """A container that has an index is sought in, and left once the part is over."""
    source = tmp_path / f"film.{suffix}"
    make_long(source, seconds=300)
    served = Served(source, tmp_path, start_us=200 * US, end_us=204 * US)
    try:
        result = served.finish()
    finally:
        served.kill()
    assert len(frames_of(result, tmp_path)[0]) == 40
    assert served.n_read < len(served.data) / 3


def test_beyond_the_source(clips, tmp_path):
    source, _ = clips("open_gop.mp4", CASES["open_gop.mp4"][0])
    failure = split(source, tmp_path / "a", 12.1).failure
    assert failure["code"] == "invalid" and failure["retry"] == "0"
    assert "would begin at 12.1 s, but the source is only 12.0" in failure["text"]
    result = split(source, tmp_path / "b", 11, 80.5)
    assert [w["text"] for w in result.of("warning")] == ["the part was to end at 0:01:20.5, but the source is only 12.012 s long: it ends there"]


@pytest.mark.skipif(not (FULL and MEDIA), reason="AVSPL1T_TEST_MEDIA names no folder, or AVSPL1T_FULL is not set")
@pytest.mark.parametrize("clip", CLIPS, ids=lambda c: c.name)
def test_real_clips(clip, tmp_path):
    """The middle third: of what the whole source gives, which is as the command line tool decodes it, the frames of that range."""
    result = split(clip, tmp_path / "whole")
    if result.failure is not None or not pieces_of(result):
        pytest.skip("nothing to see")
    whole, length = frames_of(result, tmp_path / "whole")
    start, end = (round(float(length) * k / 3, 3) for k in (1, 2))
    if not any(start <= t < end for t, _ in whole):
        assert "no picture begins" in split(clip, tmp_path / "part", start, end).failure["text"]
        return
    _, wanted = part_of(whole, start, end)
    found, _ = frames_of(split(clip, tmp_path / "part", start, end), tmp_path / "part")
    assert [digest for _, digest in found] == [digest for _, digest in wanted]
    assert all(abs(a - b) < Fraction(1, 1000000) for (a, _), (b, _) in zip(found, wanted))
