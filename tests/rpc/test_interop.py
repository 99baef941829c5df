#!/usr/bin/env python3
"""The server, seen by another gRPC: health, reflection, base and hostile callers.

    test_interop.py SERVE_FAKE PROTO_DIR
"""

import pathlib
import re
import subprocess
import sys
import tempfile
import threading
import unittest

import grpc
from google.protobuf import descriptor_pb2

SERVE_FAKE, PROTO_DIR = sys.argv[1:3]
GRPC_PROTO_DIR = "/usr/share/grpc-proto"

stubs = tempfile.TemporaryDirectory()
subprocess.run(
    [
        "protoc", f"-I{PROTO_DIR}", f"-I{GRPC_PROTO_DIR}", "-I/usr/include", f"--python_out={stubs.name}",
        "--plugin=protoc-gen-grpc_python=/usr/bin/grpc_python_plugin", f"--grpc_python_out={stubs.name}",
        "avspl1t.proto", "grpc/health/v1/health.proto", "grpc/reflection/v1/reflection.proto",
        "grpc/reflection/v1alpha/reflection.proto",
    ],
    check=True,
)
# The installed package is called grpc too: the made ones must lie flat beside it.
for made in (pathlib.Path(stubs.name) / "grpc").rglob("*_pb2*.py"):
    version = made.parent.name
    text = made.read_text().replace(f"from grpc.health.{version} import", "import")
    text = text.replace(f"from grpc.reflection.{version} import reflection_pb2", f"import reflection_{version}_pb2")
    name = made.name.replace("reflection", f"reflection_{version}")
    (pathlib.Path(stubs.name) / name).write_text(text)
sys.path.insert(0, stubs.name)

import avspl1t_pb2 as pb  # noqa: E402
import avspl1t_pb2_grpc  # noqa: E402
import health_pb2  # noqa: E402
import health_pb2_grpc  # noqa: E402
import reflection_v1_pb2  # noqa: E402
import reflection_v1_pb2_grpc  # noqa: E402
import reflection_v1alpha_pb2  # noqa: E402
import reflection_v1alpha_pb2_grpc  # noqa: E402

SERVICE = "com.avspl1t.CoordinatorService"
HEALTH = health_pb2.HealthCheckResponse


def raw(channel, path, data, timeout=10):
    """A call whose bytes nobody checks before the server does."""
    call = channel.unary_unary(path, request_serializer=lambda b: b, response_deserializer=lambda b: b)
    return call(data, timeout=timeout)


class Interop(unittest.TestCase):
    def setUp(self):
        self.server = subprocess.Popen([SERVE_FAKE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.channel = grpc.insecure_channel(self.server.stdout.readline().strip())
        self.stub = avspl1t_pb2_grpc.CoordinatorServiceStub(self.channel)
        self.health = health_pb2_grpc.HealthStub(self.channel)

    def tearDown(self):
        self.channel.close()
        self.server.stdin.close()
        self.assertEqual(self.server.wait(30), 0)
        self.server.stdout.close()

    def say(self, line):
        self.server.stdin.write(line + "\n")
        self.server.stdin.flush()

    def refused(self, code, fn, *args, **kwargs):
        with self.assertRaises(grpc.RpcError) as caught:
            fn(*args, timeout=10, **kwargs)
        self.assertEqual(caught.exception.code(), code, caught.exception.details())
        return caught.exception

    def test_health_check(self):
        for service in ("", SERVICE):
            answer = self.health.Check(health_pb2.HealthCheckRequest(service=service), timeout=10)
            self.assertEqual(answer.status, HEALTH.SERVING)
        self.refused(grpc.StatusCode.NOT_FOUND, self.health.Check, health_pb2.HealthCheckRequest(service="x"))

    def test_health_watch_sees_the_lame_duck(self):
        watch = self.health.Watch(health_pb2.HealthCheckRequest(service=SERVICE), timeout=30)
        self.assertEqual(next(watch).status, HEALTH.SERVING)
        unknown = self.health.Watch(health_pb2.HealthCheckRequest(service="x"), timeout=30)
        self.assertEqual(next(unknown).status, HEALTH.SERVICE_UNKNOWN)
        unknown.cancel()
        self.say("lame")
        self.server.stdin.close()
        self.assertEqual(next(watch).status, HEALTH.NOT_SERVING)
        # Still served while the duck is lame.
        self.assertEqual(self.stub.GetJob(pb.JobId(id="j"), timeout=10).id, "job1")
        self.assertEqual(self.health.Check(health_pb2.HealthCheckRequest(), timeout=10).status, HEALTH.NOT_SERVING)
        with self.assertRaises(grpc.RpcError) as caught:
            next(watch)
        self.assertEqual(caught.exception.code(), grpc.StatusCode.UNAVAILABLE)

    def check_reflection(self, messages, stub):
        def ask(**kwargs):
            return next(stub.ServerReflectionInfo(iter([messages.ServerReflectionRequest(**kwargs)]), timeout=10))

        names = {s.name for s in ask(list_services="").list_services_response.service}
        self.assertEqual(
            names,
            {
                SERVICE, "grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection",
                "grpc.reflection.v1alpha.ServerReflection",
            },
        )
        with open(f"{PROTO_DIR}/avspl1t.proto", encoding="utf-8") as proto:
            rpcs = re.findall(r"^  rpc (\w+)", proto.read(), re.MULTILINE)
        self.assertIn("RetryJob", rpcs)
        for symbol in (SERVICE, SERVICE + ".GetTask", "com.avspl1t.Task", "com.avspl1t.TaskKind"):
            answer = ask(file_containing_symbol=symbol)
            self.assertEqual(answer.original_request.file_containing_symbol, symbol)
            (data,) = answer.file_descriptor_response.file_descriptor_proto
            file = descriptor_pb2.FileDescriptorProto.FromString(data)
            self.assertEqual(file.name, "avspl1t.proto")
            self.assertEqual([m.name for m in file.service[0].method], rpcs)
        (data,) = ask(file_by_filename=file.dependency[0]).file_descriptor_response.file_descriptor_proto
        self.assertEqual(descriptor_pb2.FileDescriptorProto.FromString(data).package, "google.protobuf")
        self.assertEqual(ask(file_by_filename="x.proto").error_response.error_code, 5)
        self.assertEqual(ask(file_containing_symbol="com.avspl1t.Tas").error_response.error_code, 5)
        self.assertEqual(ask(file_containing_symbol="com.avspl1t").error_response.error_code, 5)
        self.assertEqual(ask(all_extension_numbers_of_type="com.avspl1t.Task").error_response.error_code, 5)
        # Several questions on one stream, in order.
        requests = [messages.ServerReflectionRequest(file_by_filename=n) for n in ("avspl1t.proto", "x")]
        answers = list(stub.ServerReflectionInfo(iter(requests), timeout=10))
        self.assertEqual([a.HasField("error_response") for a in answers], [False, True])

    def test_reflection_v1(self):
        self.check_reflection(reflection_v1_pb2, reflection_v1_pb2_grpc.ServerReflectionStub(self.channel))

    def test_reflection_v1alpha(self):
        self.check_reflection(reflection_v1alpha_pb2, reflection_v1alpha_pb2_grpc.ServerReflectionStub(self.channel))

    def test_a_base_worker_gets_an_answer_at_once(self):
        self.assertEqual(self.stub.GetTask(pb.GetTaskMessage(worker_id="w"), timeout=10).id, "")
        self.say("ready")
        while not (task := self.stub.GetTask(pb.GetTaskMessage(worker_id="w"), timeout=10)).id:
            pass
        self.assertEqual(task.WhichOneof("task"), "encode_video_task")
        self.stub.Heartbeat(pb.HeartbeatMessage(worker_id="w", task_id=task.id), timeout=10)
        self.stub.FinishTask(pb.FinishTaskMessage(worker_id="w", task_id=task.id, succeeded=False), timeout=10)

    def test_a_waiting_worker_is_woken(self):
        message = pb.GetTaskMessage(worker_id="w", worker=pb.WorkerInfo(slots=1, kinds=[1, 2]), wait_ms=60000)
        waiting = self.stub.GetTask.future(message, timeout=70)
        self.stub.GetJob(pb.JobId(id="j"), timeout=10)
        self.say("ready")
        self.assertEqual(waiting.result(30).id, "task1")

    def test_a_watch_tells_changes(self):
        watch = self.stub.WatchJob(pb.JobId(id="job1"), timeout=30)
        self.assertEqual(next(watch).version, 1)
        self.say("change")
        self.assertEqual(next(watch).version, 2)
        watch.cancel()

    def test_bad_fields(self):
        error = self.refused(grpc.StatusCode.INVALID_ARGUMENT, self.stub.SubmitJob, pb.JobDetails())
        self.assertIn("av1_encode_job", error.details())
        self.assertIn(("avspl1t-code", "invalid"), [tuple(t) for t in error.trailing_metadata()])
        outputs = pb.Outputs(segments=[pb.Segment(rendition="v0", name="../x", duration_ticks=1)])
        report = pb.ReportOutputsMessage(worker_id="w", task_id="t", token=pb.AttemptToken(attempt=1), outputs=outputs)
        error = self.refused(grpc.StatusCode.INVALID_ARGUMENT, self.stub.ReportOutputs, report)
        self.assertIn("outputs.segments[0].name", error.details())
        outputs = pb.Outputs(warnings=["w"] * 101)
        error = self.refused(
            grpc.StatusCode.INVALID_ARGUMENT, self.stub.FinishTask, pb.FinishTaskMessage(outputs=outputs)
        )
        self.assertIn("outputs.warnings", error.details())
        error = self.refused(grpc.StatusCode.INVALID_ARGUMENT, self.stub.ListJobs, pb.ListJobsMessage(limit=501))
        self.assertIn("limit", error.details())
        empty = pb.FinishTaskMessage(succeeded=True, encode_video_finish_message=pb.EncodeVideoFinishMessage())
        error = self.refused(grpc.StatusCode.INVALID_ARGUMENT, self.stub.FinishTask, empty)
        self.assertIn("encode_video_finish_message.generated_file", error.details())

    def test_hostile_bytes(self):
        def bad(method, data):
            with self.assertRaises(grpc.RpcError) as caught:
                raw(self.channel, f"/{SERVICE}/{method}", data)
            return caught.exception

        for data in (b"\xff", b"\x0a\x7f", b"\x0b", b"\x00\x00", b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f"):
            self.assertEqual(bad("GetJob", data).code(), grpc.StatusCode.INVALID_ARGUMENT)
        self.assertIn("id: not UTF-8", bad("GetJob", b"\x0a\x02\xc3\x28").details())
        self.assertIn("id: has a NUL", bad("GetJob", b"\x0a\x03a\x00b").details())
        self.assertIn("id: too long", bad("GetJob", b"\x0a\x81\x08" + b"x" * 1025).details())
        # Over gRPC's own limit, over the method's, and small but of a million parts.
        self.assertEqual(bad("FinishTask", bytes(5 << 20)).code(), grpc.StatusCode.RESOURCE_EXHAUSTED)
        self.assertEqual(bad("GetTask", b"\x0a\x00" * 100000).code(), grpc.StatusCode.RESOURCE_EXHAUSTED)
        parts = b"\x0a\x00" * 1000000
        nested = b"\x22" + varint(len(parts)) + parts
        self.assertEqual(bad("FinishTask", b"\x18\x01" + nested).code(), grpc.StatusCode.RESOURCE_EXHAUSTED)
        self.assertEqual(bad("NoSuchMethod", b"").code(), grpc.StatusCode.UNIMPLEMENTED)
        self.assertEqual(self.stub.GetJob(pb.JobId(id="j"), timeout=10).id, "job1")  # and it lives

    def test_callers_that_vanish(self):
        def vanish(n):
            with grpc.insecure_channel(self.address, options=[("grpc.use_local_subchannel_pool", 1)]) as channel:
                stub = avspl1t_pb2_grpc.CoordinatorServiceStub(channel)
                message = pb.GetTaskMessage(worker_id="w", worker=pb.WorkerInfo(kinds=[2]), wait_ms=60000)
                calls = [stub.GetTask.future(message, timeout=70) for _ in range(n)]
                watches = [stub.WatchJob(pb.JobId(id="j"), timeout=70) for _ in range(n)]
                next(watches[0])
                del calls, watches

        self.address = self.channel._channel.target().decode()
        threads = [threading.Thread(target=vanish, args=(10,)) for _ in range(8)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        self.assertEqual(self.stub.GetJob(pb.JobId(id="j"), timeout=10).id, "job1")


def varint(n):
    out = bytearray()
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    return bytes(out + bytes([n]))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
