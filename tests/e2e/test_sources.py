"""Sources that are not what they seem, from file to presentation: sizes that change, recordings put together, old AVI."""
import fractions

import pytest
from harness import media, playlists
from harness.clips import AAC, ffmpeg, fixed_gop, picture, x264

FLASH = "drawbox=color=white:t=fill:enable='eq(mod(n,25),12)'"
CLICK = "aevalsrc='if(between(mod(t-0.48,1),0,0.01),0.9*sin(2*PI*1500*t),0)':sample_rate=48000:duration={seconds}"


def put_together(path, parts):
    path.write_bytes(b"".join(p.read_bytes() for p in parts))
    return path


def encode(build, source, output):
    done = build.encode(source, output, "--preset", 12, "--segment-seconds", 2)
    manifest = output / "manifest.m3u8"
    playlists.check(playlists.read(manifest), 8)
    assert media.warnings(manifest) == ""
    return manifest, done.stderr


def rows_of(manifest, n):
    """The middle column of picture n, as luma from top to bottom."""
    width, height = media.picture_size(manifest)
    done = media.run(["ffmpeg", "-nostdin", "-v", "error", "-i", manifest, "-map", "0:v:0", "-vf", f"select=eq(n\\,{n})",
                      "-frames:v", "1", "-pix_fmt", "gray", "-f", "rawvideo", "-"], text=False)
    return [done.stdout[y * width + width // 2] for y in range(height)]


def test_a_size_that_changes(build, tmp_path):
    """4:3, then twice as wide: the picture stays 4:3, with black above and below."""
    parts = [tmp_path / "0.ts", tmp_path / "1.ts"]
    for i, (part, size) in enumerate(zip(parts, ("160x120", "320x120"))):
        ffmpeg("-f", "lavfi", "-i", f"color=white:size={size}:rate=25:duration=3", *x264(*fixed_gop(25), "bframes=2"),
               "-output_ts_offset", 10 + 3 * i, part)
    manifest, log = encode(build, put_together(tmp_path / "whole.ts", parts), tmp_path / "out")
    assert media.relative_times(manifest) == [fractions.Fraction(i, 25) for i in range(150)]
    assert min(rows_of(manifest, 10)) > 200
    later = rows_of(manifest, 140)
    assert max(later[:26] + later[94:]) < 40 and min(later[34:86]) > 200
    assert "size changes" in log


def test_a_segment_without_a_picture(build, tmp_path):
    """A file that was allocated at once and is not all there: from 2 s to 5 s it is zeros. The picture before is shown until the next one."""
    source = tmp_path / "zeros.mp4"
    ffmpeg("-f", "lavfi", "-i", "color=white:size=160x96:rate=25:duration=7", "-c:v", "mpeg4", "-g", 25, source)
    whole = bytearray(source.read_bytes())
    for time, size, at in media.probe(source, "packet=pts_time,size,pos", "v"):
        if 2 <= float(time) < 5:
            whole[int(at):int(at) + int(size)] = bytes(int(size))
    source.write_bytes(whole)
    done = build.encode(source, tmp_path / "out", "--preset", 12, "--segment-seconds", 1)
    manifest = tmp_path / "out/manifest.m3u8"
    assert build.run("verify", tmp_path / "out").returncode == 0
    assert media.relative_times(manifest) == [fractions.Fraction(n, 25) for n in (*range(50), *range(125, 175))]
    assert "75 frames hold nothing that can be decoded: the ones before them are shown longer" in done.stderr


def test_a_segment_whose_first_pictures_are_damaged(build, tmp_path):
    """From 5 s on nothing can be decoded, up to the keyframe at 8.8 s: until then the picture before is shown, not the one behind."""
    source = tmp_path / "noise.mp4"
    ffmpeg("-f", "lavfi", "-i", "color=white:size=160x96:rate=25:duration=10", "-vf", "drawbox=color=black:t=fill:enable='gte(n,125)'",
           "-c:v", "mpeg4", "-g", 110, "-sc_threshold", 1000000000, source)
    whole = bytearray(source.read_bytes())
    for time, size, at in media.probe(source, "packet=pts_time,size,pos", "v"):
        if 5 <= float(time) < 8.8:
            whole[int(at):int(at) + int(size)] = b"\xff" * int(size)
    source.write_bytes(whole)
    done = build.encode(source, tmp_path / "out", "--preset", 12, "--segment-seconds", 1)
    manifest = tmp_path / "out/manifest.m3u8"
    assert build.run("verify", tmp_path / "out").returncode == 0
    assert media.relative_times(manifest) == [fractions.Fraction(n, 25) for n in (*range(126), *range(220, 250))]
    assert [min(rows_of(manifest, n)) > 200 for n in (124, 125, 126)] == [True, True, False]
    assert "95 of 100 frames are missing (the first of them at the start: the one before is shown longer)" in done.stderr


@pytest.mark.parametrize("first, second", [(100, 7000), pytest.param(7000, 100, marks=pytest.mark.full)])
def test_recordings_put_together(build, tmp_path, first, second):
    """Flashes and clicks stay together behind a jump of the clock, and there is no hole in either."""
    parts = [tmp_path / "0.ts", tmp_path / "1.ts"]
    for part, start in zip(parts, (first, second)):
        ffmpeg("-f", "lavfi", "-i", "color=black:size=160x96:rate=25:duration=4", "-f", "lavfi", "-i", CLICK.format(seconds=4),
               "-vf", FLASH, *x264(*fixed_gop(50), "bframes=2"), *AAC, "-output_ts_offset", start, part)
    manifest, log = encode(build, put_together(tmp_path / "whole.ts", parts), tmp_path / "out")
    assert media.relative_times(manifest) == [fractions.Fraction(i, 25) for i in range(200)]
    flashes, onsets = media.flashes(manifest), media.onsets(*media.samples(manifest))
    assert flashes == [i + fractions.Fraction(12, 25) for i in range(8)]
    assert len(onsets) == 8
    # What a transport stream itself puts between picture and sound is not ours: AAC's priming, one frame at most.
    assert max(abs(o - f) for o, f in zip(onsets, flashes)) < fractions.Fraction(1, 40)
    assert "jumps of the file's clock" in log


@pytest.mark.parametrize("name, args", [
    ("mp2.avi", ["-f", "lavfi", "-i", "sine=duration=5", "-c:v", "mpeg4", "-c:a", "mp2"]),
    ("animation.gif", ["-vf", "fps=12.5"]),
    pytest.param("recording.wtv", ["-f", "lavfi", "-i", "sine=duration=5", "-c:v", "mpeg2video", "-c:a", "mp2"], marks=pytest.mark.full),
    pytest.param("r10k.mov", ["-c:v", "r10k"], marks=pytest.mark.full),
    ("tiny.avi", ["-vf", "scale=2:2", *x264(*fixed_gop(25), "bframes=2")]),
    pytest.param("packed.avi", ["-c:v", "libxvid", "-bf", 2, "-g", 50], marks=pytest.mark.full),
    pytest.param("one_pixel.mov", ["-vf", "scale=1:1", "-c:v", "png"], marks=pytest.mark.full),
    pytest.param("one_frame.mov", ["-frames:v", 1, "-c:v", "prores_ks", "-pix_fmt", "yuv422p10le"], marks=pytest.mark.full),
    pytest.param("gradual.ts", x264("intra-refresh=1", "keyint=25", "bframes=0"), marks=pytest.mark.full),
    pytest.param("stream.h264", x264(*fixed_gop(25), "bframes=2"), marks=pytest.mark.full),
])
def test_every_frame_at_its_time(build, tmp_path, name, args):
    ffmpeg(*picture(size="96x64", rate=25, seconds=5), *args, tmp_path / name)
    build.encode(tmp_path / name, tmp_path / "out", "--preset", 12, "--segment-seconds", 2)
    assert media.relative_times(tmp_path / "out/manifest.m3u8") == media.source_times(tmp_path / name)
