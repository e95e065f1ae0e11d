"""The Parquet tables: schemas, reading, writing, provenance, checking."""
