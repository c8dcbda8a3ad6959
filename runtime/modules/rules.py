"""Which version serves a call, and what a deploy or a roll-back makes of a release. Pure."""

from dataclasses import replace
from hashlib import sha256

from runtime.errors import Refused
from runtime.modules.tables import Release

BEFORE_MAX = 16
"""Versions that can be rolled back to, one after the other."""

ALL = 1_000
"""Permille."""


def served_by(release: Release, scope: str) -> str:
    """The version for a new call: the same for the same call, whoever asks. Raises Refused."""
    drawn = int.from_bytes(sha256(f"{release.id}/{scope}".encode()).digest()[:8], "big") % ALL
    if release.candidate is not None and drawn < release.permille:
        return release.candidate
    if release.stable is None:
        raise Refused(f"no version of {release.id} serves all calls yet: deploy one to 100%")
    return release.stable


def deployed(release: Release, version: str, permille: int) -> Release:
    """A version goes to so many calls; at all of them it becomes the stable one."""
    if not 0 < permille <= ALL:
        raise Refused("a rollout is more than 0% and at most 100% of new calls")
    if permille < ALL:
        if version == release.stable:
            raise Refused(f"{version} serves all calls already")
        return replace(release, candidate=version, permille=permille)
    if version == release.stable:
        return replace(release, candidate=None, permille=0)
    before = () if release.stable is None else (release.stable, *release.before)[:BEFORE_MAX]
    return replace(release, stable=version, candidate=None, permille=0, before=before)


def rolled_back(release: Release) -> Release:
    """The candidate is withdrawn; without one, the version before serves new calls again."""
    if release.candidate is not None:
        return replace(release, candidate=None, permille=0)
    if not release.before:
        raise Refused(f"there is no version of {release.id} to roll back to")
    return replace(release, stable=release.before[0], before=release.before[1:])
