"""What does not change in a Loop is taken out of it, and results stay as they were."""

import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime
import pytest
from onnx import helper, parser

from modelport_converters.tensorflow_to_onnx.passes.loop_invariants import simplify_loops

ROUNDS = (0, 1, 3)


def simplified(text):
    """Return a model before and after."""
    before = parser.parse_model(f'<ir_version: 8, opset_import: ["" : 18]> {text}')
    onnx.checker.check_model(before, full_check=True)
    model = ir.from_proto(onnx.ModelProto.FromString(before.SerializeToString()))  # whose constants are not renamed
    simplify_loops(model)
    after = ir.to_proto(model)
    onnx.checker.check_model(after, full_check=True)
    return before, after


def loop_of(proto):
    (loop,) = [node for node in proto.graph.node if node.op_type == "Loop"]
    return loop, helper.get_node_attr_value(loop, "body")


def assert_alike(before, after, rounds=ROUNDS):
    sessions = [onnxruntime.InferenceSession(proto.SerializeToString()) for proto in (before, after)]
    for count in rounds:
        given = {"n": np.array(count, np.int64), "x": np.linspace(-1, 2, 6, dtype=np.float32).reshape(2, 3)}
        expected, result = (session.run(None, given) for session in sessions)
        for one, other in zip(expected, result, strict=True):
            np.testing.assert_array_equal(one, other)


CARRIED = """
g (int64 n, float[2,3] x) => (float[2,3] y, float[2,3] w) {
    go = Constant <value: tensor = bool {1}> ()
    half = Mul (x, x)
    y, kept = Loop (n, go, x, half) <body = b (int64 i, bool c, float[2,3] a, float[2,3] k)
            => (bool c2, float[2,3] a2, float[2,3] k2) {
        c2 = Identity (c)
        a2 = Add (a, k)
        k2 = Identity (k)
    }>
    w = Neg (kept)
}
"""


def test_what_is_handed_on_unchanged_is_read_from_outside_and_its_last_value_is_its_first():
    before, after = simplified(CARRIED)
    loop, body = loop_of(after)
    assert (len(loop.input), len(loop.output), len(body.input), len(body.output)) == (3, 1, 3, 2)
    assert_alike(before, after)


def test_what_is_an_output_of_the_model_stays_carried():
    before, after = simplified(CARRIED.replace("kept", "w", 1).replace("w = Neg (kept)", ""))
    assert len(loop_of(after)[0].output) == 2
    assert [value.name for value in after.graph.output] == ["y", "w"]
    assert_alike(before, after)


def test_what_changes_places_stays_carried():
    before, after = simplified("""
    g (int64 n, float[2,3] x) => (float[2,3] y, float[2,3] z) {
        go = Constant <value: tensor = bool {1}> ()
        other = Neg (x)
        y, z = Loop (n, go, x, other) <body = b (int64 i, bool c, float[2,3] p, float[2,3] q)
                => (bool c2, float[2,3] p2, float[2,3] q2) {
            c2 = Identity (c)
            p2 = Identity (q)
            q2 = Identity (p)
        }>
    }
    """)
    assert len(loop_of(after)[0].output) == 2
    assert_alike(before, after)


def test_a_value_that_does_not_change_may_be_collected_and_become_another_state():
    before, after = simplified("""
    g (int64 n, float[2,3] x) => (float[2,3] y, float[r,2,3] all) {
        go = Constant <value: tensor = bool {1}> ()
        other = Neg (x)
        y, last, all = Loop (n, go, x, other) <body = b (int64 i, bool c, float[2,3] a, float[2,3] k)
                => (bool c2, float[2,3] k, float[2,3] k2, float[2,3] k3) {
            c2 = Identity (c)
            k2 = Identity (k)
            k3 = Identity (k)
        }>
    }
    """)
    assert len(loop_of(after)[0].input) == 3
    assert_alike(before, after)


def test_what_is_computed_of_values_outside_is_computed_once():
    before, after = simplified("""
    g (int64 n, float[2,3] x) => (float[2,3] y) {
        go = Constant <value: tensor = bool {1}> ()
        y, kept = Loop (n, go, x, x) <body = b (int64 i, bool c, float[2,3] a, float[2,3] k)
                => (bool c2, float[2,3] a2, float[2,3] k2) <int64[1] first = {0}, int64[1] second = {1}> {
            c2 = Identity (c)
            part = Slice (k, first, second, first)
            double = Add (part, part)
            moved = Mul (a, double)
            a2 = Add (moved, k)
            k2 = Identity (k)
        }>
    }
    """)
    _, body = loop_of(after)
    assert sorted(node.op_type for node in body.node) == ["Add", "Identity", "Mul"]
    assert_alike(before, after)


def test_constants_and_values_of_one_name_in_two_bodies_stay_apart():
    body = """<body = b (int64 i, bool c, float[2,3] a, float[2,3] k)
            => (bool c2, float[2,3] a2, float[2,3] k2) <float by = {FACTOR}> {
        c2 = Identity (c)
        scaled = Mul (k, by)
        a2 = Add (a, scaled)
        k2 = Identity (k)
    }>"""
    before, after = simplified(f"""
    g (int64 n, float[2,3] x) => (float[2,3] z) {{
        go = Constant <value: tensor = bool {{1}}> ()
        y, kept = Loop (n, go, x, x) {body.replace("FACTOR", "2.0")}
        z, kept2 = Loop (n, go, y, x) {body.replace("FACTOR", "3.0")}
    }}
    """)
    bodies = [helper.get_node_attr_value(node, "body") for node in after.graph.node if node.op_type == "Loop"]
    assert [sorted(node.op_type for node in one.node) for one in bodies] == [["Add", "Identity"]] * 2
    assert_alike(before, after)


def test_a_body_does_not_hide_what_it_reads():
    before, after = simplified("""
    g (int64 n, float[2,3] x) => (float[2,3] y) {
        go = Constant <value: tensor = bool {1}> ()
        a = Neg (x)
        y, kept = Loop (n, go, x, a) <body = b (int64 i, bool c, float[2,3] z, float[2,3] k)
                => (bool c2, float[2,3] z2, float[2,3] k2) {
            c2 = Identity (c)
            inner = Add (z, k)
            z2 = Mul (inner, z)
            k2 = Identity (k)
        }>
    }
    """)
    model = ir.from_proto(before)
    hidden = model.graph[-1].attributes["body"].as_graph()
    next(node for node in hidden if node.op_type == "Add").outputs[0].name = "a"  # as the value outside is called
    simplify_loops(model)
    assert_alike(before, after)
    assert_alike(before, ir.to_proto(model))


NESTED = """
g (int64 n, float[2,3] x) => (float[2,3] y) {
    go = Constant <value: tensor = bool {1}> ()
    y, kept = Loop (n, go, x, x) <body = b (int64 i, bool c, float[2,3] a, float[2,3] k)
            => (bool c2, float[2,3] a2, float[2,3] k2) {
        c2 = Identity (c)
        k2 = Identity (k)
        a2, m2 = Loop (n, c, a, k) <body = inner (int64 j, bool d, float[2,3] e, float[2,3] m)
                => (bool d2, float[2,3] e2, float[2,3] m2i) {
            d2 = Identity (d)
            m2i = Identity (m)
            negative = Neg (m)
            changing = Neg (a)
            sum = Add (negative, changing)
            e2 = Add (e, sum)
        }>
    }>
}
"""


def test_from_an_inner_loop_what_does_not_change_leaves_both():
    before, after = simplified(NESTED)
    _, body = loop_of(after)
    assert sorted(node.op_type for node in body.node) == ["Add", "Identity", "Loop", "Neg"]
    assert sum(node.op_type == "Neg" for node in after.graph.node) == 1
    (inner,) = [helper.get_node_attr_value(node, "body") for node in body.node if node.op_type == "Loop"]
    assert sorted(node.op_type for node in inner.node) == ["Add", "Identity"]
    assert_alike(before, after)


@pytest.mark.parametrize("holder", ["then_branch", "else_branch"])
def test_a_loop_in_a_branch_is_simplified_there_and_a_branch_in_a_loop_stays(holder):
    loop = CARRIED.split("{", 1)[1].split("w = Neg")[0].replace("y, kept", "t, kept")
    other = {"then_branch": "else_branch", "else_branch": "then_branch"}[holder]
    before, after = simplified(f"""
    g (int64 n, float[2,3] x) => (float[2,3] y) {{
        two = Constant <value: tensor = int64 {{2}}> ()
        few = Less (n, two)
        y = If (few) <{holder} = p () => (float[2,3] t) {{ {loop} }}, {other} = q () => (float[2,3] u) {{ u = Neg (x) }}>
    }}
    """)
    (choice,) = [node for node in after.graph.node if node.op_type == "If"]
    (inner,) = [node for node in helper.get_node_attr_value(choice, holder).node if node.op_type == "Loop"]
    assert len(inner.input) == 3
    assert_alike(before, after)


def test_what_draws_or_may_fail_stays_in_the_body():
    _, after = simplified("""
    g (int64 n, float[2,3] x) => (float[2,3] y) {
        go = Constant <value: tensor = bool {1}> ()
        y, kept, far = Loop (n, go, x, x, n) <body = b (int64 i, bool c, float[2,3] a, float[2,3] k, int64 f)
                => (bool c2, float[2,3] a2, float[2,3] k2, int64 f2) {
            c2 = Identity (c)
            k2 = Identity (k)
            f2 = Identity (f)
            drawn = RandomUniformLike (k)
            row = Gather (k, f)
            sum = Add (drawn, row)
            a2 = Add (a, sum)
        }>
    }
    """)
    _, body = loop_of(after)
    assert {"RandomUniformLike", "Gather"} <= {node.op_type for node in body.node}
