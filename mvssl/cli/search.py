"""``mvssl search``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from mvssl.arguments import check_run, check_there
from mvssl.cli._app import Run, app, out, tell_aside
from mvssl.errors import InputError


@app.command()
def search(
    frames: Annotated[str, typer.Argument(help="Folder of tables (mvssl embed), .lance index, or folder of videos.")],
    moments: Annotated[
        list[str],
        typer.Argument(
            help="CLIP.mp4@12.4s, CLIP.mp4@f372 or CLIP.mp4@3s-5s; 0 s is the first frame. Several are examples of one."
        ),
    ],
    k: Annotated[int, typer.Option("-k", min=1, help="How many places.")] = 20,
    run: Run = None,
    output: Annotated[Path, typer.Option("-o", help="Folder of the results.")] = Path("found"),
    minus: Annotated[list[str] | None, typer.Option(help="Example of what is not wanted.")] = None,
    where: Annotated[
        list[str] | None, typer.Option(help="session, camera, group, split or label=VALUE that a video must have.")
    ] = None,
    merge: Annotated[float, typer.Option(help="Places of a video closer than this count once, seconds.")] = 1.0,
    same_session: Annotated[
        bool, typer.Option("--same-session", help="Other cameras of the session count too.")
    ] = False,
) -> None:
    """The same moment in the other videos: contact sheet, table, in and out points (EDL, OTIO).

    Example: mvssl search frames CLIP.mp4@12.4s -k 20 -o found
    """
    conditions = dict(_condition(text) for text in where or [])
    check_there(frames)
    check_run(run)
    from mvssl.api import search

    found = search(
        frames,
        moments,
        output,
        k=k,
        run=run,
        minus=minus or [],
        where=conditions,
        merge_within_s=merge,
        exclude_session=not same_session,
    )
    tell_aside(found.bad)
    table = Table("rank", "video", "time (s, player)", "frame", "distance")
    for match in found.matches:
        start_s, end_s, time_s = (at - match.first_s for at in (match.start_s, match.end_s, match.time_s))
        time = f"{start_s:.3f} - {end_s:.3f}" if end_s > start_s else f"{time_s:.3f}"
        table.add_row(str(match.rank), match.video, time, str(match.frame), f"{match.distance:.3f}")
    out.print(table, soft_wrap=False)
    out.print(
        f"look at {found.sheet} or {found.page}\ntable {found.table} (times of the file; minus first_s: of a player)"
    )


def _condition(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise InputError(f"--where {text}: written FIELD=VALUE, e.g. camera=cam0")
    return name, value
