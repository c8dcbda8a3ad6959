"""Who may have one more connection."""

from telephony.occupancy import Limits, Occupancy

LIMITS = Limits(total=4, strangers=2, per_address=2)


def test_strangers_leave_room_for_peers_and_nobody_takes_it_all() -> None:
    those = Occupancy(LIMITS)
    for host in ("192.0.2.1", "192.0.2.2"):
        assert those.has_room(host, is_known=False)
        those.enter(host, is_known=False)
    assert not those.has_room("192.0.2.3", is_known=False)
    for _ in range(2):
        assert those.has_room("198.51.100.1", is_known=True)
        those.enter("198.51.100.1", is_known=True)
    assert not those.has_room("198.51.100.2", is_known=True)
    those.leave("192.0.2.1", is_known=False)
    assert not those.has_room("198.51.100.1", is_known=True), "it has its two"
    assert those.has_room("198.51.100.2", is_known=True)
    assert those.has_room("192.0.2.3", is_known=False)


def test_a_network_of_ipv6_is_one_party() -> None:
    those = Occupancy(LIMITS)
    for host in ("2001:db8::1", "2001:db8::ffff%eth0"):
        those.enter(host, is_known=True)
    assert not those.has_room("2001:db8:0:0:9::1", is_known=True)
    assert those.has_room("2001:db8:0:1::1", is_known=True)
