"""Weights and tables of versions that said trunk are read as today's, and are the same model by their fingerprints."""

import json

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

from mvssl import config, older_files
from mvssl.encoders import fingerprint
from mvssl.frames import VideoFrames, read_frames, write_frames

ENCODERS = {
    "frame": {
        "name": "frame",
        "backbone": "test_resnet",
        "num_layers": 1,
        "mlp": [8],
        "dim": 8,
        "num_heads": 2,
        "members": 2,
    },
    "one member": {"name": "frame", "backbone": "test_resnet", "num_layers": 1, "mlp": [8], "dim": 8, "num_heads": 2},
    "image": {"name": "image", "backbone": "test_resnet", "weights": "none"},
}


def encoder_of(name):
    return config.build("mvssl.encoders", ENCODERS[name], "encoder")


def old_names(state):
    return {name.replace("backbone.", "trunk.", 1): value for name, value in state.items()}


@pytest.mark.parametrize("name", ENCODERS)
@pytest.mark.parametrize("inside", ["", "encoders.all."])
def test_weights_of_the_trunk_load_into_the_backbone(name, inside):
    torch.manual_seed(0)
    stored, fresh = encoder_of(name), encoder_of(name)
    module = torch.nn.ModuleDict({"encoders": torch.nn.ModuleDict({"all": fresh})}) if inside else fresh
    old = {inside + key: value for key, value in old_names(stored.state_dict()).items()}
    assert any(f"{inside}trunk." in key for key in old)
    module.load_state_dict(old)
    assert all(torch.equal(value, fresh.state_dict()[key]) for key, value in stored.state_dict().items())


@pytest.mark.parametrize("name", ENCODERS)
def test_a_fingerprint_is_that_of_the_old_names(name):
    class Stored(torch.nn.Module):
        def __init__(self, encoder):
            super().__init__()
            self.trunk = encoder.backbone
            if hasattr(encoder, "members"):
                self.members = encoder.members

    encoder = encoder_of(name)
    assert fingerprint(Stored(encoder)) == fingerprint(encoder)
    assert list(Stored(encoder).state_dict()) == list(old_names(encoder.state_dict()))


def test_a_table_of_the_trunk_is_read_as_the_backbones(tmp_path):
    rows = np.eye(4, dtype=np.float32)
    video = VideoFrames(
        video="v.mp4", frame=np.arange(4), time_s=np.arange(4.0), embedding=rows, extra={"trunk": 2 * rows, "mlp": rows}
    )
    path = write_frames(tmp_path, video, {"trunk": "0123", "model": "m", "fps": None})
    assert json.loads(pq.read_schema(path).metadata[b"mvssl"])["trunk"] == "0123"
    frames = read_frames(tmp_path)
    assert frames.metadata == {"backbone": "0123", "model": "m", "fps": None}
    assert set(frames[0].extra) == {"backbone", "mlp"}
    np.testing.assert_array_equal(frames[0].extra["backbone"], 2 * rows)


def test_other_names_stay():
    names = ("backbone", "mlp", "trunk_of_a_tree", "truncate")
    assert [older_files.layer(name) for name in names] == list(names)
    state = {"p.trunks.weight": 1, "q.trunk.weight": 2}
    older_files.rename_weights(None, state, "p.")
    assert state == {"p.trunks.weight": 1, "q.trunk.weight": 2}
