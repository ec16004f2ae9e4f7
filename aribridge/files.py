"""Files that are named in the configuration: read more than once, at the start and at each reload."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

NOT_REGULAR = "is a folder, a pipe or a device; it has to be a regular file, which is read anew at each reload"


def read_regular(path: str | Path) -> bytes:
    """The content of a regular file.

    Raises OSError, for anything else, too: a pipe that nobody writes to would stop the gateway, a device may have no
    end, and what came through a pipe once is not there at the next reload.
    """
    # Without O_NONBLOCK opening a pipe waits for somebody who writes to it.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, NOT_REGULAR, str(path))
        with open(descriptor, "rb", closefd=False) as file:
            return file.read()
    finally:
        os.close(descriptor)


def read_text(path: str | Path) -> str:
    """The text of a regular file, without what Windows' editors add: a byte order mark, carriage returns.

    Raises OSError, UnicodeDecodeError.
    """
    return read_regular(path).decode("utf-8-sig").replace("\r\n", "\n")
