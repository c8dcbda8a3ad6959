"""The rules of the house, as checks over a source tree; each is seen red on a planted violation."""

import ast
import importlib.metadata
import itertools
import json
import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Callable, Iterator, Mapping
from fnmatch import fnmatch
from functools import cache
from pathlib import Path

import pytest
from hatchling.builders.wheel import WheelBuilder

ROOT = Path(__file__).parents[1]

# Imports point down, never up, never sideways.
FLOORS = (
    {"parley"},
    {"web"},
    {"sessions"},
    {"telephony", "conversation", "recordings", "transcripts"},
    {"consent"},
    {"media", "runtime"},
)
FLOOR = {folder: floor for floor, folders in enumerate(FLOORS) for folder in folders}

# The only modules which may touch sockets, clocks, randomness or files, and why each must.
SHELLS = {
    "parley.*": "the front door: commands, configuration, processes",
    "web.*": "talks HTTP",
    "media.process": "the 20 ms clock and the RTP sockets",
    "media.net.*": "the RTP sockets, in batches",
    "media.link": "the stream between two of our processes",
    "media.client": "the node's end of the stream to media",
    "media.pool": "the node's end of the streams to all media processes",
    "media.caller": "a telephone for tests and demonstrations",
    "media.sealer": "a thread that seals chunks under keys it draws, a clock for its batches",
    "media.appending": "appends sealed chunks to segments",
    "telephony.endpoint": "drives SIP over sockets",
    "telephony.connection": "one connection on the event loop",
    "telephony.connections": "accepts and makes connections on the event loop",
    "telephony.tls": "reads certificates and keys",
    "telephony.tls_stream": "encrypts in memory: its library draws by chance",
    "telephony.resolver": "asks name servers",
    "telephony.trunks.line": "waits on the event loop until a trunk is due",
    "consent.policy.shipped": "reads the dated data of the package",
    "consent.wordings": "reads the words of the package",
    "conversation.speech.process": "the speech worker",
    "conversation.speech.client": "the node's end of the stream to speech",
    "conversation.speech.ears": "a recogniser in a process of its own",
    "conversation.speech.link": "the stream to the node",
    "conversation.speech.requests": "queues between threads",
    "conversation.speech.worker": "one thread to speak, one to hear",
    "conversation.speech.espeak": "an engine with files of its own",
    "conversation.speech.sphinx": "an engine with files of its own",
    "conversation.speech.whisper": "an engine with files of its own",
    "runtime.store": "the store, for an event loop",
    "runtime.pump": "the one writer's thread",
    "runtime.admission": "a queue between threads",
    "runtime.keystore": "keys outside the log",
    "runtime.kek": "draws the nonces of wrapped keys",
    "runtime.kek_check": "reads which KEK opens a keystore",
    "runtime.kek_sources": "reads a KEK from a file, a variable, a keyring, a hook",
    "runtime.key_files": "files of keys, flushed and overwritten",
    "runtime.key_making": "draws keys by chance",
    "runtime.tombstones": "reads the list of destroyed keys",
    "runtime.unlocking": "opened keys are shared by threads",
    "runtime.rewrapping": "files of keys under another KEK",
    "runtime.key_pool": "has keys prepared beside the event loop",
    "runtime.scrub": "a thread that reads the log again",
    "runtime.engines.*": "where the log lives",
    "recordings.vault": "sealed audio on disk",
    "recordings.segments": "reads, punches and sweeps segments",
    "recordings.export": "writes evidence packs",
    "recordings.vcon.schema": "reads the pinned schema that lies beside it",
    "recordings.verify": "reads evidence packs, on a machine without Parley",
    "recordings.pack.checks": "reads evidence packs",
    "recordings.pack.open_keys": "opens the keys of a pack, on a machine without Parley",
    "transcripts.index": "the search index, a file of its own",
    "runtime.log_key": "the key file that signs the log",
    "runtime.notary": "signs the log once a second, waits before it asks for a stamp again",
    "runtime.timestamps": "the nonce of a query is drawn by its library",
    "runtime.tsa": "asks a time-stamping authority over a socket",
    "runtime.performer": "performs effects, waits before it tries again",
    "runtime.modules.rehearsal": "a copy of the store, in a temporary directory",
    "runtime.modules.deploying": "reads and rehearses code beside the event loop",
    "runtime.query": "reads committed rows",
    "runtime.fresh": "replays in a process of its own",
    "runtime.context": "draws from the seed in the log entry",
    "sessions.parts": "conducts live calls on the event loop",
    "sessions.attending": "counts a caller's silence on the event loop",
    "sessions.callers": "waits before it destroys the key of a dialog that is over",
    "sessions.leasing": "says again and again on the event loop that the store commits",
    "sessions.sealing": "waits before it opens a lost gate again",
    "sessions.quarantine": "wakes up when a chunk has waited for long enough",
    "sessions.silencing": "seals a chunk again: a key, a file, a lock for whoever does it as well",
    "sessions.lines": "waits for the other side's answer on the event loop",
    "sessions.house": "waits for a full queue or disk",
    "sessions.siprec.recorders": "waits before it calls a recorder again, on the event loop",
    "sessions.transferring": "waits for the end of a transfer on the event loop",
    "sessions.session": "what an agent waits for, on the event loop",
    "sessions.turns": "runs the agent on the event loop",
    "sessions.voice": "waits for playout on the event loop",
}

# Modules of I/O, of time and of chance; functions of other modules which are one of these.
WORLD = {
    *("socket", "select", "selectors", "ssl", "subprocess", "multiprocessing", "threading"),
    *("time", "random", "secrets", "tempfile", "shutil", "fcntl", "signal", "socketserver"),
    *("urllib.request", "http.client", "sqlite3"),
}
WORLD_BUILTINS = {"open", "input", "print"}
WORLD_FUNCTIONS = {
    *("os.urandom", "os.open", "os.environ", "os.getenv", "os.replace", "os.fsync", "os.remove"),
    *("os.kill", "uuid.uuid1", "uuid.uuid4", "asyncio.run", "asyncio.sleep"),
    *("datetime.now", "datetime.utcnow", "datetime.today", "date.today"),
    *("asyncio.get_running_loop", "asyncio.get_event_loop", "asyncio.new_event_loop"),
    *("asyncio.open_connection", "asyncio.start_server"),
}
WORLD_METHODS = {"read_text", "read_bytes", "write_text", "write_bytes", "unlink", "mkdir"}

# Imports inside functions: a heavy optional dependency which most servers do not have.
LATE = {
    ("conversation.speech.whisper", "faster_whisper"),
    ("runtime.timestamps", "rfc3161_client"),
}

# What `import parley` must not bring: a command like `parley --help` answers at once.
HEAVY = {"numpy", "av", "fastapi", "uvicorn", "apsw", "pocketsphinx", "webrtcvad", "faster_whisper"}

Check = Callable[[Path], list[str]]


def packages(root: Path) -> list[str]:
    project = tomllib.loads((root / "pyproject.toml").read_text())
    listed: list[str] = project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    return listed


def modules(root: Path) -> dict[str, Path]:
    """Every module of the tree, by its dotted name; a folder by the name of the folder."""
    found = (path for folder in FLOOR for path in sorted((root / folder).rglob("*.py")))
    return {
        ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__"): path
        for path in found
    }


@cache
def _parsed(source: bytes) -> ast.Module:
    return ast.parse(source)


def tree_of(path: Path) -> ast.Module:
    return _parsed(path.read_bytes())


def imports(node: ast.AST, module: str, path: Path) -> Iterator[str]:
    """The dotted names which are imported below `node`, `from a import b` as a.b."""
    package = module.split(".") if path.name == "__init__.py" else module.split(".")[:-1]
    for each in ast.walk(node):
        if isinstance(each, ast.Import):
            yield from (alias.name for alias in each.names)
        elif isinstance(each, ast.ImportFrom):
            above = package[: len(package) - each.level + 1] if each.level else []
            base = ".".join([*above, *([each.module] if each.module else [])])
            yield from (f"{base}.{alias.name}" for alias in each.names)


def own_imports(root: Path) -> dict[str, set[str]]:
    """For each module, the modules of ours it imports."""
    known = modules(root)
    return {
        module: {
            name if name in known else name.rpartition(".")[0]
            for name in imports(tree_of(path), module, path)
            if name in known or name.rpartition(".")[0] in known
        }
        - {module}
        for module, path in known.items()
    }


def imports_up_or_sideways(root: Path) -> list[str]:
    return [
        f"{module} imports {other}"
        for module, others in own_imports(root).items()
        for other in sorted(others)
        if (here := module.split(".")[0]) != (there := other.split(".")[0])
        and FLOOR[there] <= FLOOR[here]
    ]


def cycles(root: Path) -> list[str]:
    """Modules which cannot be imported without each other, found by taking the others away."""
    graph = own_imports(root)
    while free := {module for module, others in graph.items() if not others & graph.keys()}:
        graph = {module: others for module, others in graph.items() if module not in free}
    return [f"{module} is part of, or above, a cycle" for module in graph]


def is_shell(module: str) -> bool:
    return any(fnmatch(module, shell) or f"{module}.*" == shell for shell in SHELLS)


def touches_of_the_world(root: Path) -> list[str]:
    return [
        f"{module}:{line} uses {name}"
        for module, path in modules(root).items()
        if not is_shell(module)
        for line, name in sorted(_touches(tree_of(path), module, path))
    ]


def _touches(tree: ast.Module, module: str, path: Path) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        match node:
            case ast.Import() | ast.ImportFrom():
                names = imports(node, module, path)
                yield from ((node.lineno, name) for name in names if _is_of_the_world(name))
            case ast.Attribute():
                name = ast.unparse(node)
                ends = tuple(f".{function}" for function in WORLD_FUNCTIONS)
                if node.attr in WORLD_METHODS or f".{name}".endswith(ends):
                    yield node.lineno, name
            # A gate may open, too: only the bare name is the built-in function.
            case ast.Call(func=ast.Name(name)) if name in WORLD_BUILTINS:
                yield node.lineno, name
            case _:
                continue


def _is_of_the_world(name: str) -> bool:
    parents = itertools.accumulate(name.split("."), "{}.{}".format)
    return name in WORLD_FUNCTIONS or not WORLD.isdisjoint(parents)


def late_imports(root: Path) -> list[str]:
    """Imports in functions, and behind TYPE_CHECKING: both hide where a floor does not hold."""
    found: list[str] = []
    for module, path in modules(root).items():
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                late = {name.split(".")[0] for name in imports(node, module, path)}
                allowed = {name for owner, name in LATE if owner == module}
                found += [f"{module}.{node.name} imports {name}" for name in sorted(late - allowed)]
            elif isinstance(node, ast.Name) and node.id == "TYPE_CHECKING":
                found.append(f"{module} has TYPE_CHECKING")
    return found


def folders_without_a_purpose(root: Path) -> list[str]:
    folders = {path.parent for path in modules(root).values()}
    return [
        f"{folder.relative_to(root)} does not say what it is for"
        for folder in sorted(folders)
        if not (folder / "__init__.py").exists()
        or not (ast.get_docstring(tree_of(folder / "__init__.py")) or "").strip()
    ]


def missing_in_the_wheel(root: Path) -> list[str]:
    (built,) = WheelBuilder(str(root)).build(directory=str(root / "dist"), versions=["standard"])
    with zipfile.ZipFile(built) as wheel:
        shipped = set(wheel.namelist())
    # Also a folder which nobody has listed: whatever holds modules, but is not for tests or bench.
    ours = {path.name for path in root.iterdir() if any(path.glob("*.py"))} - {"tests", "bench"}
    kinds = ("*.py", "*.toml")
    found = ((root / folder).rglob(kind) for folder in ours | {*FLOOR} for kind in kinds)
    files = itertools.chain.from_iterable(found)
    names = sorted(path.relative_to(root).as_posix() for path in files)
    return [f"{name} is not in the wheel" for name in names if name not in shipped]


def names_of_others(owners: Mapping[str, list[str]]) -> list[str]:
    others = {name: {*who} - {"parley"} for name, who in owners.items()}
    return [
        f"{name} belongs to {sorted(others.get(name, set())) or 'the standard library'}"
        for name in sorted(FLOOR)
        if others.get(name) or name in sys.stdlib_module_names
    ]


def heavy_at_start(root: Path) -> list[str]:
    program = "import sys, json, parley; print(json.dumps(sorted(sys.modules)))"
    environ = {**os.environ, "PYTHONPATH": str(root)}
    done = subprocess.run(
        [sys.executable, "-P", "-c", program], env=environ, capture_output=True, check=True
    )
    return [f"import parley imports {name}" for name in json.loads(done.stdout) if name in HEAVY]


MADE_BY = {
    "consent.permit.MAKER": ("consent.permits",),
    "consent.reducers.Grant": ("recordings.reducers",),
}
"""What gives a right, and who beside its own module may name it: the grant is only passed on."""

DECIDES = ("consent", "sessions.asking", "sessions.consent_reducers", "sessions.gating")
MODELS = ("conversation.model", "openai", "anthropic", "httpx", "requests", "aiohttp")


def makers_of_rights(root: Path) -> list[str]:
    return [
        f"{module} names {name}"
        for module, path in modules(root).items()
        for name in imports(tree_of(path), module, path)
        if name in MADE_BY and module not in MADE_BY[name]
    ]


def models_that_decide(root: Path) -> list[str]:
    """No language model, and no way to one, where it is decided what a party agreed to."""
    return [
        f"{module} imports {name}"
        for module, path in modules(root).items()
        if any(module == one or module.startswith(f"{one}.") for one in DECIDES)
        for name in imports(tree_of(path), module, path)
        if any(name == model or name.startswith(f"{model}.") for model in MODELS)
    ]


CHECKS: tuple[Check, ...] = (
    makers_of_rights,
    models_that_decide,
    imports_up_or_sideways,
    cycles,
    touches_of_the_world,
    late_imports,
    folders_without_a_purpose,
    heavy_at_start,
)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The tree as it is, to plant something in."""
    for folder in packages(ROOT):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for name in ("README.md", "LICENSE"):
        (tmp_path / name).write_text("Named by pyproject.toml.\n")
    return tmp_path


def plant(root: Path, name: str, source: str) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text('"""Planted."""\n' + source)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_the_house_keeps_its_rules(check: Check) -> None:
    assert check(ROOT) == []


def test_every_folder_is_in_the_wheel(copy: Path) -> None:
    assert set(packages(ROOT)) == FLOOR.keys()
    assert missing_in_the_wheel(copy) == []


def test_nobody_else_owns_our_names() -> None:
    assert names_of_others(importlib.metadata.packages_distributions()) == []


@pytest.mark.parametrize(
    ("name", "source", "seen"),
    [
        ("media/x.py", "import sessions\n", "media.x imports sessions"),
        ("media/x.py", "from runtime import y\n", "media.x imports runtime"),
        ("telephony/x.py", "from recordings import y\n", "telephony.x imports recordings"),
        ("consent/x.py", "def f():\n    import web\n", "consent.x imports web"),
    ],
)
def test_an_import_up_or_sideways_is_seen(copy: Path, name: str, source: str, seen: str) -> None:
    plant(copy, name, source)
    assert imports_up_or_sideways(copy) == [seen]


def test_who_makes_a_right_beside_the_law_is_seen(copy: Path) -> None:
    plant(copy, "sessions/x.py", "from consent.permit import MAKER\n")
    plant(copy, "telephony/x.py", "from consent.reducers import Grant\n")
    assert sorted(makers_of_rights(copy)) == [
        "sessions.x names consent.permit.MAKER",
        "telephony.x names consent.reducers.Grant",
    ]


def test_a_model_where_consent_is_decided_is_seen(copy: Path) -> None:
    plant(copy, "consent/x.py", "import openai\n")
    plant(copy, "conversation/x.py", "import openai\n")
    assert models_that_decide(copy) == ["consent.x imports openai"]


def test_an_import_down_is_fine(copy: Path) -> None:
    plant(copy, "web/x.py", "import consent\nfrom media import codecs\n")
    assert imports_up_or_sideways(copy) == []


def test_a_cycle_is_seen(copy: Path) -> None:
    plant(copy, "media/x.py", "from media import y\n")
    plant(copy, "media/y.py", "from .z import name\n")
    plant(copy, "media/z.py", "import media.x\n")
    assert {line.split()[0] for line in cycles(copy)} == {"media.x", "media.y", "media.z"}


@pytest.mark.parametrize(
    "source",
    [
        "import socket\n",
        "from time import monotonic\n",
        "import urllib.request\n",
        "import os\nkey = os.urandom(32)\n",
        "from os import urandom\n",
        "from datetime import datetime\nnow = datetime.now()\n",
        "import datetime\nnow = datetime.datetime.now()\n",
        "text = open('x').read()\n",
        "from pathlib import Path\ntext = Path('x').read_text()\n",
        "import asyncio\nloop = asyncio.get_running_loop()\n",
        "import uuid\nname = uuid.uuid4()\n",
    ],
)
def test_a_touch_of_the_world_outside_a_shell_is_seen(copy: Path, source: str) -> None:
    before = touches_of_the_world(copy)
    plant(copy, "consent/x.py", source)
    assert [line for line in touches_of_the_world(copy) if line not in before]


def test_a_shell_may_touch_the_world(copy: Path) -> None:
    before = touches_of_the_world(copy)
    plant(copy, "telephony/endpoint.py", "import socket\n")
    plant(copy, "runtime/engines/x.py", "import time\n")
    assert touches_of_the_world(copy) == before


def test_an_import_inside_a_function_is_seen(copy: Path) -> None:
    before = late_imports(copy)
    plant(copy, "web/x.py", "def f():\n    import json\n")
    plant(copy, "web/y.py", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import z\n")
    plant(copy, "conversation/speech/whisper.py", "def f():\n    import faster_whisper\n")
    found = [line for line in late_imports(copy) if line not in before]
    assert found == ["web.x.f imports json", "web.y has TYPE_CHECKING"]


def test_a_folder_without_a_purpose_is_seen(copy: Path) -> None:
    plant(copy, "media/new/x.py", "")
    assert folders_without_a_purpose(copy) == ["media/new does not say what it is for"]


def test_a_folder_missing_in_the_wheel_is_seen(copy: Path) -> None:
    plant(copy, "billing/__init__.py", "")
    assert missing_in_the_wheel(copy) == ["billing/__init__.py is not in the wheel"]


def test_a_name_of_somebody_else_is_seen() -> None:
    assert names_of_others({"media": ["parley", "media-tools"], "parley": ["parley"]}) == [
        "media belongs to ['media-tools']"
    ]


def test_a_heavy_import_at_start_is_seen(copy: Path) -> None:
    (copy / "parley" / "__init__.py").write_text('"""Planted."""\nimport numpy\n')
    assert heavy_at_start(copy) == ["import parley imports numpy"]
