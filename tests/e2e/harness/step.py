"""One media step by hand: avspl1t-media with limits of the test's own."""
import contextlib
import os
import socket
import subprocess
import urllib.parse

LAUNCH = ("import os,resource,sys; fd,data=int(sys.argv[1]),int(sys.argv[2]); os.dup2(fd, 3); "
          "resource.setrlimit(resource.RLIMIT_DATA, (data, data)); os.execve(sys.argv[3], ['avspl1t-media'], {})")
REQUEST = b"split seconds=4 resume=0 pending=1000 crf=0 preset=0 threads=1 described=1 idx=0\n"


class Result:
    """The last report, as verb and fields; what the process used."""

    def __init__(self, said, status, usage):
        lines = [line for line in said.decode().splitlines() if line]
        self.verb, *pairs = lines[-1].split(" ") if lines else [""]
        self.fields = {k: urllib.parse.unquote(v) for k, v in (p.split("=", 1) for p in pairs)}
        self.status = status
        self.cpu_s = usage.ru_utime + usage.ru_stime
        self.rss_kib = usage.ru_maxrss


def split(build, source, folder, data_bytes):
    """Splits a file with no more than so much writable memory."""
    ours, theirs = socket.socketpair()
    with open(source, "rb") as file, ours, theirs:
        # Not through subprocess's wait: the usage is wanted of this child alone.
        child = subprocess.Popen(["python3", "-c", LAUNCH, str(theirs.fileno()), str(data_bytes), str(build.media)], stdin=file,
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder, pass_fds=[theirs.fileno()])
        theirs.close()
        ours.settimeout(60)
        ours.sendall(REQUEST)
        said = rest = b""
        with contextlib.suppress(ConnectionResetError):  # it has ended
            while more := ours.recv(65536):
                said += more
                *lines, rest = (rest + more).split(b"\n")
                for line in lines:
                    if line.split(b" ")[0] in (b"piece", b"segment"):
                        with contextlib.suppress(BrokenPipeError):
                            ours.sendall(b"ack\n")
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    return Result(said, child.returncode, usage)
