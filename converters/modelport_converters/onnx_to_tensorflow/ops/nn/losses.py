"""Losses over classes, which are the channels: the last dimension here."""

from __future__ import annotations

import tensorflow as tf

from modelport_converters.onnx_to_tensorflow.registry import LayoutRule, op
from modelport_converters.onnx_to_tensorflow.widening import HALVES, widened


@op("NegativeLogLikelihoodLoss", layout=LayoutRule.SPATIAL)
def negative_log_likelihood_loss(
    x: tf.Tensor, target: tf.Tensor, weight: tf.Tensor | None = None,
    *, ignore_index: int | None = None, reduction: str = "mean",
) -> tf.Tensor:  # fmt: skip
    """Negative log-likelihood loss: per element, or the weighted mean or the sum."""
    return widened(_loss, HALVES)(x, target, weight, ignored=ignore_index, reduction=reduction)


@op("SoftmaxCrossEntropyLoss", layout=LayoutRule.SPATIAL)
def softmax_cross_entropy_loss(
    scores: tf.Tensor, labels: tf.Tensor, weights: tf.Tensor | None = None,
    *, ignore_index: int | None = None, reduction: str = "mean", wanted: int = 1,
) -> tf.Tensor | tuple[tf.Tensor, tf.Tensor]:  # fmt: skip
    """Softmax cross-entropy loss; on request also the log-probabilities."""
    log_prob = widened(tf.nn.log_softmax, HALVES)(scores)
    loss = widened(_loss, HALVES)(log_prob, labels, weights, ignored=ignore_index, reduction=reduction)
    return (loss, log_prob) if wanted > 1 else loss


def _loss(
    log_prob: tf.Tensor, target: tf.Tensor, weight: tf.Tensor | None, *, ignored: int | None, reduction: str
) -> tf.Tensor:
    """Return the loss; ignored targets, which may be no class at all, count as 0 and have no weight."""
    kept = None if ignored is None else tf.not_equal(target, tf.cast(ignored, target.dtype))
    target = target if kept is None else tf.where(kept, target, tf.zeros_like(target))
    loss = -tf.gather(log_prob, target, batch_dims=log_prob.shape.rank - 1)
    factor = None if weight is None else tf.gather(weight, target)
    if kept is not None:
        loss = tf.where(kept, loss, tf.zeros_like(loss))
        factor = tf.where(kept, tf.ones_like(loss) if factor is None else factor, tf.zeros_like(loss))
    weighted = loss if factor is None else loss * factor
    if reduction == "none":
        return weighted
    if reduction == "sum":
        return tf.reduce_sum(weighted)
    return tf.reduce_mean(weighted) if factor is None else tf.reduce_sum(weighted) / tf.reduce_sum(factor)
