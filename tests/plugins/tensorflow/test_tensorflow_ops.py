"""Every operator of the table converts and computes what TensorFlow does, or is refused for a recorded reason."""

import pytest
from tensorflow_case import EXCEPTIONS
from tensorflow_ops import CASES
from tensorflow_sweep import compare, exported, traced

from modelport.errors import UnsupportedOps

pytestmark = pytest.mark.broad


def expected_to_fail(name, index):
    return name in EXCEPTIONS or f"{name}#{index}" in EXCEPTIONS


@pytest.mark.parametrize("name", sorted(CASES))
def test_an_operator_computes_what_tensorflow_does(name):
    for index, case in enumerate(CASES[name]):
        function, operators = traced(case)
        assert case.op in operators, f"the case is about {case.op}, but TensorFlow traces {sorted(operators)}"
        if expected_to_fail(name, index):
            with pytest.raises(UnsupportedOps):
                exported(case, function)
        else:
            compare(case, function)


def test_an_exception_names_a_case():
    labels = {f"{name}#{index}" for name, cases in CASES.items() for index in range(len(cases))}
    assert set(EXCEPTIONS) <= labels | set(CASES)


def test_the_table_is_wide():
    assert len([name for name in CASES if name not in EXCEPTIONS]) >= 300
