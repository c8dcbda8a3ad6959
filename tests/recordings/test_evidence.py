"""Claims about what goes into a pack."""

import json
from dataclasses import replace

import pytest

from recordings import evidence
from tests.recordings.call import honest


def test_entries_go_in_byte_for_byte() -> None:
    pack = honest().pack()
    files = evidence.documents(pack)
    assert files["entries.jsonl"].split(b"\n")[:-1] == list(pack.entries)
    assert files["checkpoint.txt"].decode() == pack.checkpoint


def test_there_is_a_proof_from_each_older_checkpoint_newest_first_and_once() -> None:
    call = honest()
    texts = [call.log.checkpoint(size) for size in (2, 5, 5, 9)]
    files = evidence.documents(replace(call.pack(), older=texts))
    proofs = json.loads(files["consistency.json"])
    assert [proof["checkpoint"] for proof in proofs] == [texts[3], texts[2], texts[0]]


def test_only_the_newest_checkpoints_are_proved() -> None:
    call = honest()
    for _ in range(evidence.CHECKPOINTS_MAX):
        call.other_call(call.chunks[-1].at_us * 2)
    texts = [
        f"log.example/parley\n{size}\n{'A' * 43}=\n\n\u2014 log.example/parley AA==\n"
        for size in range(1, evidence.CHECKPOINTS_MAX + 10)
    ]
    files = evidence.documents(replace(call.pack(), older=texts))
    proofs = json.loads(files["consistency.json"])
    assert len(proofs) == evidence.CHECKPOINTS_MAX
    assert proofs[0]["checkpoint"] == texts[-1]


def test_a_transcript_item_shows_five_facts_and_no_more() -> None:
    pack = honest().pack()
    transcript = [{**item, "phone": "+49 30 1"} for item in pack.transcript]
    files = evidence.documents(replace(pack, transcript=transcript))
    shown = json.loads(files["transcript.json"])
    assert [set(item) for item in shown] == [set(evidence.SEGMENT_FIELDS)] * 2


def test_inputs_that_do_not_belong_together_make_no_pack() -> None:
    pack = honest().pack()
    with pytest.raises(evidence.PackError, match="not those of the checkpoint"):
        evidence.documents(replace(pack, leaves=pack.leaves[:-1]))
    with pytest.raises(evidence.PackError, match="entry 2 is not a leaf"):
        changed = pack.entries[0].replace(b"node", b"edon")
        evidence.documents(replace(pack, entries=[changed, *pack.entries[1:]]))
    with pytest.raises(evidence.PackError, match="no entry of call"):
        evidence.manifest(replace(pack, entries=[]), {})
    with pytest.raises(ValueError, match="not 'elsewhere'"):
        evidence.documents(replace(pack, origin="elsewhere"))
