"""script/chaos: see there."""
import argparse
import os
import pathlib
import sys
import tempfile
import time

from chaos import plan
from chaos.jobs import Reference
from harness.clips import Clip
from harness.programs import Build

ROOT = pathlib.Path(__file__).resolve().parents[3]
CLIPS = ("film", "vfr", "long-gop", "silent", "song")


def make_references(build, folder, names):
    """Each clip, encoded on a quiet day."""
    found = []
    for name in names:
        clip = Clip(name, folder)
        options = ("--preset", 12, "--segment-seconds", clip.segment_seconds)
        build.encode(clip.path, folder / name, *options)
        found.append(Reference(clip.path, options, folder / name))
    return found


def main():
    parser = argparse.ArgumentParser(prog="script/chaos", description="Runs jobs while everything around them is killed.")
    parser.add_argument("--minutes", type=float, default=10, help="for how long things happen (10); 0: each kind once")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="what happens, and in which order (the time)")
    parser.add_argument("--keep", metavar="FOLDER", help="keep the logs there, of a run without faults too")
    args = parser.parse_args()
    build = Build(os.environ.get("AVSPL1T_BUILD", ROOT / "build"))
    folder = pathlib.Path(args.keep or tempfile.mkdtemp(prefix="avspl1t-chaos-"))
    folder.mkdir(parents=True, exist_ok=True)
    print(f"seed {args.seed}; logs in {folder}", flush=True)
    outcome = plan.run(build, folder, make_references(build, folder, CLIPS), args.seed, args.minutes * 60,
                       lambda text: print(text, flush=True))
    print(outcome)
    sys.exit(1 if outcome.faults else 0)


main()
