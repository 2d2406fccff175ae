"""``mvssl export``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from mvssl.arguments import check_run, check_there
from mvssl.cli._app import app, out


@app.command()
def export(
    run: Annotated[str, typer.Argument(help="Run, model or hub id; 'zero-shot' for the ImageNet default.")],
    output: Annotated[Path | None, typer.Option("-o", help="The file. Default: model.onnx or model.pt2.")] = None,
    format: Annotated[str, typer.Option(help="onnx, or torch (torch.export, .pt2).")] = "onnx",
    modality: Annotated[
        str | None, typer.Option(help="Which encoder, where the run has several. Default: that of rgb.")
    ] = None,
    video: Annotated[
        Path | None, typer.Option(help="Video to compare on. Default: the first that the run was trained on.")
    ] = None,
) -> None:
    """The encoder as one file for other programs, compared with the model on real frames.

    Example: mvssl export run -o model.onnx
    """
    model = None if run == "zero-shot" else run
    check_run(model)
    check_there(video)
    from mvssl.api import export

    found = export(model, output, format=format, modality=modality, video=video)  # type: ignore[arg-type]
    table = Table("frames T", "largest difference")
    for length, difference in found.differences.items():
        table.add_row(str(length), f"{difference:.1e}")
    out.print(table, soft_wrap=False)
    out.print(f"{found.path} and {found.about}")
