"""The data sets, one file each. `repro.data.catalog` looks them up."""

from repro.data.dataset import DataSet
from repro.data.sets.cifar10 import CIFAR10
from repro.data.sets.digits import DIGITS
from repro.data.sets.fashion_mnist import FASHION_MNIST
from repro.data.sets.mnist import MNIST

BUILT_IN: dict[str, DataSet] = {
    "cifar10": CIFAR10,
    "mnist": MNIST,
    "fashion-mnist": FASHION_MNIST,
    "digits": DIGITS,
}
