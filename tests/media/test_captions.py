"""Captions within the picture become renditions of WebVTT: their letters, and their times to the millisecond."""

import itertools
import re
import subprocess
from fractions import Fraction

import pytest

import captions
import child
from captions import CR, EDM, RDC, RU2, Line, Services, define, delete, display, hide

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


def base(path, lines, frames=FRAMES, digital=None, codec="libx264", rate=RATE):
    """An elementary stream whose pictures come in order, with captions in them."""
    plain = path.with_suffix(".plain")
    hevc = codec == "libx265"
    options = ["-x265-params", "log-level=none:pools=1:frame-threads=1:bframes=0:keyint=30:slices=1"] if hevc else [
        "-x264-params", "log-level=none:keyint=30:bframes=0:slices=1"]
    ffmpeg("-f", "lavfi", "-i", f"testsrc2=r={rate}:s=64x64", "-frames:v", frames, "-pix_fmt", "yuv420p", "-c:v", codec,
           "-preset", "ultrafast", *options, "-f", "hevc" if hevc else "h264", plain)
    path.write_bytes(captions.put_into(plain.read_bytes(), lines, hevc, digital))
    return ["-r", str(rate), "-f", "hevc" if hevc else "h264", "-i", path]


def ms(frame, rate=RATE):
    return int(Fraction(frame) / rate * 1000 + Fraction(1, 2))


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


def expected(said=None, rate=RATE, less=0):
    """@param less  frames that are cut off in front"""
    return {title: [(ms(a - less, rate), ms(b - less, rate), s, t) for a, b, s, t in lines]
            for title, lines in (said or SAID).items()}


def warnings(result):
    return [w["text"] for w in result.of("warning")]


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


def test_av1(tmp_path):
    plain, captioned, source = tmp_path / "plain.ivf", tmp_path / "captioned.ivf", tmp_path / "source.mp4"
    ffmpeg("-f", "lavfi", "-i", f"testsrc2=r={RATE}:s=64x64", "-frames:v", FRAMES, "-pix_fmt", "yuv420p", "-c:v", "libsvtav1", "-preset", "13",
           "-g", 60, plain)
    captioned.write_bytes(captions.put_into_av1(plain.read_bytes(), conversation()))
    ffmpeg("-i", captioned, "-c", "copy", "-video_track_timescale", 30000, source)
    result = child.run(source, tmp_path)
    assert texts(result, tmp_path) == expected() and result.doubts == []


@pytest.mark.parametrize("odd_first", [True, False])
def test_a_dvd(tmp_path, odd_first):
    """Captions stand together before each group of pictures, the fields by turns; counts are wrong."""
    plain, video, source = tmp_path / "plain.m2v", tmp_path / "video.m2v", tmp_path / "source.vob"
    ffmpeg("-f", "lavfi", "-i", f"testsrc2=r={RATE}:s=64x64", "-frames:v", FRAMES, "-c:v", "mpeg2video", "-bf", 0, "-g", 15, plain)
    groups = plain.read_bytes().split(b"\0\0\1\xb8")
    lines = conversation()
    out = groups[0]
    for i, group in enumerate(groups[1:]):
        data = b"CC\x01\xf8" + (b"\x80" if odd_first else b"\0")
        for frame in range(15 * i, 15 * i + 15):
            fields = [line.pairs.get(frame, b"\x80\x80") for line in lines]
            data += b"".join(b"\xff" + pair for pair in (fields if odd_first else fields[::-1]))
        out += b"\0\0\1\xb8" + group[:4] + b"\0\0\1\xb2" + data + group[4:]
    video.write_bytes(out)
    ffmpeg("-fflags", "+genpts", "-r", RATE, "-i", video, "-c", "copy", "-f", "vob", source)
    result = child.run(source, tmp_path)
    found, wanted = texts(result, tmp_path), expected()
    assert found.keys() == wanted.keys() and result.doubts == []
    for title, said in wanted.items():
        assert [cue[2:] for cue in found[title]] == [cue[2:] for cue in said]
        assert all(abs(a[i] - b[i]) <= 2 for a, b in zip(found[title], said) for i in range(2)), found


def test_pictures_that_are_decoded_in_the_split(conversed, tmp_path):
    """An elementary stream has no times: its captions come from the decoder."""
    result = child.run(conversed[-1], tmp_path)
    assert any("without loss" in w for w in warnings(result))
    assert texts(result, tmp_path) == expected()


def test_pictures_that_are_decoded_from_the_middle_on(tmp_path):
    """The codec's parameters change, beyond what is looked at in advance, while letters come in each frame: none is lost, none read twice."""
    cut, rate, letters = 285, Fraction(25), ["abcdefghijklmnopqrstuvwxyzABCDEF", "0123456789012345678901234567890"]
    line = Line(1).at(256).command(RU2).row(15).text(letters[0]).command(CR).text(letters[1]).at(305).command(EDM)
    clip = base(tmp_path / "base.h264", [line], frames=320, rate=rate)
    first, second, source = tmp_path / "a.flv", tmp_path / "b.flv", tmp_path / "whole.flv"
    x264 = ["-c:v", "libx264", "-preset", "veryfast", "-x264-params"]
    ffmpeg(*clip, "-vf", f"trim=end_frame={cut}", *x264, "log-level=none:keyint=50:bframes=2", first)
    ffmpeg(*clip, "-vf", f"trim=start_frame={cut},setpts=PTS-STARTPTS", *x264, "log-level=none:keyint=50:bframes=2:ref=5:no-8x8dct=1",
           "-output_ts_offset", cut / 25 + 0.08, second)  # two frames: what the first one is late by
    source.write_bytes(first.read_bytes() + second.read_bytes()[13:])
    result = child.run(source, tmp_path)
    assert any("parameters change" in w and "from 0 s" not in w for w in warnings(result))
    said = [(260, 278, "", letters[0]), (278, 305, "", "\n".join(letters))]
    assert texts(result, tmp_path) == expected({"CC1": said}, rate=rate)


def test_what_was_loaded_before_the_cut(conversed, tmp_path):
    """An edit list hides the pictures that load a caption: it is shown all the same."""
    whole, source = tmp_path / "whole.mp4", tmp_path / "cut.mp4"
    cut = 26
    ffmpeg(*conversed, *MADE["h264.mp4"], "-video_track_timescale", 30000, whole)
    ffmpeg("-ss", float(cut / RATE), "-i", whole, "-c", "copy", source)
    found = texts(child.run(source, tmp_path), tmp_path)
    assert found == expected(less=cut)


def test_captions_that_come_late(tmp_path):
    """Beyond the first glance, and in a clip that says nothing before."""
    source = tmp_path / "late.mp4"
    ffmpeg(*base(tmp_path / "base.h264", [Line(2).pop_on(330, "at last")], frames=340), "-c", "copy", source)
    (plan,) = [s["plan"] for s in child.run(source, tmp_path, kind="probe").of("stream")]
    assert "captions inside the picture, if they say anything, → WebVTT" in plan
    assert texts(child.run(source, tmp_path), tmp_path) == expected({"CC2": [(330, 340, "", "at last")]})


def test_captions_are_chosen(conversed, tmp_path):
    source = tmp_path / "source.mp4"
    ffmpeg(*conversed, "-c", "copy", source)
    left_out = "the captions within the picture ({}) are left out: they were not chosen"
    for chosen, kept, gone in [("cc3", ["CC3"], "CC1"), ("none", [], "CC1, CC3"), ("cc1,cc3", ["CC1", "CC3"], None)]:
        folder = tmp_path / chosen
        folder.mkdir()
        result = child.run(source, folder, text_tracks=chosen)
        assert texts(result, folder) == {title: cues for title, cues in expected().items() if title in kept}
        assert [w for w in warnings(result) if "captions" in w] == ([left_out.format(gone)] if gone else [])
    (plan,) = [s["plan"] for s in child.run(source, tmp_path, kind="probe", text_tracks="cc3").of("stream")]
    assert "inside the picture (CC3) → WebVTT; captions inside the picture (CC1) left out: not chosen" in plan
    failure = child.run(source, tmp_path, text_tracks="cc4").failure
    assert failure["code"] == "unsupported" and "CC4 were asked for" in failure["text"], failure


DIGITAL = {
    "Service 1": [(30, 60, "", "Hello &amp;\n&lt;there&gt;"), (66, 96, "", "roll one"), (96, 122, "", "roll one\nroll two"),
                  (122, 150, "", "roll two\nthree"), (156, 200, " line:0", "<i>painted</i>"), (230, FRAMES, "", "until the end")],
    "Service 9": [(40, 100, "", "¿Qué pasa…?")],
}


def services():
    """Service 1 says what CC1 says, another one what CEA-608 cannot."""
    said = Services().say(1, 10, define(0), "Hello &", b"\x92\x01\0", "<there>").say(1, 30, display(0)).say(1, 60, delete(0))
    said.say(1, 64, define(1, visible=True), b"\x92\x01\0").say(1, 66, "roll").say(1, 70, " one").say(1, 90, "\r").say(1, 96, "roll two")
    said.say(1, 120, "\r").say(1, 122, "three").say(1, 150, delete(1))
    said.say(1, 156, define(2, visible=True, top=True), b"\x90\x05\x80", "painted").say(1, 200, hide(2))
    said.say(1, 210, define(3), "until ").say(1, 220, "the end").say(1, 230, display(3))
    return said.say(9, 39, define(0, visible=True)).say(9, 40, "¿Qué pasa", b"\x10\x25", "?").say(9, 100, b"\x8f")


def test_services(tmp_path):
    source = tmp_path / "source.mp4"
    ffmpeg(*base(tmp_path / "base.h264", [], digital=services()), *MADE["h264.mp4"], source)
    result = child.run(source, tmp_path)
    assert texts(result, tmp_path) == expected(DIGITAL)
    assert result.doubts == [] and not any("caption" in w for w in warnings(result))
    (plan,) = [s["plan"] for s in child.run(source, tmp_path, kind="probe").of("stream")]
    assert "captions inside the picture (Service 1, Service 9) → WebVTT" in plan, plan


def test_captions_that_are_there_twice(tmp_path):
    """Of CEA-608 and CEA-708 that say the same one is enough, the one that says it whole; by name all are to be had."""
    source = tmp_path / "source.mp4"
    ffmpeg(*base(tmp_path / "base.h264", conversation(), digital=services()), "-c", "copy", source)

    def split(chosen=""):
        folder = tmp_path / f"{source.stem}-{chosen}"
        folder.mkdir()
        result = child.run(source, folder, text_tracks=chosen)
        return texts(result, folder), [w for w in warnings(result) if "caption" in w]

    both = {**SAID, **DIGITAL}
    without = expected({title: said for title, said in both.items() if title != "Service 1"})
    assert split() == (without, ["the captions Service 1 say the same as CC1: left out"])
    assert split("cc1,service1") == (expected({title: both[title] for title in ("CC1", "Service 1")}),
                                     ["the captions within the picture (CC3, Service 9) are left out: they were not chosen"])
    (plan,) = [s["plan"] for s in child.run(source, tmp_path, kind="probe").of("stream")]
    assert "inside the picture (CC1, CC3, Service 9) → WebVTT" in plan, plan
    assert "captions inside the picture (Service 1) left out: they say the same as others" in plan, plan
    failure = child.run(source, tmp_path, text_tracks="service2").failure
    assert failure["code"] == "unsupported" and "Service 2 were asked for" in failure["text"], failure

    damaged = conversation()
    at = max(damaged[0].pairs)
    damaged[0].pairs[at - 6] = bytes([damaged[0].pairs[at - 6][0] ^ 1, damaged[0].pairs[at - 6][1]])
    source = tmp_path / "damaged.mp4"
    ffmpeg(*base(tmp_path / "base.h264", damaged, digital=services()), "-c", "copy", source)
    found, said = split()
    assert found == expected({**DIGITAL, "CC3": SAID["CC3"]})
    assert said == ["the captions CC1 say the same as Service 1: left out",
                    "damaged letters of the captions within the picture are left out: 1 pairs"]


def test_what_is_lost_is_said(tmp_path):
    def split(name, line, digital=None):
        folder, source = tmp_path / name, tmp_path / f"{name}.mp4"
        folder.mkdir()
        ffmpeg(*base(tmp_path / "base.h264", [line], frames=40, digital=digital), "-c", "copy", source)
        result = child.run(source, folder)
        return texts(result, folder), warnings(result)

    many = Services()
    for service in range(1, 11):
        many.say(service, service, define(0, visible=True), "zero one two three four five six seven eight nine".split()[service - 1])
    many.packets = lambda packets=list(many.packets()): [p for i, p in enumerate(packets) if i != 1]
    found, said = split("many", Line(), many)
    assert list(found) == [f"Service {i}" for i in (1, 3, 4, 5, 6, 7, 8, 9)], found
    assert said == ["8 services of captions within the picture are read, and 1 more are left out",
                    "packets of the captions within the picture (CEA-708) are missing or cut off: 1"], said
    line = Line(1).command(captions.TR).text("a page").command(RDC).row(15).text("good or bad").at(35).command(EDM)
    line.pairs[11] = bytes([line.pairs[11][0] ^ 1, line.pairs[11][1]])
    assert split("damaged", line) == (
        expected({"CC1": [(9, 35, "", "goodr bad")]}),
        ["pages of text beside the captions (T1 to T4) are left out",
         "damaged letters of the captions within the picture are left out: 1 pairs"])


def test_damaged_messages_harm_no_others(tmp_path, monkeypatch):
    """Cut off, counted wrongly, of others, or longer than what holds them: what stands beside them is read."""
    whole, kinds = captions.sei, itertools.count()

    def broken(triplets, hevc=False):
        odd = [b"", b"GA94", b"GA94\x03", b"GA94\x03\xdf\xff", b"GA94\x03\xdf\xff\xfc\x94", b"GA94\x06" + b"\xff" * 40, b"DTG1\x41\xf8",
               b"GA94\x03\xc0\xff" + triplets, b"GA94\x03\x9f\xff" + triplets, b"GA94\x03\xdf\xff" + b"\xf8" * 254]
        payload = b"\xb5\0\x31" + odd[next(kinds) % len(odd)]
        size = b"\xff" * (len(payload) // 255) + bytes([len(payload) % 255])
        message = b"\0\0\0\1\x06" + captions.escape(b"\x04" + size + payload + b"\x80")
        return message + b"\0\0\0\1\x06\x04\xff\xff\xff\x7f\xb5" + b"\0\0\0\1\x06" + whole(triplets, hevc)

    monkeypatch.setattr(captions, "sei", broken)
    source = tmp_path / "source.mp4"
    ffmpeg(*base(tmp_path / "base.h264", conversation()[1:], frames=120), "-c", "copy", source)
    assert texts(child.run(source, tmp_path), tmp_path) == expected({"CC3": SAID["CC3"]})


def test_a_track_of_captions(tmp_path):
    """QuickTime's: one packet for each line, two channels in one track, of which the first is the track."""
    line, source = tmp_path / "line.scc", tmp_path / "source.mov"
    first, second = Line(1).pop_on(30, "Hello", "there").at(60).command(EDM), Line(2).pop_on(55, "Salut").at(90).command(EDM)
    line.write_text(captions.scc([first, second]))
    ffmpeg("-f", "lavfi", "-i", f"testsrc2=r={RATE}:s=64x64:d=4", "-i", line, "-map", "0:v", "-map", "1", "-c:v", "libx264", "-c:s", "copy",
           "-metadata:s:s:0", "language=eng", source)
    result = child.run(source, tmp_path)
    said = [(r["name"], r["title"], r["language"], r["purposes"]) for r in result.of("rendition") if r["media"] == "3"]
    assert said == [("s0", "CC1", "en", "20"), ("s1", "CC2", "en", "4")], said
    assert [t for _, _, _, t in cues(tmp_path / "s0.vtt")] == ["Hello\nthere"]
    (begin, end, _, _), = cues(tmp_path / "s0.vtt")
    assert abs(begin - ms(30)) < 34 and abs(end - ms(60)) < 34
    assert [t for _, _, _, t in cues(tmp_path / "s1.vtt")] == ["Salut"]


def crc32_of_mpeg(data):
    value = 0xFFFFFFFF
    for byte in data:
        value ^= byte << 24
        for _ in range(8):
            value = (value << 1 ^ (0x04C11DB7 if value & 0x80000000 else 0)) & 0xFFFFFFFF
    return value


def test_teletext_and_pictures_are_said_to_be_left_out(tmp_path):
    """A program's table names them, as DVB has it: nothing of them need be there for that."""
    plain, source = tmp_path / "plain.ts", tmp_path / "source.ts"
    ffmpeg("-f", "lavfi", "-i", "testsrc2=s=64x64", "-frames:v", 10, "-c:v", "libx264", "-preset", "ultrafast", plain)
    data = bytearray(plain.read_bytes())
    teletext, pictures = b"\x06\xe1\x50\xf0\x07\x56\x05deu\x11\x50", b"\x06\xe1\x51\xf0\x0a\x59\x08fra\x10\0\1\0\1"
    for at in range(5, len(data), 188):
        if data[at - 4] & 31 == 16 and data[at - 3] == 0:  # ffmpeg's PMT
            table = data[at : at + 3 + (data[at + 1] & 15) * 256 + data[at + 2] - 4] + teletext + pictures
            table[1:3] = (0xB000 | len(table) + 1).to_bytes(2, "big")
            table += crc32_of_mpeg(table).to_bytes(4, "big")
            data[at : at + len(table)] = table
    source.write_bytes(data)
    plans = [(s["codec"], s["language"], s["plan"]) for s in child.run(source, tmp_path, kind="probe").of("stream")[1:]]
    assert plans == [("dvb_teletext", "de", "left out: pages of teletext are not read"),
                     ("dvb_subtitle", "fr", "left out: subtitles that are pictures have no place in HLS")]
    (said,) = [w for w in warnings(child.run(source, tmp_path)) if "left out of" in w]
    assert "teletext, de (pages" in said and "dvb_subtitle, fr (subtitles that are pictures" in said, said


def test_text_that_mp4_hides_is_called_text(tmp_path):
    """libavformat has no reader for these, and says that they are data."""
    words, plain, source = tmp_path / "words.srt", tmp_path / "plain.mp4", tmp_path / "source.mp4"
    words.write_text("1\n00:00:00,000 --> 00:00:01,000\nHello\n")
    ffmpeg("-f", "lavfi", "-i", "testsrc2=s=64x64", "-i", words, "-frames:v", 10, "-c:v", "libx264", "-preset", "ultrafast", "-c:s", "mov_text", plain)
    for tag, why in [(b"wvtt", "subtitles within MP4 (WebVTT) are not read"), (b"stpp", "subtitles within MP4 (TTML) are not read"),
                     (b"c708", "a track of CEA-708 is not read")]:
        source.write_bytes(plain.read_bytes().replace(b"tx3g", tag))
        text = child.run(source, tmp_path, kind="probe").of("stream")[1]
        assert text["type"] == "subtitle" and f"left out: {why}" in text["plan"], text
