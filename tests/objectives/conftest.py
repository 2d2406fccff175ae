"""Makes ``references`` (closed forms, plain loops, hand-made batches) importable from the tests of objectives."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))
