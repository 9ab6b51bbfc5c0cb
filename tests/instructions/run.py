#!/usr/bin/env python3
"""Counts the instructions of the hottest operations under callgrind, and compares them with those that are recorded.

    tests/instructions/run.py [--record]

Each operation runs twice, once for so many times more; the difference is what it costs, whatever the start takes. Counts
say nothing of memory or of the kernel, but they are the same on a busy machine. They differ from compiler to compiler: with
another one than that of the record they are only told.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
RECORD = HERE / "record.json"
TARGET = ROOT / os.environ.get("CARGO_TARGET_DIR", "target")
PROGRAM = TARGET / "instructions/examples/operations"
TIMES = {"xread_1000": (20, 60), "xread_blocked_100": (50, 250), "xadd": (2000, 22000), "xadd_16": (200, 2200)}
TIMES_ELSE = (200, 1200)
# Hash maps have their seeds from chance.
TOLERANCE = 0.03


def main() -> None:
    parser = argparse.ArgumentParser(description="counts instructions of operations")
    parser.add_argument("--record", action="store_true", help="writes down what is counted")
    arguments = parser.parse_args()
    if shutil.which("valgrind") is None:
        sys.exit("FAILED: no valgrind; run tests/setup.sh")
    build = ["cargo", "build", "--quiet", "--profile", "instructions", "--package", "firth-server", "--example", "operations"]
    subprocess.run(build, cwd=ROOT, check=True)
    names = subprocess.run([PROGRAM], capture_output=True, text=True, check=True).stdout.split()
    counts = {name: cost(name) for name in names}
    compiler = subprocess.run(["rustc", "--version"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
    if arguments.record:
        RECORD.write_text(json.dumps({"compiler": compiler, "instructions": counts}, indent=2) + "\n")
    record = json.loads(RECORD.read_text())
    is_same = record["compiler"] == compiler
    worse = compare(record["instructions"], counts)
    if not is_same:
        print(f"the record is of {record['compiler']}, this is {compiler}: nothing is judged")
    elif worse:
        sys.exit(f"FAILED: {', '.join(worse)}; if it has to be, tests/instructions/run.py --record")


def cost(name: str) -> int:
    few, many = TIMES.get(name, TIMES_ELSE)
    return round((total(name, many) - total(name, few)) / (many - few))


def total(name: str, times: int) -> int:
    # None of the counts by function is kept.
    command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", str(PROGRAM), name, str(times)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return int(re.search(r"Collected : (\d+)", done.stderr)[1])


def compare(recorded: dict[str, int], counts: dict[str, int]) -> list[str]:
    """Shows all counts; gives the names of those that changed: one that fell has to be recorded, too, or it may rise again."""
    changed = []
    print(f"{'operation':22} {'recorded':>10} {'now':>10}")
    for name, count in counts.items():
        before = recorded.get(name)
        ratio = count / before if before else float("inf")
        print(f"{name:22} {before or '-':>10} {count:>10} {ratio:8.3f}")
        if abs(ratio - 1) > TOLERANCE:
            changed.append(f"{name} takes {ratio:.2f} times the instructions of the record")
    changed += [f"{name} is not counted any more" for name in recorded.keys() - counts.keys()]
    return changed


if __name__ == "__main__":
    main()
