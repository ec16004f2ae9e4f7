"""The threat model and the security policy: what they name is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODEL = (ROOT / "THREAT_MODEL.md").read_text()


def parts() -> dict[str, str]:
    """The tables of threats, by the part that they are about."""
    sections = re.split(r"(?m)^## ", MODEL)[1:]
    return {text.partition("\n")[0]: text for text in sections if "| threat |" in text}


def test_every_test_that_it_names_is_there():
    named = set(re.findall(r"`(tests/[^`]+)`", MODEL))
    assert len(named) > 30
    assert [name for name in sorted(named) if not (ROOT / name).is_file()] == []


def test_every_part_is_looked_at_from_all_six_sides():
    assert len(parts()) == 9
    for part, text in parts().items():
        assert set(re.findall(r"(?m)^\| ([STRIDE]) \|", text)) == set("STRIDE"), part


def test_every_defence_has_a_test():
    rows = re.findall(r"(?m)^\| [STRIDE] \|.*$", MODEL)
    assert rows
    assert [row for row in rows if "`tests/" not in row.rsplit("|", 2)[1]] == []


@pytest.mark.parametrize("page", ["THREAT_MODEL.md", "SECURITY.md"])
def test_links_lead_somewhere(page):
    text = (ROOT / page).read_text()
    for target, anchor in re.findall(r"\]\(([^)#:]*)(#[^)]*)?\)", text):
        assert (ROOT / (target or page)).exists(), target
        if anchor:
            headings = re.findall(r"(?m)^#+ (.*)$", (ROOT / (target or page)).read_text())
            assert anchor[1:] in {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}
