"""Another KEK takes over: at any moment one of the two opens all, and in the end one does."""

from pathlib import Path

import pytest

from runtime.kek import Bytes, Source
from runtime.kek_check import known_in
from runtime.kek_sources import File
from runtime.key_errors import KekError
from runtime.keystore import Keystore
from runtime.rewrapping import rewrap

OLD, NEW = bytes(32).replace(b"\0", b"o"), bytes(32).replace(b"\0", b"n")


class Cut(Exception):
    """The process dies here."""


def cut() -> None:
    raise Cut


class Failing(Bytes):
    """A KEK that dies after it wrapped so many."""

    def __init__(self, kek: bytes, left: int) -> None:
        super().__init__(kek)
        self.left = left
        self.where = "failing"

    def wrap(self, key: bytes, bound_to: bytes) -> bytes:
        if self.left == 0:
            raise Cut
        self.left -= 1
        return super().wrap(key, bound_to)

    def open(self) -> Bytes:
        return self

    def make(self) -> None:
        """It is there."""


class House:
    """A keystore with keys of two calls and of none, and two KEKs."""

    def __init__(self, data: Path) -> None:
        (data / "old").write_bytes(OLD)
        (data / "new").write_bytes(NEW)
        self.folder = data / "keys"
        self.old, self.new = File(data / "old"), File(data / "new")
        keystore = Keystore(self.folder, self.old)
        keystore.prepare_several(3)
        keystore.prepare_families(2, 3)
        self.keys = {key_id: keystore.key(key_id) for key_id in keystore.ids()}

    def opens(self, source: Source) -> bool:
        """Whether all of it is readable under this KEK."""
        try:
            keystore = Keystore(self.folder, source)
            return {key_id: keystore.key(key_id) for key_id in keystore.ids()} == self.keys
        except KekError:
            return False


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def below(house: House) -> dict[str, bytes]:
    """The files of keys under the key of a call."""
    names = [path for path in house.folder.iterdir() if len(path.name) == len("key_x") + 32]
    return {path.name: path.read_bytes() for path in names}


def test_only_what_is_under_the_kek_is_wrapped_again(house: House) -> None:
    untouched = below(house)
    assert len(untouched) == 6
    assert rewrap(house.folder, house.old, house.new, lambda: None) == 5
    assert below(house) == untouched
    assert (house.opens(house.new), house.opens(house.old)) == (True, False)
    assert list(known_in(house.folder)) == [Bytes(NEW).id]
    # Nothing is left of what the old one opened.
    old = Bytes(OLD).id.encode()
    assert not any(old in path.read_bytes() for path in house.folder.iterdir())


@pytest.mark.parametrize("left", range(5))
def test_cut_short_while_it_wraps_the_old_kek_opens_all_and_it_goes_on(
    house: House, left: int
) -> None:
    with pytest.raises(Cut):
        rewrap(house.folder, house.old, Failing(NEW, left), lambda: None)
    assert house.opens(house.old)
    assert rewrap(house.folder, house.old, house.new, lambda: None) == 5
    assert (house.opens(house.new), house.opens(house.old)) == (True, False)


def test_once_all_is_wrapped_under_both_either_opens_it(house: House) -> None:
    with pytest.raises(Cut):
        rewrap(house.folder, house.old, house.new, cut)
    assert set(known_in(house.folder)) == {Bytes(OLD).id, Bytes(NEW).id}
    copy = {path: path.read_bytes() for path in house.folder.iterdir()}
    assert house.opens(house.new)
    # Whoever opens it goes on with that one: new keys are under it alone.
    assert list(known_in(house.folder)) == [Bytes(NEW).id] and not house.opens(house.old)
    for path, data in copy.items():
        path.write_bytes(data)
    assert house.opens(house.old) and not house.opens(house.new)
    assert rewrap(house.folder, house.old, house.new, lambda: None) == 5
    assert house.opens(house.new)


def test_cut_short_after_the_new_one_took_over_it_is_finished_by_doing_it_again(
    house: House,
) -> None:
    with pytest.raises(Cut):
        rewrap(house.folder, house.old, house.new, cut)
    assert house.opens(house.new)  # The check names it alone now; the old wrapping is there.
    old = Bytes(OLD).id.encode()
    assert any(old in path.read_bytes() for path in house.folder.iterdir())
    assert rewrap(house.folder, house.old, house.new, lambda: None) == 5
    assert not any(old in path.read_bytes() for path in house.folder.iterdir())
    assert house.opens(house.new)


def test_a_file_is_given_another_kek_in_place(house: House, tmp_path: Path) -> None:
    for cuts in (True, False):
        following = house.old.next()
        assert following.open().id == house.old.next().open().id  # Drawn once.
        if cuts:
            with pytest.raises(Cut):
                rewrap(house.folder, house.old, following, cut)
            assert house.opens(house.old)
    before = house.old.open().id
    rewrap(house.folder, house.old, house.old.next(), house.old.succeed)
    assert house.opens(house.old) and house.old.open().id != before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["keys", "new", "old"]
    assert not any(OLD in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())


def test_a_kek_that_opens_nothing_here_changes_nothing(house: House, tmp_path: Path) -> None:
    before = {path: path.read_bytes() for path in house.folder.iterdir()}
    (tmp_path / "third").write_bytes(b"t" * 32)
    with pytest.raises(KekError, match="name the right one"):
        rewrap(house.folder, File(tmp_path / "third"), house.new, lambda: None)
    with pytest.raises(KekError, match="there is no KEK at"):
        rewrap(house.folder, house.old, File(tmp_path / "fourth"), lambda: None)
    assert {path: path.read_bytes() for path in house.folder.iterdir()} == before
