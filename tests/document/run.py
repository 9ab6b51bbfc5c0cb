#!/usr/bin/env python3
"""Runs every TypeScript snippet of the users' document, unchanged, under Bun against a server.

    tests/document/run.py [--mode map|array|both] [snippet ...]

FIRTH_DOCUMENT names the document (default: ../shared/000_b12e2979732c7dce.txt beside the repository).
../server.py tells which variables choose the server.

Each snippet has a frame in snippets/: TypeScript around a line `// <<< Heading`, which is replaced by the snippet
that stands under that heading. What comes before defines what the snippet presupposes; what follows calls what the
snippet declared and asserts what it did.

The modes tell how XREAD and XREADGROUP answer Bun, which always speaks RESP3. `map` is what Redis does: the document's
loops, which are written for arrays, then never see an entry, and the frames assert just that. `array` is Firth's
`CONFIG SET stream-read-reply array`, under which the loops must work.
"""

import argparse
import os
import re
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
TESTS = HERE.parent
sys.path.insert(0, str(TESTS))

import script  # noqa: E402
import server  # noqa: E402

DEFAULT_DOCUMENT = TESTS.parent.parent / "shared/000_b12e2979732c7dce.txt"
GENERATED = TESTS / ".env/document"
HEADING_OR_SNIPPET = re.compile(r"^#+ (?P<heading>.+?)$|^```typescript\n(?P<snippet>.*?)^```$", re.MULTILINE | re.DOTALL)
PLACE = re.compile(r"^// <<< (.+)$", re.MULTILINE)


def main() -> None:
    arguments = parse_arguments()
    document = Path(os.environ.get("FIRTH_DOCUMENT", DEFAULT_DOCUMENT))
    if not document.exists():
        skip(f"the document is not there: {document} (set FIRTH_DOCUMENT)")
    kind = server.kind()
    modes = ["map", "array"] if arguments.mode == "both" else [arguments.mode]
    if "array" in modes and kind != "firth":
        server.give_up(ValueError(f"mode array is a setting of Firth; {kind} has it not"))
    modules = compose(snippets_of(document.read_text()), frames())
    if unknown := [name for name in arguments.snippets if name not in modules]:
        server.give_up(ValueError(f"no such snippet: {', '.join(unknown)}; there are {', '.join(modules)}"))
    chosen = arguments.snippets or list(modules)
    results = {}
    with server.running(kind) as port:
        for mode in modes:
            for name in chosen:
                results[f"{mode}: {name}"] = run(name, modules[name], mode, kind, port)
    if not script.summarize(kind, results):
        sys.exit(1)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="runs the document's snippets under Bun")
    parser.add_argument("--mode", choices=["map", "array", "both"], default="map")
    parser.add_argument("snippets", nargs="*")
    return parser.parse_args()


def skip(why: str) -> None:
    """Ends without having tested anything: loudly, and as a failure on CI."""
    print(f"SKIPPED: {why}", file=sys.stderr)
    sys.exit(1 if os.environ.get("CI") == "true" else 0)


def snippets_of(text: str) -> dict[str, str]:
    """The TypeScript snippets by the heading that each stands under."""
    snippets, heading = {}, ""
    for match in HEADING_OR_SNIPPET.finditer(text):
        if match["heading"] is not None:
            heading = match["heading"]
        elif heading in snippets:
            server.give_up(ValueError(f"two snippets under {heading!r}"))
        else:
            snippets[heading] = match["snippet"]
    return snippets


def frames() -> dict[str, str]:
    return {path.stem: path.read_text() for path in sorted(HERE.glob("snippets/*.ts"))}


def compose(snippets: dict[str, str], frames: dict[str, str]) -> dict[str, str]:
    """Puts each snippet into its frame; a snippet without a frame, or the other way round, is an error."""
    for heading in snippets:
        if slug(heading) not in frames:
            server.give_up(ValueError(f"the document has a snippet under {heading!r}, but there is no snippets/{slug(heading)}.ts"))
    for name, frame in frames.items():
        places = PLACE.findall(frame)
        if name not in map(slug, places) or any(place not in snippets for place in places):
            server.give_up(ValueError(f"snippets/{name}.ts has places {places}, the document has {list(snippets)}"))
    in_order = [slug(heading) for heading in snippets]
    return {name: PLACE.sub(lambda place: snippets[place[1]], frames[name]) for name in in_order}


def slug(heading: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", heading.lower()).strip("-")


def run(name: str, module: str, mode: str, kind: str, port: int) -> str:
    """Runs one composed module and judges it: `ok: ...` or what is wrong."""
    print(f"\n== {mode}: {name}", flush=True)
    GENERATED.mkdir(parents=True, exist_ok=True)
    path = GENERATED / f"{name}.ts"
    path.write_text(module.replace('"../support.ts"', f'"{HERE}/support.ts"'))
    env = {"REDIS_URL": f"redis://127.0.0.1:{port}", "FIRTH_TEST_SERVER": kind, "FIRTH_DOCUMENT_MODE": mode}
    return script.verdict("bun", ["run", str(path)], env)


if __name__ == "__main__":
    try:
        main()
    except server.CannotStart as error:
        server.give_up(error)
