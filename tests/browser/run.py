#!/usr/bin/env python3
"""Runs the tests with a real browser: the gateway's own client in a page, and the console.

    tests/browser/run.py [script ...]

Each script runs twice: against the gateway beside `firth serve`, and against `firth gateway` in front of a real Redis.
A script kills the programs and starts them again, so it starts them itself (place.mjs); here they get their ports and places.
../server.py tells which variables choose the program, and CHROMIUM is the browser's (default: /usr/bin/chromium).
"""

import contextlib
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
TESTS = HERE.parent
sys.path.insert(0, str(TESTS))

import script  # noqa: E402
import server  # noqa: E402

SCRIPTS = ["client.mjs", "console.mjs", "streams.mjs"]
# Draws pictures, which needs no second backend.
ONCE = ["pictures.mjs"]
TIMEOUT_S = 180


def main() -> None:
    chromium = shutil.which(os.environ.get("CHROMIUM", "chromium"))
    if chromium is None:
        raise server.CannotStart("no chromium: run tests/setup.sh")
    script.TIMEOUT_S = TIMEOUT_S
    chosen = sys.argv[1:] or SCRIPTS
    places = {"beside firth": beside_firth, "before redis": before_redis}
    results = {}
    for name in chosen:
        for place, commands in places.items():
            if name in ONCE and place != "beside firth":
                continue
            with commands() as processes:
                env = {"FIRTH_PLACE": json.dumps(processes), "CHROMIUM": chromium}
                results[f"{place}: {name}"] = script.verdict("node", [str(HERE / name)], env)
    if not script.summarize("browser", results):
        sys.exit(1)


@contextlib.contextmanager
def beside_firth():
    """One process is both."""
    with server.reserved_port() as port, server.reserved_port() as own, tempfile.TemporaryDirectory() as directory:
        gateway = f"127.0.0.1:{own}"
        serve = server.command("firth", port, directory, gateway)
        yield {"kind": "firth", "directory": directory, "gateway": gateway, "port": port, "commands": [serve]}


@contextlib.contextmanager
def before_redis():
    """Redis keeps what it has been told, as firth does, so that nothing may be lost when it is killed."""
    with server.reserved_port() as port, server.reserved_port() as own, tempfile.TemporaryDirectory() as directory:
        gateway = f"127.0.0.1:{own}"
        redis = [*server.command("redis", port, directory)[:-1], "yes", "--appendfsync", "always"]
        front = server.gateway_command(port, gateway)
        yield {"kind": "redis", "directory": directory, "gateway": gateway, "port": port, "commands": [redis, front]}


if __name__ == "__main__":
    try:
        main()
    except server.CannotStart as error:
        server.give_up(error)
