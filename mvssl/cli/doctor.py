"""``mvssl doctor``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from mvssl.cli._app import app, out

if TYPE_CHECKING:
    from mvssl.api import DoctorLine

COLOURS = {"ok": "green", "missing": "yellow", "problem": "red"}


@app.command()
def doctor() -> None:
    """What works on this machine, what does not, what to do. Exit code 1 if something is a problem.

    Example: mvssl doctor
    """
    from mvssl.api import doctor

    if any(found.state == "problem" for found in doctor(tell=_tell)):
        raise typer.Exit(1)


def _tell(found: DoctorLine) -> None:
    out.print(f"{found.state:8}", style=COLOURS[found.state], end=" ")
    out.print(f"{found.what}: {found.detail}")
