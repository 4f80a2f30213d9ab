"""What an evaluation found, as data: the document of ``evaluate --json`` and of its report."""

from __future__ import annotations

from edgeconv.spec import OperatingPoint, Strict


class Interval(Strict):
    """A number with its 95 % interval."""

    value: float
    low: float
    high: float


class Rate(Interval):
    """A share of pictures, with its exact 95 % interval (Clopper and Pearson 1934)."""

    count: int
    of: int


class LabelResult(Strict):
    """How well one label is told from all others.

    ``support`` counts the pictures that have the label, ``predicted`` those that were given it. A
    share of nothing is 0, as scikit-learn has it.
    """

    label: str
    unsafe: bool
    support: int
    predicted: int
    precision: float
    recall: float
    f1: float


class Curve(Strict):
    """How well a score separates pictures that have a label from those that have not.

    ``roc`` gives (false-positive rate, recall), its corners alone, ``precision_recall`` (recall,
    precision) where the recall rises; both from the highest threshold to the lowest.
    ``average_precision`` is the sum of precision over the steps of recall.
    """

    roc: tuple[tuple[float, float], ...]
    precision_recall: tuple[tuple[float, float], ...]
    roc_auc: float
    average_precision: float


class ReliabilityBin(Strict):
    """Pictures whose best score is above ``low`` and at most ``high``: how many, the mean of that
    score, and the share that is right; both None where there are none."""

    low: float
    high: float
    count: int
    confidence: float | None
    accuracy: float | None


class Calibration(Strict):
    """Whether a score of .8 is right in 80 % of cases.

    ``ece`` is the expected calibration error over bins of equal width (Guo et al. 2017), ``nll``
    the mean negative log-likelihood of the true label, in nats; None where scores are no
    probabilities.
    """

    ece: float
    nll: float | None
    bins: tuple[ReliabilityBin, ...]


class TemperatureFit(Strict):
    """The temperature that suits these pictures best, and what it changes on them.

    ``temperature`` is on top of one that the model may have already; ``total`` is both together,
    as ``[output]`` states it.
    """

    temperature: float
    total: float
    before: Calibration
    after: Calibration


class PointResult(Strict):
    """An operating point on the pictures of an evaluation.

    ``chosen`` says whether it was chosen on these very pictures. Then the intervals are those of
    the bootstrap: what the same choice on other pictures of this kind would have given here. Else
    they are exact (Clopper and Pearson), and ``threshold`` has no width.
    """

    point: OperatingPoint
    chosen: bool
    flagged: int
    threshold: Interval
    precision: Interval
    recall: Interval
    false_positive_rate: Interval


class Mistake(Strict):
    """A picture that was given another label than it has."""

    name: str
    truth: str
    decided: str
    scores: dict[str, float]


class LabelFlips(Strict):
    """Negative and positive flips among the pictures of one label."""

    label: str
    pictures: int
    negative: int
    positive: int


class Comparison(Strict):
    """Two models on the same pictures.

    ``negative_flips`` are pictures that the other one had right and this one has wrong,
    ``positive_flips`` the reverse; ``bound_95`` is the exact one-sided 95 % upper bound of the rate
    of negative ones. ``p_value`` is that of McNemar's exact two-sided test: how likely so uneven a
    split would be if neither were better.
    """

    against: str
    runtime: str
    pictures: int
    accuracy: Rate
    both_right: int
    both_wrong: int
    negative_flips: int
    positive_flips: int
    negative_flip_rate: float
    bound_95: float
    p_value: float
    by_label: tuple[LabelFlips, ...]


class Evaluation(Strict):
    """All that was found about one model or file on labelled pictures.

    ``confusion`` has one row a true label and one column a given one. ``curves`` are by label, one
    against the rest; ``unsafe`` is that of the sum of the unsafe scores. A curve is missing where
    all pictures are on one side. ``unreadable`` gives name and reason, ``absent`` the labels that
    are not there. Where a temperature was fitted, all but ``temperature.before`` is about the
    scores with it.
    """

    model: str
    runtime: str
    notice: str | None
    labels: tuple[str, ...]
    unsafe_labels: tuple[str, ...]
    noun: str
    data: str
    pictures: int
    unreadable: dict[str, str]
    absent: tuple[str, ...]
    accuracy: Rate
    confusion: tuple[tuple[int, ...], ...]
    by_label: tuple[LabelResult, ...]
    curves: dict[str, Curve]
    unsafe: Curve | None
    calibration: Calibration
    temperature: TemperatureFit | None = None
    points: tuple[PointResult, ...] = ()
    comparison: Comparison | None = None
    mistakes: tuple[Mistake, ...] = ()
    made_with: dict[str, str]
