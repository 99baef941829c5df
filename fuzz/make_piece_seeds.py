#!/usr/bin/env python3
"""Makes the seeds of the targets `piece` and `piece_media` anew, from those of `source`: after a change of the piece's header.

  fuzz/make_piece_seeds.py      (with build/ up to date; Debian's own python3 will do)
"""
import os
import pathlib
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
CORPUS = ROOT / "fuzz/corpus"
SOURCES = ["h264-aac.mp4", "vp8.webm", "mpeg2.ts", "theora.ogv"]
PIECES = ["v0-00000.piece", "a0.piece"]

os.environ["AVSPL1T_MEDIA"] = str(ROOT / "build/src/media/avspl1t-media")
os.environ["PIECE_FRAMES"] = "/nonexistent"
sys.dont_write_bytecode = True
sys.path.insert(0, str(ROOT / "tests/media"))
import child  # noqa: E402


def main():
    for source in SOURCES:
        with tempfile.TemporaryDirectory() as folder:
            result = child.run(CORPUS / "source" / source, folder, seconds=1)
            if result.failure:
                sys.exit(f"{source}: {result.failure['text']}")
            for piece in filter(lambda name: (pathlib.Path(folder) / name).exists(), PIECES):
                data = (pathlib.Path(folder) / piece).read_bytes()
                name = f"{source.partition('.')[0]}-{piece[:2]}"
                (CORPUS / "piece_media" / f"{name}.piece").write_bytes(data)
                (CORPUS / "piece" / name).write_bytes(data[:child.HEADER_BYTES].rstrip(b"\n") + b"\n")


main()
