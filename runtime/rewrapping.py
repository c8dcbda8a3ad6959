"""Another KEK takes the place of one: what is under it is wrapped again, the keys stay the same.

Only keys of calls and keys of no call are; those under the key of a call do not notice. First each
is wrapped under both; then the check names both, and either opens everything; then the new one
takes over (`commit`), the check names it alone, and the old wrapping is overwritten. A crash leaves
what the old one opens, or the new one, and doing it again goes on with it.
"""

from collections.abc import Callable
from pathlib import Path

from runtime import key_files, wrapped
from runtime.kek import Kek, Source
from runtime.kek_check import CHECK, check_of, checked, is_clear
from runtime.key_errors import KekError
from runtime.key_files import ids_in
from runtime.wrapped import NotWrapped, parent_of


def rewrap(directory: Path, old: Source, new: Source, commit: Callable[[], None]) -> int:
    """Answers how many keys are under the new KEK now. Nobody else may have the keystore open.

    Raises KekError where one of the two is not to be had, or a key opens under neither; OSError.
    """
    with key_files.locked(directory):
        key_files.tidy(directory)
        after = new.open()
        before = _before(directory, old, new)
        roots = [one for one in sorted(ids_in(directory)) if parent_of(one) is None]
        roots = [one for one in roots if not is_clear(directory / one)]
        files = {one: _under_both(directory / one, before, after) for one in roots}
        both = {one: data for one, data in files.items() if data is not None}
        key_files.replace_all(directory, both)
        if before.id != after.id:
            key_files.replace_all(directory, {CHECK: check_of(before, after)})
        commit()
        key_files.replace_all(directory, {CHECK: check_of(after)})
        alone = {one: _under_one(directory / one, after) for one in roots}
        key_files.replace_all(directory, {one: data for one, data in alone.items() if data})
    return len(roots)


def _before(directory: Path, old: Source, new: Source) -> Kek:
    """The KEK that opens all of it now: the new one where this was done before, and cut short."""
    try:
        found = checked(directory, old)
    except KekError:
        try:
            found = checked(directory, new)
        except KekError:
            found = None
        if found is None:
            raise
    if found is None:
        raise KekError(f"no key in {directory} is wrapped yet: start the server once")
    return found


def _under_both(path: Path, before: Kek, after: Kek) -> bytes | None:
    """The file as it is due; None where it is that already, or is destroyed."""
    data = path.read_bytes()
    if not data.strip(b"\0"):
        return None
    try:
        found = wrapped.decode(data)
        if after.id in found:
            return None
        key = before.unwrap(found[before.id], wrapped.context(path.name, before.id))
    except (KeyError, NotWrapped) as error:
        raise KekError(f"{path} opens under neither KEK: bring it back from a copy") from error
    again = after.wrap(key, wrapped.context(path.name, after.id))
    return wrapped.encode({before.id: found[before.id], after.id: again})


def _under_one(path: Path, after: Kek) -> bytes | None:
    data = path.read_bytes()
    if not data.strip(b"\0"):
        return None
    found = wrapped.decode(data)
    return wrapped.encode({after.id: found[after.id]}) if len(found) > 1 else None
