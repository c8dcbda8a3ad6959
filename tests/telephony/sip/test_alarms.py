from telephony.sip.alarms import Alarm, Alarms


def test_an_alarm_rings_once_at_its_last_time() -> None:
    alarms = Alarms()
    alarms.set("a", "1", 1.0)
    alarms.set("a", "1", 2.0)
    alarms.set("b", "1", 1.5)
    assert (alarms.wake_at, alarms.due(1.4)) == (1.5, [])
    assert alarms.due(9.0) == [Alarm("b", "1"), Alarm("a", "1")]
    assert alarms.wake_at is None


def test_an_alarm_which_is_cleared_does_not_ring() -> None:
    alarms = Alarms()
    alarms.set("a", "1", 1.0)
    alarms.set("a", "1", None)
    assert (alarms.wake_at, alarms.due(9.0), len(alarms)) == (None, [], 0)
