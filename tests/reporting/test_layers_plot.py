"""What the pictures of the layers show: the numbers of the results, their controls, widths and steps."""

from __future__ import annotations

import pytest

from mvssl.evaluation import Result
from mvssl.reporting.layers import layers_figure, runs_figure, steps_figure

LAYERS = ("backbone", "mlp", "embedding")
WIDTH = dict(zip(LAYERS, (1280, 256, 128)))


def found(energy, recall):
    by_layer = [dict(zip(LAYERS, values)) for values in (energy, recall)]
    random = dict.fromkeys(LAYERS, -0.35)
    controls = {"majority": 0.2, "time only, relative": 0.4}
    interval = {layer: (value - 0.1, value + 0.1) for layer, value in by_layer[1].items()}
    return {
        "diversity": Result(value=by_layer[0], controls={"random directions": random}, details={"width": WIDTH}),
        "guillotine": Result(
            value=by_layer[1], interval=interval, controls=controls, details={"width": WIDTH, "metric": "recall"}
        ),
    }


@pytest.fixture
def history():
    steps = {0: found((0.5, 0.1, 0.2), (0.3, 0.3, 0.2)), 50: found((0.5, -0.2, -0.3), (0.3, 0.6, 0.7))}
    return {"one": steps, "other": {step: found((0.5, 0.0, 0.0), (0.3, 0.4, 0.5)) for step in (0, 50)}}


def drawn(axis):
    return {line.get_label(): [float(y) for y in line.get_ydata()] for line in axis.get_lines()}


def test_rows_by_layer_beside_the_controls(history):
    figure = layers_figure({"before": history["one"][0], "after": history["one"][50], "time only": {}})
    energy, probe = figure.axes
    assert drawn(energy) == {
        "before": [0.5, 0.1, 0.2],
        "after": [0.5, -0.2, -0.3],
        "_random directions": [-0.35] * 3,
    }
    assert drawn(probe)["after"] == [0.3, 0.6, 0.7]
    assert (drawn(probe)["_majority"][0], drawn(probe)["_time only"][0]) == (0.2, 0.4)
    assert [text.get_text() for text in probe.texts] == ["majority", "time only"]
    assert [label.get_text() for label in probe.get_xticklabels()] == ["backbone\n1280", "mlp\n256", "embedding\n128"]
    assert "recall" in probe.get_ylabel()


def test_without_layers_there_is_no_picture():
    alone = {"diversity": Result(value={"embedding": 0.1}, details={"width": {"embedding": 8}})}
    assert layers_figure({"ImageNet": alone}) is None


def test_a_column_per_run_before_and_after(history):
    axes = runs_figure(history).axes
    assert [axis.get_title() for axis in axes] == ["one", "other", "", ""]
    assert drawn(axes[0])["before training"] == [0.5, 0.1, 0.2]
    assert drawn(axes[2])["after 50 steps"] == [0.3, 0.6, 0.7]


def test_a_line_per_layer_over_the_steps(history):
    axes = steps_figure(history).axes
    assert drawn(axes[0])["embedding (128 wide)"] == [0.2, -0.3]
    assert drawn(axes[2])["mlp (256 wide)"] == [0.3, 0.6]
    assert [list(line.get_xdata()) for line in axes[0].get_lines()] == [[0, 50]] * 3
