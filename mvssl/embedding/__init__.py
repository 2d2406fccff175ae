"""Encoder + videos -> tables of frames."""

from mvssl.embedding.folder import describe, embed_folder
from mvssl.embedding.model import Model, load
from mvssl.embedding.project import project
from mvssl.embedding.video import embed_video
from mvssl.views.recipe import Recipe

__all__ = [
    "Model",
    "Recipe",
    "describe",
    "embed_folder",
    "embed_video",
    "load",
    "project",
]
