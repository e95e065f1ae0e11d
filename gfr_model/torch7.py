"""Torch7's binary files (.t7), read without running anything that they contain.

The format is Torch7's File.lua: a tagged tree of numbers, strings, tables, tensors and objects, little-endian, in which
an object that occurred before is named by its number. Functions are stepped over. Nothing is believed about lengths:
each is held against what the file still has.
"""

import struct
from collections.abc import Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from manifests import DataError

NIL, NUMBER, STRING, TABLE, TORCH, BOOLEAN, FUNCTION, OLD_CLOSURE, CLOSURE = range(9)
ELEMENTS = {
    "Byte": "u1",
    "Char": "i1",
    "Short": "<i2",
    "Int": "<i4",
    "Long": "<i8",
    "Float": "<f4",
    "Double": "<f8",
    "Cuda": "<f4",
    "CudaDouble": "<f8",
}
DEEPEST = 10_000  # levels of nesting: VGG-Face has about ten, a graph whose nodes name each other several hundred
LARGEST_RANK = 32  # dimensions of a tensor
Parts = Generator[None, Any, Any]  # reads a value; asks for those inside it one by one, and returns it
MOST_VALUES = 200_000  # of any kind, nothing included; VGG-Face has about two thousand


@dataclass
class Torch7Object:
    """An object of a Torch7 class: its name, and the table that it was saved as."""

    name: str  # for example "nn.SpatialConvolution"
    content: Any = field(default=None, repr=False)

    def get(self, key: str) -> Any:
        """What it has under `key`; None where it has nothing."""
        return self.content.get(key.encode()) if isinstance(self.content, dict) else None


def read_torch7(path: Path) -> Any:
    """Read a .t7 file: numbers as float, strings as bytes, tables as dict, tensors as arrays, the rest as Torch7Object.

    Lua's keys 1, 2, 3 are floats. Arrays are views of the mapped file. Raises DataError when it is not such a file.
    """
    try:
        return _Reader(np.memmap(path, dtype=np.uint8, mode="r")).read()
    except (OSError, ValueError, TypeError, OverflowError) as error:
        raise DataError(f"{path} is no Torch7 file that can be read ({error}); get the original again") from error


class _Reader:
    """A position in a file, and the objects read so far by number."""

    def __init__(self, data: np.ndarray) -> None:
        self.data, self.at, self.count = data, 0, 0
        self.known: dict[int, Any] = {}

    def read(self) -> Any:
        # What is open waits here and not in Python's own recursion, which ends at a thousand calls.
        waiting, value = [self._value()], None
        while waiting:
            try:
                waiting[-1].send(value)
            except StopIteration as done:
                waiting.pop()
                value = done.value
                continue
            if len(waiting) == DEEPEST:
                raise ValueError(f"more than {DEEPEST:,} levels of nesting")
            waiting.append(self._value())
            value = None
        return value

    def _value(self) -> Parts:
        """Read one value. Wherever it holds another, `yield` gives that."""
        self.count += 1
        if self.count > MOST_VALUES:
            raise ValueError(f"it holds more than {MOST_VALUES:,} values")
        kind = self._int()
        if kind == NIL:
            return None
        if kind == NUMBER:
            return struct.unpack("<d", self._take(8).tobytes())[0]
        if kind == STRING:
            return self._string()
        if kind == BOOLEAN:
            return self._int() == 1
        if kind not in (TABLE, TORCH, FUNCTION, OLD_CLOSURE, CLOSURE):
            raise ValueError(f"unknown type {kind} at byte {self.at - 4}")
        return (yield from self._referable(kind))

    def _referable(self, kind: int) -> Parts:
        if kind == FUNCTION:
            return (yield from self._function())
        number = self._int()
        if number in self.known:
            return self.known[number]
        if kind == TABLE:
            return (yield from self._table(number))
        if kind == TORCH:
            return (yield from self._object(number))
        self.known[number] = None
        return (yield from self._function())

    def _table(self, number: int) -> Parts:
        table: dict[Any, Any] = {}
        self.known[number] = table  # before its content, which may name it
        for _ in range(self._int()):
            key = yield
            value = yield
            if isinstance(key, float | bytes | bool):  # nothing of interest is kept under another kind of key
                table[key] = value
        return table

    def _object(self, number: int) -> Parts:
        version = self._string()
        name = (self._string() if version.startswith(b"V ") else version).decode("latin-1")
        element = ELEMENTS.get(name.removeprefix("torch.").removesuffix("Tensor").removesuffix("Storage"))
        if element and name.endswith("Storage"):
            self.known[number] = self._storage(np.dtype(element))
        elif element and name.endswith("Tensor"):
            self.known[number] = yield from self._tensor(np.dtype(element))
        else:
            self.known[number] = found = Torch7Object(name)
            found.content = yield
        return self.known[number]

    def _storage(self, element: np.dtype[Any]) -> np.ndarray:
        return self._take(self._long() * element.itemsize).view(element)

    def _tensor(self, element: np.dtype[Any]) -> Parts:
        rank = self._int()
        if not 0 <= rank <= LARGEST_RANK:
            raise ValueError(f"a tensor of {rank} dimensions")
        sizes = [self._long() for _ in range(rank)]
        strides = [self._long() for _ in range(rank)]
        first = self._long() - 1
        storage = yield
        if storage is None or rank == 0:
            return np.zeros(0, dtype=element)
        last = first + sum((size - 1) * stride for size, stride in zip(sizes, strides, strict=True))
        inside = min(sizes) >= 0 and min(strides) >= 0 and first >= 0 and last < len(storage)
        if 0 in sizes:
            return np.zeros(0, dtype=element)
        if not isinstance(storage, np.ndarray) or not inside or np.prod(sizes, dtype=object) > len(storage):
            raise ValueError(f"a tensor of {sizes} that its storage cannot hold")
        steps = [stride * storage.itemsize for stride in strides]
        return np.lib.stride_tricks.as_strided(storage[first:], sizes, steps, writeable=False)

    def _function(self) -> Parts:
        self._take(self._int())  # Lua bytecode: stepped over
        yield  # what it closes over

    def _string(self) -> bytes:
        return self._take(self._int()).tobytes()

    def _int(self) -> int:
        value: int = struct.unpack("<i", self._take(4).tobytes())[0]
        return value

    def _long(self) -> int:
        value: int = struct.unpack("<q", self._take(8).tobytes())[0]
        return value

    def _take(self, count: int) -> np.ndarray:
        if count < 0 or count > len(self.data) - self.at:
            raise ValueError(f"the file ends within something of {count} bytes at byte {self.at}")
        self.at += count
        return self.data[self.at - count : self.at]
