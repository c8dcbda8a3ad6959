"""Codecs between wire bytes and 16-bit samples."""

from media.codecs.codec import PAYLOAD_MS_MAX, Codec, Decoder, Encoder

__all__ = ["CODECS", "G711", "PAYLOAD_MS_MAX", "Codec", "Decoder", "Encoder"]

G711 = {
    "PCMU": Codec("PCMU", 0, "media.codecs.g711"),
    "PCMA": Codec("PCMA", 8, "media.codecs.g711"),
}
CODECS = G711 | {
    "G722": Codec("G722", 9, "media.codecs.g722", rate=16_000),
    "opus": Codec(
        "opus",
        111,
        "media.codecs.opus",
        clock_rate=48_000,
        rate=16_000,
        channels=2,
        # RFC 7587 section 6.1: what is sent above 8 kHz of bandwidth would not be heard.
        fmtp="maxplaybackrate=16000;sprop-maxcapturerate=16000;useinbandfec=1",
    ),
}
"""By the name of SDP's rtpmap."""
