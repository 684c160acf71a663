"""Folders of our own in places that everybody shares: made by us, or found to be ours, or refused."""

import os
import pwd
from pathlib import Path


class FolderRefused(Exception):
    """Somebody else's folder lies where ours belongs; the message names it."""


def own(path: Path, user: pwd.struct_passwd | None, mode: int = 0o700) -> None:
    """Makes sure that `path` is a folder of `user` (or of this process) with exactly this mode. What somebody else put
    there first, be it a folder or a link to one, is refused. Parents are made where they are missing and never changed.
    Raises FolderRefused, OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        path.mkdir(mode=0o700)
    except FileExistsError:
        if not _is_ours(path, user):
            told = f"{path} is no folder of this program's own user; remove it or choose another place."
            raise FolderRefused(told) from None
    if user:
        os.chown(path, user.pw_uid, user.pw_gid)
    path.chmod(mode)


def _is_ours(path: Path, user: pwd.struct_passwd | None) -> bool:
    if path.is_symlink() and path.lstat().st_uid != os.getuid():
        return False
    return path.is_dir() and path.stat().st_uid in {os.getuid(), user.pw_uid if user else os.getuid()}


def is_reachable(path: Path) -> bool:
    """Whether any user may enter every folder on the way."""
    return all(part.stat().st_mode & 0o001 for part in [path, *path.parents])


def nearest(path: Path) -> Path:
    """The deepest folder on the way that exists."""
    while not path.exists():
        path = path.parent
    return path if path.is_dir() else path.parent
