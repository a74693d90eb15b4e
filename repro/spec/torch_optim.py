"""The optimizers of torch.optim by name: which there are, and the arguments that each takes.

Both are read from torch's source, since importing torch takes seconds and specs are read where nothing is trained.
"""

import ast
import importlib.util
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

PREFIX = "torch.optim."
OWN = {"SGD": "sgd", "Adam": "adam", "AdamW": "adamw", "RMSprop": "rmsprop"}  # those with a table of their own
UNFIT = {
    "LBFGS": "it computes the loss several times per update",
    "Muon": "it updates matrices only",
    "Rprop": "its steps have sizes of their own, which no schedule changes",
    "SparseAdam": "it takes sparse gradients only",
}
# keys of the table itself, and how an update is computed rather than what it is
NO_OPTIONS = ("self", "params", "lr", "weight_decay", "foreach", "fused", "capturable", "differentiable", "maximize")


@cache
def arguments() -> dict[str, dict[str, Any]]:
    """Class -> its arguments that have a default, with it."""
    torch = importlib.util.find_spec("torch")
    assert torch and torch.submodule_search_locations
    found = {}
    for path in sorted(Path(torch.submodule_search_locations[0], "optim").glob("*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and any(ast.unparse(base) == "Optimizer" for base in node.bases):
                if node.name not in OWN and node.name not in UNFIT:
                    found[node.name] = _arguments(node)
    return found


def _arguments(optimizer: ast.ClassDef) -> dict[str, Any]:
    made = next(each for each in optimizer.body if isinstance(each, ast.FunctionDef) and each.name == "__init__")
    positional = made.args.args[len(made.args.args) - len(made.args.defaults) :]
    defaults = [*zip(positional, made.args.defaults, strict=True)]
    defaults += [(key, value) for key, value in zip(made.args.kwonlyargs, made.args.kw_defaults, strict=True) if value]
    return {key.arg: ast.literal_eval(value) for key, value in defaults}


def names() -> list[str]:
    """What a spec may name, beside the optimizers that have a table of their own."""
    return [PREFIX + name for name in arguments()]


def check_name(name: str) -> None:
    """ValueError if a spec cannot name this optimizer."""
    short = name.removeprefix(PREFIX)
    if short in OWN:
        raise ValueError(f"here it is called {OWN[short]!r}")
    if short in UNFIT:
        raise ValueError(UNFIT[short])
    if name not in names():
        raise ValueError(f"allowed: {', '.join(names())}")


def check_options(name: str, options: Mapping[str, Any]) -> None:
    """ValueError if an optimizer of `names` does not take these options."""
    known = {key: value for key, value in arguments()[name.removeprefix(PREFIX)].items() if key not in NO_OPTIONS}
    for key, value in options.items():
        if key not in known:
            raise ValueError(f"options: unknown key {key!r}; allowed for {name}: {', '.join(known) or 'none'}")
        if not _fits(value, known[key]):
            raise ValueError(f"options.{key} = {value!r} is not allowed; its default is {known[key]!r}")


def _fits(value: Any, default: Any) -> bool:
    """Whether a value may replace this default; what replaces None, torch checks."""
    if isinstance(default, tuple):
        return isinstance(value, tuple) and len(value) == len(default)
    return default is None or (not isinstance(value, tuple) and isinstance(value, bool) == isinstance(default, bool))
