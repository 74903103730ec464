"""A random forest on iris, from scikit-learn to ONNX, proven on the user's own rows."""

from pathlib import Path

import skops.io
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import train_test_split

from common import OnnxModel, Result, convert, run, same_labels


def main(out: Path) -> Result:
    features, species = load_iris(return_X_y=True, as_frame=True)
    rows, test_rows, labels, test_labels = train_test_split(
        features, species, test_size=0.3, random_state=0, stratify=species
    )
    forest = RandomForestClassifier(n_estimators=100, random_state=0).fit(rows, labels)

    source, samples, target = out / "iris.skops", out / "iris.csv", out / "iris.onnx"
    skops.io.dump(forest, source)
    test_rows.to_csv(samples, index=False)
    # --samples proves on real rows, and keeps their float64; without it the input would be float32.
    convert(source, "-o", target, "--samples", samples)

    onnx = OnnxModel(target)
    after = onnx({"X": test_rows.to_numpy()})
    return same_labels("iris forest", "sklearn", onnx, test_labels.to_numpy(), forest.predict(test_rows), after)


if __name__ == "__main__":
    run(main)
