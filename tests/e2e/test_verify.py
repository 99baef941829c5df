"""`avspl1t verify` accepts what is sound, whoever made it, and says of what is broken what it is."""
import os
import re
import shutil
import struct

import pytest
from harness import clips, damage, media, verified
from harness.clips import AAC, ffmpeg, fixed_gop, picture, sound, x264
from harness.programs import wait_until
from harness.verified import errors, said


def verify(build, path, *options, code=None):
    """What is said of copies without a list of keyframes is no finding of theirs."""
    result = verified.verify(build, path, *options, code=code)
    result["findings"] = [f for f in result["findings"] if f["rule"] != "hls.iframe-missing"]
    return result


# What is sound.

@pytest.mark.parametrize("name", ["open-gop", "vfr", "ten-bit", "odd-size", "silent", "clicks"])
def test_our_own_presentations_are_sound(build, clip, presentation, name):
    result = verify(build, presentation(name), code=0)
    assert result["findings"] == []
    assert result["facts"]["frames"] == len(media.times(clip(name).path))
    assert verify(build, presentation(name), "--fast", code=0)["findings"] == []


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    path = tmp_path_factory.mktemp("hls-source") / "source.mp4"
    ffmpeg(*picture(rate=25, seconds=6), *sound(6), *x264(*fixed_gop(50), "bframes=2"), "-b:v", "300k", *AAC, path)
    return path


HLS = ["-f", "hls", "-hls_time", "2", "-hls_playlist_type", "vod"]
COPY = ["-c", "copy", *HLS]
# name: (options of ffmpeg, playlist, frames)
OTHERS = {
    "fmp4": ([*COPY, "-hls_segment_type", "fmp4", "-master_pl_name", "master.m3u8"], "p.m3u8", 150),
    "ts": ([*COPY, "-master_pl_name", "master.m3u8"], "p.m3u8", 150),
    "single-file-fmp4": ([*COPY, "-hls_segment_type", "fmp4", "-hls_flags", "single_file"], "p.m3u8", 150),
    "single-file-ts": ([*COPY, "-hls_flags", "single_file"], "p.m3u8", 150),
    "independent-ts": ([*COPY, "-hls_flags", "independent_segments"], "p.m3u8", 150),
    "audio-only-fmp4": (["-vn", *COPY, "-hls_segment_type", "fmp4"], "p.m3u8", 0),
    "audio-only-ts": (["-vn", *COPY], "p.m3u8", 0),
    "audio-only-packed": (["-vn", *COPY, "-hls_segment_filename", "%d.aac"], "p.m3u8", 0),
    "variants": (["-map", "0:v", "-map", "0:v", "-map", "0:a", *x264(*fixed_gop(50)), "-b:v:0", "400k", "-b:v:1", "200k",
                  "-s:v:1", "160x90", "-c:a", "aac", *HLS, "-hls_segment_type", "fmp4", "-master_pl_name", "master.m3u8",
                  "-var_stream_map", "a:0,agroup:sound v:0,agroup:sound v:1,agroup:sound"], "v%v/p.m3u8", 150),
}


@pytest.mark.parametrize("name", OTHERS)
def test_what_ffmpeg_makes_is_sound(build, source, tmp_path, name):
    options, playlist, frames = OTHERS[name]
    options = [str(tmp_path / o) if o == "%d.aac" else o for o in options]
    ffmpeg("-i", source, *options, tmp_path / playlist)
    result = verify(build, tmp_path, code=0)
    assert result["facts"]["frames"] == frames
    assert abs(result["facts"]["duration"] - 6) < 0.1
    verify(build, tmp_path, "--fast", code=0)


def test_a_media_playlist_alone_can_be_named(build, presentation):
    playlist = next((presentation("open-gop") / "v0").glob("playlist-*.m3u8"))
    result = verify(build, playlist, code=0)
    assert len(result["facts"]["renditions"]) == 1


def test_people_are_told_as_well(build, presentation):
    done = build.run("verify", presentation("silent"))
    assert done.returncode == 0
    assert re.fullmatch(r"sound: 1 rendition, 3 segments, 144 frames, (6\.00|5\.99)\d s\n", done.stdout)


def test_what_is_no_presentation_is_a_usage_error(build, tmp_path):
    assert build.run("verify", tmp_path / "nowhere").returncode == 2
    done = build.run("verify", tmp_path)
    assert done.returncode == 2 and "holds no playlist" in done.stderr


# What is broken. Each function damages a copy; beside it, the one rule that says so.

def patch_box(kind, offset, new):
    def change(data):
        at = damage.offset_of(data, kind) + offset
        data[at:at + len(new)] = new
    return change


def truncate(copy):
    path = copy.path("v0/1.m4s")
    path.write_bytes(path.read_bytes()[:-100])


def swap_entries(copy):
    path = copy.path("v0/p.m3u8")
    path.write_text(path.read_text().replace("1.m4s", "x").replace("2.m4s", "1.m4s").replace("x\n", "2.m4s\n"))


def repeat(copy):
    entry = copy.entry("v0/p.m3u8", 1)
    copy.edit("v0/p.m3u8", re.escape(entry), entry + entry)


def not_a_keyframe(copy):
    def change(data):
        # The first OBU behind the sequence header is the frame: its frame_type becomes INTER_FRAME.
        at = damage.offset_of(data, b"mdat")
        while data[at] >> 3 & 15 != 6:
            at += 2 + data[at + 1]
        header = 1
        while data[at + header] & 0x80:
            header += 1
        data[at + header + 1] |= 0x20
    copy.patch("v0/1.m4s", change)


def lose_a_frame(copy):
    """The last sample of a segment goes: the count in its trun, and so its length."""
    def change(data):
        count, _, _, _ = damage.sample_tables(data)
        struct.pack_into(">I", data, count, struct.unpack_from(">I", data, count)[0] - 1)
    copy.patch("v0/1.m4s", change)


def break_sample_data(copy):
    def change(data):
        _, first, step, flags = damage.sample_tables(data)
        at = first + step + (4 if flags & 0x100 else 0)
        struct.pack_into(">I", data, at, struct.unpack_from(">I", data, at)[0] + 1000000)
    copy.patch("v0/1.m4s", change)


def change_codec_config(copy):
    copy.patch("v0/init.mp4", patch_box(b"av1C", 0, b"\x01"))


def foreign_init(copy):
    # What another encoder setting makes: one bit of the height in the sequence header, in front of its trailing bits.
    other = copy.folder.parent / "other.mp4"
    ffmpeg(*picture(size="192x108", rate=30, seconds=0.2), "-c:v", "libsvtav1", "-preset", "12", "-movflags",
           "+frag_keyframe+empty_moov+default_base_moof+cmaf", other)
    data = other.read_bytes()
    end = 0
    while data[end + 4:end + 8] != b"moof":
        end += struct.unpack_from(">I", data, end)[0]
    init = bytearray(data[:end])
    timescale = struct.unpack_from(">I", copy.path("v0/init.mp4").read_bytes(),
                                   damage.offset_of(copy.path("v0/init.mp4").read_bytes(), b"mdhd") + 12)[0]
    struct.pack_into(">I", init, damage.offset_of(init, b"mdhd") + 12, timescale)
    copy.path("v0/init.mp4").write_bytes(init)


def no_box(kind):
    """It is missing in each fragment."""
    def change(data):
        for at in damage.offsets_of(data, kind):
            data[at - 4:at] = b"free"
    return lambda copy: copy.patch("v0/1.m4s", change)


def flip_in_mdat(copy):
    def change(data):
        at = data.rindex(b"mdat") + 4
        # Behind the headers of the frame after the keyframe everything: sizes of OBUs as well.
        for i in range(at + 60, len(data), 5):
            data[i] ^= 0x55
    copy.patch("v0/1.m4s", change)


def sound_shorter(copy):
    copy.remove_entry("a0/p.m3u8", copy.last("a0"))


def all_later(copy):
    for i in range(copy.last("a0") + 1):
        damage.shift_tfdt(1.5)(copy, "a0", i)


def renditions_of_one_name(copy):
    text = copy.path("manifest.m3u8").read_text()
    line = re.search("^#EXT-X-MEDIA:.*\n", text, re.M)[0]
    copy.path("manifest.m3u8").write_text(text.replace(line, line + line.replace("DEFAULT=YES", "DEFAULT=NO")))


def link_outside(copy):
    outside = copy.folder.parent / "outside.m4s"
    shutil.move(copy.path("v0/1.m4s"), outside)
    copy.path("v0/1.m4s").symlink_to(outside)


def pipe(copy):
    copy.path("v0/1.m4s").unlink()
    os.mkfifo(copy.path("v0/1.m4s"))


def huge(copy):
    os.truncate(copy.path("v0/1.m4s"), 1 << 40)


def edit(name, pattern, new, count=1):
    return lambda copy: copy.edit(name, pattern, new, count)


def key(copy):
    copy.edit("v0/p.m3u8", "^#EXT-X-MAP", '#EXT-X-KEY:METHOD=AES-128,URI="k"\n#EXT-X-MAP')


V, A, M = "v0/p.m3u8", "a0/p.m3u8", "manifest.m3u8"
DAMAGE = {
    "missing-segment": (lambda c: c.path("v0/1.m4s").unlink(), {"file.missing"}),
    "missing-init": (lambda c: c.path("v0/init.mp4").unlink(), {"file.missing"}),
    "missing-playlist": (lambda c: c.path(A).unlink(), {"file.missing"}),
    "truncated-segment": (truncate, {"mp4.truncated"}),
    "empty-segment": (lambda c: c.path("v0/1.m4s").write_bytes(b""), {"mp4.truncated"}),
    "flipped-bytes": (flip_in_mdat, {"decode.damaged"}),
    "zeroed-segment": (lambda c: c.patch("v0/1.m4s", lambda d: d.__setitem__(slice(0, 4096), bytes(4096))), {"hls.format"}),
    "swapped-entries": (swap_entries, {"hls.segment-order"}),
    "swapped-files": (lambda c: damage.swap_files(c, "v0/1.m4s", "v0/2.m4s"), {"hls.segment-order"}),
    "duplicate": (repeat, {"hls.segment-repeated"}),
    "entry-left-out": (lambda c: c.remove_entry(V, 1), {"cmaf.tfdt-gap"}),
    "extinf": (edit(V, "^#EXTINF:2.000000", "#EXTINF:1.500000"), {"hls.extinf"}),
    "extinf-all": (edit(V, "^#EXTINF:2.000000", "#EXTINF:1.700000", 0), {"hls.extinf"}),
    "extinf-drift": (edit(V, "^#EXTINF:2.000000", "#EXTINF:2.030000", 0), {"hls.extinf-sum"}),
    "extinf-missing": (edit(V, "^#EXTINF:2.000000,\n1.m4s", "1.m4s"), {"hls.extinf-missing"}),
    "targetduration": (edit(V, "TARGETDURATION:2", "TARGETDURATION:1"), {"hls.targetduration"}),
    "targetduration-missing": (edit(V, "^#EXT-X-TARGETDURATION:2\n", ""), {"hls.targetduration-missing"}),
    "bandwidth": (edit(M, r":BANDWIDTH=\d+", ":BANDWIDTH=2000"), {"hls.bandwidth"}),
    "average-bandwidth": (edit(M, r"AVERAGE-BANDWIDTH=\d+", "AVERAGE-BANDWIDTH=9000000"), {"hls.average-bandwidth"}),
    "codecs": (edit(M, r"av01\.0\.", "av01.1."), {"hls.codecs"}),
    "codecs-level": (edit(M, r"(av01\.0\.)\d\d", r"\g<1>19"), {"hls.codecs"}),
    "codecs-sound": (edit(M, r"mp4a\.40\.2", "mp4a.40.5"), {"hls.codecs"}),
    "resolution": (edit(M, r"RESOLUTION=320x180", "RESOLUTION=640x360"), {"hls.resolution"}),
    "frame-rate": (edit(M, r"FRAME-RATE=[\d.]+", "FRAME-RATE=120.000"), {"hls.frame-rate"}),
    "video-range": (edit(M, "VIDEO-RANGE=SDR", "VIDEO-RANGE=PQ"), {"hls.video-range"}),
    "channels": (edit(M, r'CHANNELS="\d"', 'CHANNELS="6"'), {"hls.channels"}),
    "tfdt-gap": (lambda c: damage.shift_tfdt(0.5)(c, "v0", c.last("v0")), {"cmaf.tfdt-gap"}),
    "tfdt-overlap": (lambda c: damage.shift_tfdt(-0.3)(c, "v0", c.last("v0")), {"cmaf.tfdt-overlap"}),
    "tfdt-shifted": (lambda c: damage.shift_tfdt(0.25)(c, "v0", 1), {"cmaf.tfdt-gap", "cmaf.tfdt-overlap"}),
    "tfdt-one-frame": (lose_a_frame, {"cmaf.tfdt-gap"}),
    "tfdt-missing": (no_box(b"tfdt"), {"cmaf.tfdt-missing"}),
    "all-later": (all_later, {"hls.range"}),
    "moof-missing": (no_box(b"moof"), {"mp4.box-missing"}),
    "sample-data": (break_sample_data, {"mp4.sample-data"}),
    "endlist": (edit(V, "^#EXT-X-ENDLIST\n", ""), {"hls.endlist"}),
    "map-missing": (edit(V, "^#EXT-X-MAP.*\n", ""), {"hls.map-missing"}),
    "foreign-init": (foreign_init, {"av1.sequence-header"}),
    "init-of-the-sound": (lambda c: shutil.copy(c.path("a0/init.mp4"), c.path("v0/init.mp4")), {"cmaf.track"}),
    "init-brand": (lambda c: c.patch("v0/init.mp4", lambda d: d.__setitem__(
        slice(8, struct.unpack_from(">I", d, 0)[0]), b"qt  " * ((struct.unpack_from(">I", d, 0)[0] - 8) // 4))),
        {"cmaf.init-brand"}),
    "init-track": (lambda c: c.patch("v0/init.mp4", patch_box(b"tkhd", 12, b"\0\0\0\x07")), {"cmaf.track"}),
    "init-broken": (lambda c: c.patch("v0/init.mp4", patch_box(b"moov", -8, b"\x7f")), {"mp4.box"}),
    "codec-config": (change_codec_config, {"mp4.codec-config"}),
    "not-a-keyframe": (not_a_keyframe, {"hls.independent"}),
    "sound-shorter": (sound_shorter, {"hls.range"}),
    "version": (edit(V, "VERSION:7", "VERSION:3"), {"hls.version"}),
    "extm3u": (edit(V, "^#EXTM3U\n", ""), {"hls.extm3u"}),
    "unquoted": (edit(V, r'URI="init.mp4"', "URI=init.mp4"), {"hls.attributes"}),
    "attribute-twice": (edit(M, "RESOLUTION=", "RESOLUTION=320x180,RESOLUTION="), {"hls.attributes"}),
    "tag-twice": (edit(V, "^(#EXT-X-TARGETDURATION.*\n)", r"\1\1"), {"hls.tag-repeated"}),
    "tag-too-late": (edit(V, "^#EXT-X-ENDLIST", "#EXT-X-DISCONTINUITY-SEQUENCE:1\n#EXT-X-ENDLIST"), {"hls.tag-order"}),
    "mixed": (edit(M, "^#EXT-X-VERSION", "#EXT-X-TARGETDURATION:2\n#EXT-X-VERSION"), {"hls.mixed"}),
    "names": (renditions_of_one_name, {"hls.name"}),
    "group-missing": (edit(M, 'GROUP-ID="audio"', 'GROUP-ID="other"'), {"hls.group-missing"}),
    "default": (edit(M, "AUTOSELECT=YES", "AUTOSELECT=NO"), {"hls.default"}),
    "no-bandwidth": (edit(M, r":BANDWIDTH=\d+,", ":"), {"hls.stream-inf"}),
    "no-variant-uri": (edit(M, r"^v0/p.m3u8\n", ""), {"hls.stream-inf"}),
    "byte-range": (edit(V, "^1.m4s", "#EXT-X-BYTERANGE:99999999@0\n1.m4s"), {"hls.byterange"}),
    "escape": (edit(V, "^1.m4s", "../../../../../../etc/passwd"), {"file.outside"}),
    "escape-encoded": (edit(V, "^1.m4s", "%2e%2e/..%2f../etc/passwd"), {"file.outside"}),
    "absolute": (edit(V, "^1.m4s", "/etc/passwd"), {"file.outside"}),
    "file-uri": (edit(V, "^1.m4s", "file:///etc/passwd"), {"file.remote"}),
    "http-uri": (edit(V, "^1.m4s", "http://127.0.0.1:9/1.m4s"), {"file.remote"}),
    "link-outside": (link_outside, {"file.outside"}),
    "pipe": (pipe, {"file.unreadable"}),
    "huge": (huge, {"file.too-large"}),
}
WARNINGS = {
    "key": (key, {"hls.key"}),
    "target-unequal": (edit(A, "TARGETDURATION:2", "TARGETDURATION:3"), {"hls.targetduration-equal"}),
    "live": (edit(V, "^#EXT-X-(PLAYLIST-TYPE|ENDLIST).*\n", "", 0), {"hls.endlist"}),
    "no-codecs": (edit(M, 'CODECS="[^"]*",', ""), {"hls.codecs-missing"}),
    "bandwidth-loose": (edit(M, r":BANDWIDTH=(\d+)", r":BANDWIDTH=9\1"), {"hls.bandwidth-loose"}),
    "frame-rate-low": (edit(M, r"FRAME-RATE=[\d.]+", "FRAME-RATE=5.000"), {"hls.frame-rate"}),
    "unsupported": (edit(M, "^#EXT-X-VERSION", '#EXT-X-DEFINE:NAME="a",VALUE="b"\n#EXT-X-VERSION'), {"hls.unsupported"}),
}


@pytest.fixture
def copy(presentation, tmp_path):
    return damage.Copy(presentation("clicks"), tmp_path / "copy")


def test_the_copy_is_sound(build, copy):
    assert verify(build, copy.folder, code=0)["findings"] == []


@pytest.mark.parametrize("name", DAMAGE)
def test_damage_is_called_by_its_name(build, copy, name):
    change, rules = DAMAGE[name]
    change(copy)
    result = verify(build, copy.folder, code=1)
    assert errors(result) == rules, said(result)
    # One fault, few words: nothing cascades.
    assert len(result["findings"]) <= 3, said(result)


@pytest.fixture
def tracks(presentation, tmp_path):
    return damage.Copy(presentation("tracks"), tmp_path / "copy")


def test_the_copy_of_tracks_is_sound(build, tracks):
    assert verify(build, tracks.folder, code=0)["findings"] == []


S, T = "s0/p.m3u8", "s0/0.vtt"
TRACK_DAMAGE = {
    "cues-later": (edit(T, r"^00:00:0(\d\.\d{3} --> )00:00:0", r"00:01:0\g<1>00:01:0", 0), {"text.cue-time"}),
    "cue-backwards": (edit(T, "00:00:01.234 --> 00:00:02.345", "00:00:02.345 --> 00:00:01.234"), {"text.cue"}),
    "cue-order": (edit(T, "00:00:01.234 -->", "00:00:02.234 -->"), {"text.cue"}),
    "cue-comma": (edit(T, "00:00:01.234", "00:00:01,234"), {"text.cue"}),
    "map-later": (edit(T, "MPEGTS:0", "MPEGTS:900000"), {"text.timestamp-map"}),
    "map-broken": (edit(T, "MPEGTS:0", "MPEGTS:zero"), {"text.timestamp-map"}),
    "no-webvtt": (edit(T, "^WEBVTT", "1"), {"hls.format"}),
    "text-too-short": (edit(S, r"#EXTINF:6", "#EXTINF:2"), {"hls.range", "text.cue-time"}),
    "text-is-missing": (lambda c: c.path(T).unlink(), {"file.missing"}),
    "text-group": (edit(M, 'SUBTITLES="subtitles"', 'SUBTITLES="other"'), {"hls.group-missing"}),
    "language": (edit(M, 'LANGUAGE="de"', 'LANGUAGE="German (Germany)"'), {"hls.language"}),
    "forced-sound": (edit(M, "^#EXT-X-MEDIA:TYPE=AUDIO", "#EXT-X-MEDIA:TYPE=AUDIO,FORCED=YES"), {"hls.media-attributes"}),
    "names-of-text": (edit(M, r'(SUBTITLES,.*NAME=)"de"', r'\1"en"'), {"hls.name"}),
    "channels-of-5.1": (edit(M, 'CHANNELS="6"', 'CHANNELS="2"'), {"hls.channels"}),
    "two-defaults": (edit(M, r'("de",DEFAULT=)NO(.*CHANNELS)', r"\1YES\2"), {"hls.default"}),
    "second-sound-shorter": (lambda c: c.remove_entry("a2/p.m3u8", 2), {"hls.range"}),
    "second-sound-shifted": (lambda c: damage.shift_tfdt(0.5)(c, "a4", 1), {"cmaf.tfdt-gap", "cmaf.tfdt-overlap"}),
}
def all_later_without_a_map(copy):
    copy.edit(T, "^X-TIMESTAMP-MAP.*\n", "")
    copy.edit("s1/0.vtt", "^X-TIMESTAMP-MAP.*\n", "")
    for rendition in [f.name for f in copy.folder.iterdir() if f.name[0] in "va"]:
        for i in range(copy.last(rendition) + 1):
            damage.shift_tfdt(10)(copy, rendition, i)


def group_left_out(copy):
    """Sound in stereo is nowhere, where the source is not."""
    copy.edit(M, r'^#EXT-X-MEDIA.*"audio-stereo".*\n', "", 0)
    copy.edit(M, r'^#EXT-X-STREAM-INF.*"audio-stereo".*\n.*\n', "", 0)


TRACK_WARNINGS = {
    "no-map": (all_later_without_a_map, {"text.timestamp-map"}),
    "no-stereo": (group_left_out, {"hls.stereo-missing"}),
    "groups-differ": (edit(M, r'(GROUP-ID="audio-stereo".*)LANGUAGE="de"', r'\1LANGUAGE="fr"'), {"hls.group-members"}),
    "no-choice": (edit(M, r"(TYPE=AUDIO.*)DEFAULT=YES", r"\1DEFAULT=NO", 0), set()),
    "no-choice-at-all": (lambda c: [c.edit(M, rf"(TYPE=AUDIO.*){name}=YES", rf"\1{name}=NO", 0) for name in ("DEFAULT", "AUTOSELECT")],
                         {"hls.autoselect-missing"}),
    "text-of-one": (edit(M, ',SUBTITLES="subtitles"', ""), {"hls.subtitles-missing"}),
    "text-of-none": (edit(M, ',SUBTITLES="subtitles"', "", 0), {"hls.group-unused"}),
    "no-language": (edit(M, ',LANGUAGE="fr"', ""), {"hls.language"}),
    "alike": (edit(M, r'(NAME="en".*)AUTOSELECT=NO', r"\1AUTOSELECT=YES", 0), {"hls.autoselect"}),
}


@pytest.mark.parametrize("name", TRACK_DAMAGE)
def test_damage_of_tracks_is_called_by_its_name(build, tracks, name):
    change, rules = TRACK_DAMAGE[name]
    change(tracks)
    result = verify(build, tracks.folder, "--fast", code=1)
    assert errors(result) == rules, said(result)
    assert len(result["findings"]) <= 3, said(result)


@pytest.mark.parametrize("name", TRACK_WARNINGS)
def test_a_doubt_about_tracks_is_a_warning(build, tracks, name):
    change, rules = TRACK_WARNINGS[name]
    change(tracks)
    result = verify(build, tracks.folder, "--fast", code=0)
    assert {f["rule"] for f in result["findings"]} == rules, said(result)


I = "v0/i.m3u8"
IFRAME_DAMAGE = {
    "range-too-short": (edit(I, r"^#EXT-X-BYTERANGE:(\d+)", lambda m: f"#EXT-X-BYTERANGE:{int(m[1]) - 1}"), {"hls.iframe"}),
    "range-elsewhere": (edit(I, r"^(#EXT-X-BYTERANGE:\d+)@0", r"\1@8"), {"hls.iframe"}),
    "range-too-long": (edit(I, r"^#EXT-X-BYTERANGE:\d+", "#EXT-X-BYTERANGE:99999999"), {"hls.byterange"}),
    "bandwidth": (edit(M, r"(I-FRAME-STREAM-INF:BANDWIDTH=)\d+", r"\g<1>20"), {"hls.bandwidth"}),
    "resolution": (edit(M, r"(I-FRAME.*RESOLUTION=)320x180", r"\g<1>640x360"), {"hls.resolution"}),
    "codecs": (edit(M, r"(I-FRAME.*av01\.)0", r"\g<1>1"), {"hls.codecs"}),
}


@pytest.mark.parametrize("name", IFRAME_DAMAGE)
def test_damage_of_the_keyframes_list_is_called_by_its_name(build, presentation, tmp_path, name):
    change, rules = IFRAME_DAMAGE[name]
    copy = damage.Copy(presentation("clicks"), tmp_path / "copy", iframes=True)
    assert verify(build, copy.folder, code=0)["findings"] == []
    change(copy)
    result = verify(build, copy.folder, code=1)
    assert errors(result) == rules, said(result)
    assert len(result["findings"]) <= 3, said(result)


@pytest.mark.parametrize("name", WARNINGS)
def test_what_players_cope_with_is_a_warning(build, copy, name):
    change, rules = WARNINGS[name]
    change(copy)
    result = verify(build, copy.folder, code=0)
    assert {f["rule"] for f in result["findings"]} == rules, said(result)


def test_a_name_with_another_hash_is_found(build, presentation, tmp_path):
    shutil.copytree(presentation("silent"), tmp_path / "copy")
    segment = sorted((tmp_path / "copy/v0").glob("*.m4s"))[1]
    data = bytearray(segment.read_bytes())
    data[-1000] ^= 1
    segment.write_bytes(data)
    result = verify(build, tmp_path / "copy", code=1)
    assert "file.hash" in errors(result)
    assert {f["file"] for f in result["findings"]} == {f"v0/{segment.name}"}
    # Headers do not show it.
    verify(build, tmp_path / "copy", "--fast", code=0)


def test_every_rule_is_documented(build):
    root = clips.__file__[:clips.__file__.index("/tests/")]
    with open(f"{root}/src/core/finding.c", encoding="utf-8") as code:
        rules = set(re.findall(r'\{"([a-z0-9]+\.[a-z0-9-]+)", AVSP_(?:ERROR|WARNING)', code.read()))
    with open(f"{root}/docs/VERIFY.md", encoding="utf-8") as docs:
        documented = set(re.findall(r"^\| `([a-z0-9.-]+)` \|", docs.read(), re.M))
    assert len(rules) > 50 and rules == documented


def test_a_job_whose_output_is_not_sound_fails_and_says_why(farm, clip, tmp_path):
    """Its first segment is changed while the others are still encoded: the manifest task finds it."""
    coordinator = farm.coordinator()
    farm.worker(coordinator.address, slots=1)
    job = farm.submit(coordinator.address, clip("film").path, tmp_path / "out", "--preset", 12, "--segment-seconds", 1)
    first = wait_until(lambda: list((tmp_path / "out/v0").glob("00000-*.m4s")), "the first segment", 60)[0]
    data = bytearray(first.read_bytes())
    for at in damage.offsets_of(data, b"tfdt"):
        data[at + 4 + (7 if data[at] == 1 else 3) - 1] ^= 0x40
    first.write_bytes(data)
    status = farm.wait_over(coordinator.address, job)
    assert status["state"] == "failed"
    assert "cmaf.tfdt-" in status["error"] and "v0/00001-" in status["error"]
    assert not (tmp_path / "out/manifest.m3u8").exists()
