#!/usr/bin/env python3
"""Generates the C of the wire: protobuf-c's messages, and the descriptors that reflection serves.

    generate.py OUT_DIR INCLUDE_DIR... -- PROTO...

All output lies flat in OUT_DIR (a build system's custom target cannot name files in folders), so the includes that
protoc-gen-c writes lose their folders.
"""

import pathlib
import re
import subprocess
import sys
import tempfile

# Only served as a descriptor: its messages are those of v1.
DESCRIPTOR_ONLY = {"grpc/reflection/v1alpha/reflection.proto"}


def embed(blob: bytes) -> str:
    lines = [
        '#include "descriptors.h"',
        "",
        f"const size_t avsp_descriptors_len = {len(blob)};",
        "const unsigned char avsp_descriptors[] = {",
    ]
    for at in range(0, len(blob), 16):
        lines.append("    " + ", ".join(str(b) for b in blob[at : at + 16]) + ",")
    return "\n".join(lines + ["};", ""])


def main() -> None:
    split = sys.argv.index("--")
    out = pathlib.Path(sys.argv[1])
    includes = [f"-I{d}" for d in sys.argv[2:split]]
    protos = sys.argv[split + 1 :]
    with tempfile.TemporaryDirectory() as tmp:
        tmp_dir = pathlib.Path(tmp)
        descriptors = tmp_dir / "set"
        served = [p for p in protos if not p.startswith("google/protobuf/descriptor")]
        subprocess.run(
            ["protoc", *includes, "--include_imports", f"--descriptor_set_out={descriptors}", *served],
            check=True,
        )
        messages = [p for p in protos if p not in DESCRIPTOR_ONLY]
        subprocess.run(["protoc", *includes, f"--c_out={tmp_dir}", *messages], check=True)
        for made in tmp_dir.rglob("*.pb-c.[ch]"):
            text = re.sub(r'#include "[^"]*/([^/"]+\.pb-c\.h)"', r'#include "\1"', made.read_text())
            (out / made.name).write_text(text)
        (out / "descriptors.c").write_text(embed(descriptors.read_bytes()))


main()
