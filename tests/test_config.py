"""Configuration: merging, components by name, and errors in one line with the way out."""

import pytest

from mvssl import config
from mvssl.errors import ConfigError


@pytest.fixture
def path(tmp_path):
    file = tmp_path / "a.yaml"
    file.write_text("objective: {name: carl, sigma_s: 0.2}\ntrain: {steps: 10}\n")
    return file


def test_overrides_go_down_and_are_yaml(path):
    values = config.load(path, ["train.steps=20", "objective.temperature=0.5", "encoder.freeze=[a, b]", "x=null"])
    assert values == {
        "objective": {"name": "carl", "sigma_s": 0.2, "temperature": 0.5},
        "train": {"steps": 20},
        "encoder": {"freeze": ["a", "b"]},
        "x": None,
    }


@pytest.mark.parametrize("override", ["objective.name=tcc", "objective={name: tcc}"])
def test_naming_another_component_drops_the_old_ones_parameters(path, override):
    assert config.load(path, [override])["objective"] == {"name": "tcc"}


def test_naming_the_same_component_keeps_its_parameters(path):
    assert config.load(path, ["objective={name: carl, temperature: 1}"])["objective"] == {
        "name": "carl",
        "sigma_s": 0.2,
        "temperature": 1,
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [1", "cannot be read as YAML"),
        ("- 1\n- 2\n", "must hold keys and values, but holds list"),
        ("a: ${b}", "b"),
    ],
)
def test_broken_files_are_named(tmp_path, text, message):
    file = tmp_path / "broken.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=message) as caught:
        config.load(file)
    assert "broken.yaml" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_component_is_checked_against_its_constructor():
    made = config.build("mvssl.sampling", {"name": "carl", "num_frames": 5}, "here")
    assert type(made).__name__ == "CarlSampler"
    assert made.num_frames == 5
    for spec, message in [
        ({"name": "carl", "frames": 5}, "here: frames: no such key; known: num_frames"),
        ({"name": "carl", "num_frames": "x"}, "here: num_frames: .*got 'x'"),
        ({"name": "karl"}, "here: no 'karl' in mvssl.sampling; known: .*; did you mean 'carl'"),
        ({}, "here: name: must be given"),
        ({"name": "_timeline"}, "no '_timeline'"),
        ({"name": "../video"}, "no '../video'"),
    ]:
        with pytest.raises(ConfigError, match=message):
            config.build("mvssl.sampling", spec, "here")


@pytest.mark.parametrize("package", ["sampling", "views", "views.modalities", "encoders", "objectives"])
def test_every_component_has_a_default_for_every_parameter(package):
    """A YAML that only names a component works, so no parameter may lack a default."""
    package = f"mvssl.{package}"
    names = config.component_names(package)
    assert names
    for name in names:
        fields = config.schema_of(config.component_class(package, name, "here")).model_fields
        required = [key for key, field in fields.items() if field.is_required()]
        assert not required or name in {"sum", "frame_wise", "array"}, f"{name}: {required}"


def test_shipped_configurations_are_valid():
    from pathlib import Path

    from mvssl.training import Experiment

    files = sorted((Path(config.__file__).parent.parent / "configs" / "pretrain").glob("*.yaml"))
    assert files
    for file in files:
        Experiment.from_values(config.load(file, ["data.root=VIDEOS"]), file.name)
