"""What a picture is besides its pixels: HDR metadata, colors, base layers; found again in each segment, or said to be left out."""
import fractions
import json

import pytest
from harness import media, playlists
from harness.clips import HDR10, ffmpeg, picture, x265

# Red, green, blue, white (x, y), least and greatest luminance; the brightest pixel and frame.
MASTERING = (.680, .320, .265, .690, .150, .060, .3127, .3290, .005, 1000)
LIGHT = (1000, 400)
SMALL = picture("192x108", 25, 3)


def encode(build, source, output, *options):
    done = build.encode(source, output, "--preset", 13, "--segment-seconds", 1, *options)
    found = playlists.read(output / "manifest.m3u8")
    assert json.loads(build.run("verify", "--json", output).stdout)["findings"] == []
    return found, done.stderr


def first_frames(found, folder):
    """What ffprobe sees in the first picture of each segment, which stands alone behind its init segment."""
    frames = []
    for segment in found.video.files:
        alone = folder / "alone.mp4"
        alone.write_bytes(found.video.init_file.read_bytes() + segment.read_bytes())
        shown = media.run(["ffprobe", "-v", "error", "-select_streams", "v:0", "-show_frames", "-read_intervals", "%+#1", "-of",
                           "json", alone]).stdout
        frames.append(json.loads(shown)["frames"][0])
    return frames


def number(text):
    over, _, under = str(text).partition("/")
    return int(over) / int(under or 1)


def mastering_of(frame):
    names = ("red_x", "red_y", "green_x", "green_y", "blue_x", "blue_y", "white_point_x", "white_point_y", "min_luminance",
             "max_luminance")
    data = [d for d in frame["side_data_list"] if d["side_data_type"] == "Mastering display metadata"]
    return [number(data[0][n]) for n in names]


def light_of(frame):
    data = [d for d in frame["side_data_list"] if d["side_data_type"] == "Content light level metadata"]
    return data[0]["max_content"], data[0]["max_average"]


def boxes_of(init):
    """mdcv (primaries in the order green, blue, red; 1/50000, 1/10000 cd/m²) and clli of an init segment, as numbers."""
    at = init.index(b"mdcv") + 4
    colors = [int.from_bytes(init[at + 2 * i:at + 2 * i + 2], "big") / 50000 for i in range(8)]
    most, least = (int.from_bytes(init[at + 16 + 4 * i:at + 20 + 4 * i], "big") / 10000 for i in range(2))
    light = init.index(b"clli") + 4
    return ([*colors[4:6], *colors[0:4], *colors[6:8], least, most],
            tuple(int.from_bytes(init[light + 2 * i:light + 2 * i + 2], "big") for i in range(2)))


# HEVC has it in the stream alone; in Matroska the container says it too.
@pytest.mark.parametrize("name", ["hdr10.mp4", pytest.param("hdr10.mkv", marks=pytest.mark.full)])
def test_hdr10_is_on_every_segment(build, tmp_path, name):
    ffmpeg(*SMALL, *x265("smpte2084", HDR10), tmp_path / name)
    found, _ = encode(build, tmp_path / name, tmp_path / "out")
    frames = first_frames(found, tmp_path)
    assert len(frames) == 3
    for frame in frames:
        # AV1 keeps 1/65536 of colors, 1/16384 and 1/256 cd/m².
        assert mastering_of(frame) == pytest.approx(MASTERING, abs=1 / 16384)
        assert light_of(frame) == LIGHT
        assert [frame[k] for k in ("color_primaries", "color_transfer", "color_space", "color_range", "chroma_location")] == \
            ["bt2020", "smpte2084", "bt2020nc", "tv", "left"]
    mastering, light = boxes_of(found.video.init_file.read_bytes())
    assert mastering == pytest.approx(MASTERING, abs=1 / 50000) and light == LIGHT
    assert found.variants[0]["VIDEO-RANGE"] == "PQ"
    assert found.variants[0]["CODECS"].endswith(".10.0.111.09.16.09.0")


def lumas(playlist):
    """The mean luma of a presentation's first picture in 8 steps from left to right."""
    done = media.run(["ffmpeg", "-nostdin", "-v", "error", "-i", playlist, "-map", "0:v:0", "-frames:v", 1, "-vf",
                      "scale=8:1:flags=area", "-pix_fmt", "gray", "-f", "rawvideo", "-"], text=False)
    return list(done.stdout)


def test_sdr_beside_hdr(build, tmp_path):
    """A ramp of PQ from black to 10000 cd/m²: reference white (203 cd/m², code 573 of 1023) becomes a bright gray, more is brighter."""
    source = tmp_path / "ramp.mp4"
    ffmpeg("-f", "lavfi", "-i", "color=black:s=256x144:r=25:d=2,format=yuv420p10le,geq=lum='64+876*X/W':cb=512:cr=512",
           *x265("smpte2084", HDR10), source)
    found, log = encode(build, source, tmp_path / "out", "--hdr", "both", "--ladder", "144,96")
    assert "HDR is tone mapped to SDR" in log
    assert [(v["VIDEO-RANGE"], v["RESOLUTION"]) for v in found.variants] == [
        ("PQ", "256x144"), ("PQ", "170x96"), ("SDR", "256x144"), ("SDR", "170x96")]
    init = found.media[found.variants[2]["URI"]].init_file.read_bytes()
    assert b"mdcv" not in init and init[init.index(b"colr") + 4:][:11] == b"nclx" + bytes([0, 1, 0, 1, 0, 1, 0])
    ramp = lumas(tmp_path / "out" / found.variants[2]["URI"])
    assert ramp == sorted(ramp) and ramp[0] < 20 and 120 < ramp[4] < 235 and ramp[7] > 225
    for variant in found.variants:
        assert len(media.times(tmp_path / "out" / variant["URI"])) == 50


def test_hlg(build, tmp_path):
    ffmpeg(*SMALL, *x265("arib-std-b67"), tmp_path / "hlg.mp4")
    found, _ = encode(build, tmp_path / "hlg.mp4", tmp_path / "out")
    assert {f["color_transfer"] for f in first_frames(found, tmp_path)} == {"arib-std-b67"}
    assert found.variants[0]["VIDEO-RANGE"] == "HLG"
    init = found.video.init_file.read_bytes()
    assert b"mdcv" not in init and b"clli" not in init
    assert init[init.index(b"colr") + 4:][:11] == b"nclx" + bytes([0, 9, 0, 18, 0, 9, 0])


def put_box(data, parents, box):
    """Adds a box at the end of the sample entry that `parents` lead to, and lengthens all of these."""
    data = bytearray(data)
    at, ends = 0, []
    for name in parents:
        at = data.index(name, at) - 4
        ends.append(at)
        at += 8
    end = ends[-1] + int.from_bytes(data[ends[-1]:ends[-1] + 4], "big")
    data[end:end] = box
    for start in ends:
        data[start:start + 4] = (int.from_bytes(data[start:start + 4], "big") + len(box)).to_bytes(4, "big")
    return bytes(data)


def dolby_vision(path, profile, compatibility, transfer):
    """An HEVC stream with the box that makes it Dolby Vision: 24 bytes, the fourth's low bits are the id of what it is to others."""
    plain = path.with_suffix(".plain.mp4")
    ffmpeg(*SMALL, *x265(transfer), plain)
    config = bytes([1, 0, profile << 1, 6 << 3 | 5, compatibility << 4]) + bytes(19)
    path.write_bytes(put_box(plain.read_bytes(), [b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd", b"hvc1"],
                             (32).to_bytes(4, "big") + b"dvcC" + config))
    return path


def test_dolby_vision_is_reduced_to_its_base_layer(build, tmp_path):
    source = dolby_vision(tmp_path / "dolby.mp4", 8, 4, "arib-std-b67")
    words = "Dolby Vision (profile 8) is reduced to its base layer, which is HLG"
    assert words in build.run("probe", source).stdout
    found, log = encode(build, source, tmp_path / "out")
    assert words in log and found.variants[0]["VIDEO-RANGE"] == "HLG"


def test_dolby_vision_without_a_base_layer_is_refused(build, tmp_path):
    source = dolby_vision(tmp_path / "dolby.mp4", 5, 0, "smpte2084")
    words = "Dolby Vision of profile 5, which has no base layer"
    assert words in build.run("probe", source).stdout
    done = build.run("encode", source, tmp_path / "out", "--preset", 13)
    assert done.returncode == 1 and words in done.stderr
    assert not (tmp_path / "out").exists() or list((tmp_path / "out").iterdir()) == []


def hdr10_plus(nal_units):
    """A stream with dynamic metadata (SMPTE ST 2094-40) before its first picture: one window, no curve."""
    bits = f"{1:08b}{1:02b}{0:027b}0" + 3 * f"{20000:017b}" + f"{9000:017b}{0:04b}{10:010b}" + "000"
    payload = bytes([0xb5, 0x00, 0x3c, 0x00, 0x01, 4]) + int(bits.ljust(-(-len(bits) // 8) * 8, "0"), 2).to_bytes(
        -(-len(bits) // 8), "big")
    raw, escaped = bytes([4, len(payload)]) + payload + b"\x80", b""
    for byte in raw:
        escaped += b"\x03" if escaped[-2:] == b"\0\0" and byte < 4 else b""
        escaped += bytes([byte])
    at = next(i for i in range(len(nal_units)) if nal_units[i:i + 3] == b"\0\0\1" and nal_units[i + 3] >> 1 < 32)
    return nal_units[:at] + b"\0\0\1\x4e\x01" + escaped + nal_units[at:]


def test_hdr10_plus_is_reduced_to_hdr10(build, tmp_path):
    ffmpeg(*SMALL, *x265("smpte2084", HDR10, "bframes=0"), tmp_path / "plain.hevc")
    (tmp_path / "plus.hevc").write_bytes(hdr10_plus((tmp_path / "plain.hevc").read_bytes()))
    ffmpeg("-r", 25, "-i", tmp_path / "plus.hevc", "-c", "copy", "-tag:v", "hvc1", tmp_path / "plus.mp4")
    words = "HDR10+ is reduced to its base layer, which is HDR10"
    assert words in build.run("probe", tmp_path / "plus.mp4").stdout
    found, log = encode(build, tmp_path / "plus.mp4", tmp_path / "out")
    assert words in log
    assert all(light_of(f) == LIGHT for f in first_frames(found, tmp_path))


def test_options_of_the_picture(build, tmp_path):
    """A broadcast of 25 interlaced frames a second becomes 50 pictures, and its grain is described instead of encoded."""
    source = tmp_path / "news.ts"
    ffmpeg("-f", "lavfi", "-i", "testsrc2=r=50:s=192x108:d=3", "-vf", "tinterlace=interleave_top,setfield=tff,noise=alls=20:allf=t",
           "-c:v", "mpeg2video", "-flags", "+ildct+ilme", "-top", 1, "-g", 12, "-bf", 2, "-q:v", 3, source)
    found, log = encode(build, source, tmp_path / "out", "--deinterlace", "fields", "--film-grain", 8)
    assert "a picture for each field" in log
    assert media.relative_times(tmp_path / "out/manifest.m3u8") == [fractions.Fraction(i, 50) for i in range(150)]
    assert found.variants[0]["FRAME-RATE"] == "50.000"
    # film_grain_params_present is the last bit of a sequence header, in front of the trailing one (AV1 specification 5.5.1).
    last = found.video.init.av1c[-1]
    assert last >> (last & -last).bit_length() & 1 == 1


@pytest.mark.parametrize("options, words", [
    (["--deinterlace", "yes"], "frames, fields or off"),
    (["--film-grain", "51"], "--film-grain"),
    (["--hdr", "pq"], "keep, sdr or both"),
])
def test_options_that_make_no_sense(build, tmp_path, options, words):
    done = build.run("encode", "nothing.mp4", tmp_path / "out", *options)
    assert done.returncode == 2 and words in done.stderr


@pytest.mark.parametrize("name, args, words", [
    pytest.param("422.mov", ["-c:v", "prores_ks", "-pix_fmt", "yuv422p10le"], ["chroma is brought to 4:2:0"],
                 marks=pytest.mark.full),
    ("444.mkv", ["-c:v", "ffv1", "-pix_fmt", "yuv444p12le"], ["chroma is brought to 4:2:0", "12 bits are brought to 10"]),
    pytest.param("rgba.mov", ["-c:v", "qtrle", "-pix_fmt", "argb"], ["RGB becomes", "its transparency is left out"],
                 marks=pytest.mark.full),
    ("odd.mkv", ["-vf", "scale=33:41", "-c:v", "ffv1", "-pix_fmt", "yuv444p"], ["loses a row or a column", "64 pixels"]),
])
def test_what_changes_is_said(build, tmp_path, name, args, words):
    source = tmp_path / name
    ffmpeg(*picture("96x64", 25, 1), *args, source)
    plan = build.run("probe", source).stdout
    _, log = encode(build, source, tmp_path / "out")
    for word in words:
        assert word in plan and word in log
