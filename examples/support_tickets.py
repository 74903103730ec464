"""Support tickets (a text, a category and two numbers) sorted into queues: a whole scikit-learn pipeline in one ONNX file."""

from pathlib import Path

import pandas as pd
import skops.io
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from common import HERE, OnnxModel, Result, convert, run, same_labels


def pipeline() -> Pipeline:
    columns = ColumnTransformer(
        [
            ("text", TfidfVectorizer(stop_words="english"), "text"),
            ("category", OneHotEncoder(handle_unknown="ignore"), ["channel"]),
            ("numbers", StandardScaler(), ["order_value", "previous_tickets"]),
        ]
    )
    return make_pipeline(columns, LogisticRegression(C=10))


def main(out: Path) -> Result:
    tickets = pd.read_csv(HERE / "data" / "support_tickets.csv")
    queues = tickets.pop("queue")
    rows, test_rows, labels, test_labels = train_test_split(
        tickets, queues, test_size=0.25, random_state=0, stratify=queues
    )
    model = pipeline().fit(rows, labels)

    source, target = out / "support_tickets.skops", out / "support_tickets.onnx"
    skops.io.dump(model, source)
    # Names and types of the columns come from the fitted pipeline; the proof's texts from its vocabulary.
    convert(source, "-o", target)

    onnx = OnnxModel(target)
    # The ONNX model takes raw texts and numbers, one input [N,1] for each column: no preprocessing is left to rewrite.
    inputs = {name: test_rows[[name]].to_numpy() for name in ("text", "channel")}
    inputs |= {name: test_rows[[name]].to_numpy("float32") for name in ("order_value", "previous_tickets")}
    before, after = model.predict(test_rows), onnx(inputs)
    return same_labels("support tickets", "sklearn", onnx, test_labels.to_numpy(), before, after)


if __name__ == "__main__":
    run(main)
