"""One BLAS thread for every command, unless the user says otherwise."""

import os
import subprocess
import sys

import pytest

ASK = """
import os, sys
from judgecli.cli import main
main(["--version"])
assert "numpy" not in sys.modules  # it reads the variable when it is imported
print(os.environ["OPENBLAS_NUM_THREADS"])
"""


@pytest.mark.parametrize(("said", "wanted"), [(None, "1"), ("3", "3")])
def test_a_command_uses_one_thread(said, wanted):
    environment = {name: value for name, value in os.environ.items() if name != "OPENBLAS_NUM_THREADS"} | ({"OPENBLAS_NUM_THREADS": said} if said else {})
    found = subprocess.run([sys.executable, "-c", ASK], env=environment, capture_output=True, text=True, check=True)
    assert found.stdout.split()[-1] == wanted
