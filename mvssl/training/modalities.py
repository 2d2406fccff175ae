"""Which modality each view of an experiment shows, which of the sampler's views it is made of, which encoder sees it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from mvssl import config
from mvssl.errors import ConfigError, InputError
from mvssl.loading.plan import source_view
from mvssl.views import Modality

Share = Literal["all", "modality", "none"]
ROOM = "mvssl.views.modalities"


class ViewPlan(NamedTuple):
    """One view of the batch."""

    spec: dict[str, Any]  # of the modality: name and parameters
    of: str  # the sampler's view
    encoder: str  # name of the encoder that sees it
    modality: Modality


def resolved(given: Mapping[str, Any], sampler_views: tuple[str, ...], where: str) -> dict[str, dict[str, Any]]:
    """All views with their modalities, defaults written out: ``{a: {name: rgb, of: a, offsets_s: null}, ...}``.

    A modality is a name or ``{name, of, parameters}``; ``of`` is the sampler's view whose instants, crop and draws it
    shares (default: ``mvssl.loading.plan.source_view``). A view of the sampler from which nothing is made is shown as rgb.
    Views come in the order of the sampler's views that they are made of.
    """
    found: dict[str, dict[str, Any]] = {}
    for view, value in given.items():
        place = f"{where}: modalities.{view}"
        spec = dict(value) if isinstance(value, Mapping) else {"name": str(value)}
        if "." in view:
            raise ConfigError(f"{place}: the name of a view may hold no dot")
        stated = {view: str(spec.pop("of"))} if spec.get("of") is not None else {}
        try:
            of = source_view(view, sampler_views, stated)
        except InputError as error:
            raise ConfigError(f"{where}: {error}") from None
        whole = config.resolved(ROOM, spec, place)
        found[view] = {"name": whole.pop("name"), "of": of, **whole}
    ordered: dict[str, dict[str, Any]] = {}
    for source in sampler_views:
        made = {view: spec for view, spec in found.items() if spec["of"] == source}
        if not made and source in found:
            raise ConfigError(
                f"{where}: modalities.{source}: is a view of the sampler's {found[source]['of']!r}, and none is made of the "
                f"sampler's {source!r}; give the view another name"
            )
        ordered |= made or {source: {"name": "rgb", "of": source, **_defaults("rgb")}}
    return ordered


def _defaults(name: str) -> dict[str, Any]:
    return {key: value for key, value in config.resolved(ROOM, name, "modalities").items() if key != "name"}


def planned(modalities: Mapping[str, Mapping[str, Any]], share: Share, where: str) -> dict[str, ViewPlan]:
    """The views of a resolved configuration, their modalities built, and which encoder sees which.

    Args:
        share: ``all`` one encoder for everything, ``modality`` one for each modality's name, ``none`` one for each view.

    Raises:
        ConfigError: a modality has no pictures, or views with different channels would share an encoder.
    """
    plans: dict[str, ViewPlan] = {}
    for view, value in modalities.items():
        spec = {key: part for key, part in value.items() if key != "of"}
        modality = config.build(ROOM, spec, f"{where}: modalities.{view}")
        if not modality.shows_pictures:
            raise ConfigError(
                f"{where}: modalities.{view}: {spec['name']} gives numbers, not pictures, and the encoders see pictures"
            )
        encoder = {"all": "all", "modality": str(spec["name"]), "none": view}[share]
        for other, plan in plans.items():
            if plan.encoder == encoder and plan.modality.channels != modality.channels:
                raise ConfigError(
                    f"{where}: encoder.share: {share}: views {other} ({plan.spec['name']}, {plan.modality.channels} channels) "
                    f"and {view} ({spec['name']}, {modality.channels}) cannot share one encoder; set encoder.share="
                    f"{'modality' if plan.spec['name'] != spec['name'] else 'none'}"
                )
        plans[view] = ViewPlan(spec, str(value["of"]), encoder, modality)
    return plans
