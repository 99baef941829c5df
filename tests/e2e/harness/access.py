"""Tokens, and calls that show them."""
import pathlib
import re
import subprocess

import grpc

SERVICE = "/com.avspl1t.CoordinatorService/"
PROTO = pathlib.Path(__file__).resolve().parents[3] / "proto/avspl1t.proto"


def all_methods():
    """The service's methods, as its .proto has them."""
    return re.findall(r"^\s*rpc (\w+)\s*\(", PROTO.read_text(), re.M)


class Tokens:
    """`avspl1t-coordinator token` on one database."""

    def __init__(self, build, db):
        self.build, self.db = build, db

    def run(self, *args):
        done = subprocess.run([str(self.build.coordinator), "token", *map(str, args), "--db", self.db], capture_output=True,
                              text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def add(self, name, role, *options):
        token = self.run("add", name, "--role", role, *options).strip()
        assert re.fullmatch(r"avspl1t_[0-9a-f]{16}_[0-9a-f]{64}", token), "not a token alone"
        return token

    def revoke(self, token):
        self.run("revoke", token.split("_")[1])


def shown(token):
    """The metadata of a call."""
    return (("authorization", f"Bearer {token}"),) if token else ()


def outcome(channel, method, message=b"", metadata=(), seconds=10):
    """(status, sentence) of one call whose request is bytes."""
    try:
        channel.unary_unary(SERVICE + method)(message, metadata=metadata, timeout=seconds)
    except grpc.RpcError as error:
        return error.code(), error.details()
    return grpc.StatusCode.OK, ""
