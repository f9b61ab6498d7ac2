#!/usr/bin/env python3
"""What the README shows is what the commands print: every console block is run.

    RTMPCTL=target/debug/rtmpctl tests/real/readme.py

Needs jq. In a block a line that is only "…" stands for any lines, and one that ends in "…" for
one that begins so. The last line is "N passed, N failed".
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def blocks(text):
    """Yields (command, lines shown) for each command of each console block."""
    for block in re.findall(r"^```console\n(.*?)^```$", text, re.M | re.S):
        lines = block.splitlines()
        while lines:
            command = lines.pop(0)
            if not command.startswith("$ "):
                raise SystemExit("a console block does not begin with a command: " + command)
            command = command[2:]
            while command.count("'") % 2 or command.endswith("\\"):
                command += "\n" + lines.pop(0)
            shown = []
            while lines and not lines[0].startswith("$ "):
                shown.append(lines.pop(0))
            yield command, shown


def matches(shown, seen):
    if not shown:
        return not seen
    if shown[0] == "…":
        return any(matches(shown[1:], seen[at:]) for at in range(len(seen) + 1))
    if not seen:
        return False
    if shown[0].endswith("…"):
        return seen[0].startswith(shown[0][:-1]) and matches(shown[1:], seen[1:])
    return shown[0] == seen[0] and matches(shown[1:], seen[1:])


def main():
    program = os.environ.get("RTMPCTL")
    if not program or not shutil.which("jq"):
        print("missing: RTMPCTL is the program, and jq" if not program else "missing: jq (apt-get install jq)")
        print("0 passed, 1 failed")
        return 1
    passed = failed = 0
    with tempfile.TemporaryDirectory() as directory:
        os.symlink(os.path.abspath(program), os.path.join(directory, "rtmpctl"))
        environment = dict(os.environ, PATH=directory + os.pathsep + os.environ["PATH"], NO_COLOR="1")
        with open(os.path.join(ROOT, "README.md"), encoding="utf-8") as file:
            readme = file.read()
        for command, shown in blocks(readme):
            run = subprocess.run(["bash", "-c", "set -o pipefail\n" + command], cwd=ROOT, env=environment,
                                 stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
            seen = [line.rstrip() for line in run.stdout.splitlines()]
            # What is cut in the middle of a session may leave blank lines at the end.
            while seen and not seen[-1]:
                seen.pop()
            if matches(shown, seen) and not run.stderr and run.returncode == 0:
                passed += 1
                continue
            failed += 1
            print("README: the output of this is not what is shown:\n" + command)
            print("\n".join(seen[:40]))
            print("status %d %s" % (run.returncode, run.stderr))
    print("%d passed, %d failed" % (passed, failed))
    return 1 if failed or not passed else 0


sys.exit(main())
