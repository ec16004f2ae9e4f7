"""The one check that the libraries below are those this package was written against.

``udp``, ``ice``, ``dtls`` and ``sctp`` extend aiortc and aioice below their public interfaces, since those have no bind
address, no shared port, no bound on buffers and no word about a lost association. They fit the versions named here.
"""

from __future__ import annotations

from importlib.metadata import version

from aribridge.transport.webrtc.fastpath import dtls

TESTED = {"aiortc": "1.16.", "aioice": "0.13."}


def check_versions() -> None:
    """Raise RuntimeError if aiortc or aioice is of a series that this package was not tested with."""
    for package, series in TESTED.items():
        found = version(package)
        if not found.startswith(series):
            raise RuntimeError(
                f"WebRTC needs {package} {series}*, but {found} is installed. Install the tested one: "
                f"pip install '{package}=={series}*'"
            )


FAST_PATH_FITS = {"aiortc": {"1.16.0"}}


def fast_path_unfit() -> str:
    """Why the fast path can't be used with the libraries that are installed; empty if it can.

    It replaces methods of aiortc's classes, so that it is for the very releases it was tested with.
    """
    for package, releases in FAST_PATH_FITS.items():
        if (found := version(package)) not in releases:
            return f"it was made for {package} {' or '.join(sorted(releases))}, not for {found}"
    if absent := dtls.missing():
        return f"pyOpenSSL {version('pyOpenSSL')} has no {', '.join(absent)}"
    return ""
