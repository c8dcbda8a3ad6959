from media.outbox import KEPT_BYTES_MAX, KEPT_EVENTS_MAX, Event, Outbox


def event(name: str, size: int = 0) -> Event:
    return Event({"event": name, "leg": "l"}, bytes(size))


def test_events_wait_until_they_are_acknowledged() -> None:
    outbox = Outbox()
    ids = [outbox.add(event("dtmf")) for _ in range(5)]
    outbox.acknowledge((ids[1], ids[3], 999))
    assert [name for name, _ in outbox.after(0)] == [ids[0], ids[2], ids[4]]
    assert [e.header["id"] for _, e in outbox.after(ids[0])] == [ids[2], ids[4]]


def test_when_full_the_oldest_heard_goes_first_and_is_counted() -> None:
    outbox = Outbox()
    played = outbox.add(event("played"))
    heard = outbox.add(event("heard"))
    for _ in range(KEPT_EVENTS_MAX - 1):
        outbox.add(event("chunk"))
    names = [name for name, _ in outbox.after(0)]
    assert (len(outbox), outbox.dropped) == (KEPT_EVENTS_MAX, 1)
    assert played in names
    assert heard not in names


def test_without_a_heard_the_oldest_goes() -> None:
    outbox = Outbox()
    first = outbox.add(event("played"))
    for _ in range(KEPT_EVENTS_MAX):
        outbox.add(event("chunk"))
    assert first not in [name for name, _ in outbox.after(0)]


def test_payloads_are_bounded_in_bytes() -> None:
    outbox = Outbox()
    for _ in range(10):
        outbox.add(event("heard", KEPT_BYTES_MAX // 4))
    assert len(outbox) == 4
