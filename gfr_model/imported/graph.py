"""Torch7's nngraph as lines of `networks/layered.py`.

A gModule keeps its nodes in the order in which they are run. A node names those that it takes from (`mapindex`), and is
a module, a part of a table (`selectindex`), or passes on what it gets. Only what is exactly known is taken; all else is
refused by its name.
"""

from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np

from gfr_model.networks.layered import Layer
from gfr_model.torch7 import Torch7Object
from manifests import DataError

ACTIVATIONS = {"LeakyReLU": "leaky", "ReLU": "relu", "Tanh": "tanh", "Sigmoid": "sigmoid"}
FIRST_PLACE = 2  # values 0 and 1 are the inputs


class Graph:
    """The lines and the weights of a gModule, gathered node by node."""

    def __init__(self, source: str) -> None:
        """source: what errors name."""
        self.source = source
        self.lines: list[Layer] = []
        self.weights: dict[str, np.ndarray] = {}  # as Layered names them
        self.dropouts = 0  # that were left aside
        self._changed: dict[int, int] = {}  # value that a layer overwrote: its new value

    def add(self, kind: str, inputs: list[int], *numbers: float, **weights: np.ndarray) -> list[int]:
        """Append a line and return the number of its value, as a list of one."""
        self.weights |= {f"layers.{len(self.lines)}.{name}": np.asarray(w, "<f4") for name, w in weights.items()}
        self.lines.append(Layer(kind, numbers, tuple(inputs)))
        return [FIRST_PLACE + len(self.lines) - 1]

    def run(self, module: Torch7Object, given: list[int]) -> list[int]:
        """Append what a gModule makes of the values `given`; returns its outputs. Raises DataError."""
        made: dict[int, list[int]] = {}  # outputs of each node, by the identity of its data
        outputs: list[int] = []
        for node in _listed(module.get("forwardnodes")):
            data = node.get("data") if isinstance(node, Torch7Object) else None
            if not isinstance(data, dict):
                raise DataError(f"{self.source}: a node of the graph has no data; get the file again")
            parents = [made.get(id(parent)) for parent in _listed(data.get(b"mapindex"))]
            if None in parents:
                raise DataError(f"{self.source}: a node of the graph comes before one that it takes from")
            outputs = [value for parent in parents for value in parent or []] if parents else given
            if b"selectindex" in data:
                outputs = self._selected(outputs, data[b"selectindex"])
            elif isinstance(data.get(b"module"), Torch7Object):
                outputs = self.module(data[b"module"], outputs)
            made[id(data)] = outputs
        return outputs

    def module(self, module: Torch7Object, inputs: list[int]) -> list[int]:
        """Append one module. Raises DataError, which names it, for one that is not known exactly."""
        name = _kind(module)
        if name not in HANDLED:
            self._refuse(module, "is of a kind that is not known here")
        count, handle = HANDLED[name]
        if count and len(inputs) != count:
            self._refuse(module, f"is given {len(inputs)} values")
        return handle(self, module, [self._now(value) for value in inputs])

    def _sequence(self, module: Torch7Object, inputs: list[int]) -> list[int]:
        for part in _listed(module.get("modules")):
            inputs = self.module(part, inputs)
        return inputs

    def _same(self, module: Torch7Object, inputs: list[int]) -> list[int]:
        return inputs

    def _convolution(self, module: Torch7Object, inputs: list[int]) -> list[int]:
        full = "Full" in module.name
        channels = [self._whole(module, key) for key in ("nInputPlane", "nOutputPlane")]
        kernel, stride = (self._square(module, f"{letter}W", f"{letter}H") for letter in ("k", "d"))
        padding = self._square(module, "padW", "padH", 0)
        if self._whole(module, "groups", 1) != 1:
            self._refuse(module, "works in groups")
        more = (self._square(module, "adjW", "adjH", 0),) if full else ()
        shape = (*(channels if full else reversed(channels)), kernel, kernel)
        weight = self._array(module, "weight", int(np.prod(shape))).reshape(shape)
        bias = self._array(module, "bias", channels[1], np.zeros(channels[1]))
        kind = "deconv" if full else "conv"
        return self.add(kind, inputs, *channels, kernel, stride, padding, *more, weight=weight, bias=bias)

    def _norm(self, module: Torch7Object, inputs: list[int]) -> list[int]:
        """The statistics of the image where the module was saved in training, which test.lua does not end."""
        running = module.get("running_mean")
        if not isinstance(running, np.ndarray):
            self._refuse(module, "has no running_mean")
        count = running.size
        weight = self._array(module, "weight", count, np.ones(count))
        bias = self._array(module, "bias", count, np.zeros(count))
        epsilon = self._number(module, "eps", 1e-5)
        if module.get("train") is not False:
            return self.add("norm", inputs, count, epsilon, weight=weight, bias=bias)
        mean, variance = (self._array(module, f"running_{name}", count) for name in ("mean", "var"))
        factor = weight / np.sqrt(variance.astype(float) + epsilon)
        return self.add("scale", inputs, count, weight=factor, bias=bias - mean * factor)

    def _activation(self, module: Torch7Object, inputs: list[int]) -> list[int]:
        if any(self._number(module, key, 0) for key in ("threshold", "val")):
            self._refuse(module, "has a threshold")
        slope = (self._number(module, "negval", 0.01),) if _kind(module) == "LeakyReLU" else ()
        made = self.add(ACTIVATIONS[_kind(module)], inputs, *slope)
        if module.get("inplace") is True:
            self._changed[inputs[0]] = made[0]  # all that reads that value from now on sees this one
        return made

    def _dropout(self, module: Torch7Object, inputs: list[int]) -> list[int]:
        if module.get("v2") is not True:
            self._refuse(module, "is of the first version, which scales what it gives when it is off")
        self.dropouts += 1
        return inputs

    def _join(self, module: Torch7Object, inputs: list[int]) -> list[int]:
        place = (self._whole(module, "dimension"), self._whole(module, "nInputDims", 0))
        if place not in ((2, 0), (2, -1), (2, 4), (1, 3)):
            self._refuse(module, "joins something else than channels")
        return self.add("join", inputs)

    def _transpose(self, module: Torch7Object, inputs: list[int]) -> list[int]:
        axes = [0, 1, 2, 3]
        for pair in _listed(module.get("permutations")):
            if len(found := _listed(pair)) != 2 or not all(place in (1, 2, 3, 4) for place in found):
                self._refuse(module, "exchanges axes that an image has not")
            a, b = (int(place) - 1 for place in found)
            axes[a], axes[b] = axes[b], axes[a]
        return self.add("permute", inputs, *axes)

    def _sample(self, module: Torch7Object, inputs: list[int]) -> list[int]:
        return self.add("sample", inputs)

    def _selected(self, values: list[int], place: Any) -> list[int]:
        if not isinstance(place, float) or not 1 <= place <= len(values):
            raise DataError(f"{self.source}: a node takes part {place} of {len(values)}")
        return [values[int(place) - 1]]

    def _now(self, value: int) -> int:
        while value in self._changed:
            value = self._changed[value]
        return value

    def _number(self, module: Torch7Object, key: str, default: float | None = None) -> float:
        value = module.get(key)
        value = default if value is None else value
        if isinstance(value, bool) or not isinstance(value, float | int) or not np.isfinite(value):
            self._refuse(module, f"has no number {key}")
        return value

    def _whole(self, module: Torch7Object, key: str, default: int | None = None) -> int:
        value = self._number(module, key, default)
        if value != int(value):
            self._refuse(module, f"has {key} {value}")
        return int(value)

    def _square(self, module: Torch7Object, first: str, second: str, default: int | None = None) -> int:
        a, b = self._whole(module, first, default), self._whole(module, second, default)
        if a != b:
            self._refuse(module, f"has {first} {a} and {second} {b}, which should be equal")
        return a

    def _array(self, module: Torch7Object, key: str, size: int, default: np.ndarray | None = None) -> np.ndarray:
        found = module.get(key)
        value = default if found is None else found
        if not isinstance(value, np.ndarray) or value.size != size or not np.isfinite(value).all():
            self._refuse(module, f"has no {size:,} finite numbers under {key}")
        return value

    def _refuse(self, module: Torch7Object, reason: str) -> NoReturn:
        raise DataError(
            f"{self.source}: layer {len(self.lines) + FIRST_PLACE}, {module.name}, {reason}; such a network cannot be "
            "read, please report it with this line"
        )


# How many values each kind of module takes (0: any number), and what it becomes.
HANDLED: dict[str, tuple[int, Callable[[Graph, Torch7Object, list[int]], list[int]]]] = {
    "gModule": (0, Graph.run),
    "Sequential": (0, Graph._sequence),
    **dict.fromkeys(("Identity", "Contiguous", "Copy", "ZeroGrad"), (0, Graph._same)),
    "Dropout": (0, Graph._dropout),
    "JoinTable": (0, Graph._join),
    "Transpose": (1, Graph._transpose),
    **dict.fromkeys(ACTIVATIONS, (1, Graph._activation)),
    "BilinearSamplerBHWD": (2, Graph._sample),
    "SpatialBatchNormalization": (1, Graph._norm),
    **dict.fromkeys(("SpatialConvolution", "SpatialConvolutionMM", "SpatialFullConvolution"), (1, Graph._convolution)),
}


def _kind(module: Torch7Object) -> str:
    """Its name without the package: nn., cudnn. and stn. mean the same."""
    return module.name.rsplit(".", 1)[-1]


def _listed(table: Any) -> list[Any]:
    """What a Lua table has under 1, 2, 3, ..."""
    found: list[Any] = []
    while isinstance(table, dict) and float(len(found) + 1) in table:
        found.append(table[float(len(found) + 1)])
    return found
