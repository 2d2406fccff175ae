"""A configuration of someone else states values; it reads nothing of this machine and does not fill its memory."""

from __future__ import annotations

import pytest

from mvssl import config
from mvssl.errors import ConfigError

BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 10)}]\n" for old, new in zip("abcdefgh", "bcdefghi")
)


@pytest.mark.parametrize(
    "text",
    [
        "data: {root: '${oc.env:MVSSL_SECRET}'}",
        "data: {root: '/x/${oc.env:MVSSL_SECRET}/y'}",
        "data: ['${oc.env:MVSSL_SECRET,none}']",
        "a: '${oc.${b}:MVSSL_SECRET}'\nb: env",
        "a: ${oc.decode:'${oc.env:MVSSL_SECRET}'}",
        "a: ${oc.create:'${oc.env:MVSSL_SECRET}'}",
        "a: {'${oc.env:MVSSL_SECRET}': 1}",
    ],
)
def test_nothing_of_the_machine_enters_a_file(tmp_path, monkeypatch, text):
    monkeypatch.setenv("MVSSL_SECRET", "hidden-value")
    (tmp_path / "c.yaml").write_text(text)
    with pytest.raises(ConfigError, match="own keys alone") as found:
        config.load(tmp_path / "c.yaml")
    assert "hidden-value" not in str(found.value)
    assert str(tmp_path / "c.yaml") in str(found.value)


def test_its_own_keys_and_escapes_are_read(tmp_path):
    (tmp_path / "c.yaml").write_text("a: {b: 3}\nc: ${a.b}\nd: '\\${oc.env:HOME}'\n")
    assert config.load(tmp_path / "c.yaml") == {"a": {"b": 3}, "c": 3, "d": "${oc.env:HOME}"}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (BOMB.encode(), "values of it"),
        (b"a: &a [*a]", "inside itself"),
        (b"a: &a {b: *a}", "inside itself"),
        (b"a: " + b"[" * 5000 + b"]" * 5000, "nested too deeply"),
        (b"a: \xff\xfe", "UTF-8"),
        ("a: ü".encode("utf-16"), "UTF-8"),
        (b"a: '", "YAML"),
        (b"a: \x00", "YAML"),
        (b"a: ${", "no viable"),
        (b"- 1", "keys and values"),
    ],
)
def test_what_is_no_configuration_is_refused_by_name(tmp_path, content, words):
    (tmp_path / "c.yaml").write_bytes(content)
    with pytest.raises(ConfigError, match=words) as found:
        config.load(tmp_path / "c.yaml")
    assert str(tmp_path / "c.yaml") in str(found.value)
