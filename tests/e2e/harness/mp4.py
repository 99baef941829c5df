"""As much of ISO/IEC 14496-12 as it takes to measure CMAF segments."""
import dataclasses
import struct

CONTAINERS = {b"moov", b"trak", b"mdia", b"minf", b"stbl", b"moof", b"traf", b"edts", b"mvex"}


def boxes(data, at=0, end=None, path=()):
    """All boxes below, as (path, payload)."""
    end = len(data) if end is None else end
    while at < end:
        size, kind = struct.unpack_from(">I4s", data, at)
        head = 8
        if size == 1:
            size, head = struct.unpack_from(">Q", data, at + 8)[0], 16
        assert head <= size <= end - at, f"box {kind} at {at}: size {size} of {end - at}"
        here = (*path, kind)
        yield here, data[at + head:at + size]
        if kind in CONTAINERS:
            yield from boxes(data, at + head, at + size, here)
        at += size


def find(data, *kinds):
    return [payload for path, payload in boxes(data) if path[-len(kinds):] == kinds]


@dataclasses.dataclass
class Init:
    timescale: int
    edits: list  # (segment duration, media time)
    av1c: bytes  # payload of the configuration box; empty for sound
    channels: int  # of sound, as its configuration says; 0 elsewhere
    avcc: bytes = b""  # as av1c, of H.264
    sound: str = ""  # the sound's codec, as in CODECS


@dataclasses.dataclass
class Segment:
    start: int  # ticks
    duration: int
    samples: int
    sequence: int


def read_init(data):
    mdhd = find(data, b"mdia", b"mdhd")[0]
    timescale = struct.unpack_from(">I", mdhd, 20 if mdhd[0] == 1 else 12)[0]
    edits = []
    for elst in find(data, b"edts", b"elst"):
        n = struct.unpack_from(">I", elst, 4)[0]
        form = ">Qqi" if elst[0] == 1 else ">Iii"
        edits += [struct.unpack_from(form, elst, 8 + i * struct.calcsize(form))[:2] for i in range(n)]
    av1c, avcc = (data[at + 4:at - 4 + struct.unpack_from(">I", data, at - 4)[0]] if at > 0 else b""
                  for at in (data.find(b"av1C"), data.find(b"avcC")))
    # DecoderSpecificInfo (ISO/IEC 14496-1, 7.2.6.7) as FFmpeg writes its length; AudioSpecificConfig in it.
    at = data.find(b"\x05\x80\x80\x80", data.find(b"esds")) if b"esds" in data else -1
    channels = data[at + 6] >> 3 & 15 if at > 0 else 0
    sound = "mp4a.40.2" if channels else ""
    if b"dOps" in data:
        channels, sound = data[data.find(b"dOps") + 5], "Opus"
    # acmod and lfeon (ETSI TS 102 366, F.4 and F.6).
    for kind, sound_of, acmod_at in (b"dac3", "ac-3", 10), (b"dec3", "ec-3", 28):
        if kind in data:
            bits = f"{int.from_bytes(data[data.find(kind) + 4:][:5], 'big'):040b}"
            channels = [2, 1, 2, 3, 3, 4, 4, 5][int(bits[acmod_at:acmod_at + 3], 2)] + int(bits[acmod_at + 3])
            sound = sound_of
    return Init(timescale, edits, av1c, channels, avcc, sound)


def shown(data, init):
    """When each sample is shown, in ticks, in the order of decoding: decoding time and composition offset, less what the edit list hides."""
    found, default = [], 0
    for path, box in boxes(data):
        flags = int.from_bytes(box[1:4], "big")
        if path[-1] == b"tfhd":
            at = 8 + (8 if flags & 1 else 0) + (4 if flags & 2 else 0)
            default = struct.unpack_from(">I", box, at)[0] if flags & 8 else 0
        elif path[-1] == b"tfdt":
            ticks = struct.unpack_from(">Q" if box[0] == 1 else ">I", box, 4)[0]
        elif path[-1] == b"trun":
            at = 8 + (4 if flags & 1 else 0) + (4 if flags & 4 else 0)
            step = 4 * bin(flags & 0xF00).count("1")
            for i in range(struct.unpack_from(">I", box, 4)[0]):
                offset = struct.unpack_from(">i" if box[0] else ">I", box, at + (i + 1) * step - 4)[0] if flags & 0x800 else 0
                found.append(ticks + offset - (init.edits[0][1] if init.edits else 0))
                ticks += struct.unpack_from(">I", box, at + i * step)[0] if flags & 0x100 else default
    return found


def read_segment(data):
    """Start and measured length; the samples of all fragments together."""
    start, duration, n_samples, sequence = None, 0, 0, None
    default = 0
    for path, box in boxes(data):
        if path[-1] == b"mfhd" and sequence is None:
            sequence = struct.unpack_from(">I", box, 4)[0]
        elif path[-1] == b"tfhd":
            flags = int.from_bytes(box[1:4], "big")
            at = 8 + (8 if flags & 1 else 0) + (4 if flags & 2 else 0)
            default = struct.unpack_from(">I", box, at)[0] if flags & 8 else 0
        elif path[-1] == b"tfdt" and start is None:
            start = struct.unpack_from(">Q" if box[0] == 1 else ">I", box, 4)[0]
        elif path[-1] == b"trun":
            flags = int.from_bytes(box[1:4], "big")
            n = struct.unpack_from(">I", box, 4)[0]
            at = 8 + (4 if flags & 1 else 0) + (4 if flags & 4 else 0)
            step = 4 * bin(flags & 0xF00).count("1")
            for i in range(n):
                duration += struct.unpack_from(">I", box, at + i * step)[0] if flags & 0x100 else default
            n_samples += n
    assert start is not None, "a segment without tfdt"
    return Segment(start, duration, n_samples, sequence)
