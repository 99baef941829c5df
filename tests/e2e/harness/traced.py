"""avspl1t-media under strace, and what a trace may show once the sandbox is closed."""
import pathlib
import re
import shutil

# Files, network, processes, and what could change another process; nothing that is called a thousand times a second.
CALLS = "%file,%network,%process,seccomp,prctl,ptrace,setns,unshare,io_uring_setup,process_vm_readv,process_vm_writev,pidfd_open"
LINE = re.compile(r"^(\d+) +(\w+)\((.*)$")
CLOSED = re.compile(r"seccomp\(SECCOMP_SET_MODE_FILTER.* = 0$")
# Ends of what was interrupted by another thread say nothing new.
RESUMED = re.compile(r"^\d+ +(<\.\.\. |\+\+\+ exited|\+\+\+ killed by SIGKILL|--- SIG)")
PLAIN = r'AT_FDCWD, "[\w.-]+", '
ALLOWED = {
    "openat": re.compile(rf'{PLAIN}O_\w+\|O_CREAT\|O_EXCL(\|O_CLOEXEC)?, 0\d+|.* = -1 EACCES|.*unfinished'),
    "open": re.compile(r".* = -1 EACCES|.*unfinished"),
    "unlink": re.compile(r'"[\w.-]+"'),
    "unlinkat": re.compile(PLAIN),
    "newfstatat": re.compile(r'\d+, "", .*AT_EMPTY_PATH|.* = -1 EACCES|.*unfinished'),
    "clone3": re.compile(r".*CLONE_THREAD.*"),
    "clone": re.compile(r".*CLONE_THREAD.*"),
    "exit": re.compile(""),
    "exit_group": re.compile(""),
    "prctl": re.compile(r"PR_SET_NAME|PR_GET_NAME|.*= -1 EPERM"),
    "readlink": re.compile(r".* = -1 EACCES"),
    "access": re.compile(r".* = -1 EACCES"),
    "getcwd": re.compile(r".* = -1 EACCES"),
}


def wrap(build, folder, data_kib=None):
    """A folder to be named in AVSPL1T_LIBEXEC: its avspl1t-media is traced, and has no more writable memory than it is given.
    Traces go to folder/traces."""
    libexec, traces = folder / "libexec", folder / "traces"
    libexec.mkdir()
    traces.mkdir()
    script = libexec / "avspl1t-media"
    # What it encodes with is told without a sandbox, for there is no input.
    limit = f"ulimit -d {data_kib}\n" if data_kib else ""
    script.write_text(f"#!/bin/sh\n{limit}[ $# -eq 0 ] || exec '{build.media}' \"$@\"\n"
                      f"exec {shutil.which('strace')} -f --seccomp-bpf -qq -e trace={CALLS} "
                      f"-o '{traces}'/$$ '{build.media}'\n")
    script.chmod(0o755)
    return libexec, traces


def offences(trace):
    """Lines of a trace that show something which is not allowed; None where the sandbox was never closed."""
    found = None
    for line in pathlib.Path(trace).read_text(errors="replace").splitlines():
        if found is None:
            found = [] if CLOSED.search(line) else None
            continue
        call = LINE.match(line)
        if RESUMED.match(line):
            continue
        if not call or call[2] not in ALLOWED or not ALLOWED[call[2]].match(call[3]):
            found.append(line)
    return found
