"""`avspl1t verify` on what belongs together: the rungs of a ladder, HDR metadata, lists of keyframes, and the MPD beside the playlists.
Each kind of damage is called by its name, and by no other."""
import re
import shutil

import pytest
from harness import damage
from harness.verified import errors, said, verify

V, A, M, D = "v1/p.m3u8", "a0/p.m3u8", "manifest.m3u8", "manifest.mpd"


@pytest.fixture
def ladder(presentation):
    """Two rungs, five sounds, two texts, an MPD."""
    return presentation("ladder")


@pytest.fixture
def hdr(presentation):
    """Two rungs of HDR10 and two of SDR, an MPD."""
    return presentation("hdr")


def edit(name, pattern, new, count=1):
    return lambda copy: copy.edit(name, pattern, new, count)


def all_later(rendition, seconds):
    def change(copy):
        for i in range(copy.last(rendition) + 1):
            damage.shift_tfdt(seconds)(copy, rendition, i)
    return change


def second_init(copy):
    shutil.copy(copy.path("v0/init.mp4"), copy.path("v0/init2.mp4"))
    copy.edit("v0/p.m3u8", "^#EXTINF:(.*\n2.m4s)", r'#EXT-X-MAP:URI="init2.mp4"\n#EXTINF:\1')


def representation(text, name):
    """A Representation of the MPD, and for sound and text its AdaptationSet."""
    if name[0] == "v":
        return re.search(f' *<Representation id="{name}".*?</Representation>\n', text, re.S)[0]
    return next(s for s in re.findall(" *<AdaptationSet.*?</AdaptationSet>\n", text, re.S) if f'id="{name}"' in s)


def in_mpd(name, pattern, new):
    """Replaces in what the MPD says of one rendition."""
    def change(copy):
        text = copy.path(D).read_text()
        part = representation(text, name)
        changed, n = re.subn(pattern, new, part, count=1, flags=re.M)
        assert n == 1, f"{pattern} is not in {part}"
        copy.path(D).write_text(text.replace(part, changed))
    return change


def left_out(name):
    def change(copy):
        text = copy.path(D).read_text()
        copy.path(D).write_text(text.replace(representation(text, name), ""))
    return change


def twice(name):
    def change(copy):
        text = copy.path(D).read_text()
        part = representation(text, name)
        copy.path(D).write_text(text.replace(part, part + part.replace(f'id="{name}"', 'id="x"')))
    return change


def swap_urls(copy):
    in_mpd("v1", '"v1/0.m4s"(.*\n.*)"v1/1.m4s"', r'"v1/1.m4s"\1"v1/0.m4s"')(copy)


LADDER_DAMAGE = {
    "rung-later": (all_later("v1", 1 / 30), {"cmaf.segment-alignment"}),
    "rung-shorter": (lambda c: c.remove_entry(V, c.last("v1")), {"cmaf.segment-alignment", "dash.files"}),
    "rung-with-other-codecs": (edit(M, r'(CODECS="av01\.0\.)\d\d(.*\n)v1/', r"\g<1>19\2v1/"), {"hls.codecs"}),
    "sound-overlaps": (lambda c: damage.shift_tfdt(-0.09)(c, "a0", c.last("a0")), {"cmaf.tfdt-overlap"}),
    "sound-has-a-gap": (lambda c: damage.shift_tfdt(0.09)(c, "a1", c.last("a1")), {"cmaf.tfdt-gap"}),
    "captions-of-one": (edit(M, ",CLOSED-CAPTIONS=NONE", ""), {"hls.closed-captions"}),
    "keyframe-times": (edit("v0/i.m3u8", r"^#EXTINF:1\.0", "#EXTINF:0.6"), {"hls.extinf"}),
    "keyframe-left-out": (edit("v0/i.m3u8", r"^#EXTINF.*\n#EXT-X-BYTERANGE.*\n1\.m4s\n", ""), {"hls.extinf"}),
    "mpd-cut-off": (lambda c: c.path(D).write_text(c.path(D).read_text()[:-200]), {"dash.xml"}),
    "mpd-of-somebody": (lambda c: c.path(D).write_text("somebody's"), {"dash.xml"}),
    "mpd-of-another-namespace": (edit(D, "urn:mpeg:dash:schema:mpd:2011", "urn:mpeg:dash:schema:mpd:2999"), {"dash.xml"}),
    "mpd-bad-number": (in_mpd("v0", 'timescale="', 'timescale="x'), {"dash.xml"}),
    "mpd-rung-left-out": (left_out("v1"), {"dash.renditions"}),
    "mpd-sound-left-out": (left_out("a1"), {"dash.renditions"}),
    "mpd-text-left-out": (left_out("s0"), {"dash.renditions"}),
    "mpd-one-too-many": (twice("v0"), {"dash.renditions"}),
    "mpd-order": (swap_urls, {"dash.files"}),
    "mpd-file-left-out": (in_mpd("v1", ".*v1/1.m4s.*\n", ""), {"dash.files"}),
    "mpd-other-init": (in_mpd("v1", "v1/init.mp4", "v0/init.mp4"), {"dash.files"}),
    "mpd-other-text": (in_mpd("s0", "s0/0.vtt", "s0/1.vtt"), {"dash.renditions"}),
    "mpd-outside": (in_mpd("v1", "v1/1.m4s", "../v1/1.m4s"), {"file.outside"}),
    "mpd-remote": (in_mpd("v1", "v1/1.m4s", "http://127.0.0.1:9/1.m4s"), {"file.remote"}),
    "mpd-times": (in_mpd("v1", r'(<S .*d=")\d', r"\g<1>9"), {"dash.times"}),
    "mpd-times-of-sound": (in_mpd("a0", r'<S t="0"', '<S t="1024"'), {"dash.times"}),
    "mpd-times-end": (in_mpd("v1", r' r="\d+"', ""), {"dash.times"}),
    "mpd-duration": (edit(D, r'mediaPresentationDuration="PT\d', 'mediaPresentationDuration="PT9'), {"dash.duration"}),
    "mpd-bandwidth": (in_mpd("v1", r'bandwidth="\d+"', 'bandwidth="1000"'), {"dash.bandwidth"}),
    "mpd-codecs": (in_mpd("v1", r'codecs="av01\.0', 'codecs="av01.1'), {"dash.codecs"}),
    "mpd-codecs-of-sound": (in_mpd("a0", r'codecs="mp4a\.40\.2', 'codecs="mp4a.40.5'), {"dash.codecs"}),
    "mpd-size": (in_mpd("v1", 'width="160"', 'width="320"'), {"dash.size"}),
    "mpd-frame-rate": (in_mpd("v1", 'frameRate="30/1"', 'frameRate="25/1"'), {"dash.frame-rate"}),
    "mpd-channels": (in_mpd("a1", 'ChannelConfiguration" value="6"', 'ChannelConfiguration" value="2"'), {"dash.channels"}),
    "mpd-language": (in_mpd("a1", 'lang="de"', 'lang="en"'), {"dash.language"}),
    "mpd-language-of-text": (in_mpd("s0", 'lang="en"', 'lang="fr"'), {"dash.language"}),
    "mpd-main": (in_mpd("a1", 'value="alternate"', 'value="main"'), {"dash.role"}),
    "mpd-not-forced": (in_mpd("s1", "forced-subtitle", "subtitle"), {"dash.role"}),
    "mpd-description": (in_mpd("a3", " *<Accessibility.*\n", ""), {"dash.role"}),
}
LADDER_WARNINGS = {
    "second-init": (second_init, {"cmaf.init-changes"}),
    "no-frame-rate": (edit(M, r"(?<=,)FRAME-RATE=[\d.]+,", ""), {"hls.frame-rate-missing"}),
    "no-resolution": (edit(M, r"(?<=,)RESOLUTION=\d+x\d+,", ""), {"hls.resolution-missing"}),
    "no-channels": (edit(M, r',CHANNELS="6"', ""), {"hls.channels-missing"}),
    "no-keyframes": (edit(M, "^#EXT-X-I-FRAME-STREAM-INF.*\n", "", 0), {"hls.iframe-missing"}),
    "mpd-doctype": (edit(D, "^<MPD", '<!DOCTYPE MPD [<!ENTITY x "y">]>\n<MPD'), {"dash.form"}),
    "mpd-template": (edit(D, "<SegmentList", "<SegmentTemplate/>\n<SegmentList"), {"dash.form"}),
    "mpd-live": (edit(D, 'type="static"', 'type="dynamic"'), {"dash.form"}),
}


def obus(data):
    """Offset and type of each OBU of the first sample up to its first frame."""
    at = damage.offset_of(data, b"mdat")
    while data[at] >> 3 & 15 not in (3, 6):
        yield at, data[at] >> 3 & 15
        size, shift, n = 0, 0, 1
        while True:
            size |= (data[at + n] & 0x7f) << shift
            shift, n = shift + 7, n + 1
            if not data[at + n - 1] & 0x80:
                break
        at += n + size


def metadata(data, kind):
    """Offset of a metadata OBU: 1 is light level, 2 mastering display."""
    return next(at for at, obu in obus(data) if obu == 5 and data[at + 2] == kind)


def lose_obu(kind, segments):
    def patch(data):
        at = metadata(data, kind)
        data[at] = data[at] & 0x87 | 15 << 3  # padding

    def change(copy):
        for name in segments:
            copy.patch(name, patch)
    return change


def other_light(data):
    data[metadata(data, 1) + 4] ^= 1


def patch_box(kind, offset, new):
    def change(data):
        at = damage.offset_of(data, kind) + offset
        data[at:at + len(new)] = new
    return change


def lose_box(kind, name):
    return lambda copy: copy.patch(name, patch_box(kind, -4, b"free"))


def lose_in_rung(copy):
    lose_box(b"mdcv", "v1/init.mp4")(copy)
    lose_obu(2, [f"v1/{i}.m4s" for i in range(3)])(copy)


def other_rung(copy):
    copy.patch("v1/init.mp4", patch_box(b"clli", 1, b"\x01"))
    for i in range(3):
        copy.patch(f"v1/{i}.m4s", lambda data: data.__setitem__(metadata(data, 1) + 4, 1))


HDR_DAMAGE = {
    "mastering-of-a-segment": (lose_obu(2, ["v0/1.m4s"]), {"hdr.lost"}),
    "light-of-a-segment": (lose_obu(1, ["v0/2.m4s"]), {"hdr.lost"}),
    "light-differs": (lambda c: c.patch("v0/1.m4s", other_light), {"hdr.differs"}),
    "mastering-of-the-init": (lose_box(b"mdcv", "v0/init.mp4"), {"hdr.lost"}),
    "light-of-the-init": (lose_box(b"clli", "v1/init.mp4"), {"hdr.lost"}),
    "mastering-differs": (lambda c: c.patch("v0/init.mp4", patch_box(b"mdcv", 0, b"\x01")), {"hdr.differs"}),
    "of-a-rung": (lose_in_rung, {"hdr.lost"}),
    "of-a-rung-differs": (other_rung, {"hdr.differs"}),
    "colr": (lambda c: c.patch("v0/init.mp4", patch_box(b"colr", 7, b"\x01")), {"mp4.color"}),
    "video-range-of-sdr": (edit(M, "VIDEO-RANGE=SDR", "VIDEO-RANGE=PQ"), {"hls.video-range"}),
    "mpd-transfer": (edit(D, 'TransferCharacteristics" value="16"', 'TransferCharacteristics" value="18"'), {"dash.transfer"}),
}


def test_what_we_make_is_sound(build, ladder, hdr):
    for folder in (ladder, hdr):
        assert verify(build, folder, code=0)["findings"] == []


def check(build, original, tmp_path, change, rules, code):
    copy = damage.Copy(original, tmp_path / "copy", iframes=True)
    assert verify(build, copy.folder, "--fast", code=0)["findings"] == []
    change(copy)
    result = verify(build, copy.folder, "--fast", code=code)
    assert {f["rule"] for f in result["findings"]} == rules, said(result)
    assert code == 0 or errors(result) == rules, said(result)
    # One fault, few words: what is wrong with a rung shows in its MPD, too.
    assert len(result["findings"]) <= 3, said(result)


@pytest.mark.parametrize("name", LADDER_DAMAGE)
def test_damage_of_a_ladder_is_called_by_its_name(build, ladder, tmp_path, name):
    check(build, ladder, tmp_path, *LADDER_DAMAGE[name], 1)


@pytest.mark.parametrize("name", LADDER_WARNINGS)
def test_a_doubt_about_a_ladder_is_a_warning(build, ladder, tmp_path, name):
    check(build, ladder, tmp_path, *LADDER_WARNINGS[name], 0)


@pytest.mark.parametrize("name", HDR_DAMAGE)
def test_damage_of_hdr_is_called_by_its_name(build, hdr, tmp_path, name):
    check(build, hdr, tmp_path, *HDR_DAMAGE[name], 1)
