"""Writes Torch7's files for tests."""

import struct

import numpy as np


class Table(list):
    """A Lua table as pairs of key and value: keys may be tables, too. Others refer to it by its identity."""


class Object(list):
    """A Torch7 object: its name and its content, a Table or dict."""


class Torch7Writer:
    """Torch7's binary format, as its File.lua describes it. What occurs again is written as its number."""

    def __init__(self):
        self.bytes, self.count = bytearray(), 0
        self.known = {}

    def int(self, value):
        self.bytes += struct.pack("<i", value)

    def long(self, *values):
        self.bytes += struct.pack(f"<{len(values)}q", *values)

    def string(self, text):
        self.int(len(text))
        self.bytes += text.encode()

    def number(self):
        self.count += 1
        self.int(self.count)

    def head(self, name):
        self.int(4)
        self.number()
        self.string("V 1")
        self.string(name)

    def tensor(self, array):
        array = np.asarray(array, dtype=np.float32)
        self.head("torch.FloatTensor")
        self.int(array.ndim)
        self.long(*array.shape)
        self.long(*(stride // 4 for stride in array.strides))
        self.long(1)
        self.head("torch.FloatStorage")
        self.long(array.size)
        self.bytes += array.tobytes()

    def value(self, value):
        waiting = [value]
        while waiting:
            waiting += reversed(self.one(waiting.pop()))

    def one(self, value):
        """Write a value up to those inside it, which are returned in their order."""
        if isinstance(value, np.ndarray):
            self.tensor(value)
        elif isinstance(value, str):
            self.int(2)
            self.string(value)
        elif isinstance(value, bool):
            self.int(5)
            self.int(int(value))
        elif isinstance(value, int | float):
            self.int(1)
            self.bytes += struct.pack("<d", value)
        elif isinstance(value, tuple | Object):
            if not self.again(value, 4):
                self.string("V 1")
                self.string(value[0])
                return [value[1]]
        elif isinstance(value, dict | Table) and not self.again(value, 3):
            pairs = list(value.items()) if isinstance(value, dict) else value
            self.int(len(pairs))
            return [one for pair in pairs for one in pair]
        return []

    def again(self, value, kind):
        """Begin a table or an object; whether it was written before, so that its number is all."""
        self.int(kind)
        if id(value) in self.known:
            self.int(self.known[id(value)])
            return True
        self.number()
        self.known[id(value)] = self.count
        return False


def save_torch7(path, value):
    """Write one value."""
    writer = Torch7Writer()
    writer.value(value)
    path.write_bytes(bytes(writer.bytes))
