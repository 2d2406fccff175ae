"""The model card of a run, with the numbers of its evaluation."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from mvssl import files
from mvssl.api._models import load
from mvssl.embedding.card import FILE, identity, model_card, training_facts
from mvssl.embedding.model import FOLDER, model_folders
from mvssl.errors import InputError
from mvssl.evaluation import Result, flatten
from mvssl.evaluation.results_file import read_results
from mvssl.reporting.evaluation_tables import MAIN
from mvssl.reporting.results import CONTROLS
from mvssl.reporting.tables import markdown


class Cards(NamedTuple):
    """README.md of each model of a run, and the results.json whose numbers stand there (None: not evaluated)."""

    paths: list[Path]
    results: Path | None


def card(run: str | Path, *, results: str | Path | None = None) -> Cards:
    """Writes the model card (README.md) of every model of a run anew; ``push_to_hub`` of a loaded model sends it along.

    Args:
        run: a run's folder, or a model folder (which states nothing of its training).
        results: results.json of an evaluation of this run, or its folder; default: ``results.json`` or
            ``evaluation/results.json`` in the run's folder, if it is there.

    Raises:
        InputError: no model there, or the results are those of other weights, or do not say of which.
    """
    run = Path(run)
    folders = model_folders(run)
    models = {folder: load(folder) for folder in folders}
    path = _results_in(run) if results is None else Path(results)
    content = None if path is None else read_results(path)
    measured = None if content is None else content["settings"].get("identity")
    if content is not None and measured not in [identity(model) for model in models.values()]:
        said = f"they are of {measured}" if measured else "they do not say of which model they are"
        raise InputError(f"{path}: not results of {run}: {said}; evaluate it again (finished parts are not repeated)")
    facts = training_facts(run) if (run / FOLDER).is_dir() else {}
    for folder, model in models.items():
        numbers = evaluation_text(content) if content is not None and identity(model) == measured else ""
        data = model._hub_mixin_info.model_card_data
        files.write_text(folder / FILE, str(model_card(model, facts=facts, evaluation=numbers, data=data)))
    return Cards([folder / FILE for folder in folders], path)


def evaluation_text(content: Mapping[str, Any]) -> str:
    """Markdown of a results.json: what was measured on, every row, what the rows are."""
    rows = {
        name: row if isinstance(row, str) else flatten({key: Result.from_dict(row[key]) for key in MAIN if key in row})
        for name, row in content["rows"].items()
    }
    data, made = content["data"], content["settings"]
    videos = ", ".join(f"{number} of split {split or 'not stated'}" for split, number in data["num_videos"].items())
    meanings = "\n".join(f"- {name}: {words}" for name, words in CONTROLS if name in rows)
    return (
        f"Measured on {made['dataset']} (videos: {videos}; data `{data['hash']}`) by mvssl {content['versions']['mvssl']}.\n\n"
        f"{markdown(rows)}\n{meanings}\n"
    )


def _results_in(run: Path) -> Path | None:
    for path in (run / "results.json", run / "evaluation" / "results.json"):
        if path.is_file():
            return path
    return None
