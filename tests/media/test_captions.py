"""Captions within the picture become renditions of WebVTT: their letters, and their times to the millisecond."""

import re
import subprocess
from fractions import Fraction

import pytest

import captions
import child
from captions import CR, EDM, RDC, RU2, Line

RATE = Fraction(30000, 1001)
FRAMES = 300


def ffmpeg(*arguments):
    subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-y", "-threads", "1", *map(str, arguments)], check=True,
                   timeout=child.DEADLINE_S)


def conversation():
    """CC1 says something in each of the three ways; CC3, in the second field, something else."""
    first = Line(1).pop_on(30, "Hello &", "<there>").at(60).command(EDM)
    first.command(RU2).row(15).text("roll one").at(90).command(CR).command(RU2).row(15).text("roll two")
    first.at(120).command(CR).text("three").at(150).command(EDM)
    first.command(RDC).row(1, style=0xE).text("painted").at(200).command(EDM).pop_on(230, "until the end")
    return [first, Line(3).pop_on(45, "hola").at(100).command(EDM)]


SAID = {
    "CC1": [(30, 60, "", "Hello &amp;\n&lt;there&gt;"), (66, 96, "", "roll one"), (96, 122, "", "roll one\nroll two"),
            (122, 150, "", "roll two\nthree"), (156, 200, " line:0", "<i>painted</i>"), (230, FRAMES, "", "until the end")],
    "CC3": [(45, 100, "", "hola")],
}


def base(path, lines, frames=FRAMES, digital=b"", codec="libx264"):
    """An elementary stream whose pictures come in order, with captions in them."""
    plain = path.with_suffix(".plain")
    hevc = codec == "libx265"
    options = ["-x265-params", "log-level=none:pools=1:frame-threads=1:bframes=0:keyint=30:slices=1"] if hevc else [
        "-x264-params", "log-level=none:keyint=30:bframes=0:slices=1"]
    ffmpeg("-f", "lavfi", "-i", f"testsrc2=r={RATE}:s=192x128", "-frames:v", frames, "-pix_fmt", "yuv420p", "-c:v", codec,
           "-preset", "ultrafast", *options, "-f", "hevc" if hevc else "h264", plain)
    path.write_bytes(captions.put_into(plain.read_bytes(), lines, hevc, digital))
    return ["-r", str(RATE), "-f", "hevc" if hevc else "h264", "-i", path]


def ms(frame, start=0):
    return int((Fraction(frame) / RATE - start) * 1000 + Fraction(1, 2))


def cues(path):
    """[(begin, end, settings, text)] in milliseconds."""
    timing = re.compile(r"(\d\d):(\d\d):(\d\d)\.(\d{3}) --> (\d\d):(\d\d):(\d\d)\.(\d{3})(.*)")
    found = []
    for block in path.read_text().split("\n\n")[1:]:
        when, text = block.rstrip("\n").split("\n", 1)
        *digits, settings = timing.fullmatch(when).groups()
        h, m, s, t, h2, m2, s2, t2 = map(int, digits)
        found.append((((h * 60 + m) * 60 + s) * 1000 + t, ((h2 * 60 + m2) * 60 + s2) * 1000 + t2, settings, text))
    return found


def texts(result, folder):
    """What each rendition of text says, by its title."""
    assert result.failure is None, result.failure
    names = {r["title"]: r for r in result.of("rendition") if r["media"] == "3"}
    assert all(r["language"] == "und" and r["purposes"] == "4" for r in names.values()), names
    return {title: cues(folder / f"{r['name']}.vtt") for title, r in names.items()}


def expected(said=None):
    return {title: [(ms(a), ms(b), s, t) for a, b, s, t in lines] for title, lines in (said or SAID).items()}


@pytest.fixture(scope="module")
def conversed(tmp_path_factory):
    return base(tmp_path_factory.mktemp("captions") / "base.h264", conversation())


MADE = {
    # Pictures are reordered: what comes first in the file is not what is shown first.
    "h264.mp4": ["-c:v", "libx264", "-preset", "veryfast", "-x264-params", "log-level=none:bframes=5:b-pyramid=normal:keyint=60"],
    "h264.ts": ["-c:v", "libx264", "-preset", "veryfast", "-x264-params", "log-level=none:bframes=3:keyint=60:open-gop=1"],
    "mpeg2.ts": ["-c:v", "mpeg2video", "-a53cc", "1", "-bf", "2", "-g", "15", "-q:v", "5"],
    "interlaced.mpg": ["-c:v", "mpeg2video", "-a53cc", "1", "-bf", "2", "-flags", "+ildct+ilme", "-top", "1"],
}


@pytest.mark.parametrize("name", MADE)
def test_all_of_it_arrives(conversed, name, tmp_path):
    source = tmp_path / name
    ffmpeg(*conversed, *MADE[name], source)
    result = child.run(source, tmp_path)
    assert texts(result, tmp_path) == expected()
    assert result.doubts == []
    (plan,) = [s["plan"] for s in child.run(source, tmp_path, kind="probe").of("stream")]
    assert "captions inside the picture (CC1, CC3) → WebVTT" in plan, plan


def test_hevc(tmp_path):
    source = tmp_path / "hevc.mp4"
    ffmpeg(*base(tmp_path / "base.hevc", conversation(), codec="libx265"), "-c", "copy", source)
    assert texts(child.run(source, tmp_path), tmp_path) == expected()
