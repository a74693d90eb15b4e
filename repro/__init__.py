"""repro: published claims about image classifiers, held against fresh, seeded runs of the published recipe."""

import os

__version__ = "0.1.0"

# what deterministic cuBLAS asks for; torch reads it once, at the process's first call of cuBLAS
os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
