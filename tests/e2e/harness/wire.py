"""Our own wire contract from Python: a caller that does what none of our programs does.

The messages come from proto/avspl1t.proto, in a pool of their own: base.py has the base's under the same names.
"""
import functools
import pathlib
import subprocess

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

FOLDER = pathlib.Path(__file__).resolve().parents[3] / "proto"
PACKAGE = "com.avspl1t"
SECONDS = 30  # of every call


@functools.cache
def pool():
    done = subprocess.run(["protoc", f"-I{FOLDER}", "--include_imports", "--descriptor_set_out=/dev/stdout", "avspl1t.proto"],
                          stdout=subprocess.PIPE, check=True, timeout=60)
    found = descriptor_pool.DescriptorPool()
    for file in descriptor_pb2.FileDescriptorSet.FromString(done.stdout).file:
        found.Add(file)
    return found


@functools.cache
def message(name):
    """The class of a message."""
    return message_factory.MessageFactory(pool()).GetPrototype(pool().FindMessageTypeByName(f"{PACKAGE}.{name}"))


class Caller:
    """Calls by name: caller("PauseJob", id=job)."""

    def __init__(self, address):
        self.channel = grpc.insecure_channel(address)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.channel.close()

    def __call__(self, method, **fields):
        found = pool().FindMethodByName(f"{PACKAGE}.CoordinatorService.{method}")
        request, answer = message(found.input_type.name), message(found.output_type.name)
        call = self.channel.unary_unary(f"/{PACKAGE}.CoordinatorService/{method}", request_serializer=request.SerializeToString,
                                        response_deserializer=answer.FromString)
        return call(request(**fields), timeout=SECONDS)
