"""Prints one line per check and ends the script with the count of both kinds."""

import os
import sys
import time
from urllib.parse import urlparse

URL = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379")
PORT = urlparse(URL).port

_counts = {"passed": 0, "failed": 0}


def passed(name: str) -> None:
    _counts["passed"] += 1
    print(f"ok - {name}", flush=True)


def failed(name: str, error: BaseException) -> None:
    _counts["failed"] += 1
    why = f"{type(error).__name__}: {error}".replace("\n", " ")
    line = error.__traceback__ and _innermost_line(error)
    print(f"not ok - {name}: {why} (line {line})", flush=True)


def check(name: str, body) -> None:
    """Runs one check; it fails when it raises."""
    try:
        body()
        passed(name)
    except Exception as error:  # whatever a client raises is a failed check
        failed(name, error)


def finish() -> None:
    """Prints the counts and ends the process."""
    print(f"{_counts['passed']} passed, {_counts['failed']} failed", flush=True)
    sys.exit(0 if _counts["failed"] == 0 and _counts["passed"] > 0 else 1)


def until(what: str, probe, timeout_s: float = 8):
    """Waits until `probe` gives something truthy, and returns it."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        value = probe()
        if value:
            return value
        time.sleep(0.01)
    raise TimeoutError(f"{what}: not within {timeout_s} s")


def equal(actual, expected) -> None:
    if actual != expected:
        raise AssertionError(f"expected {expected!r}, got {actual!r}"[:600])


def large_binary() -> bytes:
    """One MiB in which every byte value occurs at every distance from a page boundary."""
    return bytes((i * 7 + (i >> 8)) & 255 for i in range(1 << 20))


def _innermost_line(error: BaseException) -> int:
    trace = error.__traceback__
    line = trace.tb_lineno
    while trace is not None:
        if trace.tb_frame.f_code.co_filename.startswith(os.path.dirname(__file__)) and "report.py" not in trace.tb_frame.f_code.co_filename:
            line = trace.tb_lineno
        trace = trace.tb_next
    return line
