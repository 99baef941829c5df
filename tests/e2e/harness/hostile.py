"""Files made to do harm: each tries one way of making a reader open something else, or need more than any file does."""
import struct

from . import clips


def box(name, *content):
    body = b"".join(content)
    return struct.pack(">I4s", 8 + len(body), name) + body


def boxes(data):
    """The boxes of a piece of an MP4 file, as (name, whole content)."""
    at = 0
    while at + 8 <= len(data):
        size, name = struct.unpack_from(">I4s", data, at)
        size = size if size >= 8 else len(data) - at
        yield name, data[at + 8:at + size]
        at += size


def patch(data, path, change):
    """Changes the content of the first box at a path of names, and the sizes of all around it."""
    out, done = [], False
    for name, content in boxes(data):
        if name == path[0] and not done:
            content = patch(content, path[1:], change) if path[1:] else change(content)
            done = True
        out.append(box(name, content))
    assert done, path
    return b"".join(out)


STBL = [b"moov", b"trak", b"mdia", b"minf", b"stbl"]


def plain_mp4(folder):
    # moov behind mdat: it may grow without moving a sample.
    path = folder / "plain.mp4"
    if not path.exists():
        clips.ffmpeg(*clips.picture(size="128x96", rate=25, seconds=1), *clips.x264(*clips.fixed_gop(25)), path)
    return path.read_bytes()


def alias(target):
    """A Macintosh alias record that leads to a path, as QuickTime's data references have them (mov_read_dref)."""
    text = target.replace("/", ":").encode()
    text += b"\0" * (len(text) % 2)
    record = bytes(10) + bytes([0]) + bytes(27) + bytes(12) + bytes([0]) + bytes(63) + bytes(16) + struct.pack(">HH", 1, 1)
    return record + bytes(16) + struct.pack(">HH", 2, len(text)) + text + struct.pack(">Hh", 0xffff, 0)


def data_reference(folder):
    reference = bytes(4) + struct.pack(">I", 1) + box(b"alis", bytes(4), alias("/etc/passwd"))
    return patch(plain_mp4(folder), [b"moov", b"trak", b"mdia", b"minf", b"dinf", b"dref"], lambda _: reference)


def data_reference_url(folder):
    reference = bytes(4) + struct.pack(">I", 1) + box(b"url ", bytes(4), b"file:///etc/passwd\0")
    return patch(plain_mp4(folder), [b"moov", b"trak", b"mdia", b"minf", b"dinf", b"dref"], lambda _: reference)


def many_samples(folder):
    # One size for all, so that no table is needed for a thousand million of them.
    return patch(plain_mp4(folder), STBL + [b"stsz"], lambda _: bytes(4) + struct.pack(">II", 1, 10**9))


def many_sizes(folder):
    return patch(plain_mp4(folder), STBL + [b"stsz"], lambda old: old[:8] + struct.pack(">I", 10**9) + old[12:])


def many_times(folder):
    return patch(plain_mp4(folder), STBL + [b"stts"], lambda _: bytes(4) + struct.pack(">III", 1, 10**9, 512))


def many_offsets(folder):
    return patch(plain_mp4(folder), STBL + [b"ctts"], lambda _: bytes(4) + struct.pack(">III", 1, 10**9, 512))


def long_first_frame(folder):
    return patch(plain_mp4(folder), STBL + [b"stts"], lambda _: bytes(4) + struct.pack(">IIIII", 2, 1, 0x7ffffff0, 24, 512))


def many_streams(folder):
    data = plain_mp4(folder)
    moov = dict(boxes(data))[b"moov"]
    trak = dict(boxes(moov))[b"trak"]
    return patch(data, [b"moov"], lambda old: old + box(b"trak", trak) * 2000)


def large_y4m(_folder):
    return b"YUV4MPEG2 W65535 H65535 F25:1 Ip A1:1 C420jpeg\nFRAME\n" + bytes(1000)


def large_vp8(folder):
    path = folder / "vp8.ivf"
    clips.ffmpeg(*clips.picture(size="128x96", rate=25, seconds=1), "-c:v", "libvpx", "-deadline", "realtime", path)
    data = bytearray(path.read_bytes())
    # IVF: 32 bytes of header, 12 of the first frame's. VP8: a tag of 3 bytes, a start code of 3, width, height (RFC 6386 9.1).
    frame = 32 + 12
    assert data[frame + 3:frame + 6] == b"\x9d\x01\x2a"
    struct.pack_into("<HH", data, 12, 65535, 65535)
    struct.pack_into("<HH", data, frame + 6, 16383, 16383)
    return bytes(data)


def large_png(folder):
    path = folder / "png.mov"
    clips.ffmpeg(*clips.picture(size="128x96", rate=25, seconds=1), "-c:v", "png", path)
    data = bytearray(path.read_bytes())
    at = data.index(b"IHDR")
    struct.pack_into(">II", data, at + 4, 65535, 65535)
    return bytes(data)


def playlist(_folder):
    return (b"#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nfile:///etc/passwd\n"
            b"#EXTINF:10,\nneighbour.mp4\n#EXT-X-ENDLIST\n")


def playlist_network(_folder):
    return b"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nhttp://127.0.0.1:9/secret.ts\n#EXT-X-ENDLIST\n"


def concat(folder):
    plain_mp4(folder)
    return b"ffconcat version 1.0\nfile plain.mp4\nfile plain.mp4\n"


def sdp(_folder):
    return b"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\na=rtpmap:96 H264/90000\n"


def dash(_folder):
    return (b'<?xml version="1.0"?>\n<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" '
            b'profiles="urn:mpeg:dash:profile:isoff-main:2011"><Period><AdaptationSet><Representation id="1">'
            b"<BaseURL>file:///etc/passwd</BaseURL></Representation></AdaptationSet></Period></MPD>\n")


def metadata_text(_folder):
    return b";FFMETADATA1\ntitle=x\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=1000\ntitle=y\n"


ANY = ["the job failed"]  # a video or a failure: what it says can be understood in more than one way
# What each is, and words that its refusal has; None: it is a video all the same.
FILES = {
    "playlist": (playlist, ["playlist", "never followed"]),
    "playlist-network": (playlist_network, ["playlist", "never followed"]),
    "concat": (concat, ["concat", "never followed"]),
    "sdp": (sdp, ["SDP", "never opened"]),
    "dash": (dash, ["not"]),
    "metadata": (metadata_text, ["a text about another file"]),
    "data-reference": (data_reference, ["another file"]),
    "data-reference-url": (data_reference_url, None),
    "many-samples": (many_samples, ["no picture", "damaged"]),
    "many-sizes": (many_sizes, ["damaged"]),
    "many-times": (many_times, None),
    "many-offsets": (many_offsets, ANY),
    "long-first-frame": (long_first_frame, None),
    "many-streams": (many_streams, ["64 streams"]),
    "large-y4m": (large_y4m, ["sizes that no video has"]),
    "large-vp8": (large_vp8, ["too large"]),
    "large-png": (large_png, None),
}


def make(name, folder):
    """Writes the file, under a name that says nothing. Its path."""
    path = folder / f"{name}.mp4"
    path.write_bytes(FILES[name][0](folder))
    return path
