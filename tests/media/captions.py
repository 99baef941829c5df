"""Captions of CEA-608 and CEA-708 with known bytes, and clips that carry them in their pictures, as ATSC A/53 puts them there."""

import re

RCL, RU2, RU3, RDC, EDM, CR, ENM, EOC, BS, TR = 0x20, 0x25, 0x26, 0x29, 0x2C, 0x2D, 0x2E, 0x2F, 0x21, 0x2A
PAC = {1: (0x11, 0x40), 2: (0x11, 0x60), 3: (0x12, 0x40), 11: (0x10, 0x40), 12: (0x13, 0x40), 14: (0x14, 0x40), 15: (0x14, 0x60)}


def odd(byte):
    return byte | (0x80 if bin(byte).count("1") % 2 == 0 else 0)


class Line:
    """What is said on one of the four channels, pair by pair: each frame carries one for each field."""

    def __init__(self, channel=1):
        self.second_field = channel > 2
        self.bit = 8 if channel % 2 == 0 else 0
        self.pairs = {}
        self.frame = 0

    def at(self, frame):
        assert frame >= self.frame
        self.frame = frame
        return self

    def pair(self, hi, lo):
        self.pairs[self.frame] = bytes([odd(hi), odd(lo)])
        self.frame += 1
        return self

    def code(self, hi, lo, times=2):
        """A control code, which encoders say twice."""
        for _ in range(times):
            self.pair(hi | self.bit, lo)
        return self

    def command(self, lo, times=2):
        return self.code(0x15 if self.second_field else 0x14, lo, times)

    def row(self, row, style=0):
        hi, lo = PAC[row]
        return self.code(hi, lo + style)

    def text(self, text):
        text += "\0" * (len(text) % 2)
        for i in range(0, len(text), 2):
            self.pair(ord(text[i]), ord(text[i + 1]))
        return self

    def pop_on(self, frame, *lines, row=14):
        """Loads lines so that they are flipped onto the screen with @p frame."""
        n = 6 + sum(2 + (len(line) + 1) // 2 for line in lines) - 2
        self.at(frame - n).command(RCL).command(ENM)
        for i, line in enumerate(lines):
            self.row(row + i).text(line)
        assert self.frame == frame, (self.frame, frame)
        return self.command(EOC)


def define(window, rows=2, visible=False, top=False, pen=0):
    """DefineWindow: at the left, its first row at the top of the screen or its last one at the bottom."""
    anchor, point = (0, 0) if top else (74, 6)
    return bytes([0x98 + window, 0x20 * visible, anchor, 0, point << 4 | rows - 1, 31, pen])


def display(*windows):
    return b"\x89" + bytes([sum(1 << w for w in windows)])


def hide(*windows):
    return b"\x8a" + bytes([sum(1 << w for w in windows)])


def delete(*windows):
    return b"\x8c" + bytes([sum(1 << w for w in windows)])


class Services:
    """What services of CEA-708 say, each time in a packet of its own."""

    def __init__(self):
        self.said = []

    def say(self, service, frame, *parts):
        self.said.append((frame, service, b"".join(p.encode("latin-1") if isinstance(p, str) else p for p in parts)))
        return self

    def packets(self):
        """[(frame, bytes)], numbered in order."""
        for i, (frame, service, what) in enumerate(sorted(self.said, key=lambda said: said[0])):
            assert len(what) < 32
            block = bytes([service << 5 | len(what)]) if service < 7 else bytes([7 << 5 | len(what), service])
            body = block + what + b"\0" * ((len(block) + len(what) + 1) % 2)
            yield frame, bytes([(i & 3) << 6 | (len(body) + 1) // 2]) + body

    def triplets(self, frame):
        out = b""
        for at, packet in self.packets():
            for i in range(0, len(packet) if at == frame else 0, 2):
                out += (b"\xfe" if i else b"\xff") + packet[i : i + 2]
        return out


def cc_data(lines, frame, digital=None):
    """The triplets of a frame: one pair for each field, then those of CEA-708."""
    pads = {False: b"\xfc\x80\x80", True: b"\xfd\x80\x80"}
    for line in lines:
        if frame in line.pairs:
            pads[line.second_field] = (b"\xfd" if line.second_field else b"\xfc") + line.pairs[frame]
    return pads[False] + pads[True] + (digital and digital.triplets(frame) or b"\xfa\0\0" * 2)


def user_data(triplets):
    return b"GA94\x03" + bytes([0xC0 | len(triplets) // 3]) + b"\xff" + triplets + b"\xff"


def escape(payload):
    return re.sub(b"\0\0(?=[\0-\3])", b"\0\0\3", payload)


def sei(triplets, hevc=False):
    payload = b"\xb5\0\x31" + user_data(triplets)
    header = b"\x4e\x01" if hevc else b"\x06"
    return b"\0\0\0\1" + header + escape(b"\x04" + bytes([len(payload)]) + payload + b"\x80")


def put_into_av1(ivf, lines):
    """Puts captions into an IVF file of AV1, whose temporal units come in order of presentation: behind the delimiter of each."""
    out, at, frame = ivf[:32], 32, 0
    while at < len(ivf):
        size = int.from_bytes(ivf[at : at + 4], "little")
        header, unit = ivf[at + 4 : at + 12], ivf[at + 12 : at + 12 + size]
        assert unit[:2] == b"\x12\0"
        payload = b"\x04\xb5\0\x31" + user_data(cc_data(lines, frame)) + b"\x80"
        unit = unit[:2] + b"\x2a" + bytes([len(payload)]) + payload + unit[2:]
        out += len(unit).to_bytes(4, "little") + header + unit
        at += 12 + size
        frame += 1
    return out


def put_into(stream, lines, hevc=False, digital=None):
    """Puts captions into an elementary stream whose pictures come in order, one slice each."""
    frame, out = 0, b""
    for nal in re.split(b"\0\0\0?\1", stream)[1:]:
        slices = nal[0] >> 1 & 63 < 32 if hevc else nal[0] & 31 in (1, 5)
        if slices:
            out += sei(cc_data(lines, frame, digital), hevc)
            frame += 1
        out += b"\0\0\0\1" + nal
    return out


def scc(lines):
    """Channels of the first field as a Scenarist file, which ffmpeg reads."""
    pairs = {}
    for line in lines:
        assert not line.second_field and not pairs.keys() & line.pairs.keys()
        pairs.update(line.pairs)
    text = "Scenarist_SCC V1.0\n"
    for frame in sorted(pairs):
        if frame - 1 not in pairs:
            text += f"\n\n00:00:{frame // 30:02}:{frame % 30:02}\t"
        text += pairs[frame].hex() + " "
    return text
