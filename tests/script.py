"""Runs a test script with a time limit and judges what it printed.

A script prints `ok - name` or `not ok - name: why` for each check, and ends with `N passed, M failed`.
"""

import os
import re
import shutil
import subprocess
from pathlib import Path

TESTS = Path(__file__).resolve().parent
TIMEOUT_S = 100
LAST_LINE = re.compile(r"^(\d+) passed, (\d+) failed$")


def verdict(program: str, arguments: list[str], env: dict[str, str]) -> str:
    """Runs a script under bun, node or python, shows its output; gives `ok: ...` or what is wrong."""
    interpreter = tool(program)
    if interpreter is None:
        return f"SKIPPED: no {program}; run tests/setup.sh"
    status, output = run([interpreter, *arguments], env, TESTS, TIMEOUT_S)
    print(output, end="", flush=True)
    return judge(status, output)


def judge(status: int | None, output: str) -> str:
    """A script that checked nothing, or did not come to its last line, has failed."""
    if status is None:
        return f"FAILED: not done within {TIMEOUT_S} s"
    lines = output.strip().splitlines()
    counts = LAST_LINE.match(lines[-1]) if lines else None
    if counts is None:
        return f"FAILED: status {status}, ended without its last line"
    passed, failed = int(counts[1]), int(counts[2])
    if status != 0 or failed > 0 or passed == 0:
        return f"FAILED: {passed} passed, {failed} failed, status {status}"
    return f"ok: {passed} passed"


def summarize(title: str, results: dict[str, str]) -> bool:
    """Prints what became of each script; true when all are well."""
    print(f"\n== {title}: summary")
    for name, result in results.items():
        print(f"{name:36} {result}")
    return all(result.startswith("ok") for result in results.values())


def run(argv: list[str], env: dict[str, str], cwd: Path, timeout_s: float) -> tuple[int | None, str]:
    """Runs a script with a time limit; gives its status (None: it ran out of time) and all it printed.

    The script gets a process group of its own, so that nothing it started outlives the limit.
    """
    process = subprocess.Popen(
        argv, env={**os.environ, **env}, cwd=cwd, start_new_session=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )
    try:
        output, _ = process.communicate(timeout=timeout_s)
        return process.returncode, output.decode(errors="replace")
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, 9)
        output, _ = process.communicate()
        return None, output.decode(errors="replace")


def tool(name: str) -> str | None:
    """Finds a program that the scripts run under: bun and the venv's python first where setup.sh puts them."""
    installed = {"bun": TESTS / "node_modules/.bin/bun", "python": TESTS / ".env/bin/python"}.get(name)
    if installed is not None:
        return str(installed) if installed.exists() else None
    return shutil.which(name)
