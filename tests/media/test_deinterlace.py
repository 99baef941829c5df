"""Interlaced sources: the pictures that encodes get from the pieces, each alone, are those that one pass of the same filter over
the whole file gives, bit for bit: no comb and no lost field where pieces meet.
"""

import os
import subprocess
from fractions import Fraction
from pathlib import Path

import pytest

import child
from test_split import ffmpeg, pieces_of, x264

MEDIA = os.environ.get("AVSPL1T_TEST_MEDIA")
REAL = ["dev/mpeg2_576i_sar64x45_broadcast_start19207.ts", "bad-dev/broadcast_loss_1080i_4eac3_dvbsub.ts"]
FILTER = "bwdif=mode={mode}:deint=interlaced"


def fields(seconds, order="top", size="96x64", start=0):
    """A picture that moves with each field: fields of two times in each frame of 1/25 s."""
    return ["-f", "lavfi", "-i", f"testsrc2=r=50:s={size}:d={seconds + start}", "-vf",
            f"trim=start={start},setpts=PTS-STARTPTS,tinterlace=interleave_{order},setfield={order[0]}ff"]


def mpeg2(gop=12, top=1):
    return ["-c:v", "mpeg2video", "-g", gop, "-bf", 2, "-flags", "+ildct+ilme", "-top", top, "-q:v", 4]


def make_open_gop(path):
    ffmpeg(*fields(9), *mpeg2(), path)


def make_bottom_first(path):
    ffmpeg(*fields(7, "bottom"), *mpeg2(15, top=0), path)


def make_aligned(path):
    # Keyframes exactly where pieces begin: these must begin a keyframe earlier.
    ffmpeg(*fields(9), *x264("interlaced=1", "keyint=50", "min-keyint=50", "scenecut=0", "bframes=3"), path)


def make_intra(path):
    ffmpeg(*fields(5), "-c:v", "prores_ks", "-profile:v", 0, "-flags", "+ildct", path)


def make_untimed(path):
    # H.264 with B-frames in AVI: decoded in the split.
    ffmpeg(*fields(7), *x264("interlaced=1", "keyint=40", "bframes=2"), path)


def joined(path, parts):
    for i, (source, codec) in enumerate(parts):
        ffmpeg(*source, *codec, "-output_ts_offset", 10 + 3 * i, path.with_suffix(f".{i}.ts"))
    path.write_bytes(b"".join(path.with_suffix(f".{i}.ts").read_bytes() for i in range(len(parts))))


def make_mixed(path):
    film = ["-f", "lavfi", "-i", "testsrc2=r=25:s=96x64:d=3"]
    codec = ["-c:v", "mpeg2video", "-g", 10, "-bf", 2, "-q:v", 4]
    joined(path, [(fields(3), mpeg2()), (film, codec), (fields(3), mpeg2())])


def make_new_parameters(path):
    # Copied at first, decoded from the change on.
    first, second = path.with_suffix(".a.flv"), path.with_suffix(".b.flv")
    ffmpeg(*fields(5), *x264("interlaced=1", "keyint=40", "bframes=2"), first)
    ffmpeg(*fields(4, start=5), *x264("interlaced=1", "keyint=30", "bframes=2", "cabac=0"), "-output_ts_offset", 5.08, second)
    path.write_bytes(first.read_bytes() + second.read_bytes()[13:])


MADE = {
    "open_gop.ts": make_open_gop,
    "bottom_first.mpg": make_bottom_first,
    "aligned.mp4": make_aligned,
    "intra.mov": make_intra,
    "untimed.avi": make_untimed,
    "mixed.ts": make_mixed,
    "new_parameters.flv": make_new_parameters,
}


def one_pass(path, mode):
    """What the command line tool's filter makes of the whole file: the pictures' MD5s, and how many are unlike the decoded ones."""
    hashes = []
    for graph in (["-vf", FILTER.format(mode=mode)], []):
        command = ["ffmpeg", "-nostdin", "-v", "quiet", "-threads", "1", "-noautorotate", "-i", f"file:{path}", "-map", "0:V:0",
                   *graph, "-fps_mode", "passthrough", *child.HASHES, "-"]
        out = subprocess.run(command, stdout=subprocess.PIPE, timeout=child.DEADLINE_S, check=False).stdout.decode()
        hashes.append([line.split(",")[5].strip() for line in out.splitlines() if not line.startswith("#")])
    return hashes[0], len(set(hashes[0]) - set(hashes[1]))


def of_pieces(result, folder):
    """The pictures of all pieces in order; and their times in seconds."""
    hashes, times = [], []
    for piece in pieces_of(result):
        head = child.header(folder / piece["file"])
        out = subprocess.run([child.PIECE_FRAMES, "--window", folder / piece["file"]], stdout=subprocess.PIPE, check=True,
                             timeout=child.DEADLINE_S).stdout.decode()
        for line in out.splitlines():
            ticks, digest = line.split()
            hashes.append(digest)
            times.append(Fraction(int(ticks), int(head["timescale"])))
    return hashes, times


@pytest.mark.parametrize("name", MADE)
def test_pieces_give_what_one_pass_gives(tmp_path, name):
    source = tmp_path / name
    MADE[name](source)
    result = child.run(source, tmp_path)
    assert len(pieces_of(result)) > 2
    wanted, n_filtered = one_pass(source, "send_frame")
    assert n_filtered > len(wanted) / 3
    found, times = of_pieces(result, tmp_path)
    assert found == wanted
    assert [round(t * 25) for t in times] == list(range(len(wanted)))


@pytest.mark.parametrize("name", ["open_gop.ts", "aligned.mp4"])
def test_a_picture_for_each_field(tmp_path, name):
    source = tmp_path / name
    MADE[name](source)
    result = child.run(source, tmp_path, picture="deinterlace%3Dfields")
    wanted, _ = one_pass(source, "send_field")
    found, times = of_pieces(result, tmp_path)
    assert found == wanted
    assert times == [Fraction(i, 50) for i in range(len(wanted))]
    assert child.header(tmp_path / pieces_of(result)[0]["file"])["rate"] == "50/1"


@pytest.mark.parametrize("parts, wanted", [
    ([("96x64", 0.04)], [0, 1]),
    ([("96x64", 3), ("64x48", 0.04), ("96x64", 3)], range(302)),
])
def test_a_frame_that_is_alone(tmp_path, parts, wanted):
    """A picture for each field, where there is no other frame of its size beside it."""
    source = tmp_path / "alone.ts"
    begin = 10
    for i, (size, seconds) in enumerate(parts):
        part = tmp_path / f"{i}.ts"
        ffmpeg(*fields(seconds, size=size), *x264("interlaced=1", "bframes=0"), "-muxdelay", 0, "-output_ts_offset", begin, part)
        source.write_bytes((source.read_bytes() if i > 0 else b"") + part.read_bytes())
        begin += seconds
    result = child.run(source, tmp_path, picture="deinterlace%3Dfields")
    _, times = of_pieces(result, tmp_path)
    assert times == [Fraction(i, 50) for i in wanted]


def test_fields_of_another_size(tmp_path):
    """Where a picture of another size must be fitted before it is deinterlaced, its fields are not mixed: one is white here, one black."""
    first, second, source = tmp_path / "first.flv", tmp_path / "second.flv", tmp_path / "whole.flv"
    ffmpeg(*fields(2), *x264("interlaced=1", "keyint=25", "bframes=0"), first)
    ffmpeg("-f", "lavfi", "-i", "color=c=white:r=50:s=160x160:d=2", "-vf", "geq=lum='if(mod(N,2),16,235)':cb=128:cr=128,tinterlace=interleave_top,setfield=tff",
           *x264("interlaced=1", "keyint=25", "bframes=0"), "-output_ts_offset", 2, second)
    source.write_bytes(first.read_bytes() + second.read_bytes()[13:])
    result = child.run(source, tmp_path, seconds=2)
    (piece,) = [p for p in pieces_of(result) if int(child.header(tmp_path / p["file"])["idx"]) == 1]
    picture = subprocess.run(["ffmpeg", "-v", "error", "-f", "nut", "-i", "pipe:0", "-vf", "select=eq(n\\,40)", "-frames:v", "1", "-f", "rawvideo", "-pix_fmt",
                              "gray", "-"], input=(tmp_path / piece["file"]).read_bytes()[child.HEADER_BYTES:], stdout=subprocess.PIPE, check=True).stdout
    column = picture[48::96]
    assert len(column) == 64
    assert min(column[0::2]) > 225 and max(column[1::2]) < 26, list(column)


def test_off_leaves_them(tmp_path):
    source = tmp_path / "aligned.mp4"
    make_aligned(source)
    result = child.run(source, tmp_path, picture="deinterlace%3Doff")
    found, _ = of_pieces(result, tmp_path)
    assert found == [digest for _, digest in child.source_frames(source)]


@pytest.mark.skipif(not MEDIA, reason="AVSPL1T_TEST_MEDIA names no folder")
@pytest.mark.parametrize("name", REAL)
def test_real_broadcasts(tmp_path, name):
    source = Path(MEDIA, name)
    result = child.run(source, tmp_path, seconds=1)
    wanted, _ = one_pass(source, "send_frame")
    found, _ = of_pieces(result, tmp_path)
    # They begin in the middle: pictures before the first that can be decoded are left out.
    assert len(found) > 20
    assert found == wanted[-len(found):]
