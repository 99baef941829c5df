"""Presentations broken on purpose: copies under plain names, and one function for each kind of damage."""
import re
import shutil
import struct

from harness import mp4, playlists


class Copy:
    """A copy of a presentation of ours whose files have names without hashes: manifest.m3u8, v0/p.m3u8, v0/init.mp4, v0/0.m4s…

    With `iframes` also v0/i.m3u8: otherwise that list is left out, for most damage to a segment would show in it a second time.
    With an MPD that goes along."""

    def __init__(self, original, folder, iframes=False):
        self.folder = folder
        found = playlists.read(original / "manifest.m3u8")
        folder.mkdir()
        text = (original / "manifest.m3u8").read_text()
        mpd = (original / "manifest.mpd").read_text() if (original / "manifest.mpd").exists() else None
        for uri, media in found.media.items():
            here = folder / media.path.parent.name
            here.mkdir()
            names = {f.name: f"{i}{f.suffix}" for i, f in enumerate(media.files)}
            if media.init_file is not None:
                names[media.init_file.name] = "init.mp4"
            lines = media.path.read_text()
            for old, new in names.items():
                shutil.copy(media.path.parent / old, here / new)
                lines = lines.replace(old, new)
                mpd = mpd and mpd.replace(f"{here.name}/{old}", f"{here.name}/{new}")
            (here / "p.m3u8").write_text(lines)
            text = text.replace(uri, f"{here.name}/p.m3u8")
            for keys in media.path.parent.glob("iframes-*.m3u8"):
                lines = keys.read_text()
                for old, new in names.items():
                    lines = lines.replace(old, new)
                (here / "i.m3u8").write_text(lines)
                text = text.replace(f"{here.name}/{keys.name}", f"{here.name}/i.m3u8")
        if not iframes:
            text = re.sub("^#EXT-X-I-FRAME-STREAM-INF.*\n", "", text, flags=re.M)
        (folder / "manifest.m3u8").write_text(text)
        if mpd is not None:
            (folder / "manifest.mpd").write_text(mpd)

    def path(self, name):
        return self.folder / name

    def edit(self, name, pattern, new, count=1):
        """Replaces in a playlist; what is to be replaced must be there."""
        path = self.path(name)
        text, n = re.subn(pattern, new, path.read_text(), count=count, flags=re.M)
        assert n > 0, f"{pattern} is not in {name}"
        path.write_text(text)

    def patch(self, name, change):
        """Changes the bytes of a file: change(bytearray)."""
        data = bytearray(self.path(name).read_bytes())
        change(data)
        self.path(name).write_bytes(data)

    def entry(self, name, i):
        """The two lines of segment i in a playlist."""
        lines = self.path(name).read_text().splitlines()
        at = lines.index(f"{i}.m4s")
        return "\n".join(lines[at - 1:at + 1]) + "\n"

    def remove_entry(self, name, i):
        path = self.path(name)
        path.write_text(path.read_text().replace(self.entry(name, i), ""))

    def last(self, rendition):
        return max(int(p.stem) for p in self.path(rendition).glob("*.m4s"))


def offset_of(data, kind):
    """Where the body of the first box of a kind begins."""
    at = bytes(data).find(kind)
    assert at > 0, f"no {kind}"
    return at + 4


def offsets_of(data, kind):
    """Where the bodies of all boxes of a kind begin: a segment has two fragments, the keyframe and the rest."""
    found = [m.end() for m in re.finditer(re.escape(kind), bytes(data))]
    assert found, f"no {kind}"
    return found


def shift_tfdt(seconds):
    """Moves a segment on its timeline."""
    def change(copy, rendition, i):
        timescale = mp4.read_init(copy.path(f"{rendition}/init.mp4").read_bytes()).timescale

        def patch(data):
            for at in offsets_of(data, b"tfdt"):
                form = ">Q" if data[at] == 1 else ">I"
                ticks = struct.unpack_from(form, data, at + 4)[0] + round(seconds * timescale)
                struct.pack_into(form, data, at + 4, ticks)
        copy.patch(f"{rendition}/{i}.m4s", patch)
    return change


def sample_tables(data):
    """Offsets of the last trun: (count, first sample's entry, bytes of an entry, flags)."""
    at = offsets_of(data, b"trun")[-1]
    flags = int.from_bytes(data[at + 1:at + 4], "big")
    first = at + 8 + (4 if flags & 1 else 0) + (4 if flags & 4 else 0)
    return at + 4, first, 4 * bin(flags & 0xF00).count("1"), flags


def swap_files(copy, a, b):
    first, second = copy.path(a).read_bytes(), copy.path(b).read_bytes()
    copy.path(a).write_bytes(second)
    copy.path(b).write_bytes(first)
