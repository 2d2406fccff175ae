"""``mvssl doctor``."""

from __future__ import annotations

import typer

from mvssl.cli._app import app, out


@app.command()
def doctor() -> None:
    """What works on this machine, what does not, what to do. Exit code 1 if something is a problem.

    Example: mvssl doctor
    """
    from mvssl.api import doctor

    colours = {"ok": "green", "missing": "yellow", "problem": "red"}
    findings = doctor()
    for found in findings:
        out.print(f"{found.state:8}", style=colours[found.state], end=" ")
        out.print(f"{found.what}: {found.detail}")
    if any(found.state == "problem" for found in findings):
        raise typer.Exit(1)
