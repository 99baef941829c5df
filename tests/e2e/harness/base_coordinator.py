"""A coordinator that knows the frozen base alone, for one job at a time: what the earlier system's looks like from outside."""
import concurrent.futures
import threading
import time
import uuid

import grpc
from harness.base import pb, pb_grpc


class Coordinator(pb_grpc.CoordinatorServiceServicer):
    """Serves on a port of its own until close(); a task is handed out once, for this long."""

    LEASE_S = 20

    def __init__(self):
        self.lock = threading.Lock()
        self.jobs = {}
        self.tasks = []
        self.faults = []
        self.server = grpc.server(concurrent.futures.ThreadPoolExecutor(8))
        pb_grpc.add_CoordinatorServiceServicer_to_server(self, self.server)
        self.address = f"127.0.0.1:{self.server.add_insecure_port('127.0.0.1:0')}"
        self.server.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.stop(0).wait()

    def add(self, job, **content):
        self.tasks.append({"job": job, "lease": 0, "done": None, "task": pb.Task(id=str(uuid.uuid4()), **content)})

    def SubmitJob(self, request, context):
        with self.lock:
            job = pb.Job(id=str(uuid.uuid4()), job_details=request)
            self.jobs[job.id] = job
            asked = request.av1_encode_job
            self.add(job, split_video_task=pb.SplitVideoTask(
                input_file=asked.input_file, output_directory=asked.working_directory or asked.output_directory,
                seconds_per_segment=asked.seconds_per_segment))
            return pb.JobId(id=job.id)

    def GetJob(self, request, context):
        with self.lock:
            if request.id not in self.jobs:
                context.abort(grpc.StatusCode.NOT_FOUND, "no such job")
            return self.jobs[request.id]

    def GetTask(self, request, context):
        with self.lock:
            for row in self.tasks:
                if row["done"] is None and row["lease"] < time.monotonic():
                    row["lease"] = time.monotonic() + self.LEASE_S
                    return row["task"]
            return pb.Task()

    def find(self, request, context):
        for row in self.tasks:
            if row["task"].id == request.task_id:
                return row
        return context.abort(grpc.StatusCode.NOT_FOUND, "no such task")

    def Heartbeat(self, request, context):
        with self.lock:
            self.find(request, context)["lease"] = time.monotonic() + self.LEASE_S
            return pb.Empty()

    def FinishTask(self, request, context):
        with self.lock:
            row = self.find(request, context)
            if row["done"] is None:
                row["done"] = request
                self.follow(row, request)
            return pb.Empty()

    def follow(self, row, finish):
        """What comes after a finished task."""
        job, asked = row["job"], row["job"].job_details.av1_encode_job
        if not finish.succeeded:
            job.failed = True
            return
        kind = row["task"].WhichOneof("task")
        if kind == "split_video_task":
            for i, file in enumerate(finish.split_video_finish_message.generated_files):
                self.add(job, encode_video_task=pb.EncodeVideoTask(
                    input_file=file, output_directory=asked.output_directory, crf=asked.crf, index=i))
        elif kind == "encode_video_task":
            mine = [r for r in self.tasks if r["job"] is job and r["task"].HasField("encode_video_task")]
            if all(r["done"] for r in mine):
                files = [r["done"].encode_video_finish_message.generated_file for r in mine]
                self.add(job, generate_manifest_task=pb.GenerateManifestTask(
                    files=files, output_directory=asked.output_directory, seconds_per_segment=asked.seconds_per_segment))
        else:
            job.finished, job.percent_complete = True, 100
            job.generated_manifest.CopyFrom(finish.generate_manifest_finish_message.generated_file)
