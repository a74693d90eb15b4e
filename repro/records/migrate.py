"""A record of an older schema -> today's. Adds what is known, invents nothing: no measured number changes.

Schema 2 (27 November 2026): the precision is settled in the recipe and so part of the fingerprint; new keys say which
claims were frozen when the run began, and the final network's test error evaluated in fp32.
"""

from typing import Any

from repro import spec


def upgraded(record: dict[str, Any]) -> dict[str, Any]:
    """A record of schema 1 as schema 2 has it; the fingerprint that it had stays in `fingerprint_schema_1`."""
    precision = record["sessions"][0]["precision"]  # a resumed run keeps its precision
    run = record["run"] | {"recipe": record["run"]["recipe"] | {"precision": precision}}
    final = record["final"]
    if final:  # of a network trained in another precision nobody made that evaluation, and it was not kept
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
    """That of schema 2; a fingerprint that was never the record's own stays as it is, and so stale."""

    def of(recipe: dict[str, Any]) -> str:
        return spec.identity(recipe, record["seed"], record["data_checksum"], record["recipe_version"])

    then = {key: value for key, value in record["run"]["recipe"].items() if key != "precision" or value is not None}
    return of(recipe) if of(then) == record["fingerprint"] else record["fingerprint"]
