"""Drives avspl1t-media as its parent would: a request line in, report lines out, an acknowledgement for each file."""

import os
import socket
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from urllib.parse import unquote

PROGRAM = os.environ["AVSPL1T_MEDIA"]
PIECE_FRAMES = os.environ["PIECE_FRAMES"]
# Of whole pictures, as PIECE_FRAMES prints them. One against accidents is enough, and takes a tenth of MD5's time.
HASHES = ["-f", "framehash", "-hash", "MURMUR3"]
HEADER_BYTES = 4096
DEADLINE_S = 240


class Result:
    """How a step ended: its reports in order, and the exit status."""

    def __init__(self, reports, status, log):
        self.reports = reports
        self.status = status
        self.log = log

    def of(self, verb):
        return [fields for name, fields in self.reports if name == verb]

    @property
    def doubts(self):
        """Warnings, without those that only say what becomes of the picture."""
        notes = ("its ", "RGB becomes", "the picture loses", "the picture is put", "Dolby Vision", "HDR")
        return [w["text"] for w in self.of("warning") if not w["text"].startswith(notes)]

    @property
    def failure(self):
        failed = self.of("failed")
        return failed[0] if failed else None


def parse(line):
    verb, *pairs = line.strip("\n").split(" ")
    return verb, {k: unquote(v) for k, v in (p.split("=", 1) for p in pairs)}


def fraction(text):
    num, den = text.split("/")
    return Fraction(int(num), int(den)) if int(den) else None


class Child:
    """A running step on a file, or on a socket over which ranges are asked for. `ack` says whether files are acknowledged as they are reported."""

    def __init__(self, source, folder, kind="split", ack=True, **options):
        values = dict(seconds=2, resume=0, pending=4, crf=0, preset=0, threads=1, described=1, idx=0)
        values.update(options)
        ours, theirs = socket.socketpair()
        with open(source.fileno() if isinstance(source, socket.socket) else source, "rb", buffering=0, closefd=not isinstance(source, socket.socket)) as file, \
                open(Path(folder) / "stderr", "wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", LAUNCH, str(theirs.fileno()), PROGRAM], stdin=file, stderr=log,
                stdout=subprocess.DEVNULL, cwd=folder, pass_fds=[theirs.fileno()])
        theirs.close()
        self.folder = Path(folder)
        self.ack = ack
        self.socket = ours
        self.socket.settimeout(DEADLINE_S)
        self.send(" ".join([kind] + [f"{k}={v}" for k, v in values.items()]))

    def send(self, line):
        self.socket.sendall(line.encode() + b"\n")

    def reports(self):
        with self.socket.makefile("r", encoding="utf-8", newline="\n") as lines:
            try:
                for line in lines:
                    report = parse(line)
                    yield report
                    if self.ack and report[0] in ("piece", "segment"):
                        self.send("ack")
            except ConnectionResetError:
                return

    def finish(self):
        reports = list(self.reports())
        status = self.process.wait(DEADLINE_S)
        self.socket.close()
        log = (self.folder / "stderr").read_text(errors="replace")
        return Result(reports, status, log)

    def kill(self):
        self.socket.close()
        self.process.kill()
        self.process.wait()


# The child expects its socket as descriptor 3 and nothing else open.
LAUNCH = "import os,sys; fd=int(sys.argv[1]); os.dup2(fd, 3); os.execv(sys.argv[2], ['avspl1t-media'])"


def run(source, folder, kind="split", **options):
    child = Child(source, folder, kind, **options)
    try:
        return child.finish()
    finally:
        child.kill()


def header(path):
    """The fields of a piece's header."""
    with open(path, "rb") as file:
        block = file.read(HEADER_BYTES)
    assert len(block) == HEADER_BYTES
    verb, fields = parse(block.split(b"\n", 1)[0].decode())
    assert verb == "avspl1t-piece"
    assert block.count(b"\n") == HEADER_BYTES - len(block.rstrip(b"\n")), "only line feeds behind the record"
    return fields


def source_frames(path):
    """Decodes a file with the command line tool: [(time in seconds, hash of the picture)], in order of presentation."""
    command = ["ffmpeg", "-nostdin", "-v", "quiet", "-threads", "1", "-noautorotate", "-copyts", "-i", f"file:{path}",
               "-map", "0:V:0", "-fps_mode", "passthrough", "-enc_time_base", "-1", *HASHES, "-"]
    out = subprocess.run(command, stdout=subprocess.PIPE, timeout=DEADLINE_S, check=False).stdout
    time_base, frames = None, []
    for line in out.decode().splitlines():
        if line.startswith("#tb 0:"):
            time_base = fraction(line.split(":")[1].strip())
        elif not line.startswith("#"):
            fields = [f.strip() for f in line.split(",")]
            frames.append((int(fields[2]) * time_base, fields[5]))
    return frames


def window_frames(path):
    """The pictures within a piece's window, as times from the presentation's start."""
    fields = header(path)
    tb, origin = fraction(fields["tb"]), int(fields["origin"])
    first, end = int(fields["in"]), int(fields["out"])
    out = subprocess.run([PIECE_FRAMES, path], stdout=subprocess.PIPE, timeout=DEADLINE_S, check=True).stdout
    decoded = [(int(pts), digest) for pts, digest in (line.split() for line in out.decode().splitlines())]
    return [((pts - origin) * tb, digest) for pts, digest in decoded if first <= pts < end]
