"""Data sets (one file each in `sets`): finding, downloading and loading them, and drawing augmented batches."""
