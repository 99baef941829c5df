"""What happens to those on the stage. Each takes the stage, the jobs and the plan's own randomness; when it returns, whoever was
killed is there again, and what is to last for longer is in the stage's keeping.
"""
import contextlib
import os
import signal
import threading
import time

import psycopg2
from chaos.stage import LEASE_SECONDS
from harness.programs import wait_until

PATIENCE_S = 120  # for something to be there that can be hit
SPLIT_S = 10  # a job that was submitted is split within this, or was
N_CONNECTIONS = 300
OURS = "application_name = 'avspl1t-coordinator'"


def kill_worker(stage, jobs, random):
    worker = random.choice(stage.workers)
    stage.say(f"kill -9 {worker.log.stem}")
    worker.kill()
    time.sleep(random.uniform(0, 1))
    worker.start()


def kill_media_step(stage, jobs, random):
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        running = list(stage.media())
        if running:
            pid, worker, _ = random.choice(running)
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                stage.say(f"kill -9 a media step of {worker.log.stem}")
                return True
        time.sleep(0.01)
    return False


def kill_split(stage, jobs, random):
    """A split is short: it is waited for with the gun drawn; one that was over too soon is followed by another job's."""
    whole_worker = random.random() < 0.5
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        source = str(jobs.submit().source)
        another = time.monotonic() + SPLIT_S
        while time.monotonic() < another:
            for pid, worker, files in stage.media():
                if source not in files:
                    continue
                with contextlib.suppress(ProcessLookupError):
                    if whole_worker:
                        worker.kill()
                        worker.start()
                    else:
                        os.kill(pid, signal.SIGKILL)
                    stage.say(f"kill -9 a split{', with' if whole_worker else ' of'} {worker.log.stem}")
                    return True
    return False


def freeze_worker(stage, jobs, random):
    """Its lease runs out, others do its work, and then it goes on as if nothing had been."""
    worker = random.choice(stage.workers)
    pids = [worker.pid]
    if random.random() < 0.5:
        pids += [pid for pid, of, _ in stage.media() if of is worker]
    stage.say(f"SIGSTOP {worker.log.stem}{' and its media steps' if len(pids) > 1 else ''}, past its lease")
    for sign in (signal.SIGSTOP, signal.SIGCONT):
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, sign)
        if sign == signal.SIGSTOP:
            time.sleep(LEASE_SECONDS + random.uniform(0.5, 1))


def kill_coordinator(stage, jobs, random):
    victim = random.choice(stage.coordinators)
    stage.say(f"kill -9 {victim.log.stem}")
    victim.kill()
    time.sleep(random.uniform(0, 1))
    victim.start()


def stop_coordinator(stage, jobs, random):
    victim = random.choice(stage.coordinators)
    stage.say(f"SIGTERM {victim.log.stem}")
    is_young = time.monotonic() - victim.started < 3
    code = victim.stop()
    # One that is still being loaded ends as the system does it.
    assert code == 0 or (is_young and code == -signal.SIGTERM), f"{victim.log.stem} ended with {code}:\n{victim.text()[-3000:]}"
    victim.start()


def restart_database(stage, jobs, random):
    stage.say("pg_ctl restart -m immediate")
    stage.primary.restart("immediate")


def fail_over(stage, jobs, random):
    stage.say("kill -9 the primary, promote the standby")
    fallen, stage.primary = stage.primary, stage.standby
    stage.standby = fallen
    fallen.kill()
    time.sleep(random.uniform(0, 1))
    stage.primary.promote()
    time.sleep(random.uniform(0, 1))
    fallen.follow(stage.primary)
    stage.primary.wait_for(fallen)


def terminate_backends(stage, jobs, random):
    stage.say("pg_terminate_backend, in a stream")
    end = time.monotonic() + 1
    with contextlib.closing(stage.connect()) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        while time.monotonic() < end:
            cursor.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {OURS} AND random() < 0.5")
            time.sleep(random.uniform(0.01, 0.1))


def exhaust_connections(stage, jobs, random):
    """Others take whatever the server has, and then what the coordinators had."""
    with contextlib.ExitStack() as held:
        killer = held.enter_context(contextlib.closing(stage.connect()))
        killer.autocommit = True
        n_refused = 0
        for i in range(N_CONNECTIONS):
            if i % 100 == 99:
                killer.cursor().execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {OURS}")
            try:
                held.enter_context(contextlib.closing(stage.connect(5)))
            except psycopg2.OperationalError:
                n_refused += 1
        assert n_refused > 0, "the server had enough for all: nothing was exhausted"
        stage.say(f"{N_CONNECTIONS} idle connections, {n_refused} of them refused")
        time.sleep(1)


def pin_snapshot(stage, jobs, random):
    stage.say("an idle transaction holds its snapshot")
    connection = stage.connect()
    connection.set_session(isolation_level="REPEATABLE READ")
    connection.cursor().execute("SELECT count(*) FROM tasks")
    stage.keep(connection, 15)


def read_for_long(stage, jobs, random):
    stage.say("four long readers")

    def read(connection):
        with contextlib.suppress(psycopg2.Error):
            connection.cursor().execute("SELECT id, pg_sleep(0.05) FROM tasks LIMIT 120")

    for _ in range(4):
        connection = stage.connect()
        connection.set_session(isolation_level="REPEATABLE READ", readonly=True)
        threading.Thread(target=read, args=[connection], daemon=True).start()
        stage.keep(connection, 10)


def pause_job(stage, jobs, random):
    job = jobs.any(random)
    stage.say(f"pause {job.name}, and resume it")
    if jobs.control(job, "pause"):
        time.sleep(random.uniform(0, 1))
        jobs.control(job, "resume")


def cancel_job(stage, jobs, random):
    """And try it again; what it made is removed meanwhile, or not."""
    job = jobs.any(random)
    stage.say(f"cancel {job.name}, and try it again")
    jobs.control(job, "cancel")
    time.sleep(random.choice([0, 1, 6]))
    jobs.control(job, "retry")


def drain_worker(stage, jobs, random):
    worker = random.choice(stage.workers)
    stage.say(f"drain {worker.log.stem}")
    name = worker.log.stem
    # One that has just begun is known soon.
    wait_until(lambda: stage.client("drain", name).returncode == 0, f"that {name} is known", 120)
    wait_until(lambda: worker.process.poll() is not None, f"the end of {name}, which is drained", 120)
    assert worker.process.returncode == 0, worker.text()[-3000:]
    done = stage.client("drain", name, "--undo")
    assert done.returncode == 0, done.stderr
    worker.start()


ALL = {f.__name__.replace("_", " "): f for f in (
    kill_worker, kill_media_step, kill_split, freeze_worker, kill_coordinator, stop_coordinator, restart_database, fail_over,
    terminate_backends, exhaust_connections, pin_snapshot, read_for_long, pause_job, cancel_job, drain_worker)}
