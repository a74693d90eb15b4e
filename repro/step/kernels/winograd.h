// Winograd's minimal filtering F(4x4, 3x3) (Lavin & Gray 2015, arXiv:1509.09308): 4x4 outputs of a 3x3 convolution from
// 6x6 inputs in 36 products instead of 144.
//
//   y = A' [(G w G') * (B' x B)] A,  dx likewise,  dw = G' [(B' x B) * (A g A')] G
//
// The polynomials are taken at 0, P, -P, Q, -Q and infinity. P = 5/8 and Q = 3/2, which oneDNN uses too, round to half
// the error of the usual 1 and 2. Each function below multiplies a column by one of the matrices.
#pragma once
#include <algorithm>
#include <cmath>

#include "common.h"

namespace {

constexpr int SIDE = 6, PLACES = SIDE * SIDE;  // of a tile of inputs
constexpr int CORE = 4;                        // side of a tile of outputs
constexpr float P = 0.625f, Q = 1.5f, P2 = P * P, Q2 = Q * Q;
constexpr float G0 = 1 / (P2 * Q2), GP = 1 / (2 * P2 * (P2 - Q2)), GQ = 1 / (2 * Q2 * (Q2 - P2));

// B' d, the six inputs' transform
inline void transform_input(const floats d[6], floats t[6]) {
    const floats even_p = d[4] - Q2 * d[2], odd_p = d[3] - Q2 * d[1];
    const floats even_q = d[4] - P2 * d[2], odd_q = d[3] - P2 * d[1];
    t[0] = d[4] + P2 * Q2 * d[0] - (P2 + Q2) * d[2];
    t[1] = even_p + P * odd_p;
    t[2] = even_p - P * odd_p;
    t[3] = even_q + Q * odd_q;
    t[4] = even_q - Q * odd_q;
    t[5] = d[5] + P2 * Q2 * d[1] - (P2 + Q2) * d[3];
}

// A' m, the four outputs
inline void transform_output(const floats m[6], floats y[4]) {
    const floats even_p = m[1] + m[2], odd_p = m[1] - m[2], even_q = m[3] + m[4], odd_q = m[3] - m[4];
    y[0] = m[0] + even_p + even_q;
    y[1] = P * odd_p + Q * odd_q;
    y[2] = P2 * even_p + Q2 * even_q;
    y[3] = m[5] + P2 * P * odd_p + Q2 * Q * odd_q;
}

// A g, the transform of four outputs' gradients
inline void transform_gradient(const floats g[4], floats z[6]) {
    const floats even_p = g[0] + P2 * g[2], odd_p = g[1] + P2 * g[3];
    const floats even_q = g[0] + Q2 * g[2], odd_q = g[1] + Q2 * g[3];
    z[0] = g[0];
    z[1] = even_p + P * odd_p;
    z[2] = even_p - P * odd_p;
    z[3] = even_q + Q * odd_q;
    z[4] = even_q - Q * odd_q;
    z[5] = g[3];
}

// G w, the transform of three weights
inline void transform_weights(const floats w[3], floats u[6]) {
    const floats even_p = GP * (w[0] + P2 * w[2]), odd_p = GP * P * w[1];
    const floats even_q = GQ * (w[0] + Q2 * w[2]), odd_q = GQ * Q * w[1];
    u[0] = G0 * w[0];
    u[1] = even_p + odd_p;
    u[2] = even_p - odd_p;
    u[3] = even_q + odd_q;
    u[4] = even_q - odd_q;
    u[5] = w[2];
}

// G' u, the gradients of three weights
inline void transform_products(const floats u[6], floats w[3]) {
    const floats even_p = GP * (u[1] + u[2]), odd_p = GP * (u[1] - u[2]);
    const floats even_q = GQ * (u[3] + u[4]), odd_q = GQ * (u[3] - u[4]);
    w[0] = G0 * u[0] + even_p + even_q;
    w[1] = P * odd_p + Q * odd_q;
    w[2] = P2 * even_p + Q2 * even_q + u[5];
}

struct Images {  // the shape of images in NHWC, and their tiles in rows that are counted through all images
    int h, w, channels;
    int across() const { return w / CORE; }
    int down() const { return h / CORE; }
    int rows(int tiles) const { return std::max(1, tiles / across()); }  // as many rows as hold about `tiles`
    size_t at(int row) const { return size_t(row) * CORE * w * channels; }
};

// The scale and shift of batch norm, (groups of `each` images, channels), and whether a ReLU follows; or nothing.
struct Norm {
    const float *scale, *shift;
    int each, relu;
};

// Calls put(tile, channel, place, value) for B' x B of each tile in a row of tiles, a vector of channels at a time. The
// inputs are normalised as they are read if NORMED.
template <bool NORMED, class Put>
inline void input_row(const Images& shape, const float* x, const Norm& norm, int row, Put put) {
    const size_t pitch = size_t(shape.w) * shape.channels;
    const float* first = x + shape.at(row) - pitch;
    const bool top = row % shape.down() == 0, bottom = row % shape.down() == shape.down() - 1;
    const size_t group = NORMED ? size_t(row / shape.down() / norm.each) * shape.channels : 0;
    for (int c = 0; c < shape.channels; c += LANES) {
        const floats scale = NORMED ? ::load(norm.scale + group + c) : floats{};
        const floats shift = NORMED ? ::load(norm.shift + group + c) : floats{};
        const floats least = norm.relu ? floats{} : floats{} - INFINITY;
        const auto load = [&](const float* from) {
            const floats value = ::load(from);
            if (!NORMED) return value;
            const floats normed = value * scale + shift;
            return normed < least ? least : normed;  // keeps NaN
        };
        floats t[SIDE][SIDE] = {};  // columns
        const auto column = [&](int x, floats out[SIDE]) {
            const float* from = first + size_t(x) * shape.channels + c;
            floats d[SIDE];
            d[0] = top ? floats{} : load(from);
            for (int r = 1; r < SIDE - 1; r++) d[r] = load(from + r * pitch);
            d[SIDE - 1] = bottom ? floats{} : load(from + (SIDE - 1) * pitch);
            transform_input(d, out);
        };
        column(0, t[1]);
        for (int tile = 0; tile < shape.across(); tile++) {
            for (int k = 2; k < SIDE - 1; k++) column(CORE * tile + k - 1, t[k]);
            if (tile < shape.across() - 1)
                column(CORE * tile + SIDE - 2, t[SIDE - 1]);
            else
                for (floats& outside : t[SIDE - 1]) outside = floats{};
            for (int r = 0; r < SIDE; r++) {
                const floats d[SIDE] = {t[0][r], t[1][r], t[2][r], t[3][r], t[4][r], t[5][r]};
                floats values[SIDE];
                transform_input(d, values);
                for (int k = 0; k < SIDE; k++) put(tile, c, SIDE * r + k, values[k]);
                t[0][r] = t[4][r];
                t[1][r] = t[5][r];
            }
        }
    }
}

// Values between places: one cache line more than needed, so that the places of a tile do not all map to the same cache
// set.
inline size_t place_step(int tiles, int channels) { return size_t(tiles) * channels + 16; }

// Memory that is fetched into the cache in PLACES equal parts, one before each matrix product, which hides the latency.
struct Ahead {
    const char* begin;
    size_t size, part;
    Ahead(const float* p, size_t values)
        : begin(reinterpret_cast<const char*>(p)), size(values * sizeof(float)), part((size / PLACES + 63) / 64 * 64) {}
    void read(int k) const {
        for (size_t at = k * part; at < end(k); at += 64) __builtin_prefetch(begin + at, 0, 2);
    }
    void write(int k) const {
        for (size_t at = k * part; at < end(k); at += 64) __builtin_prefetch(begin + at, 1, 2);
    }
    size_t end(int k) const { return std::min(size, (k + 1) * part); }
};

}  // namespace
