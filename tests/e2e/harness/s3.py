"""A store for a test: buckets with users of their own on the session's radosgw."""
import hashlib
import itertools

numbers = itertools.count(1)


class Bucket:
    """A new bucket of a new user, who alone may open it."""

    def __init__(self, server, name="bucket", endpoint=None):
        self.name = f"{name}-{next(numbers)}"
        self.client = server.client(self.name)
        self.client.make_bucket(self.name)
        self.endpoint = endpoint or server.http
        self.ca = str(server.ca)

    @property
    def env(self):
        """What a program needs to open it."""
        return {"AWS_ACCESS_KEY_ID": self.client.key, "AWS_SECRET_ACCESS_KEY": self.client.secret,
                "AWS_ENDPOINT_URL_S3": self.endpoint, "AWS_CA_BUNDLE": self.ca}

    def url(self, key):
        return f"s3://{self.name}/{key}"

    def put(self, key, path):
        self.client.put(self.name, key, path.read_bytes())

    def keys(self, prefix=""):
        return self.client.keys(self.name, prefix)

    def uploads(self):
        return self.client.uploads(self.name)

    def head(self, key):
        return self.client.head(self.name, key)

    def fingerprint(self, folder):
        """As programs.fingerprint: every file's name and bytes."""
        prefix = f"{folder}/"
        return {key.removeprefix(prefix): hashlib.sha256(self.client.get(self.name, key)).hexdigest()
                for key in sorted(self.keys(prefix))}

    def save(self, folder, path):
        """Downloads what is below a folder."""
        prefix = f"{folder}/"
        for key in self.keys(prefix):
            file = path / key.removeprefix(prefix)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(self.client.get(self.name, key))
        return path


def submit(farm, address, source, output, *options, env):
    """Submits a job. Its id."""
    done = farm.build.run("submit", source, output, "--coordinator", address, *options, env=env)
    assert done.returncode == 0, f"submit: exit {done.returncode}\n{done.stderr}"
    return done.stdout.strip()


def finish(farm, address, job, seconds=240):
    """Waits for a job that must go well."""
    status = farm.wait_over(address, job, seconds)
    assert status["state"] == "finished", status["error"]
    return status

