"""Torch7's files: what they may hold is read, what is hostile is refused at once."""

import struct
import time
from itertools import pairwise

import numpy as np
import pytest

from gfr_model.torch7 import read_torch7
from manifests import DataError
from tests.gfr_model.torch7_files import Object, Table, Torch7Writer, save_torch7


def test_torch7_reads_shared_objects_views_and_steps_over_functions(tmp_path):
    writer = Torch7Writer()
    writer.int(3)
    writer.number()
    writer.int(3)
    writer.value("view")  # of a storage of 12 values: every second row of 3x4, transposed
    writer.head("torch.FloatTensor")
    writer.int(2)
    writer.long(4, 2)
    writer.long(1, 8)
    writer.long(1)
    writer.head("torch.FloatStorage")
    writer.long(12)
    writer.bytes += np.arange(12, dtype="<f4").tobytes()
    shared = 2  # the tensor's number
    writer.value("again")
    writer.int(4)
    writer.int(shared)
    writer.value("function")
    writer.int(8)
    writer.number()
    writer.string("bytecode")
    writer.int(0)
    (tmp_path / "table.t7").write_bytes(bytes(writer.bytes))
    found = read_torch7(tmp_path / "table.t7")
    assert np.array_equal(found[b"view"], np.arange(12).reshape(3, 4)[::2].T)
    assert found[b"again"] is found[b"view"]
    assert found[b"function"] is None


def test_torch7_nested_without_end_is_refused(tmp_path):
    writer = Torch7Writer()
    for _ in range(20_000):
        writer.int(3)
        writer.number()
        writer.int(1)
        writer.value(1.0)
    (tmp_path / "deep.t7").write_bytes(bytes(writer.bytes))
    with pytest.raises(DataError, match="levels of nesting"):
        read_torch7(tmp_path / "deep.t7")


def test_a_torch7_file_of_endless_nothing_is_refused_at_once(tmp_path):
    """80 MB of it took more than a minute."""
    path = tmp_path / "nothing.t7"
    table = struct.pack("<iii", 3, 1, 2**30)  # a table, number 1, of that many entries
    path.write_bytes(table + b"\0" * 80_000_000)
    started = time.process_time()
    with pytest.raises(DataError, match="more than 200,000 values"):
        read_torch7(path)
    assert time.process_time() - started < 5


def test_a_graph_of_nodes_that_name_each_other_is_read_however_long(tmp_path):
    """As nngraph keeps them: each node holds the next one, which names the one before."""
    nodes = [Object(["nngraph.Node", Table([("id", number)])]) for number in range(1500)]
    for before, node in pairwise(nodes):
        before[1].append(("children", Table([(1, node)])))
        node[1].append(("mapindex", Table([(1, before), (before[1], 1)])))
    save_torch7(tmp_path / "chain.t7", nodes[0])
    node, seen = read_torch7(tmp_path / "chain.t7"), 0
    while children := node.get("children"):
        assert children[1.0].get("mapindex") == {1.0: node}
        node, seen = children[1.0], seen + 1
    assert seen == node.get("id") == 1499
