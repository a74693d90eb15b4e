"""Triton kernels of `norm`: batch norm over the rows of a matrix (positions, channels): images, channels last.

A group of `rows` consecutive rows is normalised together. Program (i, g) works on tiles of group g. The first kernel of
each direction sums over its rows and writes its sums to `partial`, float32 (groups, 2, PARTS, C). Every program of the
second adds up these sums in the same order, so all use the same bits and no atomics are needed. Tensors may be bfloat16
or float32; all arithmetic is in float32.
"""

import triton
import triton.language as tl


@triton.jit
def _tile(
    tile: tl.tensor, group: tl.tensor, rows: tl.tensor, C: tl.constexpr, BLOCK_C: tl.constexpr, BLOCK_R: tl.constexpr
) -> tuple[tl.tensor, tl.tensor]:
    """Offsets of a tile's values and which of them exist."""
    r = tile * BLOCK_R + tl.arange(0, BLOCK_R)[:, None]
    c = tl.arange(0, BLOCK_C)[None, :]
    return (group * rows + r) * C + c, (r < rows) & (c < C)


@triton.jit
def _combined(
    partial: tl.tensor, group: tl.tensor, C: tl.constexpr, BLOCK_C: tl.constexpr, PARTS: tl.constexpr
) -> tuple[tl.tensor, tl.tensor]:
    """The two sums of a group, (BLOCK_C,) each."""
    c = tl.arange(0, BLOCK_C)[None, :]
    at = partial + (group * 2 * PARTS + tl.arange(0, PARTS)[:, None]) * C + c
    first = tl.load(at, mask=c < C, other=0.0)
    second = tl.load(at + PARTS * C, mask=c < C, other=0.0)
    return tl.sum(first, 0), tl.sum(second, 0)


@triton.jit
def _write_sums(
    partial: tl.tensor, a: tl.tensor, b: tl.tensor, C: tl.constexpr, BLOCK_C: tl.constexpr, PARTS: tl.constexpr
) -> None:
    c = tl.arange(0, BLOCK_C)
    at = partial + (tl.program_id(1) * 2 * PARTS + tl.program_id(0)) * C + c
    tl.store(at, tl.sum(a, 0), mask=c < C)
    tl.store(at + PARTS * C, tl.sum(b, 0), mask=c < C)


@triton.jit
def _moments(
    x: tl.tensor,
    partial: tl.tensor,
    group: tl.tensor,
    rows: tl.tensor,
    C: tl.constexpr,
    BLOCK_C: tl.constexpr,
    PARTS: tl.constexpr,
) -> tuple[tl.tensor, tl.tensor]:
    """Mean and biased variance of a group, from the sums by `statistics`, whose shift was the group's first row."""
    c = tl.arange(0, BLOCK_C)
    shift = tl.load(x + group * rows * C + c, mask=c < C, other=0.0).to(tl.float32)
    total, squares = _combined(partial, group, C, BLOCK_C, PARTS)
    difference = total / rows
    return shift + difference, tl.maximum(squares / rows - difference * difference, 0.0)


@triton.jit
def statistics(
    x: tl.tensor,
    shortcut: tl.tensor,
    added: tl.tensor,
    partial: tl.tensor,
    rows: tl.tensor,
    C: tl.constexpr,
    BLOCK_C: tl.constexpr,
    BLOCK_R: tl.constexpr,
    PARTS: tl.constexpr,
    ADD: tl.constexpr,
) -> None:
    """Sums of x and x * x, each shifted by the group's first row, which keeps the variance accurate.

    ADD: of added = x + shortcut instead, which is written.
    """
    part, group = tl.program_id(0), tl.program_id(1)
    c = tl.arange(0, BLOCK_C)
    first = group * rows * C + c
    shift = tl.load(x + first, mask=c < C, other=0.0).to(tl.float32)
    if ADD:
        shift += tl.load(shortcut + first, mask=c < C, other=0.0).to(tl.float32)
        shift = shift.to(added.dtype.element_ty).to(tl.float32)
    total = tl.zeros([BLOCK_R, BLOCK_C], tl.float32)
    squares = tl.zeros([BLOCK_R, BLOCK_C], tl.float32)
    for tile in range(part, tl.cdiv(rows, BLOCK_R), PARTS):
        at, inside = _tile(tile, group, rows, C, BLOCK_C, BLOCK_R)
        value = tl.load(x + at, mask=inside, other=0.0).to(tl.float32)
        if ADD:
            value += tl.load(shortcut + at, mask=inside, other=0.0).to(tl.float32)
            rounded = value.to(added.dtype.element_ty)
            tl.store(added + at, rounded, mask=inside)
            value = rounded.to(tl.float32)
        value = tl.where(inside, value - shift[None, :], 0.0)
        total += value
        squares += value * value
    _write_sums(partial, total, squares, C, BLOCK_C, PARTS)


@triton.jit
def normalise(
    x: tl.tensor,
    shortcut: tl.tensor,
    y: tl.tensor,
    partial: tl.tensor,
    moments: tl.tensor,
    weight: tl.tensor,
    bias: tl.tensor,
    running_mean: tl.tensor,
    running_var: tl.tensor,
    rows: tl.tensor,
    momentum: tl.tensor,
    eps: tl.tensor,
    C: tl.constexpr,
    BLOCK_C: tl.constexpr,
    BLOCK_R: tl.constexpr,
    PARTS: tl.constexpr,
    GROUPS: tl.constexpr,
    ADD: tl.constexpr,
    RELU_FIRST: tl.constexpr,
    RELU_LAST: tl.constexpr,
) -> None:
    """y = normalised x, then ReLU if RELU_FIRST, + shortcut if ADD, ReLU if RELU_LAST.

    Also writes each group's mean and 1 / standard deviation to `moments`, float32 (GROUPS, 2, C), and updates the
    running statistics by the means over groups of the mean and the unbiased variance.
    """
    part, group = tl.program_id(0), tl.program_id(1)
    c = tl.arange(0, BLOCK_C)
    mean, variance = _moments(x, partial, group, rows, C, BLOCK_C, PARTS)
    inverse = tl.div_rn(1.0, tl.sqrt_rn(variance + eps))
    scale = inverse * tl.load(weight + c, mask=c < C, other=0.0)
    offset = tl.load(bias + c, mask=c < C, other=0.0)
    if part == 0:
        tl.store(moments + group * 2 * C + c, mean, mask=c < C)
        tl.store(moments + (group * 2 + 1) * C + c, inverse, mask=c < C)
        if group == 0:
            means = mean
            variances = variance
            for other in range(1, GROUPS):
                its_mean, its_variance = _moments(x, partial, other, rows, C, BLOCK_C, PARTS)
                means += its_mean
                variances += its_variance
            running = tl.load(running_mean + c, mask=c < C, other=0.0)
            tl.store(running_mean + c, running * (1 - momentum) + means / GROUPS * momentum, mask=c < C)
            running = tl.load(running_var + c, mask=c < C, other=0.0)
            unbiased = variances / GROUPS * (rows / (rows - 1.0))
            tl.store(running_var + c, running * (1 - momentum) + unbiased * momentum, mask=c < C)
    for tile in range(part, tl.cdiv(rows, BLOCK_R), tl.num_programs(0)):
        at, inside = _tile(tile, group, rows, C, BLOCK_C, BLOCK_R)
        value = tl.load(x + at, mask=inside, other=0.0).to(tl.float32)
        value = tl.fma(value - mean[None, :], scale[None, :] + tl.zeros_like(value), offset[None, :])
        if RELU_FIRST:
            value = tl.maximum(value, 0.0, propagate_nan=tl.PropagateNan.ALL)
        if ADD:
            value += tl.load(shortcut + at, mask=inside, other=0.0).to(tl.float32)
        if RELU_LAST:
            value = tl.maximum(value, 0.0, propagate_nan=tl.PropagateNan.ALL)
        tl.store(y + at, value.to(y.dtype.element_ty), mask=inside)


@triton.jit
def gradient_sums(
    dy: tl.tensor,
    dy2: tl.tensor,
    y: tl.tensor,
    x: tl.tensor,
    summed: tl.tensor,
    partial: tl.tensor,
    moments: tl.tensor,
    weight: tl.tensor,
    bias: tl.tensor,
    rows: tl.tensor,
    C: tl.constexpr,
    BLOCK_C: tl.constexpr,
    BLOCK_R: tl.constexpr,
    PARTS: tl.constexpr,
    TWO: tl.constexpr,
    MASK_BY_Y: tl.constexpr,
    MASK_BY_X: tl.constexpr,
) -> None:
    """Sums of the gradient by the norm's output and of its product with the normalised x.

    TWO: the gradient is dy + dy2. MASK_BY_Y: a ReLU passed only y > 0. If either is set, the result is written to
    `summed`. MASK_BY_X: after that, a ReLU passed only what `normalise` computes from x to be above 0.
    """
    part, group = tl.program_id(0), tl.program_id(1)
    c = tl.arange(0, BLOCK_C)
    mean = tl.load(moments + group * 2 * C + c, mask=c < C, other=0.0)
    inverse = tl.load(moments + (group * 2 + 1) * C + c, mask=c < C, other=0.0)
    scale = inverse * tl.load(weight + c, mask=c < C, other=0.0)
    offset = tl.load(bias + c, mask=c < C, other=0.0)
    total = tl.zeros([BLOCK_R, BLOCK_C], tl.float32)
    product = tl.zeros([BLOCK_R, BLOCK_C], tl.float32)
    for tile in range(part, tl.cdiv(rows, BLOCK_R), PARTS):
        at, inside = _tile(tile, group, rows, C, BLOCK_C, BLOCK_R)
        gradient = tl.load(dy + at, mask=inside, other=0.0).to(tl.float32)
        if TWO:
            gradient += tl.load(dy2 + at, mask=inside, other=0.0).to(tl.float32)
        if MASK_BY_Y:
            gradient = tl.where(tl.load(y + at, mask=inside, other=0.0).to(tl.float32) > 0, gradient, 0.0)
        if TWO or MASK_BY_Y:
            rounded = gradient.to(summed.dtype.element_ty)
            tl.store(summed + at, rounded, mask=inside)
            gradient = rounded.to(tl.float32)
        centred = tl.load(x + at, mask=inside, other=0.0).to(tl.float32) - mean[None, :]
        if MASK_BY_X:
            value = tl.fma(centred, scale[None, :] + tl.zeros_like(centred), offset[None, :])
            gradient = tl.where(value > 0, gradient, 0.0)
        total += gradient
        product += gradient * (centred * inverse[None, :])
    _write_sums(partial, total, product, C, BLOCK_C, PARTS)


@triton.jit
def input_gradient(
    dy: tl.tensor,
    dx_more: tl.tensor,
    x: tl.tensor,
    dx: tl.tensor,
    partial: tl.tensor,
    moments: tl.tensor,
    weight: tl.tensor,
    bias: tl.tensor,
    dweight: tl.tensor,
    dbias: tl.tensor,
    rows: tl.tensor,
    C: tl.constexpr,
    BLOCK_C: tl.constexpr,
    BLOCK_R: tl.constexpr,
    PARTS: tl.constexpr,
    GROUPS: tl.constexpr,
    MORE: tl.constexpr,
    MASK_BY_X: tl.constexpr,
) -> None:
    """The gradients by x, weight and bias, from the gradient and the sums that `gradient_sums` left.

    MORE: dx_more is added to dx, as the gradient of another use of x.
    """
    part, group = tl.program_id(0), tl.program_id(1)
    c = tl.arange(0, BLOCK_C)
    total, product = _combined(partial, group, C, BLOCK_C, PARTS)
    mean = tl.load(moments + group * 2 * C + c, mask=c < C, other=0.0)
    inverse = tl.load(moments + (group * 2 + 1) * C + c, mask=c < C, other=0.0)
    scale = inverse * tl.load(weight + c, mask=c < C, other=0.0)
    offset = tl.load(bias + c, mask=c < C, other=0.0)
    if (part == 0) & (group == 0):
        by_bias = total
        by_weight = product
        for other in range(1, GROUPS):
            its_total, its_product = _combined(partial, other, C, BLOCK_C, PARTS)
            by_bias += its_total
            by_weight += its_product
        tl.store(dbias + c, by_bias, mask=c < C)
        tl.store(dweight + c, by_weight, mask=c < C)
    mean_gradient = total / rows
    slope = product / rows * inverse
    for tile in range(part, tl.cdiv(rows, BLOCK_R), tl.num_programs(0)):
        at, inside = _tile(tile, group, rows, C, BLOCK_C, BLOCK_R)
        gradient = tl.load(dy + at, mask=inside, other=0.0).to(tl.float32)
        centred = tl.load(x + at, mask=inside, other=0.0).to(tl.float32) - mean[None, :]
        if MASK_BY_X:
            value = tl.fma(centred, scale[None, :] + tl.zeros_like(centred), offset[None, :])
            gradient = tl.where(value > 0, gradient, 0.0)
        result = scale[None, :] * (gradient - mean_gradient[None, :] - centred * slope[None, :])
        if MORE:
            result += tl.load(dx_more + at, mask=inside, other=0.0).to(tl.float32)
        tl.store(dx + at, result.to(dx.dtype.element_ty), mask=inside)
