"""The project's own demo videos: a drawn figure performs three actions before several cameras, with exact labels."""

from .actions import PHASES
from .labels import time_only
from .make import make_videos

__all__ = ["PHASES", "make_videos", "time_only"]
