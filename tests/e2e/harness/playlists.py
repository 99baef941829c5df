"""Reads a presentation's playlists and checks them against the files they name."""
import dataclasses
import fractions
import re

from harness import mp4
from harness.programs import files_below

ATTRIBUTE = re.compile(r'([A-Z0-9-]+)=("[^"]*"|[^,]*)')


def attributes(text):
    return {k: v.strip('"') for k, v in ATTRIBUTE.findall(text)}


@dataclasses.dataclass
class Media:
    path: object  # of the playlist
    tags: dict
    extinf: list  # exact, as printed
    files: list
    init_file: object
    ranges: list = dataclasses.field(default_factory=list)  # as printed: "length@offset"
    init: object = None
    segments: list = None

    @property
    def timescale(self):
        return self.init.timescale


@dataclasses.dataclass
class Presentation:
    folder: object
    tags: dict
    variants: list  # attributes, each with URI
    audio: list
    subtitles: list
    media: dict  # URI: Media
    iframes: list = dataclasses.field(default_factory=list)  # attributes

    @property
    def sound_alone(self):
        return not self.variants[0]["CODECS"].startswith("av01")

    @property
    def video(self):
        return None if self.sound_alone else self.media[self.variants[0]["URI"]]

    @property
    def sound(self):
        if self.sound_alone:
            return self.media[self.variants[0]["URI"]]
        return self.media[self.audio[0]["URI"]] if self.audio else None


def lines_of(path):
    text = path.read_text(encoding="utf-8")
    assert text.startswith("#EXTM3U\n") and text.endswith("\n"), f"{path}: not a playlist"
    return text.splitlines()[1:]


def read_media(path):
    media = Media(path, {}, [], [], None)
    for line in lines_of(path):
        tag, _, value = line.partition(":")
        if tag == "#EXTINF":
            media.extinf.append(fractions.Fraction(value.split(",")[0]))
        elif tag == "#EXT-X-MAP":
            assert media.init_file is None, f"{path}: two EXT-X-MAP"
            media.init_file = path.parent / attributes(value)["URI"]
        elif tag == "#EXT-X-BYTERANGE":
            media.ranges.append(value)
        elif line.startswith("#"):
            media.tags[tag] = value
        elif line:
            media.files.append(path.parent / line)
    if media.init_file is None:
        return media
    media.init = mp4.read_init(media.init_file.read_bytes())
    media.segments = [mp4.read_segment(f.read_bytes()) for f in media.files]
    return media


def read(manifest):
    """A presentation as a player sees it."""
    folder = manifest.parent
    found = Presentation(folder, {}, [], [], [], {})
    pending = None
    for line in lines_of(manifest):
        tag, _, value = line.partition(":")
        if tag == "#EXT-X-STREAM-INF":
            pending = attributes(value)
        elif tag == "#EXT-X-MEDIA":
            media = attributes(value)
            (found.subtitles if media["TYPE"] == "SUBTITLES" else found.audio).append(media)
        elif tag == "#EXT-X-I-FRAME-STREAM-INF":
            found.iframes.append(attributes(value))
        elif line.startswith("#"):
            found.tags[tag] = value
        elif line:
            found.variants.append({**pending, "URI": line})
    assert found.variants, f"{manifest}: no variant"
    for entry in found.variants + found.audio + found.subtitles:
        if "URI" in entry:
            found.media[entry["URI"]] = read_media(folder / entry["URI"])
    return found


def cues(media):
    """The cues of a rendition of text: (first millisecond, end, settings, text)."""
    def time(h, m, s, ms):
        return int(h) * 3600000 + int(m) * 60000 + int(s) * 1000 + int(ms)
    (file,) = media.files
    head, *blocks = file.read_text(encoding="utf-8").strip().split("\n\n")
    assert head == "WEBVTT\nX-TIMESTAMP-MAP=LOCAL:00:00:00.000,MPEGTS:0", head
    found = []
    for block in blocks:
        timing, *text = block.split("\n")
        match = re.fullmatch(r"(\d+):(\d\d):(\d\d)\.(\d{3}) --> (\d+):(\d\d):(\d\d)\.(\d{3})(.*)", timing)
        assert match, block
        found.append((time(*match.groups()[:4]), time(*match.groups()[4:8]), match[9].strip(), "\n".join(text)))
    return found


def check_text(media):
    """One file that spans all of it."""
    assert media.tags["#EXT-X-PLAYLIST-TYPE"] == "VOD" and "#EXT-X-ENDLIST" in media.tags
    assert len(media.files) == 1 and int(media.tags["#EXT-X-TARGETDURATION"]) == round(media.extinf[0])
    found = cues(media)
    assert found == sorted(found, key=lambda c: c[0]) and all(a < b <= media.extinf[0] * 1000 for a, b, _, _ in found), found
    return media.extinf[0]


def check_media(media, is_video):
    """RFC 8216 and what our own contract adds."""
    name = media.path.name
    assert media.tags["#EXT-X-PLAYLIST-TYPE"] == "VOD", name
    assert "#EXT-X-ENDLIST" in media.tags, name
    assert int(media.tags["#EXT-X-VERSION"]) >= 7, name
    assert len(media.extinf) == len(media.files) == len(media.segments) > 0, name
    # Longest EXTINF, rounded to whole seconds, is not over the target (RFC 8216, 4.3.3.1).
    target = int(media.tags["#EXT-X-TARGETDURATION"])
    assert all(int(d + fractions.Fraction(1, 2)) <= target for d in media.extinf), name

    scale = media.timescale
    assert media.segments[0].start == 0, name
    for before, after in zip(media.segments, media.segments[1:]):
        assert before.start + before.duration == after.start, f"{name}: {before} then {after}"
        assert before.sequence < after.sequence, f"{name}: {before} then {after}"
    priming = 0
    if is_video and media.init.avcc:
        # What H.264 takes to put frames in order is taken away again: each segment begins with its first frame.
        assert len(media.init.edits) <= 1, f"{name}: edits {media.init.edits}"
        for file, segment in zip(media.files, media.segments):
            assert min(mp4.shown(file.read_bytes(), media.init)) == segment.start, file
    elif is_video:
        assert media.init.edits == [], f"{name}: video has an edit list"
    else:
        assert len(media.init.edits) == 1, f"{name}: edits {media.init.edits}"
        priming = media.init.edits[0][1]
        # An encoder has priming; packets that are copied may begin at time 0.
        assert priming > 0 or (priming == 0 and media.init.sound != "Opus"), f"{name}: no priming in {media.init.edits}"
        # A last segment of one AAC frame leaves hls.js waiting for more.
        assert media.extinf[-1] >= fractions.Fraction(1, 10), f"{name}: ends with {float(media.extinf[-1])} s"
    # Each printed boundary is within one millisecond of the media's, so that nothing drifts.
    printed = fractions.Fraction(0)
    for duration, segment in zip(media.extinf, media.segments):
        printed += duration
        measured = fractions.Fraction(segment.start + segment.duration - priming, scale)
        assert abs(printed - measured) < fractions.Fraction(1, 1000), f"{name}: {float(printed)} for {float(measured)}"
    return printed


def check_iframes(presentation):
    """Each picture has a list of keyframes: the same segments at the same times, of each the fragment that holds its first frame alone."""
    pictures = [presentation.media[uri] for uri in dict.fromkeys(v["URI"] for v in presentation.variants)]
    assert len(presentation.iframes) == len(pictures)
    for entry, variant, media in zip(presentation.iframes, presentation.variants, pictures):
        assert all(entry[k] == variant[k] for k in ("RESOLUTION", "VIDEO-RANGE")), entry
        assert entry["CODECS"] == variant["CODECS"].split(",")[0]
        keys = read_media(presentation.folder / entry["URI"])
        assert "#EXT-X-I-FRAMES-ONLY" in keys.tags and "#EXT-X-ENDLIST" in keys.tags
        assert (keys.files, keys.extinf, keys.init_file) == (media.files, media.extinf, media.init_file)
        assert len(keys.ranges) == len(keys.files)
        rates = []
        for i, (file, bytes_at) in enumerate(zip(keys.files, keys.ranges)):
            length, at = map(int, bytes_at.split("@"))
            key = mp4.read_segment(file.read_bytes()[at:at + length])
            assert key.samples == 1 and key.start == media.segments[i].start, f"{file}: {bytes_at}: {key}"
            rates.append(length * 8 / keys.extinf[i])
        assert int(entry["BANDWIDTH"]) <= max(rates) * 1.01, entry


def bits_a_second(media):
    """Largest of the single segments' rates that count, and the mean rate."""
    sizes = [f.stat().st_size * 8 for f in media.files]
    target = int(media.tags["#EXT-X-TARGETDURATION"])
    rates = [s / d for s, d in zip(sizes, media.extinf) if d >= fractions.Fraction(target, 2)]
    return max(rates, default=0), sum(sizes) / sum(media.extinf)


def av1_codec(av1c, bit_depth):
    """`av01.P.LLT.DD` from the configuration box (AV1 in ISO-BMFF, section 5)."""
    profile, level = av1c[1] >> 5, av1c[1] & 31
    tier = "H" if av1c[2] & 0x80 else "M"
    return f"av01.{profile}.{level:02d}{tier}.{bit_depth:02d}"


def avc_codec(avcc):
    """`avc1.PPCCLL` (RFC 6381, 3.3)."""
    return f"avc1.{avcc[1:4].hex()}"


def group(presentation, name):
    """The members of a group of sound."""
    return [a for a in presentation.audio if a["GROUP-ID"] == name]


def codecs_of(presentation, sounds, own=None):
    """What a player must have for a group of sound; the member without a URI is the variant's own."""
    return list(dict.fromkeys(presentation.media[a.get("URI", own)].init.sound for a in sounds))


def check_audio_groups(presentation):
    """Of all groups the same tracks, alike but for channels and files."""
    names = list(dict.fromkeys(a["GROUP-ID"] for a in presentation.audio))
    for name in names:
        check_audio_group(presentation, group(presentation, name))
    alike = [[{k: v for k, v in a.items() if k not in ("GROUP-ID", "CHANNELS", "URI")} for a in group(presentation, name)]
             for name in names]
    assert all(members == alike[0] for members in alike), alike
    assert {v.get("AUDIO") for v in presentation.variants} - {None} == set(names)


def check_audio_group(presentation, sounds):
    """One default, names that differ, a language and a number of channels for each."""
    assert [a["DEFAULT"] for a in sounds] == ["YES", *["NO"] * (len(sounds) - 1)][:len(sounds)], sounds
    assert len({a["NAME"] for a in sounds}) == len(sounds), sounds
    chosen = [(a["LANGUAGE"], a.get("CHARACTERISTICS")) for a in sounds if a["AUTOSELECT"] == "YES"]
    assert len(set(chosen)) == len(chosen), sounds
    for sound in sounds:
        assert re.fullmatch(r"[a-zA-Z]{2,3}(-[A-Za-z0-9]{1,8})*", sound["LANGUAGE"]), sound
        init = presentation.media.get(sound.get("URI"), presentation.sound).init
        assert int(sound["CHANNELS"]) == init.channels > 0, f"{sound}: {init.channels} in the init segment"


def check_sound_alone(presentation):
    """A variant of sound, one for each group, says what it needs, and nothing of a picture."""
    for variant in presentation.variants:
        sounds = group(presentation, variant["AUDIO"])
        assert set(variant) - {"SUBTITLES"} == {"URI", "BANDWIDTH", "AVERAGE-BANDWIDTH", "CODECS", "AUDIO"}, variant
        assert variant["CODECS"].split(",") == codecs_of(presentation, sounds, variant["URI"]), variant
        # It is the default sound itself.
        assert [a for a in sounds if "URI" not in a] == sounds[:1], sounds
        rates = [bits_a_second(presentation.media[uri]) for uri in [variant["URI"], *[a["URI"] for a in sounds[1:]]]]
        peak, mean = max(r[0] for r in rates), max(r[1] for r in rates)
        assert peak * 0.9 <= int(variant["BANDWIDTH"]) <= max(peak, mean) * 1.5, f"{variant} for {peak}"
        assert abs(int(variant["AVERAGE-BANDWIDTH"]) - mean) <= mean * 0.1, f"{variant} for {mean}"


def check(presentation, bit_depth=8):
    """All rules that hold for every presentation we make."""
    assert "#EXT-X-INDEPENDENT-SEGMENTS" in presentation.tags
    ends = {}
    for uri, media in presentation.media.items():
        is_video = not presentation.sound_alone and uri in [v["URI"] for v in presentation.variants]
        ends[uri] = check_media(media, is_video) if media.init else check_text(media)
    targets = {m.tags["#EXT-X-TARGETDURATION"] for m in presentation.media.values() if m.init}
    assert len(targets) == 1, f"target durations differ: {targets}"

    check_audio_groups(presentation)
    if presentation.sound_alone:
        check_sound_alone(presentation)
        return
    check_iframes(presentation)
    for variant in presentation.variants:
        media = presentation.media[variant["URI"]]
        codecs = variant["CODECS"].split(",")
        short = avc_codec(media.init.avcc) if media.init.avcc else av1_codec(media.init.av1c, bit_depth)
        assert codecs[0] == short or codecs[0].startswith(short + "."), f"{codecs[0]} for {short}"
        assert re.fullmatch(r"\d+\.\d{3}|\d+", variant["FRAME-RATE"]), variant
        assert re.fullmatch(r"\d+x\d+", variant["RESOLUTION"]), variant
        assert variant["VIDEO-RANGE"] in ("SDR", "PQ", "HLG"), variant
        peak, mean = bits_a_second(media)
        assert variant.get("SUBTITLES") == (presentation.subtitles[0]["GROUP-ID"] if presentation.subtitles else None)
        for text in presentation.subtitles:
            assert abs(ends[variant["URI"]] - ends[text["URI"]]) < fractions.Fraction(1, 100), ends
        if presentation.audio:
            sounds = group(presentation, variant["AUDIO"])
            assert codecs[1:] == codecs_of(presentation, sounds), variant
            rates = [bits_a_second(presentation.media[a["URI"]]) for a in sounds]
            peak, mean = peak + max(r[0] for r in rates), mean + max(r[1] for r in rates)
            for sound in sounds:
                assert abs(ends[variant["URI"]] - ends[sound["URI"]]) < fractions.Fraction(1, 20), ends
        # Within 10 % of the measured (Apple's authoring specification, 1.27).
        assert int(variant["BANDWIDTH"]) >= peak * 0.9, f"{variant} for {peak}"
        assert int(variant["BANDWIDTH"]) <= max(peak, mean) * 1.5, f"{variant} for {peak}"
        assert abs(int(variant["AVERAGE-BANDWIDTH"]) - mean) <= mean * 0.1, f"{variant} for {mean}"


def named_files(presentation):
    """Every file that the playlists name, playlists included, relative to the folder."""
    files = {presentation.folder / "manifest.m3u8"}
    for media in presentation.media.values():
        files |= {media.path, *media.files} | ({media.init_file} if media.init_file else set())
    files |= {presentation.folder / entry["URI"] for entry in presentation.iframes}
    return {str(f.relative_to(presentation.folder)) for f in files}


def all_files(folder):
    return {str(f.relative_to(folder)) for f in files_below(folder)}
