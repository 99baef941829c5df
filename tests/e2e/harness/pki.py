"""Certificates for one test, made by openssl."""
import subprocess


def openssl(*args):
    done = subprocess.run(["openssl", *map(str, args)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, f"openssl {args}\n{done.stderr}"
    return done.stdout


KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]


class Identity:
    """A certificate and its key."""

    def __init__(self, folder, name):
        self.cert, self.key = folder / f"{name}.pem", folder / f"{name}.key"

    def server(self):
        return ["--tls-cert", self.cert, "--tls-key", self.key]

    client = server

    def copy_to(self, other):
        """Puts it in the place of another, each file by a rename."""
        for ours, theirs in ((self.cert, other.cert), (self.key, other.key)):
            new = theirs.with_suffix(".new")
            new.write_bytes(ours.read_bytes())
            new.rename(theirs)


class Authority(Identity):
    def __init__(self, folder, name="ca"):
        super().__init__(folder, name)
        openssl("req", "-x509", *KEY, "-keyout", self.key, "-out", self.cert, "-days", 2, "-subj", f"/CN={name}")

    def issue(self, name, san="DNS:localhost,IP:127.0.0.1", days=1):
        """days -1: a certificate that is no longer valid."""
        made = Identity(self.cert.parent, name)
        request, extensions = made.cert.with_suffix(".csr"), made.cert.with_suffix(".ext")
        extensions.write_text(f"subjectAltName={san}\n")
        openssl("req", *KEY, "-keyout", made.key, "-out", request, "-subj", f"/CN={name}")
        openssl("x509", "-req", "-in", request, "-CA", self.cert, "-CAkey", self.key, "-CAcreateserial", "-days", days,
                "-out", made.cert, "-extfile", extensions)
        return made

    def trusted(self):
        return ["--tls-ca", self.cert]
