"""The page in the browser: library, the same moment elsewhere, side by side. Needs the extra ``app``."""
