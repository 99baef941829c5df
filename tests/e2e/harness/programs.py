"""Starts, watches and ends the project's programs."""
import collections
import contextlib
import hashlib
import json
import os
import pathlib
import re
import signal
import subprocess
import time

SANITIZER = re.compile(r"ERROR: (Address|Leak)Sanitizer|runtime error:")


def wait_until(condition, what, seconds=60, every=0.02):
    """The condition's first true value; a failure that says what never came."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(every)


# What tests look for in logs is written as it stands there.
os.environ.setdefault("AVSPL1T_LOG_FORMAT", "text")


class Build:
    """The programs of one build folder."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.client = self.folder / "src/client/avspl1t"
        self.coordinator = self.folder / "src/coordinator/avspl1t-coordinator"
        self.worker = self.folder / "src/worker/avspl1t-worker"
        self.media = self.folder / "src/media/avspl1t-media"

    def run(self, *args, timeout=120, env=None, cwd=None):
        """Runs the client to its end. Where that does not come, the failure says who waits for what."""
        command = [str(self.client), *map(str, args)]
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=cwd,
                              env={**os.environ, **(env or {})}) as process:
            try:
                out, err = process.communicate(timeout=timeout)
            except subprocess.TimeoutExpired as late:
                said = (late.stderr or b"").decode(errors="replace")
                raise AssertionError(f"not done within {timeout} s: {command}\n{said}\n{whereabouts(process.pid)}") from None
            finally:
                process.kill()  # nothing, where it has ended
        return subprocess.CompletedProcess(command, process.returncode, out, err)

    def encode(self, source, output, *options, timeout=300, **kw):
        """`avspl1t encode`, which must succeed."""
        done = self.run("encode", source, output, *options, timeout=timeout, **kw)
        assert done.returncode == 0, f"encode {source}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        assert not SANITIZER.search(done.stderr), done.stderr
        return done


class Daemon:
    """A program that runs until it is told to stop; its stderr goes to a file."""

    def __init__(self, args, log, env=None):
        self.args = [str(a) for a in args]
        self.log = pathlib.Path(log)
        self.env = {**os.environ, **(env or {})}
        self.process = None
        self.start()

    def start(self, stdout=subprocess.DEVNULL):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(self.args, stdin=subprocess.DEVNULL, stdout=stdout, stderr=log, env=self.env,
                                            start_new_session=True)
        self.started = time.monotonic()

    @property
    def pid(self):
        return self.process.pid

    def text(self):
        return self.log.read_text(encoding="utf-8", errors="replace")

    def wait_for(self, pattern, seconds=60):
        """The first match of a pattern in the log."""
        def look():
            match = re.search(pattern, self.text())
            assert match or self.process.poll() is None, f"{self.args[0]} ended:\n{self.text()}"
            return match
        return wait_until(look, f"{pattern} in {self.log}", seconds)

    @contextlib.contextmanager
    def stopped(self):
        """It stands still meanwhile; what it has started goes on."""
        os.kill(self.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self.pid, signal.SIGCONT)

    def kill(self):
        """As a power cut does it: this process alone; its children must follow by themselves."""
        self.process.kill()
        self.process.wait(30)

    def stop(self, seconds=60):
        """Asks it to end. Its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(30)
            raise AssertionError(f"{self.args[0]} did not end within {seconds} s of SIGTERM:\n{self.text()[-4000:]}")


class Coordinator(Daemon):
    def __init__(self, build, folder, *options, name="coordinator", db=None, wait=True):
        self.db = folder / "jobs.db"
        args = [build.coordinator, "--listen", "127.0.0.1:0", "--db", db or f"sqlite://{self.db}", *options]
        super().__init__(args, folder / f"{name}.log")
        self.address = self.find_address() if wait else None

    def find_address(self):
        return self.wait_for(r"event=coordinator\.listening .*?address=\"?([\w.:\[\]]+)")[1]

    def restart(self):
        """Starts it again on the same address, after kill()."""
        self.args[self.args.index("--listen") + 1] = self.address
        self.log.write_text("")
        self.start()
        self.find_address()


class Worker(Daemon):
    def __init__(self, build, folder, address, *options, name="worker", slots=1, env=None):
        self.work = folder / f"{name}-work"
        self.work.mkdir(exist_ok=True)
        args = [build.worker, "--coordinator", address, "--slots", slots, "--work-dir", self.work, "--id", name, *options]
        super().__init__(args, folder / f"{name}.log", env)


class Watcher(Daemon):
    """`avspl1t watch` of all jobs, as JSON."""

    def __init__(self, farm, addresses, *options, name="watch"):
        self.out = farm.folder / f"{name}.json"
        super().__init__([farm.build.client, "watch", "--json", "--coordinator", ",".join(addresses), *options],
                         farm.folder / f"{name}.log")
        farm.daemons.append(self)

    def start(self):
        with open(self.out, "wb") as out:
            super().start(stdout=out)

    def stop(self):
        self.process.terminate()
        self.process.wait(60)

    def events(self):
        return [json.loads(line) for line in self.out.read_text().split("\n")[:-1]]

    def wait_for(self, job, state, seconds=60):
        def look():
            assert self.process.poll() is None, self.text()
            return any(e["id"] == job and e["state"] == state for e in self.events())
        wait_until(look, f"{job} {state} in {self.out}", seconds)


class Farm:
    """A coordinator and what else a test starts; all of it ends with the test."""

    def __init__(self, build, folder):
        self.build = build
        self.folder = folder
        self.daemons = []

    def coordinator(self, *options, **kw):
        found = Coordinator(self.build, self.folder, *options, **kw)
        self.daemons.append(found)
        return found

    def worker(self, address, *options, **kw):
        found = Worker(self.build, self.folder, address, *options, **kw)
        self.daemons.append(found)
        return found

    def submit(self, address, source, output, *options):
        """Submits a job. Its id."""
        done = self.build.run("submit", source, output, "--coordinator", address, *options)
        assert done.returncode == 0, f"submit: exit {done.returncode}\n{done.stderr}"
        assert re.fullmatch(r"\S+\n", done.stdout), f"not an id alone: {done.stdout!r}"
        return done.stdout.strip()

    def status(self, address, job, or_none=False):
        """With or_none, None where the coordinator did not answer in time."""
        done = self.build.run("status", job, "--json", "--coordinator", address)
        if or_none and done.returncode == 3:
            return None
        assert done.stdout, f"status: exit {done.returncode}\n{done.stderr}"
        return json.loads(done.stdout)

    def wait_over(self, address, job, seconds=240):
        """The job once it is over."""
        def look():
            status = self.status(address, job, or_none=True)
            return status if status and status["state"] not in ("running", "pending", "queued") else None
        return wait_until(look, f"the end of job {job}", seconds, every=0.2)

    def close(self):
        for daemon in reversed(self.daemons):
            with contextlib.suppress(ProcessLookupError):
                if daemon.process.poll() is None:
                    daemon.kill()

    def logs(self):
        return "\n".join(f"--- {d.log.name}\n{d.text()[-6000:]}" for d in self.daemons)


def children(pid):
    """Processes below a process, as a list of ids."""
    parents = {}
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                text = (entry / "stat").read_text()
                parents[int(entry.name)] = int(text.rpartition(")")[2].split()[1])
    below, todo = [], [pid]
    while todo:
        at = todo.pop()
        found = [p for p, parent in parents.items() if parent == at]
        below += found
        todo += found
    return below


def whereabouts(pid):
    """What a process and those below it are doing: how many threads of which name and state wait where in the kernel, and the end of
    their log."""
    lines = []
    for each in (pid, *children(pid)):
        threads = collections.Counter()
        for thread in pathlib.Path(f"/proc/{each}/task").glob("*"):
            with contextlib.suppress(OSError):
                state = (thread / "stat").read_text().rpartition(")")[2].split()[0]
                threads[f"{(thread / 'comm').read_text().strip()} {state} {(thread / 'wchan').read_text()}"] += 1
        with contextlib.suppress(OSError):
            lines.append(f"{each}: {pathlib.Path(f'/proc/{each}/cmdline').read_bytes().decode().split(chr(0))}")
        lines += [f"    {n} x {what}" for what, n in threads.items()]
    logs = {os.path.realpath(fd) for fd in pathlib.Path(f"/proc/{pid}/fd").glob("*") if os.path.realpath(fd).endswith("log")}
    return "\n".join(lines + [pathlib.Path(log).read_text(errors="replace")[-8000:] for log in logs])


def started_by(daemon, n=1):
    """At least n processes below it, once there are: its work is a chain of short ones."""
    return wait_until(lambda: len(found := children(daemon.pid)) >= n and found, f"{n} processes below {daemon.args[0]}")


def wait_for_end_of(pids):
    wait_until(lambda: not any(map(alive, pids)), f"the end of {pids}")


def alive(pid):
    with contextlib.suppress(OSError):
        return "\nState:\tZ" not in pathlib.Path(f"/proc/{pid}/status").read_text()
    return False


def rss_kib(pid):
    return int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text())[1])


def n_descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


class Size:
    """What daemons take when nothing runs below them: resident KiB and descriptors of each."""

    def __init__(self, *daemons):
        for daemon in daemons:
            wait_until(lambda d=daemon: not children(d.pid), f"the end of all children of {daemon.args[0]}")
        self.of = {daemon: (rss_kib(daemon.pid), n_descriptors(daemon.pid)) for daemon in daemons}

    def check_growth(self, kib, fds=4):
        """They come to rest at this size again; a connection that was just closed is gone soon."""
        for daemon, (rss_before, fds_before) in self.of.items():
            wait_until(lambda d=daemon, n=fds_before: not children(d.pid) and n_descriptors(d.pid) <= n + fds,
                       f"{daemon.args[0]} at rest with no more than {fds_before} + {fds} descriptors")
            rss = rss_kib(daemon.pid)
            assert rss < rss_before + kib, f"{daemon.args[0]}: {rss_before} KiB, then {rss}"


def files_below(folder):
    """All that is no folder, in a tree that may change meanwhile: others make and remove folders."""
    return sorted(pathlib.Path(at, name) for at, _, names in os.walk(folder) for name in names)


def fingerprint(folder):
    """Every file's name and bytes."""
    return {str(f.relative_to(folder)): hashlib.sha256(f.read_bytes()).hexdigest() for f in files_below(folder) if f.is_file()}
