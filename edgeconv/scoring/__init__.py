"""Scores for millions of pictures or embeddings: one scorer, chunks, and three engines.

An input is listed once (``inputs``), cut into chunks that depend on nothing but the inputs
(``plan``), and each chunk becomes one parquet part (``job``), wherever it is run. An engine only
hands chunks out: ``local``, ``on_ray``, ``on_spark``. So all of them write the same bytes.
"""
