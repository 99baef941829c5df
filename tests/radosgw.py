#!/usr/bin/env python3
"""An S3 server of one's own, for tests: Ceph's radosgw with one monitor and one store in memory, in a temporary folder, on loopback.

    radosgw.py PROGRAM [ARGUMENT ...]     runs a program with AVSPL1T_TEST_S3_… in its environment, a bad proxy included
    radosgw.py --serve                    runs until its standard input ends; prints where it is

or, in Python:

    with radosgw.Server() as server:
        server.http, server.https, server.ca, server.user("name")

Both speak HTTP and HTTPS. Any number of them run beside each other. Nothing that it holds is worth
keeping. It takes three seconds on a machine with nothing else to do.
"""
import contextlib
import hashlib
import hmac
import html
import http.client
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse
import uuid

import faulty_s3
from ports import free_ports

SECONDS = 90  # for the start
PROGRAMS = ["ceph", "ceph-authtool", "ceph-mon", "ceph-osd", "monmaptool", "radosgw", "radosgw-admin"]

# No cephx, the old protocol alone, and the store put into the CRUSH map by hand: each saves a second or a race at the start.
CONF = """[global]
fsid = {fsid}
mon initial members = a
mon host = [v1:127.0.0.1:{mon}]
public addr = 127.0.0.1
cluster addr = 127.0.0.1
public network = 127.0.0.0/8
auth cluster required = none
auth service required = none
auth client required = none
auth allow insecure global id reclaim = true
ms bind msgr2 = false
ms bind port min = {osd_min}
ms bind port max = {osd_max}
run dir = {folder}/run
admin socket = {folder}/run/$name.asok
log file = {folder}/log/$name.log
pid file = {folder}/run/$name.pid
crash dir = {folder}/run
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 4
osd pool default pgp num = 4
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon allow pool size one = true
mon warn on pool no redundancy = false
mon max pg per osd = 4000
mon data avail crit = 1
mon data avail warn = 1
mon osd full ratio = .99
osd failsafe full ratio = .995
mon osd min up ratio = 0
paxos propose interval = 0.05
debug ms = 0
[mon.a]
host = localhost
mon data = {folder}/mon
mon addr = 127.0.0.1:{mon}
[osd.0]
host = localhost
osd data = {folder}/osd
osd objectstore = {store}
osd class update on start = false
osd crush update on start = false
osd memory target = 1073741824
memstore device bytes = {bytes}
memstore page set = true
bluestore block size = {bytes}
bluestore fsck on mount = false
[client.rgw]
rgw data = {folder}/rgw
rgw dns name = s3.localhost
rgw enable usage log = false
rgw thread pool size = 32
rgw run sync thread = false
rgw enable lc threads = false
rgw enable gc threads = true
rgw gc obj min wait = 1
rgw gc processor period = 3
rgw gc processor max time = 3
rgw max chunk size = 4194304
rgw frontends = beast endpoint=127.0.0.1:{http} ssl_endpoint=127.0.0.1:{https} ssl_certificate={folder}/cert.pem
"""


class NotInstalled(Exception):
    pass


class Server:
    def __init__(self, store="memstore", gib=4):
        missing = [p for p in PROGRAMS if shutil.which(p) is None]
        if missing:
            raise NotInstalled(f"{', '.join(missing)}: not installed; script/bootstrap --test installs it")
        for tries_left in (2, 1, 0):
            self.processes = []
            self.folder = pathlib.Path(tempfile.mkdtemp(prefix="avspl1t-s3-"))
            try:
                self.start(store, gib)
                return
            except BaseException as e:
                self.close()
                # Seconds pass before its programs take their ports: others' may be there by then.
                if not isinstance(e, RuntimeError) or tries_left == 0:
                    raise

    def start(self, store, gib):
        for name in ("mon", "osd", "rgw", "run", "log"):
            (self.folder / name).mkdir()
        mon, http, https, osd = sorted(free_ports(4))  # the store takes several, from its own upwards
        self.fsid = str(uuid.uuid4())
        self.mon_address = f"[v1:127.0.0.1:{mon}]"
        self.http, self.https = f"http://127.0.0.1:{http}", f"https://127.0.0.1:{https}"
        self.http_port, self.https_port = http, https
        self.ca = self.folder / "ca.pem"
        (self.folder / "ceph.conf").write_text(CONF.format(
            fsid=self.fsid, folder=self.folder, store=store, bytes=gib << 30, mon=mon, http=http, https=https, osd_min=osd,
            osd_max=osd + 400))
        self.env = {**os.environ, "CEPH_CONF": str(self.folder / "ceph.conf")}
        self.ends = time.monotonic() + SECONDS
        self.certificate()
        self.start_monitor()
        self.start_store()
        self.start_gateway(http)

    def certificate(self):
        self.run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", 30,
                 "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,DNS:s3.localhost,DNS:*.s3.localhost,IP:127.0.0.1",
                 "-keyout", self.folder / "key.pem", "-out", self.ca)
        (self.folder / "cert.pem").write_bytes(self.ca.read_bytes() + (self.folder / "key.pem").read_bytes())

    def start_monitor(self):
        self.run("monmaptool", "--create", "--addv", "a", self.mon_address, "--fsid", self.fsid, self.folder / "monmap")
        self.run("ceph-authtool", "--create-keyring", self.folder / "keyring", "--gen-key", "-n", "mon.", "--cap", "mon", "allow *")
        self.run("ceph-mon", "--mkfs", "-i", "a", "--monmap", self.folder / "monmap", "--keyring", self.folder / "keyring")
        self.spawn("ceph-mon", "-f", "-i", "a")

    def start_store(self):
        ident = str(uuid.uuid4())
        self.ceph("osd", "new", ident)
        self.run("ceph-osd", "-i", 0, "--mkfs", "--osd-uuid", ident)
        self.spawn("ceph-osd", "-f", "-i", 0)
        self.ceph("osd", "crush", "add", "osd.0", "1.0", "root=default", "host=localhost")
        self.wait("the store", lambda: json.loads(self.ceph("osd", "stat", "-f", "json"))["num_up_osds"] == 1)

    def start_gateway(self, port):
        self.spawn("radosgw", "-f", "-n", "client.rgw")

        def answers():
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                return True
            return False
        self.wait("radosgw", answers)

    def run(self, *args):
        """Runs a program to its end. Its output."""
        done = subprocess.run([*map(str, args)], env=self.env, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=SECONDS)
        if done.returncode != 0:
            raise RuntimeError(f"{args[0]} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}\n{self.logs()}")
        return done.stdout

    def ceph(self, *args):
        """One of ceph's commands that may be repeated: a monitor that has just begun refuses some of them now and then."""
        while True:
            try:
                return self.run("ceph", "--connect-timeout", "20", *args)
            except RuntimeError:
                if time.monotonic() > self.ends:
                    raise
                time.sleep(0.2)

    def spawn(self, *args):
        log = open(self.folder / "log" / f"{args[0]}.out", "wb")
        with log:
            # Whoever is killed takes it with him.
            self.processes.append(subprocess.Popen(["setpriv", "--pdeathsig", "KILL", *map(str, args)], env=self.env, stdin=subprocess.DEVNULL, stdout=log,
                                                   stderr=log, start_new_session=True))

    def wait(self, what, is_there):
        while not is_there():
            for process in self.processes:
                if process.poll() is not None:
                    raise RuntimeError(f"{process.args[3]} ended with {process.returncode}\n{self.logs()}")
            if time.monotonic() > self.ends:
                raise RuntimeError(f"{what} did not come up within {SECONDS} s\n{self.logs()}")
            time.sleep(0.05)

    def logs(self):
        return "\n".join(f"== {p.name}\n{p.read_text(errors='replace')[-2000:]}"
                         for p in sorted((self.folder / "log").glob("*")))

    def user(self, name):
        """A new user's (access key id, secret): one that may make buckets of its own."""
        key, secret = f"{name.upper()}{uuid.uuid4().hex[:12]}", f"{uuid.uuid4().hex}/+{name}"
        self.run("radosgw-admin", "-n", "client.rgw", "user", "create", f"--uid={name}", f"--display-name={name}",
                 f"--access-key={key}", f"--secret-key={secret}", "--max-buckets=0")
        return key, secret

    def close(self):
        for process in self.processes:
            process.kill()
        for process in self.processes:
            process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def client(self, name):
        """A client of the test's own for a new user."""
        return Client(self.http, *self.user(name))

    def environment(self):
        client = self.client("tester")
        client.make_bucket("avspl1t-test")
        key, secret = client.key, client.secret
        self.faulty = faulty_s3.Proxy(self.http_port, client=client)
        there = {"HTTP": self.http, "HTTPS": self.https, "FAULTY": self.faulty.url, "CA": self.ca, "KEY": key, "SECRET": secret,
                 "BUCKET": "avspl1t-test"}
        return {f"AVSPL1T_TEST_S3_{name}": str(value) for name, value in there.items()}


class Refused(Exception):
    """An answer that is no success: (status, body)."""


class Client:
    """The least that a test needs to look into a store, without any code of ours."""

    def __init__(self, endpoint, key, secret, region="us-east-1"):
        self.endpoint, self.key, self.secret, self.region = endpoint, key, secret, region
        self.host = endpoint.split("://")[1]

    def signed(self, method, path, query="", body=b"", headers=()):
        """The headers of a request, signed by Signature Version 4. Path and query as they are sent; the query is sorted."""
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        digest = hashlib.sha256(body).hexdigest()
        sent = {k.lower(): v for k, v in dict(headers).items() if k.lower() not in ("authorization", "expect")}
        sent |= {"host": self.host, "x-amz-date": stamp, "x-amz-content-sha256": digest}
        signed = {k: v for k, v in sent.items() if k not in ("user-agent", "accept", "content-length", "connection")}
        names = ";".join(sorted(signed))
        lines = "".join(f"{k}:{signed[k]}\n" for k in sorted(signed))
        scope = f"{stamp[:8]}/{self.region}/s3/aws4_request"
        canonical = hashlib.sha256(f"{method}\n{path}\n{query}\n{lines}\n{names}\n{digest}".encode()).hexdigest()
        mac = b"AWS4" + self.secret.encode()
        for part in (*scope.split("/"), f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{canonical}"):
            mac = hmac.new(mac, part.encode(), "sha256").digest()
        sent["authorization"] = (f"AWS4-HMAC-SHA256 Credential={self.key}/{scope},SignedHeaders={names},"
                                 f"Signature={mac.hex()}")
        return list(sent.items())

    def request(self, method, path, query=(), body=b"", headers=()):
        """(headers, body) of the answer."""
        quote = urllib.parse.quote
        path = quote(path, safe="/-_.~")
        pairs = "&".join(f"{quote(k, safe='-_.~')}={quote(v, safe='-_.~')}" for k, v in sorted(dict(query).items()))
        sent = dict(self.signed(method, path, pairs, body, headers))
        connection = http.client.HTTPConnection(self.host, timeout=60)
        with contextlib.closing(connection):
            connection.request(method, path + ("?" + pairs if pairs else ""), body, sent)
            answer = connection.getresponse()
            content = answer.read()
            if not 200 <= answer.status < 300:
                raise Refused(answer.status, content.decode(errors="replace"))
            return answer.headers, content

    def make_bucket(self, name):
        self.request("PUT", f"/{name}")

    def get(self, bucket, key):
        return self.request("GET", f"/{bucket}/{key}")[1]

    def head(self, bucket, key):
        return self.request("HEAD", f"/{bucket}/{key}")[0]

    def put(self, bucket, key, body, **headers):
        self.request("PUT", f"/{bucket}/{key}", body=body, headers=headers)

    def keys(self, bucket, prefix=""):
        """Of at most 1000 objects."""
        body = self.request("GET", f"/{bucket}", {"list-type": "2", "prefix": prefix})[1].decode()
        return [html.unescape(k) for k in re.findall("<Key>(.*?)</Key>", body)]

    def uploads(self, bucket):
        """The keys of uploads that nobody has completed."""
        body = self.request("GET", f"/{bucket}", {"uploads": ""})[1].decode()
        return [html.unescape(k) for k in re.findall("<Upload>.*?<Key>(.*?)</Key>", body)]


def main():
    # Whoever takes too long is told to end: its server goes with it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        server = Server()
    except NotInstalled as e:
        print(f"radosgw.py: {e}")
        sys.exit(77)  # meson: skipped
    with server:
        there = server.environment()
        if sys.argv[1:] == ["--serve"]:
            print("\n".join(f"{name}={value}" for name, value in there.items()), flush=True)
            sys.stdin.read()
            return
        done = subprocess.run(sys.argv[1:], env={**os.environ, **there})
    sys.exit(done.returncode if done.returncode >= 0 else 128 - done.returncode)


if __name__ == "__main__":
    main()
