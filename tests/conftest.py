"""What holds for all tests: how hypothesis looks for examples."""

import os

from hypothesis import settings

# No deadlines: on a machine with other work, the slowest of a hundred examples says nothing about the code.
settings.register_profile("svtok", deadline=None, print_blob=True)
settings.register_profile("ci", settings.get_profile("svtok"), derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "svtok")
