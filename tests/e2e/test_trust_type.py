"""``--trust-type`` stands beside ``--trust`` in every command that loads a model."""

import pytest

COMMANDS = ("bench", "compare", "convert", "inspect", "plan", "run", "verify")


@pytest.mark.parametrize("command", COMMANDS)
def test_one_type_can_be_allowed(command, modelport):
    outcome = modelport(command, "--help")
    assert "--trust " in outcome.out
    assert "--trust-type NAME" in outcome.out
