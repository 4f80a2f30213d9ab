"""A light graph computes what the function computes, with weights inside or outside."""

import numpy as np
import pytest
import tensorflow as tf

from edgeconv.freezing import light_graph

ROWS = np.random.default_rng(0).normal(size=(5, 30)).astype(np.float32)


class Layers(tf.Module):
    def __init__(self):
        super().__init__()
        random = np.random.default_rng(1)
        self.first = tf.Variable(random.normal(size=(30, 20)).astype(np.float32))
        self.second = tf.Variable(random.normal(size=(20, 3)).astype(np.float32))
        self.table = random.normal(size=(20, 20)).astype(np.float32)

    @tf.function(input_signature=[tf.TensorSpec((5, 30), tf.float32, name="rows")])
    def __call__(self, rows):
        hidden = tf.nn.relu(rows @ self.first) @ self.table
        return tf.identity(tf.nn.softmax(hidden @ self.second), name="scores")


def run(graph_def):
    with tf.Graph().as_default():
        tf.graph_util.import_graph_def(graph_def, name="")
        with tf.compat.v1.Session() as session:
            return session.run("scores:0", {"rows:0": ROWS})


@pytest.fixture(scope="module")
def layers():
    return Layers()


@pytest.mark.parametrize(("large", "outside"), [(1, 3), (100, 2), (500, 1), (10_000, 0)])
def test_a_complete_graph_gives_the_scores_of_the_function(layers, large, outside):
    graph = light_graph(layers.__call__.get_concrete_function(), large)
    expected = layers(ROWS).numpy()
    assert len([name for name in graph.weights if graph.weights[name]().size > 5]) == outside
    assert expected.std() > 0.1
    assert np.array_equal(run(graph.complete()), expected)


def test_there_are_no_variables_left(layers):
    graph_def = light_graph(layers.__call__.get_concrete_function()).complete()
    kinds = {node.op for node in graph_def.node}
    assert "ReadVariableOp" not in kinds
    assert [node.name for node in graph_def.node if node.op == "Placeholder"] == ["rows"]


def test_weights_that_are_left_out_are_placeholders(layers):
    graph = light_graph(layers.__call__.get_concrete_function(), 500)
    (name,) = graph.weights
    partly = graph.complete(apart_from=[name])
    assert {node.name for node in partly.node if node.op == "Placeholder"} == {"rows", name}
    assert np.array_equal(graph.weights[name](), layers.first.numpy())


def test_a_function_that_calls_functions_is_inlined_first():
    @tf.function
    def doubled(rows):
        return rows * 2

    @tf.function(input_signature=[tf.TensorSpec((5, 30), tf.float32, name="rows")])
    def scores(rows):
        return tf.identity(doubled(rows), name="scores")

    graph = light_graph(scores.get_concrete_function())
    assert np.array_equal(run(graph.complete()), ROWS * 2)


def test_what_no_score_depends_on_is_left_out():
    """A graph imported into the function leaves its own placeholder there."""

    @tf.function(input_signature=[tf.TensorSpec((5, 30), tf.float32, name="rows")])
    def scores(rows):
        tf.compat.v1.placeholder(tf.float32, (5, 30), name="replaced")
        return tf.identity(rows * 2, name="scores")

    graph_def = light_graph(scores.get_concrete_function()).complete()
    assert [node.name for node in graph_def.node if node.op == "Placeholder"] == ["rows"]
    assert np.array_equal(run(graph_def), ROWS * 2)
