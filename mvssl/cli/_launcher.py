"""accelerate's launcher without words of its own: the workers have said what went wrong."""

from __future__ import annotations

import logging
import signal
import sys

import typer


def main() -> int:
    """Launches by the words on the command line.

    Returns:
        The status of the worker that failed first; 128 + the signal, as shells count, where one ended it.
    """
    from accelerate.commands.launch import main as launch
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

    logging.disable(logging.CRITICAL)
    try:
        launch()
    except SignalException as received:
        return 128 + int(received.sigval)
    except ChildFailedError as error:
        rank, failure = max(error.failures.items(), key=lambda one: one[1].exitcode)  # the others were ended for it
        if failure.exitcode >= 0:
            return failure.exitcode
        name = signal.Signals(-failure.exitcode).name
        typer.echo(f"mvssl: process {rank} was ended by {name} (SIGKILL: often for want of memory)", err=True)
        return 128 - failure.exitcode
    return 0


if __name__ == "__main__":
    sys.exit(main())
