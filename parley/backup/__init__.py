"""Backups of a store, without its keys, and what it takes to go on from one."""

from parley.backup.files import BadBackup
from parley.backup.manifest import Manifest
from parley.backup.restoring import InTheWay, Restored, restore
from parley.backup.taking import NotEmpty, take

__all__ = ["BadBackup", "InTheWay", "Manifest", "NotEmpty", "Restored", "restore", "take"]
