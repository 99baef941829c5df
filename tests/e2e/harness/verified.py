"""What `avspl1t verify --json` says."""
import json

from harness.programs import SANITIZER


def verify(build, path, *options, code=None):
    done = build.run("verify", "--json", *options, path)
    assert done.returncode in (0, 1), f"{done.returncode}: {done.stderr}"
    assert not SANITIZER.search(done.stderr), done.stderr
    result = json.loads(done.stdout)
    assert result["ok"] == (done.returncode == 0) == (result["errors"] == 0)
    if code is not None:
        assert done.returncode == code, said(result)
    return result


def errors(result):
    return {f["rule"] for f in result["findings"] if f["severity"] == "error"}


def said(result):
    return "\n".join(f"{f['severity']} {f['rule']} {f['file']}:{f['line']}: {f['text']}" for f in result["findings"])
