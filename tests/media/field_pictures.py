"""Video whose fields are pictures of their own, which no encoder at hand makes. H.264 (PAFF): I_PCM macroblocks, and fields that are predicted
without a remainder (Rec. ITU-T H.264, 7.3). MPEG-2: blocks of one brightness, likewise (Rec. ITU-T H.262, 6.2).
"""

import random

SIDE_MBS = 4  # 64 by 64 pixels; a field is half as high
FIELD_MBS = SIDE_MBS * SIDE_MBS // 2


class Bits:
    def __init__(self):
        self.bits = []

    def u(self, n, value):
        self.bits += [value >> i & 1 for i in reversed(range(n))]
        return self

    def ue(self, *values):
        for value in values:
            n = (value + 1).bit_length()
            self.u(2 * n - 1, value + 1)
        return self

    def align(self):
        self.bits += [0] * (-len(self.bits) % 8)
        return self

    def raw(self, data):
        for byte in data:
            self.u(8, byte)
        return self

    def nal(self, ref_idc, kind):
        """With trailing bits and emulation prevention, as a NAL unit."""
        self.u(1, 1).align()
        out, zeros = bytearray([ref_idc << 5 | kind]), 0
        for i in range(0, len(self.bits), 8):
            byte = int("".join(map(str, self.bits[i:i + 8])), 2)
            if zeros >= 2 and byte <= 3:
                out.append(3)
                zeros = 0
            out.append(byte)
            zeros = zeros + 1 if byte == 0 else 0
        return bytes(out)


def sps():
    b = Bits().u(8, 77).u(8, 0).u(8, 30).ue(0, 0, 0, 4, 2).u(1, 0)  # Main, level 3; frame_num of 4 bits, order count of 8; 2 references
    b.ue(SIDE_MBS - 1, SIDE_MBS // 2 - 1).u(1, 0).u(1, 0).u(1, 1).u(1, 0)  # not frame_mbs_only
    b.u(1, 1).u(4, 0).u(1, 0).u(2, 0).u(1, 0)  # VUI: none of the first parts,
    b.u(1, 0).u(1, 1).u(1, 1).ue(0, 0, 11, 11, 1, 2)  # no pic_struct; one picture is held back
    return b.nal(3, 7)


def pps():
    return Bits().ue(0, 0).u(2, 0).ue(0, 0, 0).u(3, 0).ue(0, 0, 0).u(1, 1).u(2, 0).nal(3, 8)


I, P, B = 7, 5, 6


def field(kind, frame_num, order, bottom, idr=False, dice=None):
    """One field: I of random pixels, P and B as predicted."""
    is_ref = kind != B
    b = Bits().ue(0, kind, 0).u(4, frame_num % 16).u(1, 1).u(1, bottom)
    if idr:
        b.ue(0)
    b.u(8, order % 256)
    if kind == B:
        b.u(1, 1)  # spatial direct prediction
    if kind != I:
        b.u(1, 0).u(1, 0)
    if kind == B:
        b.u(1, 0)
    if is_ref:
        b.u(2 if idr else 1, 0)
    b.ue(0, 1)  # the quantizer; no deblocking
    if kind == I:
        level = dice.randrange(16, 200)
        for _ in range(FIELD_MBS):
            b.ue(25).align().raw(bytes(level + dice.randrange(32) for _ in range(256)) + bytes([128] * 128))
    else:
        b.ue(FIELD_MBS)  # all of it is skipped
    return b.nal(3 if is_ref else 0, 5 if idr else 1)


def pictures(n_groups, group=6, bframes=True):
    """[(place in presentation, key, [NAL units of both fields])], in the order of decoding. Groups of `group` frames begin with an IDR."""
    dice, made = random.Random(5), []
    for g in range(n_groups):
        frame_num = 0
        order = [0] + [k for i in range(1, group - 1, 2) for k in (i + 1, i)] + [group - 1] if bframes else list(range(group))
        for at, k in enumerate(order):
            idr = at == 0
            is_b = bframes and k % 2 == 1 and k < group - 1
            kinds = (B, B) if is_b else (I, P)
            nals = [field(kinds[i], frame_num, 2 * k + i, i, idr and i == 0, dice) for i in range(2)]
            made.append((g * group + k, idr, ([sps(), pps()] if idr else []) + nals))
            frame_num += not is_b
    return made


def annexb(nals):
    return b"".join(b"\0\0\0\1" + nal for nal in nals)


def element(ident, data):
    """EBML, with a length of 8 bytes (RFC 8794, 4.4)."""
    return bytes.fromhex(ident) + (len(data) | 1 << 56).to_bytes(8, "big") + data


def number(ident, value):
    return element(ident, value.to_bytes(8, "big"))


def matroska(made, rate=25):
    """Both fields of a frame in one block (RFC 9559)."""
    head = element("1A45DFA3", number("4286", 1) + number("42F7", 1) + number("42F2", 4) + number("42F3", 8) +
                   element("4282", b"matroska") + number("4287", 4) + number("4285", 2))
    avcc = bytes([1, 77, 0, 30, 0xff, 0xe1]) + b"".join(
        n + len(nal).to_bytes(2, "big") + nal for n, nal in ((b"", sps()), (b"\1", pps())))
    video = element("E0", number("B0", 16 * SIDE_MBS) + number("BA", 16 * SIDE_MBS))
    track = element("AE", number("D7", 1) + number("73C5", 1) + number("83", 1) + element("86", b"V_MPEG4/ISO/AVC") +
                    element("63A2", avcc) + video)
    blocks = b"".join(
        element("A3", b"\x81" + (1000 * place // rate).to_bytes(2, "big") + bytes([0x80 if key else 0]) +
                b"".join(len(nal).to_bytes(4, "big") + nal for nal in nals)) for place, key, nals in made)
    info = element("1549A966", number("2AD7B1", 1000000) + element("4D80", b"-") + element("5741", b"-"))
    return head + element("18538067", info + element("1654AE6B", track) + element("1F43B675", number("E7", 0) + blocks))


# MPEG-2. Codes of tables B.12, B.13: how many bits the difference of a block's brightness has.
LUMA = ("100", "00", "01", "101", "110", "1110", "11110", "111110", "1111110")
FORWARD, BOTH = "001", "10"  # macroblocks without a remainder, B.3 and B.4
MPEG2_KINDS = {I: 1, P: 2, B: 3}


def bits(text):
    text += "0" * (-len(text) % 8)
    return bytes(int(text[i:i + 8], 2) for i in range(0, len(text), 8))


def word(*fields):
    """Fields as (number of bits, value)."""
    return "".join(f"{value:0{n}b}" for n, value in fields)


def start(code, text=""):
    return b"\0\0\1" + bytes([code]) + bits(text)


def mpeg2_sequence(rate_code=3):
    side = 16 * SIDE_MBS
    head = word((12, side), (12, side), (4, 1), (4, rate_code), (18, 2500), (1, 1), (10, 20), (3, 0))
    more = word((4, 1), (8, 0x48), (1, 0), (2, 1), (2, 0), (2, 0), (12, 0), (1, 1), (8, 0), (1, 0), (2, 0), (5, 0))
    return start(0xB3, head) + start(0xB5, more)


def mpeg2_block(difference):
    if difference == 0:
        return LUMA[0] + "10"
    n = abs(difference).bit_length()
    return LUMA[n] + word((n, difference if difference > 0 else difference + (1 << n) - 1)) + "10"


def mpeg2_row(kind, bottom, dice):
    """A row of macroblocks: the quantizer, then each with an address increment of 1."""
    text, before = word((5, 2), (1, 0)), 128
    for _ in range(SIDE_MBS):
        if kind == I:
            text += "1" + "1"
            for _ in range(4):
                level = dice.randrange(30, 220)
                text += mpeg2_block(level - before)
                before = level
            text += "0010" * 2  # chroma stays as it is
        else:
            vector = word((1, bottom)) + "11"
            text += "1" + (FORWARD + "01" + vector if kind == P else BOTH + "01" + vector * 2)
    return text


def mpeg2_field(kind, place, bottom, dice):
    vectors = {I: "", P: word((1, 0), (3, 7)), B: word((1, 0), (3, 7), (1, 0), (3, 7))}[kind]
    head = start(0, word((10, place), (3, MPEG2_KINDS[kind]), (16, 0xFFFF)) + vectors + "0")
    codes = [{I: 15, P: 1, B: 1}[kind]] * 2 + [15 if kind != B else 1] * 2
    more = start(0xB5, word((4, 8), *((4, c) for c in codes), (2, 0), (2, 2 if bottom else 1), (1, 0), (1, 0), (1, 0), (1, 0), (1, 0),
                            (1, 0), (1, 0), (1, 0), (1, 0), (1, 0)))
    return head + more + b"".join(start(row + 1, mpeg2_row(kind, bottom, dice)) for row in range(SIDE_MBS // 2))


def mpeg2(n_groups, group=6):
    """An elementary stream: each group is I, B-frames between P-frames, and a P-frame."""
    dice, out = random.Random(6), b""
    for g in range(n_groups):
        order = [0] + [k for i in range(1, group - 1, 2) for k in (i + 1, i)] + [group - 1]
        out += mpeg2_sequence() + start(0xB8, word((25, 1 << 12 | g * group % 25 | g * group // 25 << 6), (1, 1), (1, 0)))
        for k in order:
            is_b = k % 2 == 1 and k < group - 1
            kinds = (B, B) if is_b else (I, P) if k % 4 == 0 else (P, P)
            out += b"".join(mpeg2_field(kinds[i], k, i, dice) for i in range(2))
    return out + start(0xB7)
