"""The same moment elsewhere: search by frame, range or examples, exact in memory or in an index on disk."""

from .edit_list import write_edit_list
from .exact import ExactIndex
from .index import Index
from .match import Match, write_matches
from .moment import Moment, parse_moment
from .search import search

__all__ = ["ExactIndex", "Index", "Match", "Moment", "parse_moment", "search", "write_edit_list", "write_matches"]
