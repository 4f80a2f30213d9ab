"""Temperature scaling where the right temperature is known."""

import numpy as np
import pytest

from edgeconv.errors import UsageError
from edgeconv.evaluating.reliability import calibration, negative_log_likelihood
from edgeconv.evaluating.temperature import best_temperature, with_temperature

LEAST = float(np.finfo(np.float32).tiny)


def softmax(logits):
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def sigmoid(logits):
    return 1 / (1 + np.exp(-logits))


@pytest.mark.parametrize(("lead", "right"), [(4.0, 80), (1.0, 90), (2.0, 95)])
def test_the_closed_form_of_one_lead(lead, right):
    # sigmoid(lead / T) = right / 100 is where the likelihood is highest, and exactly calibrated.
    scores = softmax(np.tile([lead, 0.0], (100, 1)))
    truth = np.repeat([0, 1], [right, 100 - right])
    expected = lead / np.log(right / (100 - right))
    for kind in ("softmax", "sigmoid"):
        found = best_temperature(scores, truth, kind, LEAST)
        assert found == pytest.approx(expected, rel=1e-6)
    scaled = with_temperature(scores, found, "softmax", LEAST)
    assert calibration(scaled, truth, "softmax", LEAST).ece == pytest.approx(0, abs=1e-6)
    assert calibration(scores, truth, "softmax", LEAST).ece > 0.01


@pytest.mark.parametrize("true", [0.5, 1.0, 2.5])
def test_the_temperature_that_drew_the_labels_is_found(true):
    generator = np.random.default_rng(5)
    logits = generator.normal(0, 2, (40_000, 4))
    chances = softmax(logits / true).cumsum(axis=1)
    truth = (generator.random((len(logits), 1)) > chances).sum(axis=1).clip(0, 3)
    found = best_temperature(softmax(logits), truth, "softmax", LEAST)
    assert found == pytest.approx(true, rel=0.03)


def test_independent_scores_share_one_temperature():
    # Of four labels at sigmoid(lead), one is on in each row: sigmoid(lead / T) = 1/4.
    scores = np.full((100, 4), sigmoid(-3.0))
    found = best_temperature(scores, np.arange(100) % 4, "multi-label", LEAST)
    assert found == pytest.approx(-3 / np.log(1 / 3), rel=1e-6)


@pytest.mark.parametrize("temperature", [0.4, 1.0, 3.0])
def test_scores_become_those_of_divided_logits(temperature):
    logits = np.random.default_rng(1).normal(0, 4, (200, 5))
    for kind, activation in (("softmax", softmax), ("multi-label", sigmoid)):
        scores = activation(logits)
        found = with_temperature(scores, temperature, kind, LEAST)
        assert found == pytest.approx(activation(logits / temperature), abs=1e-12)
        assert (found.argmax(axis=1) == scores.argmax(axis=1)).all()
    second = sigmoid(logits[:, :1])
    found = with_temperature(np.hstack([1 - second, second]), temperature, "sigmoid", LEAST)
    assert found[:, 1:] == pytest.approx(sigmoid(logits[:, :1] / temperature), abs=1e-12)


def test_another_temperature_is_worse():
    generator = np.random.default_rng(2)
    logits = generator.normal(0, 3, (2000, 3))
    truth = (
        (generator.random((2000, 1)) > softmax(logits / 2).cumsum(axis=1)).sum(axis=1).clip(0, 2)
    )
    scores = softmax(logits)
    best = best_temperature(scores, truth, "softmax", LEAST)

    def loss(temperature):
        scaled = with_temperature(scores, temperature, "softmax", LEAST)
        return negative_log_likelihood(scaled, truth, "softmax", LEAST)

    assert loss(best) < min(loss(best * 1.02), loss(best / 1.02))


def test_what_has_no_best_temperature_is_said():
    right = np.array([[0.9, 0.1], [0.2, 0.8]])
    with pytest.raises(UsageError, match="no temperature") as raised:
        best_temperature(right, np.array([0, 1]), "softmax", LEAST)
    assert "every one of them is right" in str(raised.value)
    with pytest.raises(UsageError, match="next to nothing"):
        best_temperature(right, np.array([1, 0]), "softmax", LEAST)
    with pytest.raises(UsageError, match="linear"):
        best_temperature(right, np.array([0, 1]), "linear", LEAST)
