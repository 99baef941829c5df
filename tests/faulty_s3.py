"""A bad network and a bad store, for tests: a proxy that passes requests on to an S3 server, and spoils some of them.

    with faulty_s3.Proxy(server.http_port, rule) as proxy:
        proxy.url, proxy.spoilt

A rule is asked about each request, and names a fault or None. `by_key` reads it from the key itself: of an object
"…/@get-503*2@/name" the first two GETs are answered with 503. What a fault does stands beside its name in FAULTS.
"""
import calendar
import collections
import email.utils
import http.client
import re
import socket
import struct
import threading
import time

LATER_S = 3600  # how far the clock of `skew` is ahead
REGION = "moon-west-1"


def error(status, code, more="", headers=()):
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>said the test</Message>{more}</Error>".encode()
    return status, [("Content-Type", "application/xml"), ("x-amz-request-id", "TEST-ID"), *headers], body


class Request:
    def __init__(self, method, target, headers, body):
        self.method, self.target, self.headers, self.body = method, target, headers, body
        self.path, _, self.query = target.partition("?")

    def header(self, name):
        return next((v for k, v in self.headers if k.lower() == name), "")

    @property
    def kind(self):
        """What it is to the client: get, put, part, create, complete, …"""
        if self.method == "POST":
            return "create" if self.query.startswith("uploads") else "complete"
        if self.method == "PUT" and "partNumber=" in self.query:
            return "part"
        return self.method.lower()


def by_key(request, seen):
    """The fault that is written in the key, for the first so many requests of that kind."""
    for kind, name, times in re.findall(r"%40([a-z]+)-([a-z0-9-]+)(?:%2A(\d+))?%40", request.path, re.I):
        if kind in (request.kind, "any"):
            n = seen[kind, name, request.path] = seen[kind, name, request.path] + 1
            if n <= int(times or 1):
                return name
    return None


def scope_region(request):
    found = re.search(r"Credential=[^/]+/\d+/([^/]+)/", request.header("authorization"))
    return found[1] if found else ""


class Proxy:
    def __init__(self, port, rule=by_key, client=None):
        """@param client  a radosgw.Client that signs anew what a wrong clock has signed"""
        self.port, self.rule, self.client = port, rule, client
        self.seen, self.spoilt = collections.Counter(), collections.Counter()
        self.lock = threading.Lock()
        self.is_over = threading.Event()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.accept, daemon=True).start()

    def close(self):
        self.is_over.set()
        self.listener.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def accept(self):
        while not self.is_over.is_set():
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        with connection:
            stream = connection.makefile("rb")
            try:
                while self.one(connection, stream):
                    pass
            except (OSError, http.client.HTTPException, ValueError):
                reset(connection)

    def one(self, connection, stream):
        """One request and its answer. False: the connection is over."""
        line = stream.readline().decode("latin-1").split()
        if len(line) != 3:
            return False
        headers = []
        while (text := stream.readline().decode("latin-1").rstrip("\r\n")):
            name, _, value = text.partition(":")
            headers.append((name, value.strip()))
        request = Request(line[0], line[1], headers, b"")
        with self.lock:
            name = self.rule(request, self.seen)
            if name:
                self.spoilt[name] += 1
        fault = getattr(self, "do_" + name.replace("-", "_")) if name else None
        if fault in (self.do_503, self.do_retry_after, self.do_429):
            # Before the body is read, as a load balancer does it.
            answer(connection, *fault(request))
            return False
        if fault == self.do_reset:
            reset(connection)
            return False
        length = int(request.header("content-length") or 0)
        if request.header("expect"):
            connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        if fault == self.do_cut_up:
            stream.read(length // 2)
            reset(connection)
            return False
        request.body = stream.read(length)
        if len(request.body) < length:
            return False
        return (fault or self.passed)(request, connection)

    def forward(self, request):
        """(status, headers, body) of the real store."""
        upstream = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            upstream.putrequest(request.method, request.target, skip_host=True, skip_accept_encoding=True)
            for name, value in request.headers:
                if name.lower() not in ("expect", "connection"):
                    upstream.putheader(name, value)
            upstream.endheaders(request.body)
            got = upstream.getresponse()
            return got.status, got.getheaders(), got.read()
        finally:
            upstream.close()

    def passed(self, request, connection):
        answer(connection, *self.forward(request), head=request.method == "HEAD")
        return True

    # Faults. Those that take a connection answer it themselves, and say whether it goes on; the others give an answer.

    def do_503(self, request):
        return error(503, "SlowDown")

    def do_429(self, request):
        return error(429, "TooManyRequests")

    def do_retry_after(self, request):
        return error(503, "SlowDown", headers=[("Retry-After", "1")])

    def do_500(self, request, connection):
        answer(connection, *error(500, "InternalError"))
        return True

    def do_reset(self, request, connection):
        """Before anything is read."""

    def do_cut_up(self, request, connection):
        """In the middle of what comes from the client."""

    def do_cut_down(self, request, connection):
        """In the middle of what goes to the client."""
        status, headers, body = self.forward(request)
        connection.sendall(head_of(status, headers, len(body)) + body[:len(body) // 2])
        time.sleep(0.05)
        reset(connection)
        return False

    def do_truncated(self, request, connection):
        status, headers, body = self.forward(request)
        connection.sendall(head_of(status, headers, len(body)) + body[:len(body) // 2])
        return False

    def do_flip_up(self, request, connection):
        request.body = flipped(request.body)
        return self.passed(request, connection)

    def do_flip_down(self, request, connection):
        status, headers, body = self.forward(request)
        answer(connection, status, headers, flipped(body))
        return True

    def do_stall(self, request, connection):
        status, headers, body = self.forward(request)
        connection.sendall(head_of(status, headers, len(body)) + body[:len(body) // 2])
        self.is_over.wait(300)  # longer than anybody's patience
        return False

    def do_silence(self, request, connection):
        """Nothing is passed on, and no answer comes."""
        self.is_over.wait(30)
        return False

    def do_slow(self, request, connection):
        status, headers, body = self.forward(request)
        connection.sendall(head_of(status, headers, len(body)))
        step = max(len(body) // 8, 1)
        for i in range(0, len(body), step):
            connection.sendall(body[i:i + step])
            time.sleep(0.05)
        return True

    def do_error_in_200(self, request, connection):
        answer(connection, *error(200, "InternalError"))
        return True

    def do_lost(self, request, connection):
        """It was done, and nobody hears of it."""
        self.forward(request)
        reset(connection)
        return False

    def do_region_301(self, request, connection):
        if scope_region(request) == REGION:
            return self.passed(request, connection)
        answer(connection, *error(301, "PermanentRedirect", headers=[("x-amz-bucket-region", REGION)]),
               head=request.method == "HEAD")
        return True

    def do_region_400(self, request, connection):
        if scope_region(request) == REGION:
            return self.passed(request, connection)
        answer(connection, *error(400, "AuthorizationHeaderMalformed", f"<Region>{REGION}</Region>"),
               head=request.method == "HEAD")
        return True

    def do_led(self, request, connection):
        """To the real store, at its own port."""
        location = f"http://127.0.0.1:{self.port}{request.target}"
        answer(connection, *error(307, "TemporaryRedirect", headers=[("Location", location)]), head=request.method == "HEAD")
        return True

    def do_led_astray(self, request, connection):
        location = f"http://169.254.169.254{request.target}"
        answer(connection, *error(307, "TemporaryRedirect", headers=[("Location", location)]), head=request.method == "HEAD")
        return True

    def do_skew(self, request, connection):
        """A store whose clock is ahead."""
        now = time.time() + LATER_S
        try:
            signed = calendar.timegm(time.strptime(request.header("x-amz-date"), "%Y%m%dT%H%M%SZ"))
        except ValueError:
            signed = 0
        if abs(signed - now) > 900:
            answer(connection, *error(403, "RequestTimeTooSkewed", headers=[("Date", email.utils.formatdate(now, usegmt=True))]),
                   head=request.method == "HEAD")
            return True
        request.headers = self.client.signed(request.method, request.path, request.query, request.body, dict(request.headers))
        return self.passed(request, connection)

    def do_expired(self, request, connection):
        answer(connection, *error(400, "ExpiredToken"), head=request.method == "HEAD")
        return True

    def do_denied(self, request, connection):
        answer(connection, *error(403, "AccessDenied"), head=request.method == "HEAD")
        return True


def flipped(body):
    middle = len(body) // 2
    return body[:middle] + bytes([body[middle] ^ 0x10]) + body[middle + 1:] if body else body


def reset(connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def head_of(status, headers, length):
    skipped = ("content-length", "transfer-encoding", "connection", "date")
    lines = [f"{k}: {v}" for k, v in headers if k.lower() not in skipped]
    if not any(k.lower() == "date" for k, _ in headers):
        lines.append(f"Date: {email.utils.formatdate(usegmt=True)}")
    lines += [f"Date: {v}" for k, v in headers if k.lower() == "date"]
    return ("\r\n".join([f"HTTP/1.1 {status} Test", *lines, f"Content-Length: {length}", "", ""])).encode("latin-1")


def answer(connection, status, headers, body, head=False):
    # To HEAD the length is that of the body that GET would give.
    length = next((int(v) for k, v in headers if k.lower() == "content-length"), 0) if head else len(body)
    connection.sendall(head_of(status, headers, length) + (b"" if head else body))
