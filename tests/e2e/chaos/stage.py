"""All that runs: a primary and its synchronous standby, two coordinators behind haproxy, workers."""
import contextlib
import os
import pathlib
import sys
import time

import psycopg2
from harness.balanced import Balanced
from harness.programs import Farm, children

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
import postgres  # noqa: E402

LEASE_SECONDS = 2
# Every blow to a worker costs a task an attempt: a job is to fail of nothing but a fault of ours.
MAX_ATTEMPTS = 100
N_WORKERS = 4


class Stage:
    """Ends all of it with close(). @param say  is told what happens, a line at a time."""

    def __init__(self, build, folder, say=print):
        self.said_first = time.monotonic()
        self.print = say
        self.servers = contextlib.ExitStack()
        self.farm = Farm(build, folder)
        self.loose = []  # connections of others, each with the time when it ends
        try:
            self.primary = self.servers.enter_context(postgres.Server())
            self.standby = self.servers.enter_context(postgres.Server(primary=self.primary))
            self.primary.wait_for(self.standby)
            url = postgres.url_of([self.primary, self.standby])
            self.balanced = Balanced(self.farm, "--lease-seconds", LEASE_SECONDS, "--max-attempts", MAX_ATTEMPTS, db=url)
            both = ",".join(c.address for c in self.coordinators)
            # Half of the workers find the coordinators by themselves.
            self.workers = [self.farm.worker((both, self.balanced.address)[i % 2], "--drain-seconds", 1, name=f"worker-{i}")
                            for i in range(N_WORKERS)]
        except BaseException:
            self.close()
            raise

    @property
    def coordinators(self):
        return self.balanced.coordinators

    def say(self, text):
        self.print(f"{time.monotonic() - self.said_first:7.1f} s  {text}")

    def client(self, *args, seconds=120, not_yet=(3,)):
        """Runs the client until its exit code is another one; by default, until it has reached a coordinator."""
        deadline = time.monotonic() + seconds
        while True:
            done = self.farm.build.run(*args, "--coordinator", self.balanced.address)
            if done.returncode not in not_yet:
                return done
            assert time.monotonic() < deadline, f"not within {seconds} s: {args}: {done.stderr}"
            time.sleep(0.2)

    def connect(self, seconds=60):
        """Somebody else's connection to the database."""
        return psycopg2.connect(self.primary.url, connect_timeout=seconds)

    def media(self):
        """Media steps that run: process, its worker, and the files that it has open. Not what a worker asks before it begins, which
        has an argument: without that answer it ends, as it should."""
        for worker in self.workers:
            for pid in children(worker.pid):
                with contextlib.suppress(OSError):
                    if len(pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")) != 2:
                        continue
                    files = {os.readlink(f) for f in pathlib.Path(f"/proc/{pid}/fd").iterdir()}
                    yield pid, worker, files

    def keep(self, connection, seconds):
        self.loose.append((connection, time.monotonic() + seconds))

    def let_go(self, everything=False):
        """Ends what was to last for a while."""
        for connection, until in list(self.loose):
            if everything or time.monotonic() > until:
                self.loose.remove((connection, until))
                with contextlib.suppress(psycopg2.Error):
                    connection.close()

    def check(self):
        """Nobody may have ended by himself."""
        for daemon in self.farm.daemons:
            assert daemon.process.poll() is None, f"{daemon.log.name} ended with {daemon.process.returncode}:\n{daemon.text()[-3000:]}"

    def stop(self):
        """Asks everybody to end, as at the end of a good day."""
        for daemon in (*self.workers, *self.coordinators):
            code = daemon.stop()
            assert code == 0, f"{daemon.log.name} ended with {code}:\n{daemon.text()[-3000:]}"

    def close(self):
        self.let_go(everything=True)
        self.farm.close()
        self.servers.close()
