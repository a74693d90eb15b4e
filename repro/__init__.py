"""repro: published claims about image classifiers, held against fresh, seeded runs of the published recipe."""

__version__ = "0.1.0"
