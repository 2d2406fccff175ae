"""Encoder + videos -> tables of frames."""

from mvssl.embedding.tables import Frames, VideoFrames, read_frames, write_frames

__all__ = ["Frames", "VideoFrames", "read_frames", "write_frames"]
