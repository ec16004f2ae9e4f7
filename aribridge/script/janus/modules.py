"""The modules that scripts of Janus require and that are not the gateway's own."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from aribridge.protocol.problems import Problem
from aribridge.script.errors import ScriptLoadError
from aribridge.script.files import Sources

_NAME = re.compile(r"[A-Za-z0-9_-]+([./][A-Za-z0-9_-]+)*")


class Modules:
    """Files of ``path`` in ``[[janus.lua]]``, in its order, then beside the script."""

    def __init__(self, folders: Sequence[Path], sources: Sources) -> None:
        """``sources`` reads what is found."""
        self._folders = folders
        self._sources = sources

    def find(self, name: str) -> tuple[bool, dict[str, str]]:
        """The source of a module, as ``answer`` for Lua: (found, source and file or the error)."""
        try:
            file = self._file(name)
            return True, {"source": self._sources.read(file), "name": file.name}
        except ScriptLoadError as error:
            return False, Problem("script_error", str(error), source="script").to_error()

    async def require(self, name: str) -> dict[str, str]:
        """The same for a script that runs already. Raises Problem."""
        found, answer = self.find(name)
        if not found:
            raise Problem("script_error", answer["detail"], source="script")
        return answer

    def _file(self, name: str) -> Path:
        if not _NAME.fullmatch(name):
            raise ScriptLoadError(f"module '{name}': names of modules are words with dots between them")
        relative = f"{name.replace('.', '/')}.lua"
        for folder in self._folders:
            for file in (folder / relative, folder / name.replace(".", "/") / "init.lua"):
                if file.is_file():
                    return file
        places = ", ".join(map(str, self._folders))
        raise ScriptLoadError(f"module '{name}': no file {relative} in {places} (path of [[janus.lua]])")
