#!/usr/bin/env python3
"""Runs every real client's script against one server, and fails if any check failed or was left out.

    tests/clients/run.py [name ...]

With names, only those clients run. ../server.py tells which variables choose the server.
"""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import script  # noqa: E402
import server  # noqa: E402

# Client -> what runs its script, the script, the protocol versions that it can speak.
CLIENTS = {
    "bun": ("bun", "bun.mjs", [3]),
    "ioredis": ("node", "ioredis.mjs", [2, 3]),
    "node-redis": ("node", "node_redis.mjs", [2, 3]),
    "redis-py": ("python", "redis_py.py", [2, 3]),
    "redis-py-asyncio": ("python", "redis_py_asyncio.py", [2, 3]),
    "redis-cli": ("python", "redis_cli.py", [2, 3]),
}


def main() -> None:
    names = sys.argv[1:] or list(CLIENTS)
    if unknown := [name for name in names if name not in CLIENTS]:
        server.give_up(ValueError(f"no such client: {', '.join(unknown)}; there are {', '.join(CLIENTS)}"))
    kind = server.kind()
    with server.running(kind) as port:
        results = {
            f"{name} RESP{protocol}": run(name, protocol, port)
            for name in names
            for protocol in CLIENTS[name][2]
        }
    if not script.summarize(kind, results):
        sys.exit(1)


def run(name: str, protocol: int, port: int) -> str:
    """Runs one client's script and judges it: `ok: ...` or what is wrong."""
    program, path, _ = CLIENTS[name]
    print(f"\n== {name} RESP{protocol}", flush=True)
    env = {"REDIS_URL": f"redis://127.0.0.1:{port}"}
    return script.verdict(program, [str(HERE / path), str(protocol)], env)


if __name__ == "__main__":
    try:
        main()
    except server.CannotStart as error:
        server.give_up(error)
