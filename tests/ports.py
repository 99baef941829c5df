"""Ports for servers that cannot take any: they are told one, and bind it a moment later."""
import contextlib
import pathlib
import random
import socket

FIRST = 10000
# From here on the kernel gives ports to whoever asks for any.
END = int(pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])


def free_ports(n):
    """So many ports that nobody uses now, nor will be given by the kernel."""
    with contextlib.ExitStack() as stack:
        found = []
        while len(found) < n:
            port = random.randrange(FIRST, END)
            with contextlib.suppress(OSError):
                stack.enter_context(socket.create_server(("127.0.0.1", port)))
                found.append(port)
        return found
