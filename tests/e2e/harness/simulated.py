"""Jobs of any size without media work: bench/sim_worker.c splits and encodes, by pretending; the rest of a job is real."""
import json
import pathlib

from . import clips, programs

CLIP_SECONDS = 2


class Template:
    """A real init segment and a real segment, of two black frames: what each simulated encode writes again with its own time."""

    def __init__(self, build, folder):
        source, output = folder / "template.mkv", folder / "template.hls"
        clips.ffmpeg("-f", "lavfi", "-i", f"color=black:size=64x64:rate=2:duration={CLIP_SECONDS}", "-c:v", "ffv1", source)
        build.encode(source, output, "--preset", 12, "--segment-seconds", 1)
        self.source = source
        self.init = next(output.glob("v0/init-*.mp4"))
        self.segment = next(output.glob("v0/00000-*.m4s"))


class Workers(programs.Daemon):
    """A process of simulated workers."""

    def __init__(self, build, folder, addresses, *options, workers=1, template=None, name="sim"):
        args = [build.folder / "bench/sim_worker", "--workers", workers, "--id", name, *options]
        for address in [addresses] if isinstance(addresses, str) else addresses:
            args += ["--coordinator", address]
        if template:
            args += ["--init", template.init, "--segment", template.segment]
        self.out = pathlib.Path(folder) / f"{name}.json"
        super().__init__(args, pathlib.Path(folder) / f"{name}.log")
        self.wait_for("event=simulation.started")

    def start(self):
        with open(self.out, "wb") as out:
            super().start(stdout=out)

    def totals(self, seconds=60):
        """Ends it. What it did."""
        assert self.stop(seconds) == 0, self.text()
        return json.loads(self.out.read_text())
