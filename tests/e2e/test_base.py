"""Programs of the earlier system, which know the frozen base alone, against our coordinator and beside our programs."""
import grpc
import pytest
from harness import base, media, playlists
from harness.base import fs_file, fs_folder, pb
from harness.programs import wait_until


def over(client, job):
    def look():
        found = client.job(job)
        return found if found.finished or found.failed else None
    return wait_until(look, f"the end of job {job}", 180, every=0.1)


def encode_job(source, output, **more):
    return pb.AV1EncodeJob(input_file=fs_file(source), output_directory=fs_folder(output), seconds_per_segment=2, **more)


def refused(call, *args, **kw):
    """The status of a call that must fail."""
    with pytest.raises(grpc.RpcError) as e:
        call(*args, **kw)
    return e.value.code(), e.value.details()


@pytest.fixture
def coordinator(farm):
    return farm.coordinator()


@pytest.fixture
def client(coordinator):
    with base.Client(coordinator.address) as found:
        yield found


def test_base_client_and_base_worker_finish_a_job(coordinator, client, clip, tmp_path):
    output = tmp_path / "out"
    output.mkdir()
    job = client.submit(encode_job(clip("open-gop").path, output, working_directory=fs_folder(tmp_path / "work"), crf=40))
    assert client.job(job).percent_complete == 0
    with base.Worker(coordinator.address, "base-1") as worker:
        found = over(client, job)
    assert worker.fault is None
    assert found.finished and not found.failed
    assert found.percent_complete == 100
    assert found.generated_manifest.fsfile.path == str(output / "manifest.m3u8")
    assert found.job_details.av1_encode_job.crf == 40
    assert found.created_at.seconds > 0
    assert worker.done[0] == "split" and worker.done[-1] == "manifest"
    assert worker.done[1:-1] and set(worker.done[1:-1]) == {"encode"}


def test_base_client_reads_our_workers_result(farm, coordinator, client, clip, tmp_path):
    farm.worker(coordinator.address, slots=2)
    output = tmp_path / "out"
    job = client.submit(encode_job(clip("silent").path, output))
    found = over(client, job)
    assert found.finished and not found.failed and found.percent_complete == 100
    manifest = output / "manifest.m3u8"
    assert found.generated_manifest.fsfile.path == str(manifest)
    playlists.check(playlists.read(manifest))
    assert media.relative_times(manifest) == media.relative_times(clip("silent").path)


def test_a_base_split_is_finished_by_our_worker(farm, coordinator, client, clip, tmp_path):
    output = tmp_path / "out"
    output.mkdir()
    job = client.submit(encode_job(clip("silent").path, output, working_directory=fs_folder(tmp_path / "work")))
    splitter = base.Client(coordinator.address)
    task = splitter.task("base-1")
    pieces = base.Worker.split_video_task(None, task.split_video_task)
    splitter.finish("base-1", task.id, **pieces)
    splitter.close()
    farm.worker(coordinator.address, slots=2)
    found = over(client, job)
    assert found.finished, farm.status(coordinator.address, job)
    manifest = output / "manifest.m3u8"
    assert len(media.times(manifest)) == len(media.times(clip("silent").path))


@pytest.mark.parametrize("sound", [False, pytest.param(True, marks=pytest.mark.full)])
def test_what_base_programs_made_is_checked(farm, coordinator, client, clip, tmp_path, sound):
    """Our worker lists it: what players may not take is said. A file without fragments is no segment."""
    output = tmp_path / "out"
    output.mkdir()
    job = client.submit(encode_job(clip("silent").path, output, working_directory=fs_folder(tmp_path / "work")))
    task = client.task("base-1")
    pieces = base.Worker.split_video_task(None, task.split_video_task)
    client.finish("base-1", task.id, **pieces)
    for _ in pieces["split_video_finish_message"].generated_files:
        task = client.task("base-1")
        made = base.Worker.encode_video_task(None, task.encode_video_task)
        path = made["encode_video_finish_message"].generated_file.fsfile.path
        if not sound:
            plain = tmp_path / "plain.mp4"
            base.ffmpeg("-i", path, "-c", "copy", plain)
            plain.replace(path)
        client.finish("base-1", task.id, **made)
    farm.worker(coordinator.address)
    found = over(client, job)
    status = farm.status(coordinator.address, job)
    assert found.finished, status
    said = [w for w in status["warnings"] if "the presentation is not sound" in w]
    assert len(said) == (not sound), status


def test_our_split_is_never_given_to_a_base_worker(farm, coordinator, client, clip, tmp_path):
    ours = farm.worker(coordinator.address)
    job = client.submit(encode_job(clip("open-gop").path, tmp_path / "out"))
    ours.wait_for(r"event=task\.claimed")
    with base.Worker(coordinator.address, "base-1") as worker:
        found = over(client, job)
    assert worker.fault is None
    assert worker.done == []
    assert found.finished


def test_requests_with_bad_fields_are_refused_by_name(client, tmp_path):
    good = {"input_file": fs_file(tmp_path / "in.mp4"), "output_directory": fs_folder(tmp_path / "out")}
    bad = {
        "input_file": {"input_file": None},
        "output_directory": {"output_directory": None},
        "seconds_per_segment": {"seconds_per_segment": -1},
        "crf": {"crf": 64},
    }
    for field, change in bad.items():
        values = {k: v for k, v in {**good, **change}.items() if v is not None}
        code, details = refused(client.submit, pb.AV1EncodeJob(**values))
        assert code == grpc.StatusCode.INVALID_ARGUMENT, field
        assert field in details, f"{field}: {details}"
    code, details = refused(client.submit, pb.AV1EncodeJob(**good, crf=-1))
    assert code == grpc.StatusCode.INVALID_ARGUMENT and "crf" in details
    code, details = refused(client.stub.SubmitJob, pb.JobDetails(), timeout=base.SECONDS)
    assert code == grpc.StatusCode.INVALID_ARGUMENT and "av1_encode_job" in details


def test_unknown_ids_are_not_found(client):
    assert refused(client.job, "nothing")[0] == grpc.StatusCode.NOT_FOUND
    assert refused(client.heartbeat, "w", "nothing")[0] == grpc.StatusCode.NOT_FOUND
    assert refused(client.finish, "w", "nothing")[0] == grpc.StatusCode.NOT_FOUND


def test_no_work_is_an_empty_task(client):
    assert client.task("base-1") == pb.Task()


def test_a_finish_twice_changes_nothing(client, clip, tmp_path):
    job = client.submit(encode_job(clip("silent").path, tmp_path / "out"))
    task = client.task("base-1")
    one = {"split_video_finish_message": pb.SplitVideoFinishMessage(generated_files=[fs_file("/a")])}
    two = {"split_video_finish_message": pb.SplitVideoFinishMessage(generated_files=[fs_file("/b"), fs_file("/c")])}
    client.finish("base-1", task.id, **one)
    client.finish("base-1", task.id, **one)
    client.finish("base-1", task.id, **two)
    encode = client.task("base-1")
    assert encode.encode_video_task.input_file.fsfile.path == "/a"
    assert encode.encode_video_task.index == 0
    assert client.task("base-2").id == ""
    assert not client.job(job).finished


@pytest.fixture
def hasty(farm):
    """A client of a coordinator whose leases end soon."""
    with base.Client(farm.coordinator("--lease-seconds", 2).address) as found:
        yield found


def test_an_expired_lease_gives_the_same_task_to_the_next(hasty, clip, tmp_path):
    hasty.submit(encode_job(clip("silent").path, tmp_path / "out"))
    first = hasty.task("base-1")
    hasty.heartbeat("base-1", first.id)
    second = wait_until(lambda: hasty.task("base-2").id, "the task of a worker that went silent", 15, every=0.1)
    assert second == first.id
    # The zombie's late finish is answered OK and changes nothing.
    hasty.finish("base-1", first.id,
                  split_video_finish_message=pb.SplitVideoFinishMessage(generated_files=[fs_file("/late")]))
    hasty.heartbeat("base-2", second)
    hasty.finish("base-2", second,
                  split_video_finish_message=pb.SplitVideoFinishMessage(generated_files=[fs_file("/winner")]))
    assert hasty.task("base-2").encode_video_task.input_file.fsfile.path == "/winner"


def test_a_failure_spends_an_attempt(farm, clip, tmp_path):
    once = farm.coordinator("--max-attempts", 1)
    with base.Client(once.address) as client:
        job = client.submit(encode_job(clip("silent").path, tmp_path / "out"))
        task = client.task("base-1")
        client.finish("base-1", task.id, succeeded=False)
        found = client.job(job)
        assert found.failed and not found.finished


def test_secrets_are_never_given_back(farm, coordinator, client, tmp_path):
    keys = [f"SECRET-OF-{part}" for part in ("input", "work", "output")]

    def credentials(i):
        return pb.S3Credentials(access_key_id=f"id-{i}", secret_access_key=keys[i], region="r", endpoint="http://127.0.0.1:1")

    job = client.submit(pb.AV1EncodeJob(
        input_file=pb.File(s3file=pb.S3File(bucket="b", path="in.mp4", credentials=credentials(0))),
        working_directory=pb.Folder(s3folder=pb.S3Folder(bucket="b", path="work", credentials=credentials(1))),
        output_directory=pb.Folder(s3folder=pb.S3Folder(bucket="b", path="out", credentials=credentials(2)))))
    details = client.job(job).job_details.av1_encode_job
    assert details.input_file.s3file.bucket == "b"
    assert details.input_file.s3file.path == "in.mp4"
    assert details.input_file.s3file.credentials.secret_access_key == ""
    assert details.working_directory.s3folder.credentials.secret_access_key == ""
    assert details.output_directory.s3folder.credentials.secret_access_key == ""
    # Whoever claims the task needs them.
    task = client.task("base-1").split_video_task
    assert task.input_file.s3file.credentials.secret_access_key == keys[0]
    assert task.output_directory.s3folder.credentials.secret_access_key == keys[1]
    # Nobody else sees them: our own client, the log, the table of jobs.
    for command in (["status", job, "--json"], ["list", "--json"]):
        done = farm.build.run(*command, "--coordinator", coordinator.address)
        assert job in done.stdout, done.stderr
        assert "SECRET" not in done.stdout + done.stderr
    assert "SECRET" not in coordinator.text()


def test_standard_services_answer(coordinator, client):
    check = client.channel.unary_unary("/grpc.health.v1.Health/Check")
    assert check(b"", timeout=base.SECONDS) == b"\x08\x01"  # SERVING
    reflect = client.channel.stream_stream("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo")
    # list_services = 7: ""
    answer = next(iter(reflect(iter([b"\x3a\x00"]), timeout=base.SECONDS)))
    assert b"com.avspl1t.CoordinatorService" in answer
