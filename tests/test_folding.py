import numpy as np
import pytest

from edgeconv.folding import fold_batch_norms


@pytest.fixture
def head():
    """Dense, normalisation with statistics that matter, dropout, dense."""
    import tf_keras
    from tf_keras import layers

    def build(activation="relu", shared=False):
        random = np.random.RandomState(0)
        inputs = layers.Input((6,), name="features")
        hidden = layers.Dense(5, activation=activation, name="dense")(inputs)
        normal = layers.BatchNormalization(name="norm")(hidden)
        outputs = layers.Dense(3, name="scores")(layers.Dropout(0.5, name="drop")(normal))
        if shared:
            outputs = layers.Concatenate(name="both")([outputs, normal])
        model = tf_keras.Model(inputs, outputs)
        for layer in model.layers:
            layer.set_weights([random.randn(*w.shape) for w in layer.get_weights()])
        normal_layer = model.get_layer("norm")
        gamma, beta, mean, variance = normal_layer.get_weights()
        # one feature nearly dead, one negative: what made integer files blind
        variance = np.abs(variance)
        variance[0], gamma[1] = 1e-6, -abs(gamma[1])
        normal_layer.set_weights([gamma, beta, mean, variance])
        return model

    return build


def both(model, folded):
    inputs = np.random.RandomState(1).randn(64, 6).astype(np.float32)
    return model.predict(inputs, verbose=0), folded.predict(inputs, verbose=0)


@pytest.mark.parametrize("activation", ["relu", "linear"])
def test_scores_are_the_same_and_the_normalisation_is_gone(head, activation):
    model = head(activation)
    folded = fold_batch_norms(model)
    expected, found = both(model, folded)
    assert np.ptp(expected) > 1
    assert found == pytest.approx(expected, abs=1e-4)
    assert not any(type(layer).__name__ == "BatchNormalization" for layer in folded.layers)
    assert [layer.name for layer in folded.layers] == [layer.name for layer in model.layers]


def test_every_feature_reaches_as_far_in_both_kernels(head):
    folded = fold_batch_norms(head())
    before = np.abs(folded.get_layer("dense").get_weights()[0]).max(axis=0)
    after = np.abs(folded.get_layer("scores").get_weights()[0]).max(axis=1)
    assert before == pytest.approx(after, rel=1e-5)


def test_the_model_itself_is_left_alone(head):
    model = head()
    before = [weights.copy() for weights in model.get_weights()]
    fold_batch_norms(model)
    assert all(map(np.array_equal, before, model.get_weights()))


@pytest.mark.parametrize("options", [{"activation": "sigmoid"}, {"shared": True}])
def test_what_cannot_be_folded_exactly_is_not(head, options):
    model = head(**options)
    assert fold_batch_norms(model) is model


def test_a_frozen_demo_has_no_normalisation_left(frozen_demo):
    names = {node.name for node in frozen_demo.graph_def.node}
    assert not any("batch_norm/batchnorm" in name for name in names)
