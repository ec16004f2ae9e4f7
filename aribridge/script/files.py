"""The files of scripts: main files and the modules they require."""

from __future__ import annotations

import re
from pathlib import Path

from aribridge.files import read_text
from aribridge.script.errors import ScriptLoadError
from aribridge.script.stock import lua_folder

_MODULE_NAME = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")
_LARGEST = 1 << 20


def read_source(path: Path) -> str:
    """The text of a Lua file. Raises ScriptLoadError."""
    try:
        if path.stat().st_size > _LARGEST:
            raise ScriptLoadError(f"{path}: larger than 1 MiB, which no script needs to be")
        return read_text(path)
    except OSError as error:
        raise ScriptLoadError(f"{path}: {error.strerror}; scripts.files names the scripts to load") from None
    except UnicodeDecodeError:
        raise ScriptLoadError(f"{path}: not a UTF-8 text file") from None


class Sources:
    """The files that one script is made of: read through here, and remembered with what was in them."""

    def __init__(self) -> None:
        self._contents: dict[Path, str] = {}

    @property
    def files(self) -> list[Path]:
        """The files, in the order in which they were read first."""
        return list(self._contents)

    def read(self, path: Path) -> str:
        """The text of a file. Raises ScriptLoadError."""
        text = self._contents[path] = read_source(path)
        return text

    def changed(self, earlier: Sources) -> list[Path]:
        """The files that are new or not what they were."""
        return [file for file, text in self._contents.items() if earlier._contents.get(file) != text]


def module_file(name: str, folder: Path) -> tuple[Path, str]:
    """The file of a required module, beside the script or in the gateway's lua/lib, and what to call it in errors.

    Raises ScriptLoadError.
    """
    if not _MODULE_NAME.fullmatch(name):
        raise ScriptLoadError(f"module '{name}': names of modules are words with dots between them")
    relative = f"{name.replace('.', '/')}.lua"
    for place in (folder, lua_folder() / "lib"):
        if (place / relative).is_file():
            return place / relative, relative
    raise ScriptLoadError(f"module '{name}': no file {relative} in {folder}, and none among the gateway's own modules")
