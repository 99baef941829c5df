"""A client and a worker that know the frozen base alone, as the programs of the earlier system do.

Nothing here reads our own .proto: the stubs come from tests/e2e/base.proto.
"""
import importlib
import pathlib
import shutil
import subprocess
import sys
import tempfile
import threading

import grpc

PROTO = pathlib.Path(__file__).resolve().parent.parent / "base.proto"
SECONDS = 20  # of every call


def load_stubs():
    """Generates and imports the stubs, once a process."""
    if "base_pb2" not in sys.modules:
        folder = tempfile.mkdtemp(prefix="avspl1t-stubs-")
        try:
            plugin = shutil.which("grpc_python_plugin")
            subprocess.run(["protoc", f"-I{PROTO.parent}", f"--python_out={folder}", f"--grpc_python_out={folder}",
                            f"--plugin=protoc-gen-grpc_python={plugin}", PROTO.name], check=True, timeout=60)
            sys.path.insert(0, folder)
            importlib.import_module("base_pb2_grpc")
        finally:
            sys.path.remove(folder)
            shutil.rmtree(folder)
    return sys.modules["base_pb2"], sys.modules["base_pb2_grpc"]


pb, pb_grpc = load_stubs()


def fs_file(path):
    return pb.File(fsfile=pb.FSFile(path=str(path)))


def fs_folder(path):
    return pb.Folder(fsfolder=pb.FSFolder(path=str(path)))


class Client:
    """The base RPCs as plain calls."""

    def __init__(self, address):
        self.channel = grpc.insecure_channel(address)
        self.stub = pb_grpc.CoordinatorServiceStub(self.channel)

    def close(self):
        self.channel.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def submit(self, job):
        return self.stub.SubmitJob(pb.JobDetails(av1_encode_job=job), timeout=SECONDS).id

    def job(self, job_id):
        return self.stub.GetJob(pb.JobId(id=job_id), timeout=SECONDS)

    def task(self, worker_id):
        return self.stub.GetTask(pb.GetTaskMessage(worker_id=worker_id), timeout=SECONDS)

    def heartbeat(self, worker_id, task_id):
        return self.stub.Heartbeat(pb.HeartbeatMessage(worker_id=worker_id, task_id=task_id), timeout=SECONDS)

    def finish(self, worker_id, task_id, succeeded=True, **details):
        message = pb.FinishTaskMessage(worker_id=worker_id, task_id=task_id, succeeded=succeeded, **details)
        return self.stub.FinishTask(message, timeout=SECONDS)


def ffmpeg(*args):
    subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-y", *map(str, args)], check=True, timeout=600)


KINDS = {"split_video_task": "split", "encode_video_task": "encode", "generate_manifest_task": "manifest"}


class Worker:
    """Takes tasks and does them with the ffmpeg command line; one thread, ended by close()."""

    def __init__(self, address, name):
        self.client = Client(address)
        self.name = name
        self.done = []  # kinds of finished tasks
        self.fault = None
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.loop)
        self.thread.start()

    def close(self):
        self.over.set()
        self.thread.join(130)
        self.client.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def loop(self):
        try:
            while not self.over.is_set():
                if not self.step():
                    self.over.wait(0.2)
        except Exception as e:  # shown by the test
            self.fault = e

    def step(self):
        """One task, if there is one."""
        task = self.client.task(self.name)
        if not task.id:
            return False
        kind = task.WhichOneof("task")
        assert kind, f"a task of a kind that base programs do not know: {task}"
        self.client.heartbeat(self.name, task.id)
        details = getattr(self, kind)(getattr(task, kind))
        self.client.finish(self.name, task.id, **details)
        self.done.append(KINDS[kind])
        return True

    def split_video_task(self, task):
        folder = pathlib.Path(task.output_directory.fsfolder.path)
        folder.mkdir(parents=True, exist_ok=True)
        ffmpeg("-i", task.input_file.fsfile.path, "-map", "0", "-c", "copy", "-f", "segment", "-segment_time",
               task.seconds_per_segment, "-reset_timestamps", "1", folder / "piece%05d.mkv")
        files = [fs_file(p) for p in sorted(folder.glob("piece*.mkv"))]
        return {"split_video_finish_message": pb.SplitVideoFinishMessage(generated_files=files)}

    def encode_video_task(self, task):
        folder = pathlib.Path(task.output_directory.fsfolder.path)
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"base{task.index:05d}.mp4"
        ffmpeg("-i", task.input_file.fsfile.path, "-c:v", "libsvtav1", "-preset", "12", "-crf", task.crf, "-c:a", "aac",
               "-movflags", "frag_keyframe+empty_moov+default_base_moof", path)
        return {"encode_video_finish_message": pb.EncodeVideoFinishMessage(generated_file=fs_file(path))}

    def generate_manifest_task(self, task):
        path = pathlib.Path(task.output_directory.fsfolder.path) / "manifest.m3u8"
        lines = ["#EXTM3U", "#EXT-X-VERSION:7", f"#EXT-X-TARGETDURATION:{task.seconds_per_segment + 1}"]
        for file in task.files:
            name = pathlib.Path(file.fsfile.path).name
            lines += ["#EXT-X-DISCONTINUITY", f'#EXT-X-MAP:URI="{name}"', f"#EXTINF:{task.seconds_per_segment},", name]
        path.write_text("\n".join([*lines, "#EXT-X-ENDLIST", ""]))
        return {"generate_manifest_finish_message": pb.GenerateManifestFinishMessage(generated_file=fs_file(path))}
