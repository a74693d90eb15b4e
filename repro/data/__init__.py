"""Data sets: what there is (`catalog`), getting it (`fetch`), holding it (`load`) and drawing batches (`batches`)."""
