"""Weights that others trained: which there are, where they lie, how they are got."""

from manifests.weights.fetch import Got as Got
from manifests.weights.fetch import get as get
from manifests.weights.places import advice as advice
from manifests.weights.places import find as find
from manifests.weights.places import folder as folder
from manifests.weights.places import require as require
from manifests.weights.places import state as state
from manifests.weights.table import WEIGHTS as WEIGHTS
from manifests.weights.table import File as File
from manifests.weights.table import Weight as Weight
from manifests.weights.table import named as named
