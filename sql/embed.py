#!/usr/bin/env python3
"""Turns the numbered migrations into a C file for src/db.

    embed.py OUTPUT.c 0001_name.sql 0002_name.sql ...

Each file begins with "-- min_compatible: N": the oldest schema number whose programs it still serves.
"""
import os
import re
import sys


def fail(path, what):
    sys.exit(f"sql/embed.py: {path}: {what}")


def main():
    output, paths = sys.argv[1], sorted(sys.argv[2:], key=os.path.basename)
    arrays, rows = [], []
    for number, path in enumerate(paths, 1):
        name = os.path.basename(path)
        if not re.fullmatch(rf"{number:04d}_[a-z0-9_]+\.sql", name):
            fail(path, f"expected {number:04d}_name.sql: the numbers have no gap")
        with open(path, "rb") as file:
            text = file.read()
        first = re.match(rb"-- min_compatible: ([0-9]+)\n", text)
        if first is None:
            fail(path, 'the first line is not "-- min_compatible: N"')
        compatible = int(first.group(1))
        if not 1 <= compatible <= number:
            fail(path, f"min_compatible {compatible} is not in 1..{number}")
        if b"\0" in text:
            fail(path, "contains a NUL")
        text += b"\0"
        codes = ",\n".join(",".join(map(str, text[i:i + 32])) for i in range(0, len(text), 32))
        arrays.append(f"static const char sql_{number}[] = {{\n{codes}}};\n")
        rows.append(f'    {{{number}, {compatible}, "{name}", sql_{number}}},\n')
    with open(output, "w", encoding="ascii") as file:
        file.write('#include "db/migrate.h"\n\n' + "".join(arrays))
        file.write("\nconst struct avsp_migration avsp_migrations[] = {\n" + "".join(rows) + "};\n")
        file.write(f"\nconst int64_t avsp_n_migrations = {len(rows)};\n")


main()
