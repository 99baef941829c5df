"""Split: what is decoded from the pieces, each within its window, is what is decoded from the source, bit for bit.

Clips are made with the ffmpeg command line tool, which is also the judge. AVSPL1T_TEST_MEDIA may name a folder with more of
them in dev/ (must be exact) and bad-dev/ (must end, in words).
"""

import os
import re
import struct
import subprocess
import wave
from fractions import Fraction
from pathlib import Path

import pytest

import child
import mp4_join

MEDIA = os.environ.get("AVSPL1T_TEST_MEDIA")
CLIPS = sorted(Path(MEDIA, "dev").iterdir()) if MEDIA else []
if not os.environ.get("AVSPL1T_FULL"):  # the longest takes as long as many others
    CLIPS = [c for c in CLIPS if c.stat().st_size < 4 << 20]
BAD_CLIPS = sorted(Path(MEDIA, "bad-dev").iterdir()) if MEDIA else []


def ffmpeg(*arguments):
    subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-y", "-threads", "1", *map(str, arguments)], check=True,
                   timeout=child.DEADLINE_S)


def picture(rate, seconds, size="192x128"):
    return ["-f", "lavfi", "-i", f"testsrc2=r={rate}:s={size}:d={seconds}"]


def sound(seconds, rate=48000):
    return ["-f", "lavfi", "-i", f"sine=r={rate}:d={seconds}"]


def x264(*parameters):
    return ["-c:v", "libx264", "-preset", "veryfast", "-threads", "1", "-pix_fmt", "yuv420p", "-x264-params",
            ":".join(["log-level=none", *parameters])]


def make_open_gop(path):
    ffmpeg(*picture("30000/1001", 12), *sound(12),
           *x264("open-gop=1", "keyint=75", "min-keyint=75", "scenecut=0", "bframes=5", "b-pyramid=normal", "b-adapt=0"),
           "-c:a", "aac", path)


def make_vfr(path):
    # Every fifth frame is missing, times jitter, and there is a hole of over two segments.
    ffmpeg(*picture(30, 14), "-vf", "select='mod(n,5)*not(between(t,5.1,10.3))',setpts='PTS+mod(N,3)*200/TB/90000'",
           "-fps_mode", "passthrough", *x264("keyint=40", "bframes=3"), "-video_track_timescale", 90000, path)


def make_edit_list(path):
    whole = path.with_suffix(".whole.mp4")
    ffmpeg(*picture(25, 10), *sound(10), *x264("keyint=50", "min-keyint=50", "bframes=3"), "-c:a", "aac", whole)
    ffmpeg("-ss", "3.4", "-t", "5", "-i", whole, "-c", "copy", path)


def make_long_gop(path):
    ffmpeg(*picture(25, 24), *x264("keyint=250", "min-keyint=250", "scenecut=0", "bframes=2"), path)


def make_hevc(path):
    ffmpeg(*picture(24, 9), "-c:v", "libx265", "-preset", "ultrafast", "-x265-params",
           "log-level=none:pools=1:frame-threads=1:keyint=36:min-keyint=36:open-gop=1:bframes=4", "-pix_fmt", "yuv420p10le",
           "-tag:v", "hvc1", path)


def make_vp9(path):
    ffmpeg(*picture(30, 7), "-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-b:v", "200k", "-g", "45",
           "-auto-alt-ref", "1", "-lag-in-frames", "16", path)


def make_mkv(path):
    ffmpeg(*picture("24000/1001", 11), *sound(11, 44100), *x264("keyint=60", "bframes=3"), "-c:a", "aac", path)


def make_av1(path):
    ffmpeg(*picture(25, 5), "-c:v", "libsvtav1", "-preset", "12", "-svtav1-params", "lp=1", "-g", "40", path)


def make_intra_refresh(path):
    ffmpeg(*picture(25, 8), *x264("intra-refresh=1", "keyint=40", "bframes=0"), path)


def make_fragmented(path):
    ffmpeg(*picture(25, 6), *sound(6), *x264("keyint=30", "bframes=2"), "-c:a", "aac", "-movflags",
           "frag_keyframe+empty_moov+default_base_moof", path)


def make_negative_start(path):
    ffmpeg(*picture(25, 6), *x264("keyint=30", "bframes=2"), "-output_ts_offset", "-3", "-avoid_negative_ts", "disabled",
           "-f", "nut" if path.suffix == ".nut" else "mov", path)


MADE = {
    "open_gop.mp4": (make_open_gop, "30000/1001"),
    "vfr.mp4": (make_vfr, None),
    "edit_list.mp4": (make_edit_list, "25/1"),
    "long_gop.mp4": (make_long_gop, "25/1"),
    "hevc10.mp4": (make_hevc, "24/1"),
    "vp9.webm": (make_vp9, "30/1"),
    "film.mkv": (make_mkv, "24000/1001"),
    "av1.mp4": (make_av1, "25/1"),
    "intra_refresh.mp4": (make_intra_refresh, "25/1"),
    "fragmented.mp4": (make_fragmented, "25/1"),
    "negative.mov": (make_negative_start, "25/1"),
}


@pytest.fixture(scope="session")
def clips(tmp_path_factory):
    """Makes clips when they are first asked for."""
    folder = tmp_path_factory.mktemp("clips")

    def clip(name):
        path = folder / name
        if not path.exists():
            MADE[name][0](path)
        return path

    return clip


def pieces_of(result, task="2"):
    assert result.failure is None, result.failure
    assert result.status == 0, result.log
    assert result.reports[-1][0] == "done"
    return [p for p in result.of("piece") if p["task"] == task]


def check_pieces(source, result, folder, seconds):
    """Everything that holds for the pieces of any source."""
    pieces = pieces_of(result)
    decoded, end = [], None
    for piece in pieces:
        path = folder / piece["file"]
        assert path.stat().st_size == int(piece["bytes"])
        head = child.header(path)
        tb = child.fraction(head["tb"])
        origin, first, out, nxt = (int(head[k]) for k in ("origin", "in", "out", "next"))
        assert (head["idx"], head["n"], head["frames"]) == (piece["idx"], piece["n"], piece["frames"])
        source_tb = child.fraction(piece["tb"])
        assert (out - first) * tb == (int(piece["out"]) - int(piece["in"])) * source_tb
        assert first < out <= nxt
        assert end is None or first == end, "windows follow each other"
        end = nxt
        frames = child.window_frames(path)
        assert frames[0][0] == (first - origin) * tb
        places = {int(t // seconds) for t, _ in frames}
        assert min(places) == int(piece["idx"])
        assert max(places) == int(piece["idx"]) + int(piece["n"]) - 1
        assert len(frames) == int(piece["frames"])
        decoded += frames
    want = child.source_frames(source)
    start = want[0][0]
    assert [t for t, _ in decoded] == [t - start for t, _ in want]
    assert [h for _, h in decoded] == [h for _, h in want]
    return pieces


@pytest.mark.parametrize("seconds", [1, 2, 4])
@pytest.mark.parametrize("name", MADE)
def test_exact(clips, name, seconds, tmp_path):
    source = clips(name)
    result = child.run(source, tmp_path, seconds=seconds)
    pieces = check_pieces(source, result, tmp_path, seconds)
    head = child.header(tmp_path / pieces[0]["file"])
    rate = MADE[name][1]
    assert rate is None or head["rate"] == rate
    assert int(head["timescale"]) % child.fraction(head["tb"]).denominator == 0
    assert result.of("warning") == []


# Decoders that go by the tag or the depth that the container says, which a piece's own container does not keep.
@pytest.mark.parametrize("name, options", [
    ("a.avi", ["-c:v", "rawvideo", "-pix_fmt", "yuv420p"]), ("b.avi", ["-c:v", "rawvideo", "-pix_fmt", "bgr24"]),
    ("a.y4m", ["-pix_fmt", "yuv422p"]), ("b.y4m", ["-strict", "-1", "-pix_fmt", "yuv420p10le"]),
    ("u.avi", ["-c:v", "utvideo", "-pix_fmt", "yuv420p"]), ("a.mov", ["-c:v", "qtrle", "-pix_fmt", "rgb24"]),
    ("r.mov", ["-c:v", "rawvideo", "-pix_fmt", "uyvy422"]), ("h.avi", ["-c:v", "huffyuv"])])
def test_pictures_whose_decoders_need_the_tag(name, options, tmp_path):
    source = tmp_path / name
    ffmpeg(*picture(5, 3, "64x64"), *options, source)
    check_pieces(source, child.run(source, tmp_path, seconds=2), tmp_path, 2)


def test_runs_bound_the_overlap(clips, tmp_path):
    """A GOP of ten seconds in segments of two: runs, and no more than half of the bytes twice."""
    source = clips("long_gop.mp4")
    pieces = pieces_of(child.run(source, tmp_path, seconds=2))
    assert max(int(p["n"]) for p in pieces) >= 3
    assert 1 < len(pieces) < 12
    assert sum(int(p["bytes"]) for p in pieces) < 1.6 * source.stat().st_size
    assert sum(int(p["n"]) for p in pieces) == 12


def test_hole_gives_no_segment(clips, tmp_path):
    """Places without a frame belong to nobody, and the frame before a hole is shown until the one behind it."""
    pieces = pieces_of(child.run(clips("vfr.mp4"), tmp_path, seconds=1))
    covered = {k for p in pieces for k in range(int(p["idx"]), int(p["idx"]) + int(p["n"]))}
    assert 5 in covered and 10 in covered
    for piece, after in zip(pieces, pieces[1:]):
        assert child.header(tmp_path / piece["file"])["next"] == child.header(tmp_path / after["file"])["in"]


def test_sound_is_copied(clips, tmp_path):
    """One piece with every packet, and the presentation's start and end on the same clock."""
    source = clips("film.mkv")
    result = child.run(source, tmp_path, seconds=4)
    (piece,) = pieces_of(result, task="4")
    head = child.header(tmp_path / piece["file"])
    assert piece["file"] == "a0.piece" and head["media"] == "2"
    tb = child.fraction(head["origin_tb"])
    length = (int(head["end"]) - int(head["origin"])) * tb
    assert abs(length - 11) < Fraction(1, 10)
    probe = ["ffprobe", "-v", "error", "-count_packets", "-show_entries", "stream=nb_read_packets", "-of", "csv=p=0"]
    with open(tmp_path / piece["file"], "rb") as file:
        file.seek(child.HEADER_BYTES)
        kept = subprocess.run([*probe, "-f", "nut", "pipe:0"], stdin=file, stdout=subprocess.PIPE, check=True).stdout
    there = subprocess.run([*probe, "-select_streams", "a", source], stdout=subprocess.PIPE, check=True).stdout
    assert kept == there
    last = child.header(tmp_path / pieces_of(result)[-1]["file"])
    end = (int(last["next"]) - int(last["origin"])) * child.fraction(last["tb"])
    assert end == length


def test_sound_that_goes_on(tmp_path):
    """The last frame is shown until the sound ends; where that is more than a segment, a warning says so."""
    for extra in (1, 6):
        source = tmp_path / f"{extra}.mp4"
        ffmpeg(*picture(25, 4), *sound(4 + extra), *x264("keyint=25"), "-c:a", "aac", source)
        folder = tmp_path / str(extra)
        folder.mkdir()
        result = child.run(source, folder, seconds=2)
        last = child.header(folder / pieces_of(result)[-1]["file"])
        end = (int(last["next"]) - int(last["origin"])) * child.fraction(last["tb"])
        assert abs(end - (4 + extra)) < Fraction(1, 1000)
        assert [w["text"] for w in result.of("warning")] == [
            f"the sound goes on for {extra}.0 s after the picture: the last frame is shown until then"] * (extra > 2)
        assert sound_piece(result, folder)[2] == end


def test_resume_leaves_out_what_is_stored(clips, tmp_path):
    source = clips("open_gop.mp4")
    whole, resumed = tmp_path / "whole", tmp_path / "resumed"
    whole.mkdir()
    resumed.mkdir()
    first = pieces_of(child.run(source, whole, seconds=2))
    cut = int(first[2]["idx"])
    again = pieces_of(child.run(source, resumed, seconds=2, resume=cut))
    assert [p["idx"] for p in again] == [p["idx"] for p in first if int(p["idx"]) + int(p["n"]) > cut]
    for piece in again:
        assert (resumed / piece["file"]).read_bytes() == (whole / piece["file"]).read_bytes()
    assert sorted(p.name for p in resumed.glob("v0-*")) == sorted(p["file"] for p in again)


def test_waits_for_acknowledgements(clips, tmp_path):
    """No more than max_pending reported files lie in the folder unacknowledged, beside the one being written."""
    runner = child.Child(clips("open_gop.mp4"), tmp_path, ack=False, seconds=1, pending=2)
    try:
        waiting, most = [], 0
        for verb, report in runner.reports():
            if verb != "piece":
                continue
            waiting.append(report)
            most = max(most, len(waiting))
            assert len(list(tmp_path.glob("v0-*.piece"))) <= 3
            if len(waiting) == 2 or report["task"] == "4":
                for done in waiting:
                    (tmp_path / done["file"]).unlink()
                    runner.send("ack")
                waiting = []
        assert runner.process.wait(20) == 0
        assert most == 2
    finally:
        runner.kill()


def test_parent_goes_away(clips, tmp_path):
    """A step whose parent is gone ends by itself."""
    runner = child.Child(clips("open_gop.mp4"), tmp_path, ack=False, seconds=1, pending=1)
    try:
        next(r for r in runner.reports() if r[0] == "piece")
        runner.socket.close()
        assert runner.process.wait(20) == 1
    finally:
        runner.kill()


def test_colour_and_aspect(tmp_path):
    source = tmp_path / "source.mp4"
    ffmpeg(*picture(25, 1), "-vf", "setsar=4/3", *x264("keyint=25"), "-color_primaries", "bt470bg", "-color_trc", "gamma28",
           "-colorspace", "bt470bg", "-color_range", "pc", source)
    (piece,) = pieces_of(child.run(source, tmp_path))
    head = child.header(tmp_path / piece["file"])
    assert head["sar"] == "4/3"
    assert (head["width"], head["height"], head["depth"]) == ("192", "128", "8")
    assert (head["primaries"], head["transfer"], head["matrix"], head["full_range"]) == ("5", "5", "5", "1")


TURNS = {0: [], 90: ["transpose=clock"], 180: ["hflip", "vflip"], 270: ["transpose=cclock"]}


@pytest.mark.parametrize("matrix", [(1, 0, 0, 1), (0, 1, -1, 0), (-1, 0, 0, -1), (0, -1, 1, 0),
                                    (-1, 0, 0, 1), (1, 0, 0, -1), (0, 1, 1, 0), (0, -1, -1, 0)])
def test_rotation(clips, matrix, tmp_path):
    """What the header says brings the picture upright as the command line tool does by itself."""
    source = tmp_path / "turned.mp4"
    data = bytearray(clips("edit_list.mp4").read_bytes())
    place = data.index(b"tkhd") + 4 + 40  # ISO/IEC 14496-12, 8.3.2: version 0
    for value, offset in zip(matrix, (0, 4, 12, 16)):
        data[place + offset : place + offset + 4] = (value * 65536).to_bytes(4, "big", signed=True)
    source.write_bytes(data)
    piece = pieces_of(child.run(source, tmp_path))[0]
    head = child.header(tmp_path / piece["file"])
    filters = TURNS[int(head["rotation"])] + (["hflip"] if head["hflip"] == "1" else [])

    def first_frame(*options):
        command = ["ffmpeg", "-nostdin", "-v", "error", *options, "-frames:v", "1", "-f", "md5", "-"]
        return subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout

    by_header = first_frame("-noautorotate", "-i", source, "-vf", ",".join(["null", *filters]))
    assert by_header == first_frame("-i", source)


def test_probe(clips, tmp_path):
    result = child.run(clips("open_gop.mp4"), tmp_path, kind="probe", seconds=2)
    assert result.status == 0 and result.failure is None
    (source,) = result.of("input")
    assert "mp4" in source["format"] and source["segments"] == "7"
    assert re.search(r"libavcodec \d+\.\d+\.\d+, .*SVT-AV1 v?\d", source["libraries"])
    video, audio = result.of("stream")
    assert (video["type"], video["codec"], video["plan"]) == ("video", "h264", "→ AV1, v0")
    assert "192x128" in video["details"] and "29.97 fps" in video["details"]
    assert (audio["type"], audio["plan"]) == ("audio", "→ AAC, a0")


def refused(source, folder, kind="split"):
    result = child.run(source, folder, kind=kind)
    assert result.status == 1 and result.failure is not None
    return result.failure


@pytest.mark.parametrize("kind", ["split", "probe"])
def test_not_media(tmp_path, kind):
    cases = {
        b"": ("corrupt", "empty"),
        b"Dear diary,\n" * 100: ("corrupt", "no demuxer recognises it"),
        b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nfile:///etc/passwd\n": ("unsupported", "a playlist (HLS) that names other files"),
        b"ffconcat version 1.0\nfile other.mp4\n": ("unsupported", "never followed"),
    }
    for content, (code, text) in cases.items():
        source = tmp_path / "video.mp4"
        source.write_bytes(content)
        failure = refused(source, tmp_path, kind)
        assert failure["code"] == code and text in failure["text"]
        assert failure["retry"] == "0"


def sound_piece(result, folder):
    """The header of the piece of sound, and its length in the presentation."""
    (piece,) = pieces_of(result, task="4")
    head = child.header(folder / piece["file"])
    return piece, head, (int(head["end"]) - int(head["origin"])) * child.fraction(head["origin_tb"])


@pytest.mark.parametrize("name", ["song.m4a", "song.mp3", "song.flac", "song.wav", "song.ogg", "song.opus", "song.aac", "song.mkv"])
def test_sound_alone(name, tmp_path):
    """Without a picture the sound is all there is, sample for sample: cover art is none, priming and padding are not heard."""
    source = tmp_path / name
    ffmpeg(*sound("3.2", 44100 if name != "song.opus" else 48000), "-strict", "-2", source)
    if name in ("song.m4a", "song.mp3"):
        cover, bare = tmp_path / "cover.jpg", tmp_path / f"bare-{name}"
        ffmpeg(*picture(1, 1), "-frames:v", 1, cover)
        source.rename(bare)
        ffmpeg("-i", bare, "-i", cover, "-map", "1", "-map", "0", "-c", "copy", "-disposition:v", "attached_pic", source)
    result = child.run(source, tmp_path, seconds=2)
    assert pieces_of(result) == []
    piece, _, length = sound_piece(result, tmp_path)
    # ADTS and Matroska's AAC say nothing of padding.
    slack = Fraction(3 * 1024, 44100) if name in ("song.aac", "song.mkv") else Fraction(1, 44100)
    assert abs(length - Fraction("3.2")) <= slack, float(length)
    assert int(piece["frames"]) == length * (48000 if name == "song.opus" else 44100) // 1024 + 1
    texts = [w["text"] for w in result.of("warning")]
    assert [("picture" in t and "a still picture" in t) for t in texts] == [True] * (name in ("song.m4a", "song.mp3"))


# What NUT has no tag for, or does not keep all of that their decoders need.
@pytest.mark.parametrize("name, codec", [("a.mov", "alac"), ("a.caf", "alac"), ("a.tta", "tta"), ("a.mkv", "truehd"), ("a.wma", "wmav2"),
                                         ("a.wav", "adpcm_ms"), ("a.mkv", "wavpack"), ("a.mkv", "dca"), ("a.flac", "flac")])
def test_sound_of_any_codec_goes_through_a_piece(name, codec, tmp_path):
    """Split and encoded, it has its length, and no packet of it is damaged."""
    source, encoded = tmp_path / name, tmp_path / "encoded"
    ffmpeg(*sound("3.2"), "-c:a", codec, "-strict", "-2", source)
    result = child.run(source, tmp_path)
    _, _, length = sound_piece(result, tmp_path)
    assert Fraction("3.1") < length < Fraction("4.1")
    encoded.mkdir()
    result = child.run(tmp_path / "a0.piece", encoded, kind="audio", pending=100)
    assert result.failure is None and result.of("warning") == [], result.log
    segments = result.of("segment")
    assert sum(int(s["duration"]) for s in segments) >= length * 48000


@pytest.mark.parametrize("alone", [False, True])
def test_sound_that_cannot_be_decoded(alone, tmp_path):
    """Beside a picture it becomes silence, with a warning; alone it is nothing."""
    source, encoded = tmp_path / "a.mkv", tmp_path / "encoded"
    ffmpeg(*([] if alone else picture(25, 3)), *sound(3), *([] if alone else x264("keyint=25")), "-c:a", "libvorbis", source)
    data = source.read_bytes()
    assert data.count(b"\x05vorbis") == 1
    source.write_bytes(data.replace(b"\x05vorbis", b"\x05morbid"))
    result = child.run(source, tmp_path)
    sound_piece(result, tmp_path)
    encoded.mkdir()
    result = child.run(tmp_path / "a0.piece", encoded, kind="audio", pending=100)
    if alone:
        assert result.failure["code"] == "corrupt" and "none of it can be decoded" in result.failure["text"]
    else:
        (warning,) = result.of("warning")
        assert "the sound became silence" in warning["text"]
        assert sum(int(s["duration"]) for s in result.of("segment")) >= 3 * 48000


def joined_sound(folder, suffix, parts):
    """Seconds of a tone each, as AAC of (rate, channels): two sample descriptions in one MP4, or two headers in one FLV."""
    files = []
    for i, (rate, channels) in enumerate(parts):
        files.append(folder / f"{i}{suffix}")
        ffmpeg("-f", "lavfi", "-i", f"sine=f=440:r={rate}:d=3", "-ac", channels, "-c:a", "aac", "-output_ts_offset", 3 * i, files[i])
    source = folder / f"whole{suffix}"
    source.write_bytes(files[0].read_bytes() + b"".join(f.read_bytes()[13:] for f in files[1:]))  # without FLV's header
    return source


@pytest.mark.parametrize("parts", [[(44100, 2), (48000, 2), (44100, 2)], [(48000, 2), (24000, 1)], [(22050, 1), (44100, 2)]])
def test_another_form_of_aac_in_the_middle(parts, tmp_path):
    """Its decoder is told: the tone goes on at its pitch. (Priming and padding make the parts overlap.)"""
    source, encoded = joined_sound(tmp_path, ".flv", parts), tmp_path / "encoded"
    result = child.run(source, tmp_path)
    assert result.doubts == []
    encoded.mkdir()
    result = child.run(tmp_path / "a0.piece", encoded, kind="audio", pending=100)
    assert result.failure is None and not any("damaged" in w["text"] or "holes" in w["text"] for w in result.of("warning")), result.of("warning")
    whole = b"".join((encoded / n).read_bytes() for n in (result.of("rendition")[0]["init"], *(s["name"] for s in result.of("segment"))))
    done = subprocess.run(["ffmpeg", "-v", "error", "-i", "pipe:0", "-ac", "1", "-ar", "48000", "-f", "s16le", "-"], input=whole,
                          stdout=subprocess.PIPE, check=True)
    samples = struct.unpack(f"<{len(done.stdout) // 2}h", done.stdout)
    for i in range(len(parts)):
        second = samples[(3 * i + 1) * 48000:(3 * i + 2) * 48000]
        assert max(second) > 2000
        assert sum(a < 0 <= b for a, b in zip(second, second[1:])) in (439, 440, 441)


def test_a_form_of_aac_that_cannot_be_kept(tmp_path):
    """Frames of 960 samples have no header of ADTS: they are counted and become silence."""
    source = joined_sound(tmp_path, ".flv", [(44100, 2), (48000, 2)])
    data = source.read_bytes()
    assert data.count(b"\xaf\x00\x11\x90") == 1
    source.write_bytes(data.replace(b"\xaf\x00\x11\x90", b"\xaf\x00\x11\x94"))
    result = child.run(source, tmp_path)
    assert any("packets of sound are of another form of AAC" in text for text in result.doubts)
    assert sound_piece(result, tmp_path)[2] > Fraction("2.9")


def test_descriptions_of_sound_that_take_turns(tmp_path):
    """A small file makes the demuxer hand out megabytes beside each packet: they are not kept."""
    small, source = tmp_path / "small.mp4", tmp_path / "whole.mp4"
    ffmpeg(*sound(3), "-c:a", "aac", small)
    source.write_bytes(mp4_join.with_configs_in_turn(small.read_bytes(), 16 << 20))
    split = child.Child(source, tmp_path, ack=False)
    try:
        for verb, _ in split.reports():
            if verb == "piece":  # it waits for the acknowledgement
                status = Path(f"/proc/{split.process.pid}/status").read_text()
                break
        assert int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) < 640 << 10
    finally:
        split.kill()


LAYOUTS = ["mono", "stereo", "2.1", "3.0", "quad", "4.0", "5.0", "5.1", "5.1(side)", "6.1", "7.1", "7.1(wide)", "octagonal", "3 channels",
           "10 channels", "16 channels"]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_any_layout(layout, tmp_path):
    """Mono, stereo or 5.1 of it, and heard: no channel is lost."""
    source, encoded = tmp_path / "a.wav", tmp_path / "encoded"
    if "channels" in layout:  # in no order that is known
        with wave.open(str(source), "wb") as file:
            file.setparams((int(layout.split()[0]), 2, 48000, 0, "NONE", ""))
            file.writeframes(b"".join(struct.pack("<h", i % 100 * 80) * file.getnchannels() for i in range(48000)))
    else:
        ffmpeg(*sound(1), "-af", f"aformat=channel_layouts={layout}", source)
    child.run(source, tmp_path)
    encoded.mkdir()
    result = child.run(tmp_path / "a0.piece", encoded, kind="audio", pending=100)
    assert result.failure is None and result.of("warning") == [], result.log
    assert result.of("rendition")[0]["channels"] in ("1", "2", "6")
    whole = b"".join((encoded / n).read_bytes() for n in (result.of("rendition")[0]["init"], result.of("segment")[0]["name"]))
    done = subprocess.run(["ffmpeg", "-v", "error", "-i", "pipe:0", "-af", "volumedetect", "-loglevel", "info", "-f", "null", "-"],
                          input=whole, stderr=subprocess.PIPE, check=True)
    loudness = float(done.stderr.decode().split("max_volume: ")[1].split(" ")[0])
    assert -60 < loudness <= 0.1, loudness


@pytest.mark.parametrize("rate", [6000, 8000, 11025, 16000, 37800, 44100, 64000, 96000, 192000])
def test_any_rate(rate, tmp_path):
    source, encoded = tmp_path / "a.wav", tmp_path / "encoded"
    ffmpeg(*sound("2.5", rate), source)
    child.run(source, tmp_path)
    encoded.mkdir()
    result = child.run(tmp_path / "a0.piece", encoded, kind="audio", pending=100)
    assert result.failure is None and result.of("warning") == [], result.log
    (rendition,), segments = result.of("rendition"), result.of("segment")
    scale = int(rendition["timescale"])
    assert scale == (rate if rate in (8000, 11025, 16000, 44100) else 48000)
    ticks = sum(int(s["duration"]) for s in segments) - int(rendition["priming"])
    assert 0 <= ticks - Fraction("2.5") * scale < 1024


def test_nothing_to_play(tmp_path):
    source = tmp_path / "words.mkv"
    words = tmp_path / "words.srt"
    words.write_text("1\n00:00:00,000 --> 00:00:01,000\nHello\n")
    ffmpeg("-i", words, source)
    failure = refused(source, tmp_path)
    assert failure["code"] == "unsupported" and "neither video nor sound" in failure["text"]


def test_what_is_left_out_is_said(clips, tmp_path):
    """A still that comes first is not the picture; of two pictures the default one is used; all that is left out is named."""
    cover, source = tmp_path / "cover.png", tmp_path / "many.mkv"
    ffmpeg(*picture(1, 1, "640x480"), "-frames:v", 1, cover)
    words = tmp_path / "words.srt"
    words.write_text("1\n00:00:00,000 --> 00:00:01,000\nHello\n")
    film = clips("film.mkv")
    ffmpeg("-i", cover, "-i", film, "-i", film, "-i", words, "-map", "0:v", "-map", "2:v", "-map", "1:v", "-map", "1:a", "-map",
           "2:a", "-map", "3", "-c", "copy", "-c:s", "srt", "-disposition:v:0", "0", "-disposition:v:1", "0",
           "-disposition:v:2", "default", "-metadata:s:a:1", "language=fra", "-t", "2", source)
    result = child.run(source, tmp_path)
    assert len(pieces_of(result)) >= 1 and [p["track"] for p in pieces_of(result, task="4")] == ["0", "1"]
    assert [child.header(tmp_path / f"a{i}.piece")["language"] for i in range(2)] == ["und", "fr"]
    (warning,) = [w["text"] for w in result.of("warning")]
    assert warning == ("left out of the file's streams: 0 video, png (one video track is used); "
                       "1 video, h264 (one video track is used)"), warning
    plans = {s["idx"]: s["plan"] for s in child.run(source, tmp_path, kind="probe").of("stream")}
    assert (plans["2"], plans["3"], plans["4"], plans["5"]) == ("→ AV1, v0", "→ AAC, a0", "→ AAC, a1", "→ WebVTT, s0")
    assert "00:00:00.000 --> 00:00:00.977\nHello\n" in (tmp_path / "s0.vtt").read_text()


def test_cut_off(clips, tmp_path):
    """Half a file: what is there is split, and a warning says what is not."""
    whole = tmp_path / "whole.mp4"
    ffmpeg("-i", clips("open_gop.mp4"), "-c", "copy", "-movflags", "faststart", whole)
    half = tmp_path / "half.mp4"
    half.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    result = child.run(half, tmp_path)
    assert len(pieces_of(result)) >= 2
    assert any("cut off" in w["text"] for w in result.of("warning"))
    headless = tmp_path / "headless.mp4"
    headless.write_bytes(whole.read_bytes()[:2000])
    assert refused(headless, tmp_path)["code"] in ("corrupt", "unsupported")


@pytest.mark.parametrize("clip", CLIPS, ids=lambda c: c.name)
def test_real_clips(clip, tmp_path):
    result = child.run(clip, tmp_path, seconds=2)
    if not child.source_frames(clip):
        assert sound_piece(result, tmp_path)[2] > 1
    else:
        check_pieces(clip, result, tmp_path, 2)


@pytest.mark.parametrize("clip", BAD_CLIPS, ids=lambda c: c.name)
def test_bad_clips(clip, tmp_path):
    for kind in ("probe", "split"):
        folder = tmp_path / kind
        folder.mkdir()
        result = child.run(clip, folder, kind=kind)
        assert result.reports[-1][0] == ("done" if result.status == 0 else "failed"), result.log
        assert result.failure is None or len(result.failure["text"]) > 10


def test_an_encode_with_other_libraries_than_asked_for_is_refused(clips, tmp_path):
    result = child.run(clips("open_gop.mp4"), tmp_path, kind="encode", crf=40, preset=13, encoders=7)
    assert result.failure["code"] == "unavailable" and result.failure["retry"] == "1"
    assert "SVT-AV1" in result.failure["text"]
