"""From a file to the right frames at the right times: index, decode, scan, audio, write."""

from .audio import read_audio
from .backends import Backend, backends
from .bad_files import BadFiles
from .cache import index_of
from .clock import NEAR_ZERO_S, first_s, read_labels
from .decoder import Decoder
from .frame_index import FrameIndex, build_index
from .layouts import LAYOUTS, read_videos
from .opening import open_video
from .scan import Problem, ScanReport, scan
from .tables import write_videos
from .write import write_video

__all__ = [
    "LAYOUTS",
    "NEAR_ZERO_S",
    "Backend",
    "BadFiles",
    "Decoder",
    "FrameIndex",
    "Problem",
    "ScanReport",
    "backends",
    "build_index",
    "first_s",
    "index_of",
    "open_video",
    "read_audio",
    "read_labels",
    "read_videos",
    "scan",
    "write_video",
    "write_videos",
]
