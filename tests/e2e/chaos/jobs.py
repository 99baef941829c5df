"""The jobs of a run: submitted all along, watched, and compared with what a quiet day gives."""
import json
import pathlib
import shutil
import threading
import time

from harness import playlists
from harness.programs import fingerprint

POLL_S = 0.4
# What the client says of an output folder that a cleanup is busy with, and of a cancel that comes late, or a second time because
# the answer to the first was lost.
BEING_REMOVED = "is being removed: try again"
WAS_OVER = "was over before"


class Reference:
    """A source with options, and what an encode of it gives when nothing happens."""

    def __init__(self, source, options, presentation):
        playlists.check(playlists.read(presentation / "manifest.m3u8"))
        self.source = source
        self.options = options
        self.wanted = fingerprint(presentation)


class Job:
    def __init__(self, number, reference, folder):
        self.name = f"job {number}"
        self.reference = reference
        self.source = reference.source
        self.output = folder / f"out-{number}"
        self.key = f"chaos-{number}"
        self.id = None


class Jobs:
    """Keeps @p n_at_once of them running from start() to finish(). @p random  chooses among the references."""

    def __init__(self, stage, references, folder, random, n_at_once=2):
        self.stage = stage
        self.references = references
        self.folder = pathlib.Path(folder)
        self.random = random
        self.n_at_once = n_at_once
        self.lock = threading.Lock()
        self.all = []
        self.open = []
        self.faults = []
        self.n_lost = self.n_wrong = self.n_segments = 0
        self.is_enough = False
        self.is_over = False
        self.thread = threading.Thread(target=self.keep)

    def start(self):
        self.thread.start()

    def keep(self):
        try:
            while not self.is_over:
                if not self.is_enough and len(self.open) < self.n_at_once:
                    self.submit()
                for job in list(self.open):
                    self.look(job)
                time.sleep(POLL_S)
        except Exception as e:  # shown with the others
            self.faults.append(f"the watch over the jobs ended: {e!r}")

    def submit(self):
        """One more job. It is submitted twice now and then, as by a client that heard no answer. @return None: there are enough."""
        with self.lock:
            if self.is_enough:
                return None
            job = Job(len(self.all), self.random.choice(self.references), self.folder)
            self.all.append(job)
            n_times = self.random.choice([1, 1, 2])
        ids = set()
        for _ in range(n_times):
            done = self.stage.client("submit", job.source, job.output, "--idempotency-key", job.key, *job.reference.options)
            assert done.returncode == 0, f"submit: exit {done.returncode}: {done.stderr}"
            ids.add(done.stdout.strip())
        assert len(ids) == 1, f"one idempotency key gave the jobs {ids}"
        with self.lock:
            job.id = ids.pop()
            self.open.append(job)
        return job

    def any(self, random):
        """One that was not over a moment ago."""
        while True:
            with self.lock:
                if self.open:
                    return random.choice(self.open)
            time.sleep(0.05)

    def control(self, job, verb):
        """@return it was done; False: it was refused, for the job was over already."""
        while True:
            done = self.stage.client(verb, job.id)
            if done.returncode == 0:
                return True
            assert done.returncode == 2 or WAS_OVER in done.stderr, f"{verb} {job.name}: exit {done.returncode}: {done.stderr}"
            if BEING_REMOVED not in done.stderr:
                return False
            time.sleep(0.2)

    def look(self, job):
        done = self.stage.farm.build.run("status", job.id, "--json", "--coordinator", self.stage.balanced.address)
        if done.returncode == 2:
            self.close(job)
            self.lose(job, done.stderr)
        elif done.returncode in (0, 1) and done.stdout:
            status = json.loads(done.stdout)
            if status["state"] == "finished":
                self.close(job)
                self.compare(job)
                self.stage.say(f"{job.name} is finished")
            elif status["state"] == "failed":
                self.close(job)
                self.lose(job, status["error"])

    def close(self, job):
        with self.lock:
            self.open.remove(job)

    def lose(self, job, why):
        self.n_lost += 1
        self.faults.append(f"{job.name} ({job.id}, {job.source.name}) is lost: {why}")
        self.stage.say(self.faults[-1])

    def compare(self, job):
        """Every file of the presentation, and no other."""
        wanted, got = job.reference.wanted, fingerprint(job.output)
        self.n_segments += sum(name.endswith(".m4s") for name in wanted)
        wrong = sorted(name for name in {*wanted, *got} if wanted.get(name) != got.get(name))
        if not wrong:
            return
        self.n_wrong += sum(name.endswith(".m4s") for name in wrong)
        what = ", ".join(f"{name} ({'differs' if name in got and name in wanted else 'too much' if name in got else 'missing'})"
                         for name in wrong)
        self.faults.append(f"{job.name} ({job.id}, {job.source.name}): {what}")
        self.stage.say(self.faults[-1])

    def is_busy(self):
        """Is a job not over yet, or being submitted?"""
        with self.lock:
            return bool(self.open) or not all(job.id for job in self.all)

    def finish(self, seconds):
        """No more jobs; those that there are must end."""
        with self.lock:
            self.is_enough = True
        deadline = time.monotonic() + seconds
        while self.is_busy() and self.thread.is_alive() and time.monotonic() < deadline:
            time.sleep(0.1)
        self.is_over = True
        self.thread.join()
        for job in list(self.open):
            self.lose(job, f"not over after {seconds} s: {self.stage.client('status', job.id).stdout}")
        stored = int(self.stage.primary.sql("SELECT count(*) FROM jobs"))
        if stored != len(self.all):
            self.faults.append(f"{len(self.all)} jobs were submitted, and {stored} are there")

    def compare_again(self):
        """Whoever came late may not have changed anything either."""
        for job in self.all:
            if job not in self.open:
                self.compare(job)
                shutil.rmtree(job.output, ignore_errors=True)
