"""What holds for all tests: how hypothesis looks for examples, and that the longest tests are begun first."""

import os

import pytest
from hypothesis import settings

# No deadlines: on a machine with other work, the slowest of a hundred examples says nothing about the code.
settings.register_profile("svtok", deadline=None, print_blob=True)
settings.register_profile("ci", settings.get_profile("svtok"), derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "svtok")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the recipes, a minute each, so that no process of pytest-xdist is left with one in the end."""
    items.sort(key=lambda item: item.get_closest_marker("recipe") is None)
