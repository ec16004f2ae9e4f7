"""The page docs/configuration.md, written from the definitions of the settings.

``python -m aribridge.config reference > docs/configuration.md``
"""

from __future__ import annotations

from collections.abc import Iterator

from aribridge.config.example import toml_value
from aribridge.config.schema import Setting, is_section, settings_of
from aribridge.core.settings import Settings

HEAD = """\
# Configuration

`aribridge run`, `check` and the other commands read the first of: the file named by `-c FILE`, `./aribridge.toml`,
`/etc/aribridge/aribridge.toml`. `aribridge init` writes a file with every key in it, commented out, each with its
default. Its sections are there: put what the documentation shows under the one of that name, TOML takes each but once.

All of it is read at the start, and a change takes a restart. What is in the files that it names, scripts, policy, keys,
is read anew by [`aribridge reload`](operations.md#scripts).

Environment variables come before the file, `--set` flags before both:

| setting | in the file | in the environment | as a flag |
|---|---|---|---|
| a key | `listen` under `[server]` | `ARIBRIDGE_SERVER__LISTEN=0.0.0.0:8188` | `--set server.listen=0.0.0.0:8188` |
| a key of the first Asterisk | `url` under `[[asterisk]]` | `ARIBRIDGE_ASTERISK__0__URL=…` | `--set asterisk.0.url=…` |
| a list, one by one | `origins = ["…"]` | `ARIBRIDGE_SERVER__ORIGINS__0=…` | `--set server.origins.0=https://…` |

Two underscores part the names; a variable without them (`ARIBRIDGE_SERVICE_HOST`, as Kubernetes sets it) is not a
setting, except `ARIBRIDGE_STATE`. Relative paths start from the folder of the configuration file, or from the current
folder where there is none. Files that hold a secret must not be readable by everybody.

`aribridge check` reads all of it, the files it names and the scripts, and prints everything that is wrong at once:

```
aribridge.toml:3: server.listne: unknown key. Did you mean listen?
aribridge.toml:12: asterisk.url: expected a URL such as "http://127.0.0.1:8088/ari", got "127.0.0.1".
```
"""


def write_reference() -> str:
    """The page, with a table for each section."""
    sections = "\n".join(line for part in _sections(Settings, "") for line in part)
    return f"{HEAD}\n{sections}\n"


def _sections(section: type, title: str, doc: str = "Keys before the first section.") -> Iterator[list[str]]:
    known = settings_of(section).values()
    rows = [_row(setting) for setting in known if not is_section(setting.kind) and not is_section(setting.item)]
    if rows:
        head = f"## {title}" if title else "## Outside of any section"
        yield [head, "", doc, "", "| key | default | unit | meaning |", "|---|---|---|---|", *rows, ""]
    for setting in known:
        name = f"{title.strip('`[]')}.{setting.name}".removeprefix(".")
        if is_section(setting.kind):
            yield from _sections(setting.kind, f"`[{name}]`", setting.doc)
        elif is_section(setting.item):
            yield from _sections(setting.item, f"`[[{name}]]`", f"{setting.doc} Repeat the section for several.")


def _row(setting: Setting) -> str:
    choices = f" One of {', '.join(f'`{choice}`' for choice in setting.choices)}." if setting.choices else ""
    doc = setting.doc.replace("|", "\\|")
    return f"| `{setting.name}` | `{toml_value(setting.default)}` | {setting.unit} | {doc}{choices} |"
