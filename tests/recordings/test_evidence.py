"""Claims about what goes into a pack."""

import json
from dataclasses import replace
from hashlib import sha256

import pytest

from recordings import evidence
from recordings.pack.frontier import frontier
from runtime import merkle
from tests.recordings.call import granted, honest


def test_entries_go_in_byte_for_byte() -> None:
    pack = honest().pack()
    files = evidence.documents(pack)
    assert files["data/entries.jsonl"].split(b"\n")[:-1] == list(pack.entries)
    assert files["data/checkpoint.txt"].decode() == pack.checkpoint


@pytest.mark.parametrize("size", range(1, 20))
def test_the_log_is_covered_by_perfect_subtrees_cut_at_each_size(size: int) -> None:
    tree = merkle.Tree([sha256(bytes([n])).digest() for n in range(size)])
    for cut in range(size + 1):
        told = frontier(tree, [size // 2], [cut])
        counts = [count for count, _ in told]
        assert sum(counts) == size
        assert all(count & (count - 1) == 0 for count in counts)
        starts = [sum(counts[:n]) for n in range(len(counts) + 1)]
        assert cut in starts
        assert [at for at, (_, node) in zip(starts, told, strict=False) if node is None] == [
            size // 2
        ]


def test_only_sizes_that_the_log_had_are_proved() -> None:
    pack = honest().pack()
    proof = evidence.documents(replace(pack, older=[0, 3, 10_000]))["data/proof.json"]
    assert proof == evidence.documents(replace(pack, older=[3]))["data/proof.json"]


def test_a_transcript_item_shows_five_facts_and_no_more() -> None:
    pack = honest().pack()
    transcript = [{**item, "phone": "+49 30 1"} for item in pack.transcript]
    files = evidence.documents(replace(pack, transcript=transcript))
    shown = json.loads(files["data/transcript.json"])
    assert [set(item) for item in shown["segments"]] == [set(evidence.SEGMENT_FIELDS)] * 2
    assert shown["remote"] == "sip:+41790001122@carrier.example"


def test_the_report_tells_consent_recording_and_what_is_missing() -> None:
    page = evidence.documents(honest().pack())["data/report.html"].decode()
    assert "Consent by key 1 at 2027-01-15T08:00:02+00:00, 0.0 s before the first" in page
    assert "withdrawn by key 9 at 2027-01-15T08:00:04+00:00" in page
    assert "2.0 s of the agent, 2.0 s of the caller" in page
    assert "No piece of it was refused." in page
    assert "danke" not in page and "41790001122" not in page


def test_the_report_escapes_what_the_log_says() -> None:
    call = granted()
    gap = {"id": "g", "call": "call-7", "party": "caller", "epoch": 1, "n": 0, "at_us": 1}
    gap |= {"from_us": 1, "until_us": 2, "why": "<script>"}
    call.add(2_000_000_000_000_000, "x", ("chunk_gap", gap))
    page = evidence.documents(call.pack())["data/report.html"]
    assert b"<script>" not in page and b"&lt;script&gt;" in page


def test_the_certificate_names_the_record_by_its_hashes() -> None:
    call = honest()
    text = evidence.documents(call.pack())["data/certificate-902.md"].decode()
    own = [entry for entry in call.log.entries if b'"scope":"call-7"' in entry]
    assert merkle.leaf_hash(own[-1]).hex() in text
    assert call.log.checkpoint().split("\n")[2] in text
    assert "call-7" in text


def test_inputs_that_do_not_belong_together_make_no_pack() -> None:
    pack = honest().pack()
    with pytest.raises(evidence.PackError, match="not those of the checkpoint"):
        evidence.documents(replace(pack, leaves=pack.leaves[:-1]))
    with pytest.raises(evidence.PackError, match="entry 2 is not a leaf"):
        changed = pack.entries[0].replace(b"node", b"edon")
        evidence.documents(replace(pack, entries=[changed, *pack.entries[1:]]))
    with pytest.raises(evidence.PackError, match="not in the order"):
        evidence.documents(replace(pack, entries=[*pack.entries[::-1]]))
    with pytest.raises(evidence.PackError, match="no entry of call"):
        evidence.documents(replace(pack, entries=[]))
    with pytest.raises(ValueError, match="not 'elsewhere'"):
        evidence.documents(replace(pack, origin="elsewhere"))
