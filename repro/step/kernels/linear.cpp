// Linear layers of few rows (a batch of small images) in fp32: forward with bias and ReLU, both gradients, and the
// loss. A sum is never split between threads, so no bit depends on their number. Needs AVX-512.
#ifdef __AVX512F__
#include <algorithm>
#include <cmath>

#include "common.h"

namespace {

constexpr int ROWS = 4, OUTS = 6;     // of a block of dot products
constexpr int HIGH = 6, VECTORS = 4;  // of a block of sums of rows: values by vectors

inline floats load_part(const float* p, __mmask16 lanes) { return (floats)_mm512_maskz_loadu_ps(lanes, p); }
inline __mmask16 last_lanes(int count) { return __mmask16(0xffff >> ((LANES - count % LANES) % LANES)); }

// y (R, C) = relu(x (R, in) times w (C, in), transposed, + b)
template <int R, int C>
void dots(const float* x, const float* w, const float* b, float* y, int in, int out, bool relu) {
    floats acc[R][C] = {};
    const auto add = [&](auto get, int i) {
        floats v[C];
#pragma GCC unroll 8
        for (int c = 0; c < C; c++) v[c] = get(w + size_t(c) * in + i);
#pragma GCC unroll 8
        for (int r = 0; r < R; r++) {
            const floats u = get(x + size_t(r) * in + i);
#pragma GCC unroll 8
            for (int c = 0; c < C; c++) acc[r][c] += u * v[c];
        }
    };
    int i = 0;
    for (; i + LANES <= in; i += LANES) add([](const float* p) { return load(p); }, i);
    if (i < in) add([lanes = last_lanes(in)](const float* p) { return load_part(p, lanes); }, i);
#pragma GCC unroll 8
    for (int r = 0; r < R; r++)
#pragma GCC unroll 8
        for (int c = 0; c < C; c++) {
            const float sum = _mm512_reduce_add_ps((__m512)acc[r][c]) + b[c];
            y[size_t(r) * out + c] = relu && sum <= 0 ? 0 : sum;  // keeps NaN
        }
}

template <int R>
void dots_of(int outs, const float* x, const float* w, const float* b, float* y, int in, int out, bool relu) {
    const decltype(&dots<R, 1>) by[] = {dots<R, 1>, dots<R, 2>, dots<R, 3>, dots<R, 4>, dots<R, 5>, dots<R, 6>};
    by[outs - 1](x, w, b, y, in, out, relu);
}

// c (M, columns) = the sum over k of a(m, k) times row k of b; a(m, k) is a[m * am + k * ak]. The last of the V vectors
// of columns has the given lanes. With a `rate`, c -= rate times that sum instead.
template <int M, int V>
void sums(const float* a, size_t am, size_t ak, const float* b, int depth, float* c, int columns, __mmask16 lanes,
          const float* rate) {
    floats acc[M][V] = {};
    for (int k = 0; k < depth; k++, b += columns, a += ak) {
        floats v[V];
#pragma GCC unroll 8
        for (int j = 0; j < V; j++) v[j] = j < V - 1 ? load(b + j * LANES) : load_part(b + j * LANES, lanes);
#pragma GCC unroll 8
        for (int m = 0; m < M; m++)
#pragma GCC unroll 8
            for (int j = 0; j < V; j++) acc[m][j] += a[m * am] * v[j];
    }
#pragma GCC unroll 8
    for (int m = 0; m < M; m++)
#pragma GCC unroll 8
        for (int j = 0; j < V; j++) {
            const __mmask16 here = j < V - 1 ? 0xffff : lanes;
            float* to = c + m * size_t(columns) + j * LANES;
            _mm512_mask_storeu_ps(to, here, (__m512)(rate ? load_part(to, here) - *rate * acc[m][j] : acc[m][j]));
        }
}

using Sums = void (*)(const float*, size_t, size_t, const float*, int, float*, int, __mmask16, const float*);
template <int M>
Sums sums_of(int vectors) {
    const Sums by[] = {sums<M, 1>, sums<M, 2>, sums<M, 3>, sums<M, 4>};
    return by[vectors - 1];
}

// c (high, columns) = a times b (depth, columns), with a(m, k) and `rate` as in `sums`
void product(const float* a, size_t am, size_t ak, const float* b, int high, int depth, int columns, float* c,
             const float* rate) {
    const int vectors = (columns + LANES - 1) / LANES;
#pragma omp parallel for schedule(static)
    for (int m = 0; m < high; m += HIGH) {
        const decltype(&sums_of<1>) rows[] = {sums_of<1>, sums_of<2>, sums_of<3>, sums_of<4>, sums_of<5>, sums_of<6>};
        const auto choose = rows[std::min(HIGH, high - m) - 1];
        for (int v = 0; v < vectors; v += VECTORS) {
            const int here = std::min(VECTORS, vectors - v);
            const __mmask16 lanes = v + here == vectors ? last_lanes(columns) : __mmask16(0xffff);
            choose(here)(a + m * am, am, ak, b + v * LANES, depth, c + size_t(m) * columns + v * LANES, columns, lanes,
                         rate);
        }
    }
}

}  // namespace

extern "C" {

// y (n, out) = relu(x (n, in) times w (out, in), transposed, + b) times `mask`; without the ReLU or the mask if null.
void linear_forward(const float* x, const float* w, const float* b, const float* mask, float* y, int n, int in, int out,
                    int relu) {
#pragma omp parallel for schedule(static)
    for (int o = 0; o < out; o += OUTS) {
        const int outs = std::min(OUTS, out - o);
        for (int r = 0; r < n; r += ROWS) {
            const decltype(&dots_of<1>) by[] = {dots_of<1>, dots_of<2>, dots_of<3>, dots_of<4>};
            const int rows = std::min(ROWS, n - r);
            float* to = y + size_t(r) * out + o;
            by[rows - 1](outs, x + size_t(r) * in, w + size_t(o) * in, b + o, to, in, out, relu);
            if (mask)
                for (int k = 0; k < rows; k++)
                    for (int c = 0; c < outs; c++) to[size_t(k) * out + c] *= mask[size_t(r + k) * out + o + c];
        }
    }
}

// dx (n, in) = dy (n, out) times w (out, in), times `mask` if given, and zero where x is not positive if `relu`.
void linear_backward_input(const float* dy, const float* w, const float* x, const float* mask, float* dx, int n, int in,
                           int out, int relu) {
    product(dy, out, 1, w, n, out, in, dx, nullptr);
    for (size_t k = 0; k < size_t(n) * in; k++) {
        const float passed = mask ? dx[k] * mask[k] : dx[k];
        dx[k] = relu && x[k] <= 0 ? 0 : passed;
    }
}

// dw (out, in) = dy (n, out), transposed, times x (n, in); db (out) = the sum of dy's rows. With a `rate`, both are
// subtracted `rate` times instead, from weights and biases: a step of gradient descent.
void linear_backward_weights(const float* dy, const float* x, float* dw, float* db, const float* rate, int n, int in,
                             int out) {
    product(dy, 1, out, x, out, n, in, dw, rate);
    for (int o = 0; o < out; o++) {
        float sum = 0;
        for (int r = 0; r < n; r++) sum += dy[size_t(r) * out + o];
        db[o] = rate ? db[o] - *rate * sum : sum;
    }
}

// loss = the mean cross-entropy (nats) of logits (n, classes) with the labels; dlogits = its gradient.
void cross_entropy(const float* logits, const int64_t* labels, float* loss, float* dlogits, int n, int classes) {
    float total = 0;
    for (int r = 0; r < n; r++) {
        const float* own = logits + size_t(r) * classes;
        float* grad = dlogits + size_t(r) * classes;
        float most = own[0], sum = 0;
        for (int c = 1; c < classes; c++) most = std::max(most, own[c]);
        for (int c = 0; c < classes; c++) sum += grad[c] = std::exp(own[c] - most);
        for (int c = 0; c < classes; c++) grad[c] = (grad[c] / sum - (c == labels[r])) / n;
        total += std::log(sum) + most - own[labels[r]];
    }
    *loss = total / n;
}
}
#endif
