"""The modules of a page's script under node, as they stand, beside the Python that they have to equal."""

import json
import shutil
import subprocess
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

_SCRIPTS = files("pellucid")
_RUN = """
import { readFileSync } from "node:fs";
const given = JSON.parse(readFileSync(0, "utf8"));
const made = await (async () => { %s })();
process.stdout.write(JSON.stringify(made));
"""


class Node:
    """Runs code that imports the modules of a script; they are copied, since node asks what modules are.

    Args:
        folder: to copy them to.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        shutil.copytree(str(_SCRIPTS), folder / "pellucid", ignore=_all_but_scripts)
        (folder / "package.json").write_text('{"type": "module"}')

    def run(self, imports: str, code: str, given: object) -> Any:
        """What `code` returns, where `given` is at hand; imports are written from `reports` on."""
        program = self._folder / "program.js"
        program.write_text(f"{imports}\n{_RUN % code}", encoding="utf-8")
        done = subprocess.run(
            ["node", program.name],
            input=json.dumps(given),
            capture_output=True,
            text=True,
            encoding="utf-8",
            cwd=self._folder,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        return json.loads(done.stdout)


def need_node() -> None:
    """Skip where there is no node."""
    if shutil.which("node") is None:
        pytest.skip("needs node, under which the scripts of pages run outside a browser")


def _all_but_scripts(folder: str, names: list[str]) -> list[str]:
    return [name for name in names if not (name.endswith(".js") or (Path(folder) / name).is_dir())]
