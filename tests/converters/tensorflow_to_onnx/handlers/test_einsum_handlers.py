"""Sums of products against TensorFlow itself, and the operators that they become."""

import pytest
import tensorflow as tf
from drawn import floats
from tensorflow_same import agrees

# equation, sizes of its labels, open axes, operators
PRODUCTS = {
    "a projection into heads": ("abc,cde->abde", "a2 b3 c4 d2 e5", (0, 1), ["Reshape", "MatMul", "Reshape"]),
    "a projection of heads": ("abcd,cde->abe", "a2 b3 c4 d2 e5", (0, 1), ["Reshape", "Reshape", "MatMul"]),
    "scores of attention": ("aecd,abcd->acbe", "a2 b3 c4 d5 e6", (0, 1), ["Transpose", "Transpose", "MatMul"]),
    "its values": ("acbe,aecd->abcd", "a2 b3 c4 d5 e6", (0, 1), ["Transpose", "MatMul", "Transpose"]),
    "attention over two axes": ("abcde,afgde->adbcfg", "a2 b3 c2 d2 e4 f3 g5", (0,), None),
    "the kernel first": ("cd,abc->abd", "a2 b3 c4 d5", (), ["MatMul"]),
    "matrices of open sizes": ("ab,bc->ac", "a2 b3 c4", None, ["MatMul"]),
    "a transposed factor": ("ab,cb->ca", "a2 b3 c4", None, None),
    "a batch": ("bij,bjk->bik", "b2 i3 j4 k5", None, ["MatMul"]),
    "dots": ("...x,xy->...y", "x4 y5", None, ["MatMul"]),
    "sums over two": ("abcd,cdb->ab", "a2 b3 c4 d5", (0,), None),
    "capital letters": ("aA,Ab->ab", "a2 A3 b4", None, ["MatMul"]),
    # no product of matrices
    "an outer product": ("a,b->ab", "a2 b3", None, None),
    "a sum of one factor": ("ab,bc->c", "a2 b3 c4", None, None),
    "a product element by element": ("ab,ab->ab", "a2 b3", None, None),
    "two open axes in one": ("abcd,acde->abe", "a2 b3 c4 d5 e6", None, None),
}


@pytest.mark.parametrize("name", PRODUCTS)
def test_sums_of_products_agree(name):
    equation, listed, open_axes, wanted = PRODUCTS[name]
    sizes = {item[0]: int(item[1:]) for item in listed.split()}
    terms = [term.replace("...", "") for term in equation.partition("->")[0].split(",")]
    arrays = [floats(*((2, 3) if "..." in equation and term == "x" else ()), *map(sizes.get, term)) for term in terms]
    operators = agrees(lambda *factors: tf.einsum(equation, *factors), *arrays, open_axes=open_axes)
    if wanted is not None:
        assert [kind for kind in operators if kind != "Identity"] == wanted
