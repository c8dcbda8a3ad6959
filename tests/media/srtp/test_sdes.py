import base64

import pytest

from media.srtp import SUITES, Keying

AES = SUITES["AES_CM_128_HMAC_SHA1_80"]
AES256 = SUITES["AES_256_CM_HMAC_SHA1_80"]
KEY = base64.b64encode(bytes(range(30))).decode()


@pytest.mark.parametrize(
    ("text", "keying"),
    [
        (f"inline:{KEY}", Keying(bytes(range(30)))),
        (f"INLINE:{KEY}", Keying(bytes(range(30)))),
        (f"inline:{KEY}|2^20", Keying(bytes(range(30)), 1 << 20)),
        (f"inline:{KEY}|2^48", Keying(bytes(range(30)))),
        (f"inline:{KEY}|65536", Keying(bytes(range(30)), 65_536)),
        (f"inline:{KEY}|1066:4", Keying(bytes(range(30)), 1 << 48, bytes.fromhex("0000042a"))),
        (f"inline:{KEY}|2^20|1:1", Keying(bytes(range(30)), 1 << 20, b"\x01")),
    ],
)
def test_key_material_is_read_and_written(text: str, keying: Keying) -> None:
    assert Keying.parse(AES, text) == keying
    assert Keying.parse(AES, keying.format()) == keying


def test_the_key_of_rfc_4568_is_read() -> None:
    text = "inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj|2^20|1:32"
    keying = Keying.parse(AES, text)
    assert keying.master == b"wDfvg&T+)xG7@fb5jU,RaA}\\|p0%*#"
    assert (keying.lifetime, keying.mki) == (1 << 20, bytes(31) + b"\x01")


def test_a_key_of_46_bytes_is_read_with_and_without_its_padding() -> None:
    text = base64.b64encode(bytes(46)).decode()
    assert text.endswith("==")
    for each in (text, text.rstrip("=")):
        assert Keying.parse(AES256, f"inline:{each}").master == bytes(46)


@pytest.mark.parametrize(
    "text",
    [
        "",
        KEY,
        "inline:",
        "uri:https://example.com/key",
        f"inline:{KEY[:-4]}",
        f"inline:{KEY}AAAA",
        f"inline:{KEY[:-1]}!",
        f"inline:{KEY[:-1]}",
        f"inline: {KEY}",
        f"inline:{KEY}\n",
        f"inline:{KEY}|",
        f"inline:{KEY}|0",
        f"inline:{KEY}|2^0",
        f"inline:{KEY}|2^49",
        f"inline:{KEY}|2^20|",
        f"inline:{KEY}|281474976710657",
        f"inline:{KEY}|٣",
        f"inline:{KEY}|0:4",
        f"inline:{KEY}|256:1",
        f"inline:{KEY}|1:0",
        f"inline:{KEY}|1:129",
        f"inline:{KEY}|1:1|2^20",
        f"inline:{KEY}|2^20|1:1|1:1",
        f"inline:{KEY}|2^20;inline:{KEY}|2^20",
        "inline:" + "A" * 10_000,
        f"inline:{KEY}|{'9' * 400}:128",
    ],
)
def test_what_is_no_key_material_is_a_value_error_that_does_not_give_it_away(text: str) -> None:
    with pytest.raises(ValueError, match="SDES") as refused:
        Keying.parse(AES, text)
    assert KEY[:8] not in str(refused.value)
