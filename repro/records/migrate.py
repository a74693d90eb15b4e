"""Converts a record of an older schema to today's. Adds only what is known; changes no measured number.

Schema 2 (27 November 2026): the recipe holds the precision, which is thereby part of the fingerprint. New keys hold the
claims that were frozen when the run started, and the final network's test error evaluated in fp32.
"""

from typing import Any

from repro import spec


def upgraded(record: dict[str, Any]) -> dict[str, Any]:
    """Convert a record of schema 1 to schema 2. Its former fingerprint is kept as `fingerprint_schema_1`."""
    precision = record["sessions"][0]["precision"]  # a resumed run keeps its precision
    run = record["run"] | {"recipe": record["run"]["recipe"] | {"precision": precision}}
    final = record["final"]
    if final:  # schema 1 did not evaluate networks of other precisions in fp32, and did not keep them
        final = final | {"test_error_fp32": final["test_error"] if precision == "fp32" else None}
    return record | {
        "schema": 2,
        "fingerprint": _fingerprint(record, run["recipe"]),
        "fingerprint_schema_1": record["fingerprint"],
        "run": run,
        "final": final,
        "frozen": None,
    }


def _fingerprint(record: dict[str, Any], recipe: dict[str, Any]) -> str:
    """The fingerprint of schema 2. One that does not match its own record is kept, so the record stays stale."""

    def fingerprint(recipe: dict[str, Any]) -> str:
        return spec.identity(recipe, record["seed"], record["data_checksum"], record["recipe_version"])

    old = {key: value for key, value in record["run"]["recipe"].items() if key != "precision" or value is not None}
    return fingerprint(recipe) if fingerprint(old) == record["fingerprint"] else record["fingerprint"]
