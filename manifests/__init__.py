"""The contract between data construction and training: Parquet tables, their schemas, reading, writing, checking."""

from manifests.errors import ConfigError, DataError, GfrError
from manifests.files import atomic_path, hash_bytes, hash_file, unsafe_path, write_bytes, write_text
from manifests.memory import keep_freed_memory
from manifests.progress import Progress, silent
from manifests.tables.checking import validate_dataset
from manifests.tables.io import read_provenance, read_schema, read_table, to_table, write_parts, write_table
from manifests.tables.provenance import Provenance, project_version, provenance
from manifests.tables.schemas import (
    DEGRADED,
    DEGRADED_FILE,
    FACES,
    FACES_FILE,
    PAIRS,
    PAIRS_FILE,
    REASONS,
    SCHEMA_VERSION,
    SCORES,
    SCORES_FILE,
    STATUSES,
)

__all__ = [
    "DEGRADED",
    "DEGRADED_FILE",
    "FACES",
    "FACES_FILE",
    "PAIRS",
    "PAIRS_FILE",
    "REASONS",
    "SCHEMA_VERSION",
    "SCORES",
    "SCORES_FILE",
    "STATUSES",
    "ConfigError",
    "DataError",
    "GfrError",
    "Progress",
    "Provenance",
    "atomic_path",
    "hash_bytes",
    "hash_file",
    "keep_freed_memory",
    "project_version",
    "provenance",
    "read_provenance",
    "read_schema",
    "read_table",
    "silent",
    "to_table",
    "unsafe_path",
    "validate_dataset",
    "write_bytes",
    "write_parts",
    "write_table",
    "write_text",
]
