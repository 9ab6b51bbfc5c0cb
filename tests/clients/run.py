#!/usr/bin/env python3
"""Runs every real client's script against one server, and fails if any check failed or was left out.

    tests/clients/run.py [name ...]

With names, only those clients run. ../server.py tells which variables choose the server.
"""

import re
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import server  # noqa: E402

TIMEOUT_S = 60
LAST_LINE = re.compile(r"^(\d+) passed, (\d+) failed$")

SCRIPTS = {
    "bun": ("bun", "bun.mjs"),
    "ioredis": ("node", "ioredis.mjs"),
    "node-redis": ("node", "node_redis.mjs"),
    "redis-py": ("python", "redis_py.py"),
    "redis-py-asyncio": ("python", "redis_py_asyncio.py"),
    "redis-cli": ("python", "redis_cli.py"),
}


def main() -> None:
    names = sys.argv[1:] or list(SCRIPTS)
    unknown = [name for name in names if name not in SCRIPTS]
    if unknown:
        server.give_up(ValueError(f"no such client: {', '.join(unknown)}; there are {', '.join(SCRIPTS)}"))
    kind = server.kind()
    with server.running(kind) as port:
        results = {name: run(name, kind, port) for name in names}
    print(f"\n== {kind}: summary")
    for name, result in results.items():
        print(f"{name:18} {result}")
    if any(not result.startswith("ok") for result in results.values()):
        sys.exit(1)


def run(name: str, kind: str, port: int) -> str:
    """Runs one client's script and judges it: `ok …` or what is wrong."""
    program, script = SCRIPTS[name]
    print(f"\n== {name}", flush=True)
    interpreter = server.tool(program)
    if interpreter is None:
        print(f"SKIPPED: {name}: no {program}; run tests/setup.sh")
        return "SKIPPED"
    env = {"REDIS_URL": f"redis://127.0.0.1:{port}", "FIRTH_TEST_PORT": str(port), "FIRTH_TEST_SERVER": kind}
    status, output = server.run_script([interpreter, str(HERE / script)], env, HERE, TIMEOUT_S)
    print(output, end="")
    return judge(status, output)


def judge(status: int | None, output: str) -> str:
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


if __name__ == "__main__":
    try:
        main()
    except server.CannotStart as error:
        server.give_up(error)
