from collections.abc import Iterator

from parley.keeper.upkeep import (
    BACK_OFF_S_MAX,
    FAST_DEATH_S,
    FAST_DEATHS_FREE,
    Join,
    Promote,
    Role,
    Spawn,
    Step,
    Upkeep,
)

LONG = FAST_DEATH_S * 100


class House:
    """Upkeep with a machine which starts every process it is asked for."""

    def __init__(self, media: int = 1) -> None:
        self.upkeep = Upkeep(media)
        self.pids: Iterator[int] = iter(range(1, 1000))

    def steps(self, now: float = 0.0) -> list[Step]:
        done: list[Step] = []
        while step := self.upkeep.next_step(now):
            if isinstance(step, Spawn):
                self.upkeep.spawned(step.role, next(self.pids), now)
            done.append(step)
        return done

    def active(self, role: Role, index: int = 0) -> int:
        pid = self.upkeep.active(role, index)
        assert pid is not None
        return pid


def settled(media: int = 1) -> House:
    house = House(media)
    house.steps()
    return house


def test_at_first_every_role_is_filled_and_linked_before_any_spare_is_started() -> None:
    assert House().steps() == [
        Spawn(Role.NODE),
        Promote(Role.NODE, 1),
        Spawn(Role.MEDIA),
        Promote(Role.MEDIA, 2),
        Join(1, 2),
        Spawn(Role.SPEECH),
        Promote(Role.SPEECH, 3),
        Join(1, 3),
        Spawn(Role.NODE),
        Spawn(Role.MEDIA),
    ]


def test_a_warm_spare_takes_over_before_anything_else_happens() -> None:
    house = settled()
    house.upkeep.died(house.active(Role.MEDIA), LONG)
    assert house.steps(LONG) == [Promote(Role.MEDIA, 5), Join(1, 5), Spawn(Role.MEDIA)]


def test_a_new_node_is_joined_to_media_and_to_speech() -> None:
    house = settled()
    house.upkeep.died(house.active(Role.NODE), LONG)
    assert house.steps(LONG)[:3] == [Promote(Role.NODE, 4), Join(4, 2), Join(4, 3)]


def test_two_who_die_together_are_joined_once() -> None:
    house = settled()
    house.upkeep.died(house.active(Role.NODE), LONG)
    house.upkeep.died(house.active(Role.MEDIA), LONG)
    joins = [step for step in house.steps(LONG) if isinstance(step, Join)]
    assert sorted(joins, key=str) == [Join(4, 3), Join(4, 5)]


def test_nobody_is_joined_to_the_dead() -> None:
    house = settled()
    house.upkeep.died(house.active(Role.NODE), LONG)
    assert house.upkeep.next_step(LONG) == Promote(Role.NODE, 4)
    house.upkeep.died(house.active(Role.MEDIA), LONG)
    assert Join(4, 2) not in house.steps(LONG)


def test_a_spare_that_dies_is_replaced_and_changes_nothing_else() -> None:
    house = settled()
    house.upkeep.died(4, LONG)
    assert house.steps(LONG) == [Spawn(Role.NODE)]


def test_a_storm_of_deaths_is_answered_ever_more_slowly_but_always() -> None:
    house = settled()
    now, waits = 0.0, list[float]()
    for _ in range(30):
        waits.append(house.upkeep.died(house.active(Role.SPEECH), now))
        assert house.upkeep.wake_at == now + waits[-1]
        assert house.upkeep.next_step(now + waits[-1] - 0.001) is None or waits[-1] == 0
        now += waits[-1]
        house.steps(now)
    assert waits[:6] == [0.0] * FAST_DEATHS_FREE + [1.0, 2.0, 4.0]
    assert waits[-1] == BACK_OFF_S_MAX
    assert house.active(Role.SPEECH)


def test_a_long_life_ends_the_storm() -> None:
    house = settled()
    for _ in range(FAST_DEATHS_FREE + 1):
        wait_s = house.upkeep.died(house.active(Role.SPEECH), 0.0)
        house.steps(wait_s)
    assert wait_s > 0
    assert house.upkeep.died(house.active(Role.SPEECH), LONG) == 0


def test_a_machine_without_processes_is_asked_again_later() -> None:
    house = House()
    waits = [house.upkeep.failed(Role.NODE, 0.0) for _ in range(FAST_DEATHS_FREE + 1)]
    assert Spawn(Role.NODE) not in house.steps(0.0)
    assert house.upkeep.wake_at == waits[-1] > 0
    assert Spawn(Role.NODE) in house.steps(waits[-1])


def test_when_all_is_well_there_is_nothing_to_wait_for() -> None:
    assert settled().upkeep.wake_at is None


def test_each_media_process_has_a_number_and_all_have_one_spare() -> None:
    steps = House(media=2).steps()
    assert [step for step in steps if isinstance(step, Promote)] == [
        Promote(Role.NODE, 1),
        Promote(Role.MEDIA, 2, 0),
        Promote(Role.MEDIA, 3, 1),
        Promote(Role.SPEECH, 4),
    ]
    assert [step for step in steps if isinstance(step, Join)] == [
        Join(1, 2),
        Join(1, 3),
        Join(1, 4),
    ]
    assert steps[-2:] == [Spawn(Role.NODE), Spawn(Role.MEDIA)]


def test_the_spare_takes_the_number_of_whoever_died() -> None:
    house = settled(media=3)
    spare = 7
    house.upkeep.died(house.active(Role.MEDIA, 1), LONG)
    node = house.active(Role.NODE)
    assert house.steps(LONG) == [
        Promote(Role.MEDIA, spare, 1),
        Join(node, spare),
        Spawn(Role.MEDIA),
    ]


def test_of_two_who_die_one_waits_for_a_process_that_is_started_for_it() -> None:
    house = settled(media=2)
    for index in (1, 0):
        house.upkeep.died(house.active(Role.MEDIA, index), LONG)
    steps = [step for step in house.steps(LONG) if not isinstance(step, Join)]
    assert steps == [
        Promote(Role.MEDIA, 6, 0),
        Spawn(Role.MEDIA),
        Promote(Role.MEDIA, 7, 1),
        Spawn(Role.MEDIA),
    ]


def test_a_new_node_is_joined_to_every_media_process() -> None:
    house = settled(media=2)
    house.upkeep.died(house.active(Role.NODE), LONG)
    assert house.steps(LONG)[:4] == [
        Promote(Role.NODE, 5),
        Join(5, 2),
        Join(5, 3),
        Join(5, 4),
    ]


def test_one_that_dies_again_and_again_leaves_the_spare_to_the_others() -> None:
    house = settled(media=2)
    for _ in range(FAST_DEATHS_FREE + 1):
        wait_s = house.upkeep.died(house.active(Role.MEDIA, 0), 0.0)
        house.steps(0.0)
    assert wait_s > 0
    assert house.upkeep.active(Role.MEDIA, 0) is None
    assert house.upkeep.wake_at == wait_s
    assert house.upkeep.died(house.active(Role.MEDIA, 1), 0.0) == 0
    assert any(isinstance(step, Promote) and step.index == 1 for step in house.steps(0.0))
    assert any(isinstance(step, Promote) and step.index == 0 for step in house.steps(wait_s))


def test_spares_that_die_at_once_are_started_ever_more_slowly() -> None:
    house = settled(media=2)
    waits = [house.upkeep.died(6, 0.0)]
    for pid in (7, 8, 9):
        house.steps(0.0)
        waits.append(house.upkeep.died(pid, 0.0))
    assert waits == [0.0] * FAST_DEATHS_FREE + [1.0]
    assert house.steps(0.9) == []
    assert house.steps(1.0) == [Spawn(Role.MEDIA)]
