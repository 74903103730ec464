"""Formulas of sklearn.decomposition: linear projections, sparse coding, nonnegative factors and topics."""
