from media.ports import QUARANTINE_US, SPARE_PORTS, SURPLUS_US, Ports


def test_two_spare_ports_are_kept_and_asked_for_once() -> None:
    ports = Ports()
    assert ports.wanted(waiting=0) == SPARE_PORTS
    assert ports.wanted(waiting=0) == 0
    ports.add(4_000, "h", 0)
    ports.add(4_002, "h", 0)
    assert ports.wanted(waiting=0) == 0
    ports.take(None)
    assert ports.wanted(waiting=0) == 1
    assert ports.wanted(waiting=3) == 3


def test_a_port_rests_before_it_is_given_back() -> None:
    ports = Ports()
    ports.add(4_000, "h", 0)
    assert ports.take(None) == 4_000
    ports.leave(4_000, now=5)
    assert ports.take(4_000) is None
    assert ports.released(QUARANTINE_US + 4) == []
    assert ports.released(QUARANTINE_US + 5) == [4_000]


def test_after_a_restart_new_calls_leave_the_held_ports_to_their_calls() -> None:
    ports = Ports()
    for port in (4_000, 4_002, 4_004):
        ports.add(port, "h", 0)
    assert ports.take(None) == 4_004
    assert ports.take(4_000) == 4_000


def test_held_ports_nobody_claims_are_given_back_in_the_end() -> None:
    ports = Ports()
    for port in (4_000, 4_002, 4_004, 4_006):
        ports.add(port, "h", 0)
    assert ports.released(SURPLUS_US - 1) == []
    assert ports.released(SURPLUS_US) == [4_000, 4_002]
