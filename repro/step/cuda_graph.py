"""One update as a CUDA graph: recorded once, then played with a single call an iteration."""

import gc
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import torch

from repro.data.batches import Draws

WARM_UP = 3  # updates before the recording, so that libraries and the allocator have made their choices


class Graph:
    """`update`, recorded at the first `run` and played at every one. The numbers are those of calling it.

    `tensors` lists all that an update changes, and `dropout` draws in it: warming up moves them, and they are put
    back before the first play.
    A batch of fewer images than `size` is computed without the graph.
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
            self.graph = self._recorded()
        self.static.copy_(draws)
        self.graph.replay()

    def forget(self) -> None:
        """Record anew at the next `run`: the tensors have been replaced."""
        self.graph = None

    def _recorded(self) -> torch.cuda.CUDAGraph:
        """Of an update on `static`.

        Libraries keep scratch memory a stream, and the graph remembers its address: so a graph is recorded on the
        stream that will play it, where one run of several has its own, and else on a new one.
        """
        graph, device = torch.cuda.CUDAGraph(), self.static.index.device
        stream = torch.cuda.current_stream(device)
        if stream == torch.cuda.default_stream(device):
            stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        with untouched(self.tensors, self.dropout):
            stream.wait_stream(torch.cuda.current_stream(device))
            with torch.cuda.stream(stream), no_collection():
                for _ in range(WARM_UP):
                    self.update(self.static)
                _register(graph, self.dropout)
                with torch.cuda.graph(graph, stream=stream):
                    self.update(self.static)
            torch.cuda.current_stream(device).wait_stream(stream)
        return graph


def _register(graph: torch.cuda.CUDAGraph, generator: torch.Generator) -> None:
    """Later versions of torch see by themselves what draws in a graph, and warn where they are told."""
    if register := getattr(graph, "register_generator_state", None):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            register(generator)


@contextmanager
def no_collection() -> Iterator[None]:
    """Without Python's garbage collector: freeing an old graph's memory would break off a recording."""
    gc.collect()
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


@contextmanager
def untouched(tensors: Callable[[], list[torch.Tensor]], dropout: torch.Generator) -> Iterator[None]:
    """What is done inside changes neither the tensors nor the stream; those made inside begin at zero.

    So too where it fails. An error inside is what is raised, even if nothing can be restored after it.
    """
    before = {t.data_ptr(): t.clone() for t in tensors()}
    dropped = dropout.get_state()

    def restore() -> None:
        for tensor in tensors():  # the optimizer makes some at its first update
            known = before.get(tensor.data_ptr())
            tensor.zero_() if known is None else tensor.copy_(known)
        dropout.set_state(dropped)

    try:
        yield
    except BaseException:
        with suppress(RuntimeError):  # a CUDA error makes whatever comes after it fail too
            restore()
        raise
    restore()
