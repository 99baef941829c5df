"""TLS between all programs: who is believed, what is said where nobody is, and certificates that are replaced."""
import pathlib
import subprocess
import sys

import pytest
from harness import pki
from harness.programs import wait_until

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
import postgres  # noqa: E402


@pytest.fixture(scope="module")
def ca(tmp_path_factory):
    return pki.Authority(tmp_path_factory.mktemp("pki"))


@pytest.fixture(scope="module")
def server(ca):
    return ca.issue("server")


def listing(build, address, *options):
    return build.run("list", "--coordinator", address, *options, timeout=30)


def test_a_job_runs_over_mutual_tls(farm, clip, ca, server, tmp_path):
    us = [*ca.trusted(), *ca.issue("machine", "URI:avspl1t:worker:rack7").client()]
    coordinator = farm.coordinator(*server.server(), "--tls-client-ca", ca.cert)
    first = farm.worker(coordinator.address, *us, "--once")
    ann = ["--coordinator", coordinator.address, *ca.trusted(), *ca.issue("ann", "URI:avspl1t:client:ann").client()]
    done = farm.build.run("submit", clip("silent").path, tmp_path / "out", "--preset", "13", *ann)
    assert done.returncode == 0, done.stderr
    assert first.process.wait(60) == 0
    worker = farm.worker(coordinator.address, *us, "--exit-when-idle", "4", name="second")
    watched = farm.build.run("watch", done.stdout.strip(), *ann)
    assert watched.returncode == 0, watched.stderr
    assert (tmp_path / "out/manifest.m3u8").exists()
    assert worker.process.wait(60) == 0


def test_who_is_not_believed_is_told_why(build, farm, ca, server, tmp_path):
    other = pki.Authority(tmp_path, "other")
    coordinator = farm.coordinator(*server.server(), "--tls-client-ca", ca.cert, "--auth", "never")
    expired = farm.coordinator(*ca.issue("expired", days=-1).server(), name="expired", db=f"sqlite://{tmp_path}/expired.db")
    plain = farm.coordinator(name="plain", db=f"sqlite://{tmp_path}/plain.db")
    trusted, key = ca.trusted(), ca.issue("late", "URI:avspl1t:client:ann", days=-1)
    stranger = other.issue("stranger", "URI:avspl1t:client:ann")
    for address, options, words in [
        (coordinator.address, [], "does it speak TLS"),
        (coordinator.address, ["--tls"], "signed by nobody whom we trust"),
        (coordinator.address, other.trusted(), "signed by nobody whom we trust"),
        (coordinator.address, [*trusted, "--tls-name", "elsewhere.example"], "is for another host"),
        (coordinator.address, [*trusted, *key.client()], "does it accept our certificate"),
        (coordinator.address, [*trusted, *stranger.client()], "does it accept our certificate"),
        (expired.address, trusted, "not valid now"),
        (plain.address, trusted, "does not speak TLS"),
    ]:
        done = listing(build, address, *options)
        assert done.returncode == 3 and words in done.stderr, f"{options}: {done.returncode} {done.stderr}"
        assert done.stderr.count("\n") == 1, done.stderr
    assert listing(build, coordinator.address, *trusted).returncode == 0
    # One name for an address in a list that needs one: the first.
    assert listing(build, coordinator.address.replace("127.0.0.1", "localhost"), *trusted).returncode == 0


def test_what_does_not_fit_is_refused_before_anything_is_done(build, farm, ca, server, tmp_path):
    text = tmp_path / "text"
    text.write_text("no certificate\n")
    for options, words in [
        (["--tls-cert", server.cert], "belong together"),
        (["--tls-ca", tmp_path / "none"], "No such file"),
        (["--tls-ca", text], "holds no PEM"),
    ]:
        done = listing(build, "127.0.0.1:1", *options)
        assert done.returncode == 2 and words in done.stderr, done.stderr
    stranger = ca.issue("another")
    for options, words in [
        (["--tls-cert", server.cert], "belong together"),
        (["--tls-client-ca", ca.cert], "needs --tls-cert"),
        (["--tls-cert", server.cert, "--tls-key", stranger.key], "do not belong together"),
        (["--tls-cert", text, "--tls-key", server.key], "holds no PEM"),
    ]:
        refused = farm.coordinator(*options, name="refused", wait=False)
        assert refused.process.wait(30) in (1, 2)
        assert words in refused.text()
        refused.log.unlink()


def test_certificates_are_replaced_while_all_runs(farm, tmp_path):
    first, second = pki.Authority(tmp_path, "first"), pki.Authority(tmp_path, "second")
    used, trust = first.issue("used"), tmp_path / "trust.pem"
    trust.write_bytes(first.cert.read_bytes())
    coordinator = farm.coordinator(*used.server(), "--auth", "never")
    worker = farm.worker(coordinator.address, "--tls-ca", trust)
    workers = ["workers", "--coordinator", coordinator.address]
    wait_until(lambda: "worker" in farm.build.run(*workers, *first.trusted()).stdout, "the worker is known")
    # A certificate without its key serves nobody: the former pair stays.
    follower = second.issue("follower")
    used_cert = used.cert.read_bytes()
    used.cert.write_bytes(follower.cert.read_bytes())
    coordinator.wait_for(r"event=tls\.refused .*do not belong together")
    assert farm.build.run(*workers, *first.trusted()).returncode == 0
    used.cert.write_bytes(used_cert)
    coordinator.wait_for(r"event=tls\.read ")
    late = first.issue("late", days=-1)
    late.copy_to(used)
    coordinator.wait_for(r"event=tls\.refused .*has run out")
    follower.copy_to(used)
    assert farm.build.run(*workers, *first.trusted()).returncode == 3
    assert farm.build.run(*workers, *second.trusted()).returncode == 0
    # The worker comes back on a new connection, once it is told whom to trust.
    coordinator.kill()
    coordinator.restart()
    worker.wait_for("signed by nobody whom we trust")
    trust.write_bytes(second.cert.read_bytes())
    drain = ["drain", "worker", "--coordinator", coordinator.address, *second.trusted()]
    assert farm.build.run(*drain).returncode == 0
    assert worker.process.wait(60) == 0


def test_the_database_is_reached_over_tls(build, farm, ca, clip, tmp_path):
    with postgres.Server() as server:
        server.sql("CREATE DATABASE jobs")
        named = ca.issue("database", "DNS:localhost")
        port = server.speak_tls(named.cert, named.key)

        def url(host="localhost", mode="verify-full", trusted=ca.cert):
            return f"postgresql://{postgres.USER}@{host}:{port}/jobs?sslmode={mode}&sslrootcert={trusted}"
        other = pki.Authority(tmp_path, "other")
        for address, words in [(url(trusted=other.cert), "certificate verify failed"), (url(host="127.0.0.1"), "does not match host name"),
                               (url(mode="disable"), "no encryption")]:
            done = subprocess.run([build.coordinator, "--listen", "127.0.0.1:0", "--db", address], capture_output=True, text=True, timeout=30)
            assert done.returncode == 1 and words in done.stderr and done.stderr.count("\n") == 1, f"{address}: {done.stderr}"
        coordinator = farm.coordinator(db=url())
        farm.worker(coordinator.address)
        job = farm.submit(coordinator.address, clip("silent").path, tmp_path / "out", "--preset", "13")
        assert farm.wait_over(coordinator.address, job)["state"] == "finished"
        # Also the connection on which coordinators hear of each other.
        plain = server.sql("SELECT count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE datname = 'jobs' AND NOT ssl")
        secret = server.sql("SELECT count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE datname = 'jobs' AND ssl")
        assert plain.strip() == "0" and int(secret) >= 2, f"{plain} {secret}"
