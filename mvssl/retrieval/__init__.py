"""The same moment elsewhere: search by frame, range or examples, exact in memory or in an index on disk."""

from .exact import ExactIndex
from .match import Match, write_matches
from .moment import Moment, parse_moment
from .search import search

__all__ = ["ExactIndex", "Match", "Moment", "parse_moment", "search", "write_matches"]
