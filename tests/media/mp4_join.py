"""Two MP4 files of one video track each, without B-frames, become one whose track has two sample descriptions (ISO/IEC 14496-12, 8.5.2).
No tool at hand makes such files; cameras and editors do.
"""

import struct

TABLES = (b"moov", b"trak", b"mdia", b"minf", b"stbl")


def body(data, *path):
    """What is in the first box with that path."""
    at, end = 0, len(data)
    for name in path:
        while data[at + 4:at + 8] != name:
            at += struct.unpack(">I", data[at:at + 4])[0]
        at, end = at + 8, at + struct.unpack(">I", data[at:at + 4])[0]
    return data[at:end]


def box(name, content):
    return struct.pack(">I", 8 + len(content)) + name + content


def replace(data, path, content):
    """The box with that path, with other content."""
    if not path:
        return content
    *outer, name = path
    old = body(data, *outer)
    return replace(data, outer, old.replace(box(name, body(data, *path)), box(name, content), 1))


def entries(table):
    return struct.unpack(">I", table[4:8])[0], table[8:]


def join(first, second):
    both = {name: [body(file, *TABLES, name) for file in (first, second)] for name in (b"stsd", b"stts", b"stss", b"stsz")}
    counts = [struct.unpack(">I", table[8:12])[0] for table in both[b"stsz"]]
    media = [body(file, b"mdat") for file in (first, second)]
    head = box(b"ftyp", body(first, b"ftyp"))
    begin = len(head) + 8

    def joined(name):
        (n, a), (m, b) = map(entries, both[name])
        return box(name, struct.pack(">II", 0, n + m) + a + b)

    keys = [key + i * counts[0] for i, table in enumerate(both[b"stss"])
            for key in struct.unpack(f">{entries(table)[0]}I", entries(table)[1])]
    tables = [joined(b"stsd"), joined(b"stts"),
              box(b"stss", struct.pack(f">II{len(keys)}I", 0, len(keys), *keys)),
              box(b"stsc", struct.pack(">8I", 0, 2, 1, counts[0], 1, 2, counts[1], 2)),
              box(b"stsz", struct.pack(">III", 0, 0, sum(counts)) + both[b"stsz"][0][12:] + both[b"stsz"][1][12:]),
              box(b"stco", struct.pack(">4I", 0, 2, begin, begin + len(media[0])))]
    moov = replace(first, TABLES, b"".join(tables))
    moov = bytearray(body(moov, b"moov") if moov[4:8] == b"moov" else moov)
    # Both parts are equally long: version 0 of the boxes that say how long all is.
    for name, offset in ((b"mvhd", 20), (b"tkhd", 24), (b"mdhd", 20), (b"elst", 12)):
        at = moov.find(name)
        if at >= 0:
            struct.pack_into(">I", moov, at + offset, 2 * struct.unpack_from(">I", moov, at + offset)[0])
    return head + box(b"mdat", b"".join(media)) + box(b"moov", bytes(moov))


def with_configs_in_turn(mp4, n_bytes):
    """An MP4 of AAC each of whose packets has the other of two sample descriptions; the configuration of the second one is padded to so many
    bytes, 2^21 at least."""
    table = body(mp4, *TABLES, b"stsd")
    at = table.index(b"esds") - 4
    own = table[at:at + struct.unpack_from(">I", table, at)[0]]
    begin = own.index(b"\x05\x80\x80\x80") + 5  # DecoderSpecificInfo (ISO/IEC 14496-1, 7.2.6.7)
    end = begin + own[begin - 1]
    length = bytes((n_bytes >> 21 | 0x80, n_bytes >> 14 & 127 | 0x80, n_bytes >> 7 & 127 | 0x80, n_bytes & 127))
    padded = own[8:begin - 4] + length + own[begin:end].ljust(n_bytes, b"\0") + own[end:]
    entry = table[8:]
    other = box(b"mp4a", entry[8:].replace(own, box(b"esds", padded)))
    sizes = body(mp4, *TABLES, b"stsz")
    n = struct.unpack_from(">I", sizes, 8)[0]
    place = struct.unpack_from(">I", body(mp4, *TABLES, b"stco"), 8)[0]
    chunks = []
    for size in struct.unpack_from(f">{n}I", sizes, 12):
        chunks.append(place)
        place += size
    for name, content in ((b"stsd", struct.pack(">II", 0, 2) + entry + other),
                          (b"stsc", struct.pack(">II", 0, n) + b"".join(struct.pack(">III", i + 1, 1, i % 2 + 1) for i in range(n))),
                          (b"stco", struct.pack(f">II{n}I", 0, n, *chunks))):
        mp4 = replace(mp4, [*TABLES, name], content)
    return mp4
