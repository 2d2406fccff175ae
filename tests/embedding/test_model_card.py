"""The model card: true of the model, with the numbers of results.json, and gone when the weights are others."""

import json

import numpy as np
import pytest
import torch
from huggingface_hub import HfApi, ModelCard

from mvssl.api import card, load
from mvssl.embedding import Model
from mvssl.embedding.card import identity
from mvssl.embedding.model import save_models
from mvssl.errors import InputError
from mvssl.evaluation import Result
from mvssl.evaluation.results_file import write_results
from mvssl.frames import Frames, VideoFrames

IMAGE = {"name": "image", "backbone": "test_resnet", "weights": "none"}
CONFIG = "data: {root: there}\nobjective: {name: carl, sigma_s: 0.2}\ntrain: {steps: 300}\nbatch: {size: 8}\n"


def model_of(seed=0, **recipe):
    torch.manual_seed(seed)
    return Model(encoder=IMAGE, recipe={"size": 32, "fps": 10.0, **recipe}).eval()


@pytest.fixture
def run(tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "config.yaml").write_text(CONFIG)
    save_models({"rgb": model_of()}, folder / "model")
    (folder / "summary.json").write_text(json.dumps({"videos": 68, "samples": 34}))
    return folder


def results_of(path, model, **settings):
    rows = {
        "time only": {"kendall_tau": Result(value=0.99871), "phase_classification": Result(value={"recall": 0.12345})},
        "ImageNet": "no weights here",
        "this run": {
            "kendall_tau": Result(value=float("nan")),
            "phase_classification": Result(value={"recall": 0.65432}),
        },
    }
    frames = Frames([VideoFrames("a.mp4", np.arange(2), np.arange(2.0), np.zeros((2, 3)), split="val")])
    settings = {"dataset": "demo", "identity": identity(model), **settings}
    return write_results(path, rows, frames, settings=settings)


def table_rows(text, heading):
    """Cells of the rows below a heading, by the first cell."""
    lines = text.partition(heading)[2].splitlines()
    rows = [[cell.strip(" *") for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    return {row[0]: row[1:] for row in rows}


def test_a_saved_model_says_what_it_is_and_loads_again(run):
    text = (run / "model" / "README.md").read_text()
    rows = table_rows(text, "# Frame-wise video embeddings")
    assert rows["encoder"] == ["image (backbone test_resnet)"]
    assert rows["embedding"] == ["96 numbers per frame, unit length"]
    assert rows["pictures"] == ["32 x 32 pixels (squash), 10 frames a second, in windows of 60 s"]
    assert rows["objective"] == ["carl (sigma_s 0.2)"]
    assert rows["trained"] == ["300 steps of 8 samples"]
    assert rows["trained on"] == ["not stated"]  # a run counts its videos when it has ended
    assert "Not evaluated" in text
    data = ModelCard(text).data.to_dict()
    assert data["library_name"] == "mvssl"
    assert "license" not in data  # whoever shares a model chooses one
    again = Model.from_pretrained(run / "model")
    assert identity(again) == identity(load(run)) == rows["identity"][0].strip("`")


def test_the_numbers_are_those_of_results_json(run, capsys):
    path = results_of(run / "evaluation" / "results.json", load(run))
    found = card(run)
    assert found == ([run / "model" / "README.md"], path)
    text = found.paths[0].read_text()
    stored = json.loads(path.read_text())["rows"]
    rows = table_rows(text, "## Evaluation")
    assert rows[""] == ["kendall_tau", "phase_classification/recall"]
    assert rows["time only"] == [f"{stored['time only']['kendall_tau']['value']:.3f}", "0.123"]
    assert rows["this run"] == ["undefined", f"{stored['this run']['phase_classification']['value']['recall']:.3f}"]
    assert rows["ImageNet"] == ["no weights here"] * 2
    assert "Measured on demo (videos: 1 of split val; data `" in text
    assert "- time only: knows when a frame comes" in text
    assert "Not evaluated" not in text
    assert table_rows(text, "# Frame-wise")["trained on"] == ["68 videos, 34 samples"]


def test_without_results_there_are_no_numbers(run):
    assert card(run).results is None
    assert "Not evaluated" in (run / "model" / "README.md").read_text()


@pytest.mark.parametrize("said", ["of another model", "not said of which"])
def test_results_of_another_model_are_refused(run, tmp_path, said):
    path = results_of(tmp_path / "results.json", model_of(seed=1))
    if said == "not said of which":
        content = json.loads(path.read_text())
        del content["settings"]["identity"]
        path.write_text(json.dumps(content))
    before = (run / "model" / "README.md").read_text()
    with pytest.raises(InputError, match="they are of" if said == "of another model" else "they do not say"):
        card(run, results=path)
    assert (run / "model" / "README.md").read_text() == before


def test_a_card_stays_with_its_weights_and_goes_with_others(run):
    results_of(run / "results.json", load(run))
    card(run)
    evaluated = (run / "model" / "README.md").read_text()
    save_models({"rgb": load(run)}, run / "model")
    assert (run / "model" / "README.md").read_text() == evaluated
    save_models({"rgb": model_of(seed=1)}, run / "model")
    assert "Not evaluated" in (run / "model" / "README.md").read_text()
    assert "0.654" not in (run / "model" / "README.md").read_text()


def test_push_sends_the_card_of_the_folder(run, tmp_path, monkeypatch):
    """Everything of ``push_to_hub`` but the network."""
    results_of(run / "results.json", load(run))
    card(run)
    sent = {}

    class Repository:
        repo_id = "me/model"

    def upload(self, *, folder_path, **_):
        sent.update({path.name: path.read_bytes() for path in folder_path.iterdir()})

    monkeypatch.setattr(HfApi, "create_repo", lambda self, **_: Repository)
    monkeypatch.setattr(HfApi, "upload_folder", upload)
    load(run).push_to_hub("me/model")
    assert sorted(sent) == ["README.md", "config.json", "model.safetensors"]
    assert sent["README.md"] == (run / "model" / "README.md").read_bytes()
    other = load(run)
    with torch.no_grad():
        next(other.encoder.parameters()).add_(1.0)
    other.push_to_hub("me/model")
    assert b"Not evaluated" in sent["README.md"]


def test_of_several_encoders_only_the_measured_one_has_numbers(tmp_path):
    run = tmp_path / "run"
    models = {"rgb": model_of(), "luminance": model_of(seed=1, modality={"name": "luminance"})}
    save_models(models, run / "model")
    results_of(run / "results.json", load(run))
    found = card(run)
    assert [path.parent.name for path in found.paths] == ["luminance", "rgb"]
    assert "Not evaluated" in found.paths[0].read_text()
    assert "0.654" in found.paths[1].read_text()


def test_there_must_be_a_model(tmp_path):
    with pytest.raises(InputError, match="no model there"):
        card(tmp_path)
