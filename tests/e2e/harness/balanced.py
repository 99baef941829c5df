"""Two coordinators behind haproxy, as deploy/haproxy configures it."""
import pathlib
import re
import subprocess
import sys

from harness.programs import Daemon, wait_until

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
from ports import free_ports  # noqa: E402

CONFIG = pathlib.Path(__file__).resolve().parents[3] / "deploy/haproxy/haproxy.cfg"


class Balanced:
    """haproxy in front of two coordinators of a farm; options and keywords are theirs."""

    def __init__(self, farm, *options, **kw):
        front, *ports = free_ports(5)
        self.farm = farm
        self.address = f"127.0.0.1:{front}"
        self.coordinators = [
            farm.coordinator("--http", f"127.0.0.1:{http}", "--listen", f"127.0.0.1:{grpc}", *options, name=f"coordinator-{grpc}",
                             **kw)
            for grpc, http in zip(ports[::2], ports[1::2])]
        text = CONFIG.read_text()
        for old, new in zip(("50050", "50051", "9091", "50052", "9092"), (front, *ports)):
            text, n = re.subn(rf"\b{old}$|\b{old}\b(?= )", str(new), text, flags=re.M)
            assert n == 1, f"{old} stands {n} times in {CONFIG}"
        config = farm.folder / "haproxy.cfg"
        config.write_text(text)
        checked = subprocess.run(["haproxy", "-c", "-f", config], capture_output=True, text=True, timeout=30)
        assert checked.returncode == 0, checked.stderr
        self.proxy = Daemon(["haproxy", "-f", config], farm.folder / "haproxy.log")
        farm.daemons.append(self.proxy)
        wait_until(lambda: farm.build.run("list", "--coordinator", self.address).returncode == 0, "an answer through haproxy")

    def state(self, job):
        """One `status`: the job's state, or None where there was no answer."""
        done = self.farm.build.run("status", job, "--json", "--coordinator", self.address, timeout=60)
        return re.search(r'"state": *"(\w+)"', done.stdout)[1] if done.returncode in (0, 1) and done.stdout else None
