"""What an evidence pack is made of: proof, locked keys, report; and what is checked beyond it."""
