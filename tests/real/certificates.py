"""Certificates for 127.0.0.1, as openssl makes them: signed by themselves, or by one of these."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


class Pair(NamedTuple):
    """A certificate and its key, in PEM."""

    certificate: Path
    key: Path


EC = ("ec", "-pkeyopt", "ec_paramgen_curve:prime256v1")


def make_pair(
    folder: Path,
    name: str,
    *,
    ca: Pair | None = None,
    names: str = "IP:127.0.0.1,DNS:localhost",
    kind: Sequence[str] = EC,
) -> Pair:
    """A fresh pair, `name` being its common name, `kind` the kind of its key."""
    pair = Pair(folder / f"{name}.crt", folder / f"{name}.key")
    signer = ("-CA", str(ca.certificate), "-CAkey", str(ca.key)) if ca else ()
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", *kind, "-nodes"),
            *("-days", "2", "-subj", f"/CN={name}", "-addext", f"subjectAltName={names}", *signer),
            *("-keyout", str(pair.key), "-out", str(pair.certificate)),
        ],
        check=True,
        capture_output=True,
    )
    pair.key.chmod(0o600)
    return pair
