"""One update as a CUDA graph: captured once, then replayed with a single call per iteration."""

import gc
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import torch

from repro.data.batches import Draws

WARM_UP = 3  # updates before the capture, so that libraries have chosen algorithms and memory is allocated


class Graph:
    """Captures `update` at the first `run` and replays it at every `run`; computes the same numbers as calling it.

    `tensors` lists every tensor that an update changes, `dropout` is the generator it draws from: warm-up changes them,
    and they are restored before the first replay. A batch of fewer images than `size` is computed without the graph.
    """

    def __init__(
        self,
        update: Callable[[Draws], None],
        tensors: Callable[[], list[torch.Tensor]],
        dropout: torch.Generator,
        size: int,
    ) -> None:
        self.update, self.tensors, self.dropout, self.size = update, tensors, dropout, size
        self.graph: torch.cuda.CUDAGraph | None = None

    def run(self, draws: Draws) -> None:
        if len(draws) != self.size:
            self.update(draws)
            return
        if self.graph is None:
            self.static = draws.clone()
            self.graph = self._capture()
        self.static.copy_(draws)
        self.graph.replay()

    def discard(self) -> None:
        """Capture again at the next `run`; needed once tensors have been replaced."""
        self.graph = None

    def _capture(self) -> torch.cuda.CUDAGraph:
        """Capture an update that reads its batch from `static`.

        Libraries keep scratch memory per stream, and the graph stores its address. A graph is therefore captured on the
        stream that will replay it if the run has a stream of its own, otherwise on a new one.
        """
        graph, device = torch.cuda.CUDAGraph(), self.static.index.device
        stream = torch.cuda.current_stream(device)
        if stream == torch.cuda.default_stream(device):
            stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        with restoring(self.tensors, self.dropout):
            stream.wait_stream(torch.cuda.current_stream(device))
            with torch.cuda.stream(stream), garbage_collection_paused():
                for _ in range(WARM_UP):
                    self.update(self.static)
                _register(graph, self.dropout)
                with torch.cuda.graph(graph, stream=stream):
                    self.update(self.static)
            torch.cuda.current_stream(device).wait_stream(stream)
        return graph


def _register(graph: torch.cuda.CUDAGraph, generator: torch.Generator) -> None:
    """Let the graph use the generator. Newer versions of torch detect it themselves and warn about this call."""
    if register := getattr(graph, "register_generator_state", None):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            register(generator)


@contextmanager
def garbage_collection_paused() -> Iterator[None]:
    """Pause Python's garbage collector: freeing the memory of an old graph would abort a capture."""
    gc.collect()
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


@contextmanager
def restoring(tensors: Callable[[], list[torch.Tensor]], dropout: torch.Generator) -> Iterator[None]:
    """Restore the tensors and the dropout generator on exit, also after an error; tensors created inside are zeroed.

    An error raised inside is re-raised even if restoring then fails too.
    """
    before = {t.data_ptr(): t.clone() for t in tensors()}
    dropout_before = dropout.get_state()

    def restore() -> None:
        for tensor in tensors():  # the optimizer creates some at its first update
            known = before.get(tensor.data_ptr())
            tensor.zero_() if known is None else tensor.copy_(known)
        dropout.set_state(dropout_before)

    try:
        yield
    except BaseException:
        with suppress(RuntimeError):  # after a CUDA error every further call fails
            restore()
        raise
    restore()
