"""accelerate's launcher without words of its own: the workers have said what went wrong."""

from __future__ import annotations

import logging
import sys

import typer


def main() -> int:
    """Launches by the words on the command line; returns the status, see ``launcher_status``."""
    from accelerate.commands.launch import main as launch

    from mvssl.distributed import launcher_status

    logging.disable(logging.CRITICAL)
    status, words = launcher_status(launch)
    if words:
        typer.echo(f"mvssl: {words}", err=True)
    return status


if __name__ == "__main__":
    sys.exit(main())
