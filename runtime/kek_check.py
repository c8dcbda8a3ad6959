"""Which KEK opens a keystore: a file beside the keys tells, before any of them is asked for.

It holds 32 bytes of chance, wrapped under that KEK; under two while one takes the other's place.
"""

import secrets
from contextlib import suppress
from pathlib import Path

from runtime import wrapped
from runtime.kek import Kek, Source
from runtime.key_errors import KekError
from runtime.key_files import ids_in
from runtime.wrapped import KEY_BYTES, NotWrapped

CHECK = "kek.check"


def checked(directory: Path, source: Source) -> Kek | None:
    """The KEK that opens the keys in a keystore, or in a copy of one; None where none wrapped any.

    Raises KekError where it is another, or gone.
    """
    known = known_in(directory)
    if not known and all(is_clear(directory / key_id) for key_id in ids_in(directory)):
        return None
    try:
        kek = source.open()
    except KekError as error:
        why = f"the keys in {directory} are wrapped, and nothing else opens them"
        raise KekError(f"{error} ({why})") from error
    if not known:
        raise KekError(
            f"{directory / CHECK} is gone, and keys are there: bring it back from a copy"
        )
    if kek.id in known:
        with suppress(NotWrapped):
            kek.unwrap(known[kek.id], wrapped.context(CHECK, kek.id))
            return kek
    raise KekError(
        f"the keys in {directory} are wrapped under {' or '.join(known)}, and {source.where} is"
        f" {kek.id}: name the right one as [keys] kek"
    )


def check_of(*keks: Kek) -> bytes:
    """What `checked` looks at, for KEKs that open all of the keys."""
    token = secrets.token_bytes(KEY_BYTES)
    return wrapped.encode({kek.id: kek.wrap(token, wrapped.context(CHECK, kek.id)) for kek in keks})


def known_in(directory: Path) -> dict[str, bytes]:
    """What each KEK that opens all of the keys made of the check, by its id. Raises KekError."""
    try:
        return wrapped.decode((directory / CHECK).read_bytes())
    except FileNotFoundError:
        return {}
    except NotWrapped as error:
        raise KekError(f"{directory / CHECK} is damaged: bring it back from a copy") from error


def is_clear(path: Path) -> bool:
    """Whether a file is a key as older releases wrote it, or what is left of one."""
    try:
        return path.stat().st_size <= KEY_BYTES
    except FileNotFoundError:
        return False  # It was destroyed meanwhile.
