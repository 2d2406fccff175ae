"""What is searched: a table in memory, or an index on disk."""

from .exact import ExactIndex
from .lance import LanceIndex

Index = ExactIndex | LanceIndex
