"""Sources: every container, codec and property of docs/SOURCES.md. What is decoded from the pieces is what the ffmpeg command line
tool decodes from the source, picture by picture; where that guesses times, they are said here.
"""

from fractions import Fraction
import itertools
import random
import struct
import subprocess

import pytest

import child
import field_pictures
import mp4_join
from test_split import check_pieces, ffmpeg, picture, pieces_of, sound, x264


def make_aged(path, *codec):
    """AVI has no presentation times, and its B-frames come early."""
    ffmpeg(*picture(25, 7), *sound(7), *codec, "-c:a", "mp2", path)


def make_h264_avi(path):
    make_aged(path, *x264("keyint=50", "bframes=3", "b-pyramid=normal"))


def make_packed_avi(path):
    make_aged(path, "-c:v", "libxvid", "-bf", "2", "-g", "50", "-b:v", "400k")


def make_new_parameters(path):
    """Behind 12 s the H.264 parameter sets are others, and the container says so."""
    first, second = path.with_suffix(".a.flv"), path.with_suffix(".b.flv")
    ffmpeg(*picture(25, 12), *sound(12), *x264("keyint=50", "bframes=2"), "-c:a", "aac", first)
    ffmpeg(*picture(25, 5), *sound(5), *x264("keyint=50", "bframes=2", "ref=5", "no-8x8dct=1"), "-c:a", "aac",
           "-output_ts_offset", 12.08, second)
    path.write_bytes(first.read_bytes() + second.read_bytes()[13:])  # without the second header (Adobe FLV 10.1, E.2)


def make_one_key(path):
    ffmpeg(*picture(2, 320, "64x64"), *x264("keyint=9999", "scenecut=0", "bframes=2"), path)


MPEG2 = ["-c:v", "mpeg2video", "-bf", 2, "-g", 12]
VPX = ["-deadline", "realtime", "-cpu-used", 8, "-b:v", "300k", "-g", 20]
X265 = ["-c:v", "libx265", "-preset", "ultrafast", "-x265-params",
        "log-level=none:pools=1:frame-threads=1:keyint=20:min-keyint=20:bframes=3:"]
DAMAGED = {
    "h264": x264("keyint=20", "bframes=2"),
    "hevc": [*X265[:-1], X265[-1].rstrip(":")],
    "vp8": ["-c:v", "libvpx", *VPX],
    "vp9": ["-c:v", "libvpx-vp9", *VPX],
    "av1": ["-c:v", "libsvtav1", "-preset", 12, "-crf", 40, "-g", 20],
}
OPEN, CLOSED = x264("keyint=20", "bframes=3", "open-gop=1"), x264("keyint=20", "bframes=2")


def clip(*codec, rate=25, seconds=3, size="128x96", audio=()):
    """The arguments that make a clip: a moving picture, and sound where `audio` says how."""
    return [*picture(rate, seconds, size), *(sound(seconds) if audio else ()), *codec, *(("-c:a", *audio) if audio else ())]


# Copied as they are, and exact.
COPIED = {
    "flv_h264_aac.flv": clip(*CLOSED, audio=["aac"]),
    "flv_sorenson.flv": clip("-c:v", "flv1", "-g", 10),
    "asf_wmv2.wmv": clip("-c:v", "wmv2", "-g", 10, audio=["wmav2"]),
    "asf_h264.asf": clip("-c:v", "mpeg4", "-g", 20),
    "ogg_theora_vorbis.ogv": clip("-c:v", "libtheora", "-g", 16, audio=["libvorbis"]),
    "ogg_vp8.ogg": clip("-c:v", "libvpx", *VPX),
    "mxf_mpeg2_pcm.mxf": clip(*MPEG2, audio=["pcm_s16le"]),
    "mxf_dnxhd.mxf": clip("-c:v", "dnxhd", "-b:v", "36M", "-pix_fmt", "yuv422p", seconds=1, size="1920x1080"),
    "mov_dnxhr_10bit.mov": clip("-c:v", "dnxhd", "-profile:v", "dnxhr_hqx", "-pix_fmt", "yuv422p10le", seconds=1, size="256x144"),
    "mov_prores_444.mov": clip("-c:v", "prores_ks", "-profile:v", 4, "-pix_fmt", "yuv444p10le"),
    "mov_mjpeg_full_range.mov": clip("-c:v", "mjpeg", "-pix_fmt", "yuvj422p", "-q:v", 4),
    "avi_mjpeg_pcm.avi": clip("-c:v", "mjpeg", "-pix_fmt", "yuvj420p", "-q:v", 4, audio=["pcm_s16le"]),
    "avi_dv.avi": clip("-c:v", "dvvideo", "-pix_fmt", "yuv420p", seconds=1, size="720x576"),
    "avi_h264_no_b.avi": clip(*x264("keyint=20", "bframes=0")),
    "avi_asp_b.avi": clip("-c:v", "mpeg4", "-bf", 2, "-g", 20, audio=["mp2"]),
    "mp4_asp_b.mp4": clip("-c:v", "mpeg4", "-bf", 2, "-g", 20),
    "dv.dv": clip("-c:v", "dvvideo", "-pix_fmt", "yuv420p", seconds=1, size="720x576"),
    "ivf_vp8.ivf": clip("-c:v", "libvpx", *VPX),
    "ps_mpeg1.mpg": clip("-c:v", "mpeg1video", "-bf", 2, "-g", 12, audio=["mp2"]),
    "ps_mpeg2_interlaced.vob": clip(*MPEG2, "-flags", "+ilme+ildct", "-alternate_scan", 1, "-top", 1, "-f", "vob", audio=["ac3"]),
    "ts_mpeg2_open_gop.ts": clip(*MPEG2, audio=["mp2"]),
    "ts_mpeg2_closed_gop.ts": clip(*MPEG2, "-flags", "+cgop", "-sc_threshold", 10 ** 9, audio=["mp2"]),
    "ts_h264_mbaff.ts": clip(*x264("keyint=20", "interlaced=1", "bframes=2"), audio=["aac"]),
    "ts_h264_open_gop_late.ts": clip(*OPEN, "-output_ts_offset", 40000, audio=["aac"]),
    "ts_h264_wrap.ts": clip(*CLOSED, "-output_ts_offset", Fraction(2 ** 33, 90000).__float__() - 2.5, audio=["aac"]),
    "ts_h264_gradual.ts": clip(*x264("intra-refresh=1", "keyint=15", "bframes=0")),
    "ts_hevc_open_gop.ts": clip(*X265[:-1], X265[-1] + "open-gop=1"),
    "mp4_hevc_leading.mp4": clip(*X265[:-1], X265[-1] + "open-gop=0:radl=2"),
    "mkv_mpeg2.mkv": clip(*MPEG2),
    "mkv_vp9_hidden.mkv": clip("-c:v", "libvpx-vp9", *VPX, "-auto-alt-ref", 1, "-lag-in-frames", 10),
    "mkv_ffv1_16bit.mkv": clip("-c:v", "ffv1", "-level", 3, "-g", 10, "-pix_fmt", "yuv420p16le"),
    "one_frame.mp4": clip(*CLOSED, seconds=0.04),
    "one_frame.ts": clip(*MPEG2, seconds=0.04),
    "size_1x1.mov": clip("-vf", "scale=1:1", "-c:v", "png"),
    "size_2x2.mp4": clip(*CLOSED, size="2x2"),
    "size_17x33.mkv": clip("-c:v", "libvpx-vp9", *VPX, size="17x33"),
    "size_64x64.mp4": clip(*CLOSED, size="64x64"),
}


@pytest.mark.parametrize("name", COPIED)
def test_copied(name, tmp_path):
    source = tmp_path / name
    ffmpeg(*COPIED[name], source)
    folder = tmp_path / "pieces"
    folder.mkdir()
    result = child.run(source, folder, seconds=1)
    pieces = check_pieces(source, result, folder, 1)
    assert codec_of(folder / pieces[0]["file"]) != "ffv1" or "ffv1" in name
    assert result.doubts == []


# What capture programs write of their rates (dwScale and dwRate), rounded to units of 100 ns or to microseconds.
@pytest.mark.parametrize("scale, rate, codec", [
    (333667, 10 ** 7, ["-c:v", "mjpeg", "-pix_fmt", "yuvj420p"]), (33333, 10 ** 6, x264("keyint=20", "bframes=2")),
])
def test_odd_time_bases(scale, rate, codec, tmp_path):
    source = tmp_path / "odd.avi"
    ffmpeg(*clip(*codec, rate=30), source)
    avi = bytearray(source.read_bytes())
    struct.pack_into("<II", avi, avi.index(b"strh") + 28, scale, rate)  # AVISTREAMHEADER of AVI's RIFF reference
    source.write_bytes(avi)
    pieces = check_pieces(source, child.run(source, tmp_path, seconds=1), tmp_path, 1)
    assert (codec_of(tmp_path / pieces[0]["file"]) == "ffv1") == ("libx264" in codec)
    result = child.run(tmp_path / pieces[1]["file"], tmp_path, "encode", seconds=1, preset=13, crf=50)
    assert result.failure is None and len(result.of("segment")) == 1, result.failure


# Fields that are pictures of their own: one packet for both, or, from an elementary stream of H.264, one for each.
FIELD_PICTURES = {
    "paff.mkv": ("copied", lambda: field_pictures.matroska(field_pictures.pictures(8))),
    "paff.ts": ("decoded", lambda: field_pictures.annexb(nal for _, _, nals in field_pictures.pictures(8, bframes=False) for nal in nals)),
    "mpeg2.ts": ("copied", lambda: field_pictures.mpeg2(8)),
}


@pytest.mark.parametrize("name", FIELD_PICTURES)
def test_field_pictures(name, tmp_path):
    source, (how, make) = tmp_path / name, FIELD_PICTURES[name]
    if source.suffix == ".mkv":
        source.write_bytes(make())
    else:
        bare = tmp_path / "bare"
        bare.write_bytes(make())
        reading = ["-f", "mpegvideo"] if name.startswith("mpeg2") else ["-f", "h264", "-r", 50]
        ffmpeg("-fflags", "+genpts", *reading, "-i", bare, "-c", "copy", source)
    result = child.run(source, tmp_path, seconds=1)
    pieces = check_pieces(source, result, tmp_path, 1)
    assert (codec_of(tmp_path / pieces[0]["file"]) == "ffv1") == (how == "decoded")
    assert sum(int(p["frames"]) for p in pieces) == 48
    assert child.header(tmp_path / pieces[0]["file"])["fields"] == "1"


# Elementary streams, and AVI where B-frames are held back for more than one picture, say nothing of times: the frame rate gives
# them. Pictures are decoded and kept as they are, whatever their size and format.
UNTIMED = {
    "es.m2v": MPEG2,
    "es.h264": CLOSED,
    "tiny.avi": [*CLOSED, "-vf", "scale=2:2"],
    "odd.avi": [*x264("keyint=20", "bframes=2"), "-pix_fmt", "yuv444p", "-vf", "scale=17:33"],
    "ten_bit_422.avi": [*x264("keyint=20", "bframes=2"), "-pix_fmt", "yuv422p10le"],
    "es.hevc": X265,
    "es.m4v": ["-c:v", "mpeg4", "-bf", 2, "-f", "m4v"],
}


@pytest.mark.parametrize("name", UNTIMED)
def test_untimed(name, tmp_path):
    source = tmp_path / name
    ffmpeg(*clip(*UNTIMED[name]), source)
    folder = tmp_path / "pieces"
    folder.mkdir()
    result = child.run(source, folder, seconds=1)
    times, digests = zip(*(frame for p in pieces_of(result) for frame in child.window_frames(folder / p["file"])))
    assert list(digests) == [digest for _, digest in child.source_frames(source)]
    assert list(times) == [Fraction(i, 25) for i in range(75)]


@pytest.fixture(scope="session")
def clips(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clips")

    def made(name):
        path = folder / name
        if not path.exists():
            DECODED[name][0](path)
        return path

    return made


# Cannot be copied: decoded in the split. Whether from the start on, a word of the reason, and seconds in a segment.
DECODED = {
    "h264.avi": (make_h264_avi, True, "when each picture is shown", 2),
    "packed.avi": (make_packed_avi, True, "DivX", 2),
    "new_parameters.flv": (make_new_parameters, False, "parameters change", 2),
    "one_key.mp4": (make_one_key, True, "keyframes", 20),
}

def codec_of(piece):
    with open(piece, "rb") as file:
        file.seek(child.HEADER_BYTES)
        probe = ["ffprobe", "-v", "error", "-show_entries", "stream=codec_name", "-of", "csv=p=0", "-f", "nut", "pipe:0"]
        return subprocess.run(probe, stdin=file, stdout=subprocess.PIPE, check=True).stdout.decode().strip()


@pytest.mark.parametrize("name", DECODED)
def test_lossless(clips, name, tmp_path):
    """What cannot be copied is decoded, and still exact; pieces that were reported before that shows stay."""
    source = clips(name)
    _, from_start, reason, seconds = DECODED[name]
    result = child.run(source, tmp_path, seconds=seconds)
    pieces = check_pieces(source, result, tmp_path, seconds)
    codecs = [codec_of(tmp_path / p["file"]) for p in pieces]
    assert codecs == sorted(codecs, reverse=True) and codecs[-1] == "ffv1"
    assert (codecs[0] == "ffv1") == from_start
    assert all(p["n"] == "1" for p, codec in zip(pieces, codecs) if codec == "ffv1")
    (warning,) = [w["text"] for w in result.of("warning") if "without loss" in w["text"]]
    assert reason in warning


def test_lossless_twice_is_the_same(clips, tmp_path):
    """A second attempt goes over at the same place: the same pieces, byte by byte, resumed or not."""
    source = clips("new_parameters.flv")
    folders = [tmp_path / str(i) for i in range(3)]
    for folder in folders:
        folder.mkdir()
    first = pieces_of(child.run(source, folders[0], seconds=2))
    assert pieces_of(child.run(source, folders[1], seconds=2)) == first
    resume = int(first[-2]["idx"])
    assert pieces_of(child.run(source, folders[2], seconds=2, resume=resume)) == first[-2:]
    for folder in folders[1:]:
        for path in folder.glob("*.piece"):
            assert path.read_bytes() == (folders[0] / path.name).read_bytes()


def joined(folder, suffix, first, second, *codec):
    """Two recordings put together: their clocks begin at these seconds. The whole, and the number of frames in each."""
    parts = []
    for i, start in enumerate((first, second)):
        parts.append(folder / f"{i}{suffix}")
        ffmpeg(*picture(25, 5), *sound(5), *codec, "-output_ts_offset", start, parts[i])
    whole = folder / f"whole{suffix}"
    whole.write_bytes(b"".join(p.read_bytes() for p in parts))
    return whole, 125


@pytest.mark.parametrize("suffix, codec", [
    (".ts", [*x264("keyint=50", "bframes=2"), "-c:a", "aac", "-muxdelay", 0]),
    (".mpg", ["-c:v", "mpeg2video", "-bf", 2, "-g", 12, "-c:a", "mp2"]),
])
@pytest.mark.parametrize("first, second", [(100, 7000), (7000, 100), (100, 102)])
def test_joined_recordings(suffix, codec, first, second, tmp_path):
    """The clock jumps forward by hours, back by hours, or back by seconds: every frame follows the one before."""
    source, n = joined(tmp_path, suffix, first, second, *codec)
    result = child.run(source, tmp_path, seconds=2)
    times, digests = zip(*(frame for piece in pieces_of(result) for frame in child.window_frames(tmp_path / piece["file"])))
    assert list(digests) == [digest for _, digest in child.source_frames(source)]
    assert list(times) == [Fraction(i, 25) for i in range(2 * n)]
    assert any("jumps of the file's clock" in w["text"] for w in result.of("warning"))
    # The sound goes along.
    head = child.header(tmp_path / "a0.piece")
    length = (int(head["end"]) - int(head["origin"])) * child.fraction(head["origin_tb"])
    assert abs(length - 2 * n // 25) < Fraction(1, 4)


def of_pids(path, seconds, begin, pid, *codec, rate=25, service=1):
    ffmpeg(*clip(*codec, seconds=seconds, rate=rate, audio=["aac"]), "-streamid", f"0:{pid}", "-streamid", f"1:{pid + 1}",
           "-mpegts_service_id", service, "-muxdelay", 0, "-output_ts_offset", begin, path)
    return path.read_bytes()


def test_pids_that_change(tmp_path):
    """The picture and the sound go on in other PIDs, as where recorders or encoders are changed: both go on here too. (Whether the
    last pictures in a PID are whole is not known until the next ones come in it.)"""
    codec = x264("keyint=20", "bframes=0")
    first, second, source = (tmp_path / f"{name}.ts" for name in ("first", "second", "whole"))
    source.write_bytes(of_pids(first, 3, 10, 256, *codec) + of_pids(second, 3, 13, 512, *codec))
    result = child.run(source, tmp_path, seconds=2)
    frames = [frame for p in pieces_of(result) for frame in child.window_frames(tmp_path / p["file"])]
    digests = [digest for _, digest in child.source_frames(first)[:-2] + child.source_frames(second)]
    assert [digest for _, digest in frames] == digests
    assert abs(frames[-1][0] - Fraction(149, 25)) <= Fraction(1, 25)
    assert result.doubts == ["2 frames or so are missing between the others: the ones before them are shown longer"]
    head = child.header(tmp_path / "a0.piece")
    length = (int(head["end"]) - int(head["origin"])) * child.fraction(head["origin_tb"])
    assert abs(length - 6) < Fraction(1, 4)


def crossings(piece, second):
    """How often the sound of a piece goes up through zero in that second: the pitch of a tone."""
    done = subprocess.run(["ffmpeg", "-v", "quiet", "-ss", str(second), "-t", "1", "-f", "nut", "-i", "pipe:0", "-ac", "1", "-f", "s16le", "-"],
                          input=piece.read_bytes()[child.HEADER_BYTES:], stdout=subprocess.PIPE, check=True)
    samples = struct.unpack(f"<{len(done.stdout) // 2}h", done.stdout)
    return sum(a < 0 <= b for a, b in zip(samples, samples[1:]))


def test_pids_of_several_sounds_that_change(tmp_path):
    """Each goes on in the one of its language, in whatever order the newer table has them."""
    source, tones = tmp_path / "whole.ts", {"eng": 440, "fra": 880}
    with open(source, "wb") as whole:
        for i, order in enumerate((["eng", "fra"], ["fra", "eng"])):
            part = tmp_path / f"{i}.ts"
            pids = 256 + 256 * i
            ffmpeg(*picture(25, 3, "128x96"), *(a for l in order for a in ("-f", "lavfi", "-i", f"sine=f={tones[l]}:d=3")),
                   *("-map", 0, "-map", 1, "-map", 2), *CLOSED, "-c:a", "mp2", "-metadata:s:a:0", f"language={order[0]}", "-metadata:s:a:1",
                   f"language={order[1]}", "-streamid", f"0:{pids}", "-streamid", f"1:{pids + 1}", "-streamid", f"2:{pids + 2}",
                   "-muxdelay", 0, "-output_ts_offset", 10 + 3 * i, part)
            whole.write(part.read_bytes())
    child.run(source, tmp_path, seconds=2)
    for track, language in enumerate(("eng", "fra")):
        piece = tmp_path / f"a{track}.piece"
        assert child.header(piece)["language"].startswith(language[:2])
        assert [abs(crossings(piece, second) - tones[language]) <= 2 for second in (1, 4)] == [True, True]


def test_another_codec_in_the_end(tmp_path):
    """What the picture's PID gives way to cannot follow in the same track: it is said that it is left out."""
    source = tmp_path / "whole.ts"
    source.write_bytes(of_pids(tmp_path / "first.ts", 3, 10, 256, *CLOSED) + of_pids(tmp_path / "second.ts", 3, 13, 512, *MPEG2))
    result = child.run(source, tmp_path, seconds=2)
    frames = [frame for p in pieces_of(result) for frame in child.window_frames(tmp_path / p["file"])]
    assert [digest for _, digest in frames] == [digest for _, digest in child.source_frames(tmp_path / "first.ts")]
    assert len(frames) == 75
    assert any(w["text"].endswith("pictures follow in another track, of another codec, program or kind, where the chosen one has none: left out")
               for w in result.of("warning"))


def test_hole_in_the_picture_is_no_jump(tmp_path):
    """In a transport stream too: while the sound goes on, a picture that is away for long is shown until the next one. Nobody knows whether
    there was more."""
    source = tmp_path / "away.ts"
    ffmpeg(*picture(25, 30), *sound(30), "-vf", "select='not(between(t,5,24.99))'", "-fps_mode", "passthrough",
           *x264("keyint=50", "bframes=0"), "-c:a", "aac", source)
    result = child.run(source, tmp_path, seconds=2)
    check_pieces(source, result, tmp_path, 2)
    assert result.doubts == ["500 frames or so are missing between the others: the ones before them are shown longer"]


def test_size_changes(tmp_path):
    """Pictures of two sizes in one transport stream: copied as they are, and told."""
    parts = []
    for i, size in enumerate(("192x128", "256x96")):
        parts.append(tmp_path / f"{i}.ts")
        ffmpeg(*picture(25, 3, size), *x264("keyint=50", "bframes=2"), "-output_ts_offset", 10 + 3 * i, parts[i])
    source = tmp_path / "whole.ts"
    source.write_bytes(b"".join(p.read_bytes() for p in parts))
    result = child.run(source, tmp_path, seconds=2)
    pieces = pieces_of(result)
    assert {(child.header(tmp_path / p["file"])["width"]) for p in pieces} == {"192"}
    times = [time for p in pieces for time, _ in child.window_frames(tmp_path / p["file"])]
    assert times == [Fraction(i, 25) for i in range(150)]
    assert any("192x128" in w["text"] for w in result.of("warning"))


def test_damage_in_the_middle(tmp_path):
    """A transport stream with packets lost: damaged pictures are concealed, and what the command line tool shows is shown."""
    whole, source = tmp_path / "whole.ts", tmp_path / "lossy.ts"
    ffmpeg(*clip(*CLOSED, seconds=6, audio=["aac"]), whole)
    packets = [whole.read_bytes()[i:i + 188] for i in range(0, whole.stat().st_size, 188)]
    lost = range(len(packets) // 3, len(packets) // 3 + 12)
    source.write_bytes(b"".join(p for i, p in enumerate(packets) if i not in lost))
    result = child.run(source, tmp_path, seconds=2)
    times = [time for p in pieces_of(result) for time, _ in child.window_frames(tmp_path / p["file"])]
    want = [time for time, _ in child.source_frames(source)]
    assert times == [time - want[0] for time in want]
    assert any("damaged" in w["text"] for w in result.of("warning"))


@pytest.mark.parametrize("name, codec", [
    ("zeros.mkv", [*CLOSED, "-c:a", "aac"]), ("zeros.mpg", [*MPEG2, "-c:a", "mp2"]), ("zeros.ogv", ["-c:v", "libtheora", "-g", 16, "-c:a", "libvorbis"]),
])
def test_damage_that_demuxers_pass_over(name, codec, tmp_path):
    """They look for the next thing that they can read, in silence: frames are gone, and how many is said."""
    source = tmp_path / name
    ffmpeg(*picture(25, 6, "128x96"), *sound(6), *codec, source)
    spoilt = bytearray(source.read_bytes())
    spoilt[len(spoilt) // 3:len(spoilt) // 2] = bytes(len(spoilt) // 2 - len(spoilt) // 3)
    source.write_bytes(spoilt)
    result = child.run(source, tmp_path, seconds=2)
    times = [time for p in pieces_of(result) for time, _ in child.window_frames(tmp_path / p["file"])]
    want = [time for time, _ in child.source_frames(source)]
    assert times == [time - want[0] for time in want] and len(times) < 150
    (said,) = [w["text"] for w in result.of("warning") if "frames or so are missing" in w["text"]]
    assert abs(int(said.split()[0]) + len(times) - 150) <= 1
    assert name == "zeros.mpg" or any("errors in the structure of the file" in w["text"] for w in result.of("warning"))


def test_cut_off_in_front_of_the_sound(tmp_path):
    """The sound of a fragment lies behind all of its picture, and is gone: the picture goes on as far as it is there."""
    source = tmp_path / "cut.mp4"
    ffmpeg(*clip(*CLOSED, seconds=6, audio=["aac"]), "-movflags", "empty_moov", "-frag_duration", 10 ** 8, source)
    whole = source.read_bytes()
    source.write_bytes(whole[:len(whole) // 2])
    result = child.run(source, tmp_path, seconds=2)
    frames = [frame for p in pieces_of(result) for frame in child.window_frames(tmp_path / p["file"])]
    want = child.source_frames(source)
    assert len(want) > 50 and [md5 for _, md5 in frames] == [md5 for _, md5 in want]
    said = [w["text"] for w in result.of("warning")]
    for word in ("frames that the file promises", "packets of sound that the file promises"):
        assert any(word in text for text in said), said


# What becomes of entries of the table that says how much later than it is decoded each picture is shown (ISO/IEC 14496-12, 8.6.1.3).
DAMAGED_TIMES = {
    "later": {60: 1000000, 61: 1000000, 62: 1000000},
    "first": {0: 5000000},
    "earlier": {60: 2 ** 32 - 20000},
    "here_and_there": {i: random.Random(i).randrange(1 << 20) for i in range(20, 180, 9)},
}


def with_times(mp4, damaged):
    """An MP4 of which each picture has an entry in that table, with others there."""
    spoilt = bytearray(mp4)
    for i, ticks in damaged.items():
        at = mp4.index(b"ctts") + 12 + 8 * i + 4
        spoilt[at:at + 4] = ticks.to_bytes(4, "big")
    return spoilt


@pytest.mark.parametrize("name", DAMAGED_TIMES)
def test_damaged_times(name, tmp_path):
    """Each picture is there, in its place; those whose times cannot be have some between their neighbours'."""
    whole, source = tmp_path / "whole.mp4", tmp_path / "spoilt.mp4"
    ffmpeg(*clip(*x264("keyint=50", "bframes=3", "b-pyramid=normal"), seconds=8), whole)
    source.write_bytes(with_times(whole.read_bytes(), DAMAGED_TIMES[name]))
    result = child.run(source, tmp_path, seconds=2)
    frames = [frame for p in pieces_of(result) for frame in child.window_frames(tmp_path / p["file"])]
    assert [digest for _, digest in frames] == [digest for _, digest in child.source_frames(whole)]
    assert max(abs(time - Fraction(i, 25)) for i, (time, _) in enumerate(frames)) < Fraction(1, 25)
    said = " ".join(w["text"] for w in result.of("warning"))
    assert "out of their order" in said and f"{len(DAMAGED_TIMES[name])} pictures have times that cannot be" in said


def without_pictures(mp4, first):
    """An MP4 of one track in which nothing is left of the pictures from that one on, in order of decoding, but where they lie."""
    spoilt, at = bytearray(mp4), mp4.index(b"mdat") + 4
    for i, (size,) in enumerate(struct.iter_unpack(">I", mp4_join.body(bytes(mp4), *mp4_join.TABLES, b"stsz")[12:])):
        if i >= first:
            spoilt[at + 5:at + size] = bytes(size - 5)  # behind the length of a NAL unit and its kind
        at += size
    return spoilt


# Behind what the split looks at before it begins.
LATE_DOUBT = {350: DAMAGED_TIMES["earlier"][60]}


@pytest.mark.parametrize("start, code, words", [
    (0, "corrupt", "the video cannot be decoded from 12 s on"), (20, "invalid", "no picture begins at or after 20 s"),
])
def test_nothing_can_be_decoded_behind_a_switch(start, code, words, tmp_path):
    """Where pieces were reported, and where the part has not begun: it is said, and no use to try again."""
    whole, source = tmp_path / "whole.mp4", tmp_path / "spoilt.mp4"
    ffmpeg(*clip(*x264("keyint=50", "bframes=3", "b-pyramid=normal"), seconds=24, size="64x48"), whole)
    source.write_bytes(with_times(without_pictures(whole.read_bytes(), 300), LATE_DOUBT))
    result = child.run(source, tmp_path, seconds=2, start_us=start * 10 ** 6)
    assert any("without loss" in w["text"] for w in result.of("warning")), "it did switch"
    assert len(result.of("piece")) == (0 if start else 6)
    assert (result.failure["code"], result.failure["retry"]) == (code, "0") and words in result.failure["text"]


def test_doubts_behind_a_part(tmp_path):
    """Its pictures are all there, and its sound is waited for: what cannot be copied then is nobody's business."""
    whole, source = tmp_path / "whole.mp4", tmp_path / "spoilt.mp4"
    ffmpeg(*picture(25, 16, "64x48"), *sound(5), *x264("keyint=50", "bframes=3", "b-pyramid=normal"), "-c:a", "aac", whole)
    source.write_bytes(with_times(whole.read_bytes(), LATE_DOUBT))
    result = child.run(source, tmp_path, seconds=2, end_us=11 * 10 ** 6)
    assert sum(int(p["frames"]) for p in pieces_of(result)) == 275
    (extent,) = result.of("extent")
    assert int(extent["end_us"]) == 11 * 10 ** 6
    assert result.doubts == []


@pytest.mark.parametrize("gone", [b"vide", b"soun"])
def test_an_input_that_changes_before_it_is_opened_again(gone, tmp_path):
    """Somebody writes it anew, and it is without a track."""
    whole, source = tmp_path / "whole.mp4", tmp_path / "spoilt.mp4"
    ffmpeg(*picture(25, 16, "64x48"), *sound(16), *x264("keyint=50", "bframes=3", "b-pyramid=normal"), "-c:a", "aac", whole)
    source.write_bytes(with_times(whole.read_bytes(), LATE_DOUBT))
    step = child.Child(source, tmp_path, ack=False, pending=1)
    try:
        assert any(verb == "piece" for verb, _ in step.reports())
        mp4 = source.read_bytes()
        with open(source, "r+b") as file:
            file.seek(mp4.rindex(b"trak", 0, mp4.index(b"hdlr" + bytes(8) + gone)))
            file.write(b"free")
        step.ack = True
        step.send("ack")
        result = step.finish()
    finally:
        step.kill()
    assert result.failure is not None, result.status
    assert "not what it was" in result.failure["text"]


def test_times_that_were_exchanged(tmp_path):
    """Each has a time that could be, and no other has it; but the pictures themselves say that they are shown the other way round."""
    whole, source = tmp_path / "whole.mp4", tmp_path / "spoilt.mp4"
    ffmpeg(*clip(*x264("keyint=50", "bframes=3", "b-pyramid=normal"), seconds=4), whole)
    mp4 = bytearray(whole.read_bytes())
    entries, frame, n = mp4.index(b"ctts") + 12, 512, 0
    for at in range(entries + 8 * 20, entries + 8 * 60, 16):
        counts_and_ticks = [int.from_bytes(mp4[at + i:at + i + 4], "big") for i in (0, 4, 8, 12)]
        if counts_and_ticks[::2] == [1, 1] and counts_and_ticks[1] >= frame:
            _, first, _, second = counts_and_ticks
            mp4[at + 4:at + 8], mp4[at + 12:at + 16] = ((ticks).to_bytes(4, "big") for ticks in (second + frame, first - frame))
            n += 1
    assert n > 8
    source.write_bytes(mp4)
    result = child.run(source, tmp_path, seconds=2)
    frames = [md5 for p in pieces_of(result) for _, md5 in child.window_frames(tmp_path / p["file"])]
    assert frames == [md5 for _, md5 in child.source_frames(whole)]
    assert any("out of their order" in text for text in result.doubts)


@pytest.mark.parametrize("hours", [40, 10])
def test_a_hole_that_is_too_long(hours, tmp_path):
    """One picture cannot be shown for so long: what follows comes at once."""
    whole, source = tmp_path / "whole.mkv", tmp_path / "hole.mkv"
    ffmpeg(*clip(*x264("keyint=25", "bframes=0")), whole)
    ffmpeg("-i", whole, "-c", "copy", "-bsf:v", f"setts=ts=TS+{hours * 3600 * 1000}*gte(N\\,50)", source)
    result = child.run(source, tmp_path, seconds=2)
    times = [time for p in pieces_of(result) for time, _ in child.window_frames(tmp_path / p["file"])]
    assert times == [Fraction(i, 25) for i in range(75)]
    assert any("1 jumps of the file's clock" in text for text in result.doubts)


def test_a_last_picture_that_is_held_too_long(tmp_path):
    """The sound comes back after five hours: with a picture for each field, MP4 can say half as much of how long a picture is shown."""
    whole, source = tmp_path / "whole.mkv", tmp_path / "late.mkv"
    ffmpeg(*picture(25, 1, "64x64"), *sound(16, 8000), *x264("keyint=25", "bframes=0", "interlaced=1"), "-c:a", "pcm_u8", whole)
    ffmpeg("-i", whole, "-c", "copy", "-bsf:a", f"setts=ts=TS+{5 * 3600 * 1000}*gte(N\\,8)", source)
    result = child.run(source, tmp_path, seconds=2, picture="deinterlace%3Dfields")
    (piece,) = pieces_of(result)
    head = child.header(tmp_path / piece["file"])
    shown = (int(head["next"]) - int(head["in"])) * child.fraction(head["tb"]) - Fraction(24, 25)
    assert 0.9 < shown * int(head["timescale"]) / 2 ** 31 < 1
    assert any("longer than its last frame can be shown" in text for text in result.doubts)


@pytest.mark.parametrize("interlaced", [0, 1])
def test_a_picture_that_stands_still(interlaced, tmp_path):
    """Six minutes without a frame, in a run that has just begun: it costs an encoder nothing, and nothing is decoded for it."""
    whole, source = tmp_path / "whole.mkv", tmp_path / "still.mkv"
    ffmpeg(*clip(*x264("keyint=9999", "scenecut=0", "bframes=0", f"interlaced={interlaced}"), size="64x64"), whole)
    ffmpeg("-i", whole, "-c", "copy", "-bsf:v", "setts=ts=TS+360000*gte(N\\,2)", source)
    result = child.run(source, tmp_path, seconds=2)
    (piece,) = check_pieces(source, result, tmp_path, 2)
    assert codec_of(tmp_path / piece["file"]) == "h264" and result.doubts == []


def test_a_timelapse_of_fields_that_is_decoded(tmp_path):
    """A frame in two minutes, and each piece holds two that others hold too, so its runs are long: they are decoded once."""
    source = tmp_path / "lapse.mov"
    ffmpeg(*picture("1/120", 1440, "64x64"), "-vf", "setfield=tff", "-c:v", "qtrle", "-pix_fmt", "gray", source)
    runner = child.Child(source, tmp_path, seconds=60)
    try:
        reports = list(itertools.islice(runner.reports(), 20))
    finally:
        runner.kill()
    assert reports[-1][0] == "done", reports
    assert sum(int(report["frames"]) for verb, report in reports if verb == "piece") == 12
    assert [report["text"] for verb, report in reports if verb == "warning" and "without loss" in report["text"]][1:] == []


def test_a_damaged_duration(tmp_path):
    """A table of MP4 says of one picture that it is shown for 46 hours, which moves all that follow out of the edit list."""
    whole, source = tmp_path / "whole.mp4", tmp_path / "spoilt.mp4"
    ffmpeg(*clip(*x264("keyint=250", "bframes=0")), whole)
    mp4 = whole.read_bytes()
    at = mp4.index(b"stts") + 4
    assert mp4[at:at + 8] == bytes([0, 0, 0, 0, 0, 0, 0, 1]), "one entry"
    ticks = mp4[at + 12:at + 16]
    entries = ((50).to_bytes(4, "big") + ticks, (1).to_bytes(4, "big") + (2 ** 31 - 16).to_bytes(4, "big"), (24).to_bytes(4, "big") + ticks)
    spoilt = bytearray(mp4[:at] + (3).to_bytes(8, "big") + b"".join(entries) + mp4[at + 16:])
    for box in (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stts"):  # they grow; the media lies in front of them
        size = spoilt.rindex(box, 0, at + 4) - 4
        spoilt[size:size + 4] = (int.from_bytes(spoilt[size:size + 4], "big") + 16).to_bytes(4, "big")
    source.write_bytes(spoilt)
    result = child.run(source, tmp_path, seconds=2)
    times = [time for p in pieces_of(result) for time, _ in child.window_frames(tmp_path / p["file"])]
    assert len(times) == 75 and times[-1] < 4
    assert any("1 jumps of the file's clock" in text for text in result.doubts)


def test_a_damaged_last_duration(tmp_path):
    """The same of the last picture, on which nothing depends: there are no two days of it, nor of silence."""
    whole, source = tmp_path / "whole.mp4", tmp_path / "spoilt.mp4"
    ffmpeg(*clip(*x264("keyint=250", "bframes=0")), whole)
    ffmpeg("-i", whole, "-c", "copy", "-bsf:v", "setts=duration=if(gte(N\\,74)\\,2000000000\\,DURATION)", source)
    result = child.run(source, tmp_path, seconds=2)
    check_pieces(source, result, tmp_path, 2)
    (extent,) = result.of("extent")
    assert int(extent["end_us"]) == 3 * 10 ** 6
    assert any("the last one, claims to be shown for longer" in text for text in result.doubts)


def test_times_that_are_lost(tmp_path):
    """Without that table each picture would be shown when it is decoded: the order is the decoder's, and hardly one is missing."""
    whole, source = tmp_path / "whole.mp4", tmp_path / "spoilt.mp4"
    ffmpeg(*clip(*CLOSED, seconds=4), "-use_editlist", 0, whole)
    source.write_bytes(whole.read_bytes().replace(b"ctts", b"free"))
    result = child.run(source, tmp_path, seconds=2)
    frames = [frame for p in pieces_of(result) for frame in child.window_frames(tmp_path / p["file"])]
    assert [digest for _, digest in frames] == [digest for _, digest in child.source_frames(whole)]
    assert max(abs(time - Fraction(i, 25)) for i, (time, _) in enumerate(frames)) < Fraction(4, 25)


def rgb_frames(source, **how):
    command = ["ffmpeg", "-nostdin", "-v", "error", "-i", source, "-fps_mode", "passthrough", "-pix_fmt", "rgb24", *child.HASHES, "-"]
    lines = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60, **how).stdout.splitlines()
    return [line.split(",")[-1] for line in lines if not line.startswith("#")]


@pytest.mark.parametrize("name,codec", [("a.mov", ["-c:v", "qtrle", "-pix_fmt", "gray"]), ("b.avi", ["-c:v", "rawvideo", "-pix_fmt", "pal8"])])
def test_a_palette_beside_the_pictures(name, codec, tmp_path):
    """The container has the colors, and gives them with the first picture only."""
    source = tmp_path / name
    ffmpeg(*clip(*codec, seconds=2, size="64x48"), source)
    result = child.run(source, tmp_path, seconds=1)
    pieces = pieces_of(result)
    assert len(pieces) == 2
    made = []
    for piece in pieces:
        with open(tmp_path / piece["file"], "rb") as file:
            file.seek(child.HEADER_BYTES)
            made += rgb_frames("pipe:0", stdin=file)
    assert made == rgb_frames(source)
    assert any("palette" in w["text"] for w in result.of("warning"))
    assert not any("transparency" in w["text"] for w in result.of("warning")), "there is none"


def test_a_palette_with_clear_colors(tmp_path):
    source = tmp_path / "clear.mov"
    ffmpeg(*picture(5, 1, "64x48"), "-vf", "format=rgba,geq=r='r(X,Y)':g='g(X,Y)':b='b(X,Y)':a='255*gt(X,32)',split[a][b];[a]palettegen[p];[b][p]paletteuse",
           "-c:v", "png", "-pix_fmt", "pal8", source)
    result = child.run(source, tmp_path, seconds=1)
    assert any("transparency" in w["text"] for w in result.of("warning"))


@pytest.mark.parametrize("size", ["128x96", "160x120"])
def test_two_sample_descriptions(size, tmp_path):
    """The codec's parameters change in the middle of an MP4, and the picture's size with them."""
    first, second, source = (tmp_path / f"{name}.mp4" for name in ("first", "second", "joined"))
    for path, profile, shape in ((first, "main", "128x96"), (second, "baseline", size)):
        ffmpeg(*clip(*x264("keyint=25", "bframes=0"), "-profile:v", profile, size=shape), path)
    source.write_bytes(mp4_join.join(first.read_bytes(), second.read_bytes()))
    result = child.run(source, tmp_path, seconds=2)
    frames = [frame for p in pieces_of(result) for frame in child.window_frames(tmp_path / p["file"])]
    want = child.source_frames(source)
    assert len(want) == 150
    assert [time for time, _ in frames] == [time for time, _ in want]
    assert any("parameters change" in w["text"] for w in result.of("warning"))
    if size == "128x96":
        assert frames == want
    else:
        assert frames[:75] == want[:75]
        assert any("75 pictures have another size" in w["text"] for w in result.of("warning"))


@pytest.mark.parametrize("codec", DAMAGED)
def test_damage_is_the_same_with_any_number_of_threads(codec, tmp_path):
    """Most decoders conceal otherwise, and pass over more or less, where they work with several threads."""
    source = tmp_path / "damaged.mkv"
    ffmpeg(*clip(*DAMAGED[codec], seconds=2, size="640x360"), source)
    spoilt, dice = bytearray(source.read_bytes()), random.Random(7)
    for _ in range(40):
        spoilt[dice.randrange(len(spoilt) // 4, len(spoilt) * 3 // 4)] ^= 1 << dice.randrange(8)
    source.write_bytes(bytes(spoilt))
    (piece,) = pieces_of(child.run(source, tmp_path, seconds=60))
    made = []
    for threads in (1, 4):
        folder = tmp_path / str(threads)
        folder.mkdir()
        result = child.run(tmp_path / piece["file"], folder, "encode", threads=threads, preset=13, crf=50, seconds=60)
        assert result.failure is None, result.failure
        made.append(([s["sha256"] for s in result.of("segment")], [w["text"] for w in result.of("warning")]))
    assert made[0] == made[1]
    assert codec in ("hevc", "vp8") or any("damaged" in text for text in made[0][1]), "the others tell"


def test_same_time_twice(tmp_path):
    """Two streams put together so that the second one's keyframe has the time of the last picture before it: a tick later."""
    parts = []
    for i, start in enumerate((10, 10 + 74 / 25)):
        parts.append(tmp_path / f"{i}.ts")
        ffmpeg(*clip(*CLOSED), "-output_ts_offset", start, parts[i])
    source = tmp_path / "whole.ts"
    source.write_bytes(b"".join(p.read_bytes() for p in parts))
    result = child.run(source, tmp_path, seconds=2)
    times = [time for p in pieces_of(result) for time, _ in child.window_frames(tmp_path / p["file"])]
    want = [Fraction(i, 25) for i in [*range(75), *range(74, 149)]]
    want[75] += Fraction(1, 90000)
    assert times == want


def test_runs_where_keyframes_are_far_apart(tmp_path):
    """41 s between keyframes, segments of 2 s: neither bytes nor decoded pictures come to 1.5 times the source's."""
    source = tmp_path / "long.mkv"
    ffmpeg(*picture(10, 130, "128x96"), *x264("keyint=410", "min-keyint=410", "scenecut=0", "bframes=2"), source)
    pieces = pieces_of(child.run(source, tmp_path, seconds=2))
    assert sum(int(p["n"]) for p in pieces) == 65 and len(pieces) > 2
    decoded = 0
    for piece in pieces:
        out = subprocess.run([child.PIECE_FRAMES, tmp_path / piece["file"]], stdout=subprocess.PIPE, check=True).stdout
        decoded += len(out.splitlines())
    assert decoded <= 1.5 * 1300
    payload = sum(int(p["bytes"]) - child.HEADER_BYTES for p in pieces)
    assert payload <= 1.5 * source.stat().st_size
