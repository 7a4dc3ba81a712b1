"""The examples of docs/python-client.md do what the page says."""

from __future__ import annotations

import doctest

from client_support import ROOT


def test_the_examples_of_the_guide() -> None:
    done = doctest.testfile(
        str(ROOT / "docs" / "python-client.md"),
        module_relative=False,
        optionflags=doctest.IGNORE_EXCEPTION_DETAIL,
    )
    assert done.attempted > 20
    assert done.failed == 0
