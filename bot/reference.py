"""The reference pages that are made from the code: the settings and the states. `scripts/docs` writes them."""

from __future__ import annotations

import typing
from collections.abc import Callable, Mapping
from pathlib import Path

from annotated_types import Ge, Gt, Le
from pydantic import SecretStr
from pydantic.fields import FieldInfo

from bot.settings import Settings
from orchestrator.recovery import diagram

_FOLDER = Path(__file__).parents[1] / "docs" / "reference"
PAGE = _FOLDER / "settings.md"
STATES_PAGE = _FOLDER / "states.md"
BEGIN, END = "<!-- begin: scripts/docs writes what follows -->", "<!-- end -->"
HEAD = "| Variable | What it is for | Where to get it | Values | Default |\n| --- | --- | --- | --- | --- |"

_KINDS = {int: "a whole number", float: "a number", Path: "a path", SecretStr: "secret"}


def table() -> str:
    """All settings as a markdown table, in the order of the model."""
    rows = [_row(name, field) for name, field in Settings.model_fields.items()]
    return "\n".join([HEAD, *rows])


def updated(page: str, made: Callable[[], str] = table) -> str:
    """`page` with what is made today between its two marks. Raises ValueError when they are missing."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"a page lacks {BEGIN!r} or {END!r}")
    return f"{before}{BEGIN}\n\n{made()}\n\n{END}{after}"


PAGES: Mapping[Path, Callable[[], str]] = {PAGE: table, STATES_PAGE: diagram.page}


def main() -> None:
    """Bring the pages up to date."""
    for path, made in PAGES.items():
        path.write_text(updated(path.read_text(), made))


def _row(name: str, field: FieldInfo) -> str:
    extra = field.json_schema_extra
    where = str(extra.get("where", "")) if isinstance(extra, dict) else ""
    default = "" if field.default is None else f"`{field.default}`"
    cells = [f"`{name.upper()}`", field.description or "", where, _values(field), default]
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _values(field: FieldInfo) -> str:
    """What a setting takes, in a few words; bounds stand at the field or inside an optional annotation."""
    kind: object = field.annotation
    bounds = list(field.metadata)
    for part in typing.get_args(kind):
        if part is not type(None) and typing.get_origin(kind) is not typing.Literal:
            kind = part
    if typing.get_origin(kind) is typing.Annotated:
        kind, inner = typing.get_args(kind)[:2]
        bounds += inner.metadata if isinstance(inner, FieldInfo) else [inner]
    if typing.get_origin(kind) is typing.Literal:
        return ", ".join(f"`{value}`" for value in typing.get_args(kind))
    words = [_KINDS.get(kind, "")] if isinstance(kind, type) else [""]
    words += [f"from {bound.ge}" for bound in bounds if isinstance(bound, Ge)]
    words += [f"more than {bound.gt}" for bound in bounds if isinstance(bound, Gt)]
    words += [f"to {bound.le}" for bound in bounds if isinstance(bound, Le)]
    return " ".join(word for word in words if word) or "text"


if __name__ == "__main__":
    main()
