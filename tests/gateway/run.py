#!/usr/bin/env python3
"""Runs the gateway's tests with clients that are not ours, and with its own client for browsers.

    tests/gateway/run.py [script ...]

Each script runs twice: against the gateway beside `firth serve`, and against `firth gateway` in front of a real Redis.
It finds the gateway in FIRTH_GATEWAY_URL, and the server in REDIS_PORT. ../server.py tells which variables choose the program.
"""

import contextlib
import os
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

HERE = Path(__file__).resolve().parent
TESTS = HERE.parent
sys.path.insert(0, str(TESTS))

import script  # noqa: E402
import server  # noqa: E402

SCRIPTS = {
    "document.mjs": "bun",
    "elysia.mjs": "bun",
    "bun.mjs": "bun",
    "ws.mjs": "node",
    "client.mjs": "bun",
    "types.mjs": "node",
    "jwks.mjs": "node",
    "storm.py": "python",
}
# Those that have gateways of their own.
ONCE = ["jwks.mjs"]
START_TIMEOUT_S = 20


def main() -> None:
    chosen = sys.argv[1:] or list(SCRIPTS)
    results = {}
    for place, start in {"beside firth": beside_firth, "before redis": before_redis}.items():
        with start() as (url, port):
            env = {"FIRTH_GATEWAY_URL": url, "REDIS_PORT": str(port), "REDIS_URL": f"redis://127.0.0.1:{port}"}
            env["FIRTH_PROGRAM"] = server.firth()
            for name in chosen:
                if name in ONCE and place != "before redis":
                    continue
                results[f"{place}: {name}"] = script.verdict(SCRIPTS[name], [str(HERE / name)], env)
    if not script.summarize("gateway", results):
        sys.exit(1)


@contextlib.contextmanager
def beside_firth():
    with server.reserved_port() as port, server.reserved_port() as own, tempfile.TemporaryDirectory() as directory:
        address = f"127.0.0.1:{own}"
        with process(server.command("firth", port, directory, gateway=address), directory, address):
            yield f"http://{address}", port


@contextlib.contextmanager
def before_redis():
    with server.running("redis") as port, server.reserved_port() as own, tempfile.TemporaryDirectory() as directory:
        address = f"127.0.0.1:{own}"
        with process(server.gateway_command(port, address), directory, address):
            yield f"http://{address}", port


@contextlib.contextmanager
def process(command: list[str], directory: str, address: str):
    log_path = Path(directory, "output.txt")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("FIRTH_")}
    with log_path.open("wb") as log:
        running = subprocess.Popen(command, stdout=log, stderr=log, cwd=directory, env=environment)
    try:
        wait_until_ready(running, address, log_path)
        yield
    finally:
        server.stop(running)


def wait_until_ready(running: subprocess.Popen, address: str, log_path: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline and running.poll() is None:
        with contextlib.suppress(OSError, urllib.error.URLError):
            if urllib.request.urlopen(f"http://{address}/readyz", timeout=2).status == 200:
                return
        time.sleep(0.05)
    raise server.CannotStart(f"no gateway at {address}:\n{server.tail(log_path)}")


if __name__ == "__main__":
    try:
        main()
    except server.CannotStart as error:
        server.give_up(error)
