"""Trunks: who may call us, how much, and by whom we call others."""

from telephony.trunks.gate import REALM, TrunkGate
from telephony.trunks.line import NoTrunk, TrunkLines
from telephony.trunks.trunk import Auth, Trunk

__all__ = ["REALM", "Auth", "NoTrunk", "Trunk", "TrunkGate", "TrunkLines"]
