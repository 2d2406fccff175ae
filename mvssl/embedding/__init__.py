"""Encoder + videos -> tables of frames."""

from mvssl.embedding.folder import describe, embed_folder
from mvssl.embedding.model import Model, load
from mvssl.embedding.project import project
from mvssl.embedding.recipe import Recipe
from mvssl.embedding.tables import Frames, VideoFrames, read_frames, write_frames
from mvssl.embedding.video import embed_video

__all__ = [
    "Frames",
    "Model",
    "Recipe",
    "VideoFrames",
    "describe",
    "embed_folder",
    "embed_video",
    "load",
    "project",
    "read_frames",
    "write_frames",
]
