"""Triton kernels of `batch`: augmentation; loss with its gradient; meters."""

import triton
import triton.language as tl


@triton.jit
def augment(
    train: tl.tensor,
    index: tl.tensor,
    corner: tl.tensor,
    flip: tl.tensor,
    levels: tl.tensor,
    mean: tl.tensor,
    std: tl.tensor,
    images: tl.tensor,
    CHANNELS: tl.constexpr,
    HEIGHT: tl.constexpr,
    WIDTH: tl.constexpr,
    PADDING: tl.constexpr,
    PAD_AFTER: tl.constexpr,
    FLIP: tl.constexpr,
    BLOCK: tl.constexpr,
) -> None:
    """Program (n, i): positions i * BLOCK ... of image n, cropped, mirrored and normalised, channels last.

    levels: float32 (256,), a pixel's value by its level; mean: float32 (C, H, W); std: float32 (C,).
    """
    n = tl.program_id(0)
    position = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    exists = position < HEIGHT * WIDTH
    row, column = position // WIDTH, position % WIDTH
    if FLIP:
        column = tl.where(tl.load(flip + n) != 0, WIDTH - 1 - column, column)
    from_row, from_column = row, column
    if PADDING > 0:
        from_row = row + tl.load(corner + 2 * n).to(tl.int32) - PADDING
        from_column = column + tl.load(corner + 2 * n + 1).to(tl.int32) - PADDING
    inside = exists & (from_row >= 0) & (from_row < HEIGHT) & (from_column >= 0) & (from_column < WIDTH)
    start = tl.load(index + n) * (CHANNELS * HEIGHT * WIDTH)
    for channel in tl.static_range(CHANNELS):
        plane = channel * HEIGHT * WIDTH
        level = tl.load(train + start + plane + from_row * WIDTH + from_column, mask=inside, other=0)
        value = tl.load(levels + level.to(tl.int32))
        if PAD_AFTER:
            value -= tl.load(mean + plane + from_row * WIDTH + from_column, mask=inside, other=0.0)
        else:
            value -= tl.load(mean + plane + row * WIDTH + column, mask=exists, other=0.0)
        value = tl.div_rn(value, tl.load(std + channel) + tl.zeros_like(value))
        if PAD_AFTER:
            value = tl.where(inside, value, 0.0)
        tl.store(images + (n * HEIGHT * WIDTH + position) * CHANNELS + channel, value, mask=exists)


@triton.jit
def cross_entropy(
    logits: tl.tensor,
    labels: tl.tensor,
    loss: tl.tensor,
    gradient: tl.tensor,
    count: tl.tensor,
    CLASSES: tl.constexpr,
    BLOCK_N: tl.constexpr,
    BLOCK_C: tl.constexpr,
) -> None:
    """One program: the mean loss of `count` images, and its gradient by the logits."""
    c = tl.arange(0, BLOCK_C)[None, :]
    total = tl.zeros([BLOCK_N], tl.float32)
    for start in range(0, count, BLOCK_N):
        n = start + tl.arange(0, BLOCK_N)
        inside = (n[:, None] < count) & (c < CLASSES)
        label = tl.load(labels + n, mask=n < count, other=0).to(tl.int32)
        value = tl.load(logits + n[:, None] * CLASSES + c, mask=inside, other=float("-inf")).to(tl.float32)
        value = tl.where(n[:, None] < count, value, 0.0)
        value -= tl.max(value, 1)[:, None]
        power = tl.exp(value)
        denominator = tl.sum(power, 1)
        is_label = c == label[:, None]
        own = tl.sum(tl.where(is_label, value, 0.0), 1)
        total += tl.where(n < count, tl.log(denominator) - own, 0.0)
        by_logit = (power / denominator[:, None] - is_label.to(tl.float32)) / count
        tl.store(gradient + n[:, None] * CLASSES + c, by_logit.to(gradient.dtype.element_ty), mask=inside)
    tl.store(loss, tl.sum(total, 0) / count)


@triton.jit
def add_to_meters(
    loss: tl.tensor,
    logits: tl.tensor,
    labels: tl.tensor,
    loss_sum: tl.tensor,
    worst_loss: tl.tensor,
    hits: tl.tensor,
    count: tl.tensor,
    CLASSES: tl.constexpr,
    BLOCK_N: tl.constexpr,
    BLOCK_C: tl.constexpr,
) -> None:
    """One program: what `Meters.add` adds."""
    c = tl.arange(0, BLOCK_C)[None, :]
    hit = tl.zeros([BLOCK_N], tl.int64)
    for start in range(0, count, BLOCK_N):
        n = start + tl.arange(0, BLOCK_N)
        inside = (n[:, None] < count) & (c < CLASSES)
        label = tl.load(labels + n, mask=n < count, other=-1).to(tl.int32)
        value = tl.load(logits + n[:, None] * CLASSES + c, mask=inside, other=float("-inf")).to(tl.float32)
        hit += (tl.argmax(value, 1, tie_break_left=True) == label).to(tl.int64)
    own = tl.load(loss)
    tl.store(loss_sum, tl.load(loss_sum) + own.to(tl.float64) * count)
    tl.store(worst_loss, tl.maximum(tl.load(worst_loss), own, propagate_nan=tl.PropagateNan.ALL))
    tl.store(hits, tl.load(hits) + tl.sum(hit, 0))
