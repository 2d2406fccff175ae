from __future__ import annotations

import pytest

from mvssl.errors import InputError
from mvssl.reporting.tables import latex, markdown

ROWS = {
    "majority": {"phase/recall": 0.25},
    "time only": {"phase/recall": 0.461, "error_s": 0.5},
    "method_1": {"phase/recall": (0.6812, 0.61, 0.75), "error_s": None},
    "better clock": {"error_s": 0.25},
    "supervised reference": "not run",
}


def test_markdown():
    assert markdown(ROWS) == (
        "| | phase/recall | error_s |\n"
        "|---|---|---|\n"
        "| majority | 0.250 | - |\n"
        "| time only | 0.461 | 0.500 |\n"
        "| method_1 | **0.681 (0.610, 0.750)** | undefined |\n"
        "| better clock | - | **0.250** |\n"
        "| supervised reference | not run | not run |\n"
    )


def test_latex_escapes_and_uses_booktabs():
    text = latex(ROWS, columns=["error_s"], digits=2)
    assert text.splitlines()[:4] == [r"\begin{tabular}{lc}", r"\toprule", r" & error\_s \\", r"\midrule"]
    assert r"method\_1 & undefined \\" in text
    assert r"better clock & \textbf{0.25} \\" in text
    assert text.endswith("\\bottomrule\n\\end{tabular}\n")


def test_an_unknown_column_is_named():
    with pytest.raises(InputError, match="no metric 'tau' in these results; there are: phase/recall, error_s"):
        markdown(ROWS, columns=["tau"])
