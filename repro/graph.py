"""One update as a CUDA graph: recorded once, then played with a single call an iteration."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch

from repro.data.batches import Draws

WARM_UP = 3  # updates before the recording, so that libraries and the allocator have made their choices


class Graph:
    """`update`, recorded at the first `run` and played at every one. The numbers are those of calling it.

    `tensors` lists all that an update changes, and `dropout` draws in it: warming up moves them, and they are put
    back before the first play.
    A batch of another size than the first is computed without the graph.
    """

    def __init__(
        self, update: Callable[[Draws], None], tensors: Callable[[], list[torch.Tensor]], dropout: torch.Generator
    ) -> None:
        self.update, self.tensors, self.dropout = update, tensors, dropout
        self.graph: torch.cuda.CUDAGraph | None = None

    def run(self, draws: Draws) -> None:
        if self.graph is None:
            self._record(draws)
        if len(draws) != len(self.static):
            self.update(draws)
            return
        self.static.copy_(draws)
        assert self.graph is not None
        self.graph.replay()

    def forget(self) -> None:
        """Record anew at the next `run`: the tensors have been replaced."""
        self.graph = None

    def _record(self, draws: Draws) -> None:
        self.static = draws.clone()
        with untouched(self.tensors, self.dropout):
            stream = torch.cuda.Stream(draws.index.device)  # type: ignore[no-untyped-call]
            stream.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(stream):  # as torch asks for: autograd's warm-up on a stream of its own
                for _ in range(WARM_UP):
                    self.update(self.static)
            torch.cuda.current_stream().wait_stream(stream)
            self.graph = torch.cuda.CUDAGraph()
            self.graph.register_generator_state(self.dropout)
            with torch.cuda.graph(self.graph):
                self.update(self.static)


@contextmanager
def untouched(tensors: Callable[[], list[torch.Tensor]], dropout: torch.Generator) -> Iterator[None]:
    """What is done inside changes neither the tensors nor the stream; those made inside begin at zero."""
    before = {t.data_ptr(): t.clone() for t in tensors()}
    dropped = dropout.get_state()
    yield
    for tensor in tensors():  # the optimizer makes some at its first update
        known = before.get(tensor.data_ptr())
        tensor.zero_() if known is None else tensor.copy_(known)
    dropout.set_state(dropped)
