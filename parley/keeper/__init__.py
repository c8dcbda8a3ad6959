"""The keeper: owns the sockets, starts and restarts the processes, and holds nothing else."""

from parley.keeper.errors import Damaged, KeeperError
from parley.keeper.keeper import PROGRAMS, Keeper

__all__ = ["PROGRAMS", "Damaged", "Keeper", "KeeperError"]
