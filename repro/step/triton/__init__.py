"""The GPU step of this project's own Triton kernels: fewer passes over memory and fewer launches than torch makes.

| file | what it is |
|---|---|
| `network.py` | `TritonStep`, for CIFAR ResNets: which operations become one |
| `norm.py` | batch norm with the addition and the ReLUs beside it, as an autograd function |
| `norm_kernels.py` | its kernels, two passes over memory in each direction |
| `batch.py` | a batch's images, loss and meters, each in one kernel |
| `batch_kernels.py` | these kernels |
| `casts.py` | the copies of all weights in bf16, in one launch |

Only this file may be imported where Triton is not installed.
"""

import importlib.util

from repro.spec import Model


def refusal(model: Model) -> str:
    """Why this step cannot be used for a spec's network; "" if it can."""
    if "triton" not in model.steps:
        return "its kernels support only CIFAR ResNets of width 64 or less"
    return "" if importlib.util.find_spec("triton") else "the package triton is not installed"
