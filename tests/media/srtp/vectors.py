"""Packets and key material of others: of the RFCs, and of another implementation of them."""

RFC3711_KEY = bytes.fromhex("e1f97a0d3e018be0d64fa32c06de4139")
RFC3711_SALT = bytes.fromhex("0ec675ad498afeebb6960b3aabe6")

RFC6188_KEY = bytes.fromhex("f0f04914b513f2763a1b1fa130f10e2998f6f6e43e4309d1e622a0e332b9f1b6")
RFC6188_SALT = bytes.fromhex("3b04803de51ee7c96423ab5b78d2")

# RFC 7714 section 16: session keys, not master keys.
RFC7714_SALT = bytes.fromhex("517569642070726f2071756f")
RFC7714_HEADER = bytes.fromhex("8040f17b8041f8d35501a0b2")
RFC7714_PACKET = RFC7714_HEADER + b"Gallia est omnis divisa in partes tres"
RFC7714_SEALED = {
    16: RFC7714_HEADER
    + bytes.fromhex(
        "f24de3a3fb34de6cacba861c9d7e4bcabe633bd50d294e6f42a5f47a51c7d19b36de3adf8833"
        "899d7f27beb16a9152cf765ee4390cce"
    ),
    32: RFC7714_HEADER
    + bytes.fromhex(
        "32b1de78a822fe12ef9f78fa332e33aab18012389a58e2f3b50b2a0276ffae0f1ba63799b87b"
        "7aa3db36dfffd6b0f9bb7878d7a76c13"
    ),
}

# What libsrtp makes of three packets of a stream whose master key is 1, 2, 3, ...: one with a CSRC
# and an extension at the end of the first round of sequence numbers, one at the beginning of the
# second, and a sender report.
LIBSRTP = {
    "AES_CM_128_HMAC_SHA1_80": (
        "9100ffff009fff606162636443535243bede000110aa000027d1b6cf13de73a1442f41d9d0440cff0f0a"
        "f73f0fd4cee3bba5cd90133c1ab176d94bcb450ab6d6383c7a",
        "8000000000a0000061626364f4e37766cab334761f4fc855217bf58b6ca7a6130d420efc6f554734bb0f",
        "80c80006616263649eeb9d33674834e1a1a684a64dd8dc3f255521e88000000138fe6b85e7c1786064bc",
    ),
    "AES_CM_128_HMAC_SHA1_32": (
        "9100ffff009fff606162636443535243bede000110aa000027d1b6cf13de73a1442f41d9d0440cff0f0a"
        "f73f0fd4cee3bba5cd90133c1ab176d94bcb45",
        "8000000000a0000061626364f4e37766cab334761f4fc855217bf58b6ca7a6130d420efc",
        "80c80006616263649eeb9d33674834e1a1a684a64dd8dc3f255521e88000000138fe6b85e7c1786064bc",
    ),
    "AEAD_AES_128_GCM": (
        "9100ffff009fff606162636443535243bede000110aa0000cbedb268ee7267b1fd1e43bf0573dcac5067"
        "4ca3229ef0a41fabede575197c10127e87931646f8d28bdc496af4f4933cda",
        "8000000000a0000061626364c954870bafa3f0a32db1c2a3e099bcdffdb3652b0cd4b351588e142f6fc5"
        "60be72316e9b",
        "80c80006616263642bb043bac98b2447c9e7f996c95c89a57bd8f20157ed582b1adfb8b1e506680700ff"
        "79d380000001",
    ),
    "AEAD_AES_256_GCM": (
        "9100ffff009fff606162636443535243bede000110aa0000633968112d129eb0db3e2f216e5159a0a562"
        "7f996f07af234c872073c2bb9a2adf452bdac44a5ba58596a84511935f7cd8",
        "8000000000a0000061626364911ff8bf9d7cf6002dad214fae7c762ef2704256239d38a207d349f0b118"
        "58655d42903c",
        "80c8000661626364eae6866a33bbcc06916c55c44673fc583ce4281d00c91f85fdfc26506b0c42e7ec39"
        "6f1a80000001",
    ),
}


def rtp(index: int, payload: int = 20, *, head: bytes = b"\x80\x00", more: bytes = b"") -> bytes:
    """A packet whose payload begins with the low octet of its index, and counts up."""
    fixed = head + (index & 0xFFFF).to_bytes(2) + (160 * index & 0xFFFF_FFFF).to_bytes(4)
    return fixed + b"abcd" + more + bytes((index + n) & 0xFF for n in range(payload))


WITH_EXTENSION = rtp(0xFFFF, 33, head=b"\x91\x00", more=b"CSRC" + bytes.fromhex("bede000110aa0000"))
SENDER_REPORT = bytes.fromhex("80c80006") + b"abcd" + bytes(range(20))
