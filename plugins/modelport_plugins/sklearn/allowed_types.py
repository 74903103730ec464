"""The allow-list of types in .skops files, beyond those that skops itself trusts.

Some are plain Python that holds numbers, some functions without any effect. The native ones follow indices and sizes that the
file says without looking: `contents` checks those before anything runs.
"""

from __future__ import annotations

_NEIGHBOURS = "sklearn.neighbors"
_METRICS = "sklearn.metrics._dist_metrics"
_KERNELS = "sklearn.gaussian_process.kernels"
_FUNCTIONS = {
    "numpy": "amax amin around clip max mean median min nan_to_num prod ptp round std sum var",
    "scipy._lib.array_api_compat.numpy._aliases": "asarray",
    "scipy.special._logsumexp": "log_softmax logsumexp softmax",
    "sklearn.cluster._kmeans": "_kmeans_single_elkan _kmeans_single_lloyd",
    "sklearn.feature_selection._mutual_info": "mutual_info_classif mutual_info_regression",
    "sklearn.feature_selection._univariate_selection": "chi2 f_classif f_oneway f_regression r_regression",
    "sklearn.metrics._classification": "accuracy_score balanced_accuracy_score f1_score log_loss matthews_corrcoef "
    "precision_score recall_score",
    "sklearn.metrics._ranking": "average_precision_score roc_auc_score",
    "sklearn.metrics._regression": "mean_absolute_error mean_squared_error r2_score",
    "sklearn.utils.validation": "check_array",
}
"""Functions of arrays alone: whatever a file has them called with, they return numbers or raise."""

_OBJECTS = {
    "scipy.interpolate._bsplines": "BSpline",
    "sklearn._loss.loss": "HalfTweedieLoss HalfTweedieLossIdentity",
    "sklearn.calibration": "_CalibratedClassifier _SigmoidCalibration _TemperatureScaling",
    "sklearn.cluster._bisect_k_means": "_BisectingTree",
    "sklearn.ensemble._hist_gradient_boosting.predictor": "TreePredictor",
    "sklearn.gaussian_process._gpc": "_BinaryGaussianProcessClassifierLaplace",
    _KERNELS: "CompoundKernel ConstantKernel DotProduct ExpSineSquared Exponentiation Matern PairwiseKernel Product RBF "
    "RationalQuadratic Sum WhiteKernel",
    "sklearn.impute._iterative": "IterativeImputer",
    "sklearn.metrics._scorer": "_CurveScorer _PassthroughScorer _Scorer",

    "sklearn.model_selection._search_successive_halving": "HalvingGridSearchCV HalvingRandomSearchCV",
    "sklearn.model_selection._split": "GroupKFold KFold LeaveOneOut RepeatedKFold RepeatedStratifiedKFold ShuffleSplit "
    "StratifiedKFold StratifiedShuffleSplit TimeSeriesSplit",
    "sklearn.multiclass": "_ConstantPredictor",
    "sklearn.neural_network._stochastic_optimizers": "AdamOptimizer SGDOptimizer",
    "sklearn.utils._metadata_requests": "MetadataRequest MethodMetadataRequest",
    f"{_NEIGHBOURS}._ball_tree": "BallTree BallTree32 BallTree64",
    f"{_NEIGHBOURS}._kd_tree": "KDTree KDTree32 KDTree64",
    _METRICS: " ".join(
        f"{name}Distance{bits}"
        for bits in ("", "64", "32")
        for name in (
            "BrayCurtis", "Canberra", "Chebyshev", "Dice", "Euclidean", "Hamming", "Haversine", "Jaccard", "Mahalanobis",
            "Manhattan", "Minkowski", "RogersTanimoto", "RussellRao", "SEuclidean", "SokalSneath",
        )
    ),
}  # fmt: skip
"""Objects that are restored from their attributes; of the metrics, PyFuncDistance is none, which calls a function."""

_SPARSE = {f"scipy.sparse._{form}": f"{form}_matrix {form}_array" for form in ("bsr", "coo", "csc", "csr", "dia")}
_OTHERS = {
    "functools.partial": "PartialNode",
    "numpy.dtype": "DTypeNode",
    "sklearn.impute._iterative._ImputerTriplet": "TupleNode",
    "sklearn.tree._tree.Tree": "TreeNode",
    "sklearn.utils._bunch.Bunch": "DictNode",
}


def _named(names: dict[str, str], node: str) -> dict[str, str]:
    return {f"{module}.{name}": node for module, several in names.items() for name in several.split()}


HARMLESS: dict[str, str] = {
    **_named(_FUNCTIONS, "FunctionNode"),
    **_named(_OBJECTS, "ObjectNode"),
    **_named(_SPARSE, "SparseMatrixNode"),
    **_OTHERS,
}
"""By full name: the one kind of skops node as which the type is harmless."""
