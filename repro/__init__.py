"""repro: tests published claims about image classifiers with fresh, seeded runs of the published recipe."""

import os

__version__ = "0.1.0"

# required for deterministic cuBLAS; must be set before the process first calls cuBLAS
os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
