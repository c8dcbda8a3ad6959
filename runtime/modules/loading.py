"""Code out of a row: a module's sources imported from memory, under a name of their own.

Two versions of one module live side by side in one process. What a version declares can be
found only through its `Loaded`. This is the operator's own code: reducers are guarded, the
agent may do what any Python may.
"""

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from types import ModuleType
from typing import Any, cast

from runtime import canonical
from runtime.declared import Declarations, declaring
from runtime.errors import Nondeterminism, Refused
from runtime.schema import Schema

ROOT = "parley_modules"
SOURCES_BYTES_MAX = 512 * 1024
DIGEST_CHARS = 12
NAME = re.compile("[a-z][a-z0-9_]{0,39}")
FILE = re.compile(r"[a-z_][a-z0-9_]*(/[a-z_][a-z0-9_]*)*\.py", re.IGNORECASE)


class NotAModule(Refused):
    """The code can not be deployed; the message says why."""


@dataclass(frozen=True)
class Loaded:
    """A version in this process: what it declares, and its code."""

    id: str
    name: str
    declared: Declarations
    code: ModuleType

    @property
    def schemas(self) -> list[Schema]:
        """Its tables."""
        return list(self.declared.schemas.values())


def version_of(name: str, sources: str) -> str:
    """The id of a version: the same code has the same one."""
    return f"{name}@{sha256(sources.encode()).hexdigest()[:DIGEST_CHARS]}"


def packed(name: str, files: dict[str, str]) -> str:
    """Files of a module as canonical JSON. Raises NotAModule."""
    if not NAME.fullmatch(name):
        raise NotAModule(f"{name!r} can not name a module: use a-z, 0-9 and _, a letter first")
    if "__init__.py" not in files:
        raise NotAModule("a module is one .py file, or a folder with an __init__.py")
    for path in files:
        if not FILE.fullmatch(path):
            raise NotAModule(f"{path!r} can not be a file of a module")
    sources = canonical.encode(files).decode()
    if len(sources) > SOURCES_BYTES_MAX:
        raise NotAModule(f"a module has at most {SOURCES_BYTES_MAX // 1024} KiB of code")
    return sources


def load(name: str, sources: str) -> Loaded:
    """Import a version, once per process. Raises NotAModule for what its code gets wrong."""
    version = version_of(name, sources)
    package = f"{ROOT}.{version.replace('@', '_')}"
    _FINDER.add(package, canonical.decode(sources.encode()))
    declared = Declarations(name, sha256(sources.encode()).hexdigest())
    try:
        with declaring(declared):
            code = importlib.import_module(package)
        for reducer in declared.reducers.values():
            assert reducer.module and reducer.decoders is not None  # The guard reads it all.
        for schema in declared.schemas.values():
            schema.ddl()
    except (Nondeterminism, NotAModule) as error:
        raise NotAModule(f"{version}: {error}") from error
    except Exception as error:  # The module's code is not ours.
        raise NotAModule(f"{version} can not be read: {type(error).__name__}: {error}") from error
    return Loaded(version, name, declared, code)


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.InspectLoader):
    """Finds and loads what was added, and nothing else."""

    def __init__(self) -> None:
        self._texts: dict[str, tuple[str, bool]] = {ROOT: ("", True)}

    def add(self, package: str, files: dict[str, str]) -> None:
        """Make the files of a package importable, from the start."""
        for known in [
            one for one in sys.modules if one == package or one.startswith(f"{package}.")
        ]:
            del sys.modules[known]
        for path, text in files.items():
            parts = [package, *path.removesuffix(".py").split("/")]
            is_package = parts[-1] == "__init__"
            self._texts[".".join(parts[:-1] if is_package else parts)] = text, is_package

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,
        target: ModuleType | None = None,
    ) -> importlib.machinery.ModuleSpec | None:
        """Only below `parley_modules`."""
        if fullname not in self._texts:
            return None
        return importlib.util.spec_from_loader(
            fullname, self, origin=_file_of(fullname), is_package=self.is_package(fullname)
        )

    def is_package(self, fullname: str) -> bool:
        """Whether it is a folder."""
        return self._texts[fullname][1]

    def get_source(self, fullname: str) -> str:
        """Its text: tracebacks and the guard show it."""
        return self._texts[fullname][0]

    def get_code(self, fullname: str) -> Any:
        """Compiled under the name that its tracebacks show."""
        text = self.get_source(fullname)
        return compile(text, _file_of(fullname), "exec", dont_inherit=True)


def _file_of(fullname: str) -> str:
    return f"{fullname.replace('.', '/')}.py"


_FINDER = _Finder()
sys.meta_path.append(cast("Any", _FINDER))
