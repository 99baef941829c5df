#!/usr/bin/env python3
"""A PostgreSQL server of one's own, for tests: made in a temporary folder, on a unix socket there, gone with its user.

    postgres.py PROGRAM [ARGUMENT ...]     runs a program with its URL in AVSPL1T_TEST_POSTGRES

or, in Python:

    with postgres.Server() as server:
        server.url, server.restart(), server.sql("SELECT 1")
    with postgres.Server() as primary, postgres.Server(primary=primary) as standby:
        primary.wait_for(standby), primary.kill(), standby.promote(), primary.follow(standby)

Nothing that it holds is worth keeping, so it does not wait for its disk. PostgreSQL refuses to run as root: root runs it as the
user that Debian's package made.
"""
import contextlib
import glob
import os
import pathlib
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

USER = "tester"


def programs():
    """The folder of the newest PostgreSQL."""
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin"), key=lambda p: int(p.split("/")[4]))
    if found:
        return pathlib.Path(found[-1])
    at_hand = shutil.which("initdb")
    if at_hand is None:
        raise NotInstalled("no PostgreSQL server is installed: script/bootstrap --test installs it")
    return pathlib.Path(at_hand).parent


class NotInstalled(Exception):
    pass


def url_of(servers, database="postgres", user=USER):
    """A URL that names several servers; one that takes writes is to be found among them."""
    hosts = ",".join(str(server.folder).replace("/", "%2F") for server in servers)
    return f"postgresql://{user}@{hosts}/{database}"


def parent_of(pid):
    """The process that started another; 0 where there is none, or it is dead."""
    with contextlib.suppress(OSError):
        state, parent = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[:2]
        return 0 if state == "Z" else int(parent)
    return 0


class Server:
    """@param primary: the server that it is to be a standby of."""

    def __init__(self, options=(), primary=None):
        self.bin = programs()
        self.user = None  # who runs it: whoever we are
        self.port = 5432  # the socket's name has it
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="avspl1t-pg-"))
        self.data = self.folder / "data"
        if os.geteuid() == 0:
            names = {u.pw_name for u in pwd.getpwall()}
            self.user = "postgres" if "postgres" in names else "nobody"
            shutil.chown(self.folder, self.user)
        os.chmod(self.folder, 0o755)
        self.options = ["-c", "listen_addresses=", "-c", f"unix_socket_directories={self.folder}", "-c", "fsync=off",
                        "-c", "full_page_writes=off", "-c", "log_min_messages=fatal", "-c", "shared_buffers=32MB",
                        "-c", "wal_retrieve_retry_interval=200ms",
                        *(part for option in options for part in ("-c", option))]
        try:
            if primary is None:
                self.make()
                self.start()
            else:
                self.follow(primary)
        except BaseException:
            self.close()
            raise

    def make(self):
        self.run("initdb", "-D", self.data, "-U", USER, "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync",
                 "--no-instructions")
        hba = self.data / "pg_hba.conf"
        hba.write_text("local all locked scram-sha-256\n" + hba.read_text())  # one role that needs its password

    def follow(self, primary):
        """Begins anew as a streaming standby; what it held is gone."""
        shutil.rmtree(self.data, ignore_errors=True)
        for left in self.folder.glob(".s.PGSQL.*"):  # by one that was killed, and is not buried yet
            left.unlink()
        self.run("pg_basebackup", "-D", self.data, "-d", f"host={primary.folder} user={USER} application_name={self.folder.name}",
                 "-R", "-X", "stream", "-c", "fast", "--no-sync")
        with open(self.data / "postgresql.auto.conf", "a") as settings:
            settings.write("synchronous_standby_names = ''\n")  # the primary's; nobody follows us yet
        self.start()

    def wait_for(self, *standbys):
        """From here on a commit is acknowledged once it is on the disk of a standby too; none given: no more."""
        names = ",".join(f'"{standby.folder.name}"' for standby in standbys)
        self.sql(f"ALTER SYSTEM SET synchronous_standby_names = '{names}'")
        self.sql("SELECT pg_reload_conf()")
        deadline = time.monotonic() + 30
        while standbys and "sync" not in self.sql("SELECT sync_state FROM pg_stat_replication").split():
            if time.monotonic() > deadline:
                raise RuntimeError(f"no standby follows:\n{self.log()}\n{standbys[0].log()}")
            time.sleep(0.05)

    def fall_behind(self):
        """From here on a standby hears nothing of its primary, as when the network between them breaks."""
        self.sql("ALTER SYSTEM SET primary_conninfo = ''")
        self.sql("SELECT pg_reload_conf()")
        while self.sql("SELECT count(*) FROM pg_stat_wal_receiver").strip() != "0":
            time.sleep(0.02)

    def promote(self):
        self.run("pg_ctl", "-D", self.data, "-w", "-s", "promote")

    def pids(self):
        first = int((self.data / "postmaster.pid").read_text().split()[0])
        return [first, *(int(p.name) for p in pathlib.Path("/proc").iterdir() if p.name.isdigit() and parent_of(p.name) == first)]

    def kill(self):
        """Its machine goes dark: all of its processes at once."""
        for pid in (pids := self.pids()):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        while any(map(parent_of, pids)):
            time.sleep(0.01)

    def freeze(self):
        """It hangs: connections stay, and nobody answers."""
        for pid in self.pids():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)

    @property
    def url(self):
        return self.url_of("postgres")

    def url_of(self, database, user=USER):
        return url_of([self], database, user)

    def run(self, program, *args):
        """Runs one of PostgreSQL's programs to its end. Its output."""
        done = subprocess.run([self.bin / program, *map(str, args)], user=self.user, cwd=self.folder, text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              env={**os.environ, "LC_ALL": "C.UTF-8"})
        if done.returncode != 0:
            raise RuntimeError(f"{program} ended with {done.returncode}:\n{done.stdout}\n{self.log()}")
        return done.stdout

    def log(self):
        with contextlib.suppress(OSError):
            return (self.folder / "log").read_text()
        return ""

    def start(self):
        options = " ".join(f"'{o}'" for o in self.options)
        self.run("pg_ctl", "-D", self.data, "-l", self.folder / "log", "-o", options, "-w", "-s", "start")

    def stop(self, mode="immediate"):
        self.run("pg_ctl", "-D", self.data, "-m", mode, "-w", "-s", "stop")

    def restart(self, mode="immediate"):
        self.stop(mode)
        self.start()

    def speak_tls(self, certificate, key):
        """From here on it takes calls on a port of loopback too, through TLS alone. The port."""
        for path, name in ((certificate, "server.crt"), (key, "server.key")):
            shutil.copyfile(path, self.data / name)
            os.chmod(self.data / name, 0o600)
            if self.user:
                shutil.chown(self.data / name, self.user)
        hba = self.data / "pg_hba.conf"
        hba.write_text("".join(line.replace("host ", "hostssl ", 1) if line.startswith("host ") else line
                               for line in hba.read_text().splitlines(keepends=True)))
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]
        self.options += ["-c", "ssl=on", "-c", "listen_addresses=127.0.0.1", "-c", f"port={self.port}"]
        self.restart("fast")
        return self.port

    def sql(self, text, database="postgres"):
        """What psql prints."""
        return self.run("psql", "-h", self.folder, "-p", self.port, "-U", USER, "-d", database, "-XAtq", "-v", "ON_ERROR_STOP=1", "-c", text)

    def close(self):
        with contextlib.suppress(RuntimeError):  # one that was killed says so
            if (self.data / "postmaster.pid").exists():
                self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def main():
    # Whoever takes too long is told to end: its server goes with it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        server = Server()
    except NotInstalled as e:
        print(f"postgres.py: {e}")
        sys.exit(77)  # meson: skipped
    with server:
        done = subprocess.run(sys.argv[1:], env={**os.environ, "AVSPL1T_TEST_POSTGRES": server.url})
    sys.exit(done.returncode if done.returncode >= 0 else 128 - done.returncode)


if __name__ == "__main__":
    main()
