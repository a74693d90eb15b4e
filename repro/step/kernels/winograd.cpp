// 3x3 convolutions with stride 1 and padding 1 of fp32 images in NHWC by Winograd's minimal filtering F(2x2, 3x3)
// (Lavin & Gray 2015, arXiv:1509.09308): 2x2 outputs from 4x4 inputs in 16 products instead of 36.
//
//   y = A' [(G w G') * (B' x B)] A,  dx likewise,  dw = G' [(B' x B) * (A g A')] G
//
// where * is a matrix product, (tiles x in) by (in x out), for each of the sixteen places of a 4x4 tile.
#include <algorithm>

#include "plane.h"

namespace {

constexpr int PLACES = 16;
constexpr int FEW = 16, MANY = 64;  // tiles computed together: for outputs, and for weight gradients

// Calls put(tile, channel, place, value) for B' d B of each tile in a row of tiles, sixteen channels at a time. `plane`
// points to the row's first input. Values that neighbouring tiles share are computed once.
template <class Put>
inline void input_row(const Plane& p, const float* plane, Put put) {
    const auto column = [&](int at, floats out[4]) {
        floats d[4];
        for (int r = 0; r < 4; r++) d[r] = load(plane + size_t(r) * p.pitch * p.channels + at);
        out[0] = d[0] - d[2];
        out[1] = d[1] + d[2];
        out[2] = d[2] - d[1];
        out[3] = d[1] - d[3];
    };
    for (int c = 0; c < p.channels; c += LANES) {
        floats a[4], b[4], d[4], e[4];
        column(c, a);
        column(p.channels + c, b);
        for (int tile = 0; tile < p.width / 2; tile++) {
            column((2 * tile + 2) * p.channels + c, d);
            column((2 * tile + 3) * p.channels + c, e);
            for (int r = 0; r < 4; r++) {
                put(tile, c, 4 * r, a[r] - d[r]);
                put(tile, c, 4 * r + 1, b[r] + d[r]);
                put(tile, c, 4 * r + 2, d[r] - b[r]);
                put(tile, c, 4 * r + 3, b[r] - e[r]);
                a[r] = d[r];
                b[r] = e[r];
            }
        }
    }
}

// y = A' m A plus add: 2x2 outputs of one tile and sixteen channels; places of m are `step` values apart.
inline void output(const float* m, size_t step, const float* add, float* y, size_t row, size_t column) {
    floats s[2][4];
    for (int j = 0; j < 4; j++) {
        const floats m0 = load(m + j * step), m1 = load(m + (4 + j) * step), m2 = load(m + (8 + j) * step);
        s[0][j] = m0 + m1 + m2;
        s[1][j] = m1 - m2 - load(m + (12 + j) * step);
    }
    for (int r = 0; r < 2; r++) {
        floats left = s[r][0] + s[r][1] + s[r][2], right = s[r][1] - s[r][2] - s[r][3];
        if (add) {
            left += load(add + r * row);
            right += load(add + r * row + column);
        }
        store(y + r * row, left);
        store(y + r * row + column, right);
    }
}

// Calls put(place, value) for A g A' of one tile of g and sixteen channels.
template <class Put>
inline void gradient_tile(const float* g, size_t row, size_t column, Put put) {
    floats s[4][2];
    for (int j = 0; j < 2; j++) {
        const floats g0 = load(g + j * column), g1 = load(g + row + j * column);
        s[0][j] = g0;
        s[1][j] = g0 + g1;
        s[2][j] = g0 - g1;
        s[3][j] = -g1;
    }
    for (int r = 0; r < 4; r++) {
        put(4 * r, s[r][0]);
        put(4 * r + 1, s[r][0] + s[r][1]);
        put(4 * r + 2, s[r][0] - s[r][1]);
        put(4 * r + 3, -s[r][1]);
    }
}

// m (TILES, NB vectors, rows `out` apart) = v (TILES, in) times u (in, out).
template <int TILES, int NB>
inline void multiply(const float* v, const float* u, float* m, int in, int out) {
    floats acc[TILES][NB] = {};
    for (int i = 0; i < in; i++, u += out) {
        floats w[NB];
#pragma GCC unroll 4
        for (int b = 0; b < NB; b++) w[b] = load(u + b * LANES);
#pragma GCC unroll 16
        for (int t = 0; t < TILES; t++)
#pragma GCC unroll 4
            for (int b = 0; b < NB; b++) acc[t][b] += v[t * in + i] * w[b];
    }
#pragma GCC unroll 16
    for (int t = 0; t < TILES; t++)
#pragma GCC unroll 4
        for (int b = 0; b < NB; b++) store(m + size_t(t) * out + b * LANES, acc[t][b]);
}

template <int NB>
void multiply_all(const float* v, const float* u, float* m, int tiles, int in, int out) {
    constexpr int TILES = 16 / NB;
    for (int b = 0; b < out; b += NB * LANES) {
        int t = 0;
        for (; t + TILES <= tiles; t += TILES)
            multiply<TILES, NB>(v + size_t(t) * in, u + b, m + size_t(t) * out + b, in, out);
        for (; t < tiles; t++) multiply<1, NB>(v + size_t(t) * in, u + b, m + size_t(t) * out + b, in, out);
    }
}

// sums (CB rows `out` apart, NB vectors) += v (tiles, in)' times z (tiles, out).
template <int CB, int NB>
inline void outer(const float* v, const float* z, float* sums, int tiles, int in, int out) {
    floats acc[CB][NB];
#pragma GCC unroll 16
    for (int i = 0; i < CB; i++)
#pragma GCC unroll 4
        for (int b = 0; b < NB; b++) acc[i][b] = load(sums + size_t(i) * out + b * LANES);
    for (int t = 0; t < tiles; t++, v += in, z += out) {
        floats w[NB];
#pragma GCC unroll 4
        for (int b = 0; b < NB; b++) w[b] = load(z + b * LANES);
#pragma GCC unroll 16
        for (int i = 0; i < CB; i++)
#pragma GCC unroll 4
            for (int b = 0; b < NB; b++) acc[i][b] += v[i] * w[b];
    }
#pragma GCC unroll 16
    for (int i = 0; i < CB; i++)
#pragma GCC unroll 4
        for (int b = 0; b < NB; b++) store(sums + size_t(i) * out + b * LANES, acc[i][b]);
}

template <int NB>
void outer_all(const float* v, const float* z, float* sums, int tiles, int in, int out) {
    constexpr int CB = 16 / NB;
    for (int i = 0; i < in; i += CB)
        for (int b = 0; b < out; b += NB * LANES)
            outer<CB, NB>(v + i, z + b, sums + size_t(i) * out + b, tiles, in, out);
}

// Values between places: one cache line more than needed, so that the places of a tile do not all map to the same cache
// set.
size_t place_step(int tiles, int channels) { return size_t(tiles) * channels + LANES; }

int rows_for(int tiles, int width) { return std::max(1, tiles / (width / 2)); }  // as many rows as hold about `tiles`

}  // namespace

extern "C" {

size_t packed_size_fp32_winograd(int in, int out) { return size_t(PLACES) * in * out; }

// Weights (out, 3, 3, in) -> G w G' (16, in, out). `transposed`: for the gradient by the input, `in` and `out` are
// swapped and the taps are rotated by 180 degrees.
void pack_fp32_winograd(const float* w, float* packed, int in, int out, int transposed) {
#pragma omp parallel for schedule(static)
    for (int i = 0; i < in; i++)
        for (int o = 0; o < out; o += LANES) {
            floats rows[4][3];
            for (int kw = 0; kw < 3; kw++) {
                floats t[3];
                for (int kh = 0; kh < 3; kh++) {
                    const int tap = kh * 3 + kw;
                    if (transposed)
                        t[kh] = load(w + (size_t(i) * 9 + 8 - tap) * out + o);
                    else
                        for (int k = 0; k < LANES; k++) t[kh][k] = w[(size_t(o + k) * 9 + tap) * in + i];
                }
                rows[0][kw] = t[0];
                rows[1][kw] = (t[0] + t[1] + t[2]) / 2;
                rows[2][kw] = (t[0] - t[1] + t[2]) / 2;
                rows[3][kw] = t[2];
            }
            for (int r = 0; r < 4; r++) {
                const floats* t = rows[r];
                const floats u[4] = {t[0], (t[0] + t[1] + t[2]) / 2, (t[0] - t[1] + t[2]) / 2, t[2]};
                for (int k = 0; k < 4; k++) store(packed + (size_t(4 * r + k) * in + i) * out + o, u[k]);
            }
        }
}

// y (n, h, w, out) = conv(x (n, h, w, in)) + add. Stride and spread are 1.
void conv_fp32_winograd(const float* x, const float* packed, const float* add, float* y, int n, int h, int w, int in,
                        int out, int, int) {
    const Plane plane(h, w, in);
    const int across = w / 2, rows = rows_for(FEW, w), tiles = rows * across;
    const auto multiply_by = out % 64 == 0 ? multiply_all<4> : out % 32 == 0 ? multiply_all<2> : multiply_all<1>;
#pragma omp parallel
    {
        static thread_local Buffer<float> planes[8], inputs, products;
        float* scratch = planes[slot(in, 1)].get(plane.positions() * in, plane.positions());
        const size_t v_step = place_step(tiles, in), m_step = place_step(tiles, out);
        float* v = inputs.get(PLACES * v_step, 1);
        float* m = products.get(PLACES * m_step, 1);
#pragma omp for schedule(static)
        for (int image = 0; image < n; image++) {
            lay(plane, x + size_t(image) * h * w * in, scratch, 1);
            for (int first = 0; first < h / 2; first += rows) {
                const int here = std::min(rows, h / 2 - first), count = here * across;
                for (int r = 0; r < here; r++)
                    input_row(plane, scratch + size_t(2 * (first + r)) * plane.pitch * in,
                              [&](int tile, int c, int place, floats value) {
                                  store(v + place * v_step + size_t(r * across + tile) * in + c, value);
                              });
                for (int place = 0; place < PLACES; place++)
                    multiply_by(v + place * v_step, packed + size_t(place) * in * out, m + place * m_step, count, in,
                                out);
                for (int r = 0; r < here; r++)
                    for (int tile = 0; tile < across; tile++) {
                        const float* from = m + size_t(r * across + tile) * out;
                        const size_t at = ((size_t(image) * h + 2 * (first + r)) * w + 2 * tile) * out;
                        for (int c = 0; c < out; c += LANES)
                            output(from + c, m_step, add ? add + at + c : nullptr, y + at + c, size_t(w) * out, out);
                    }
            }
        }
    }
}

// dw (out, 3, 3, in) = the gradient by the weights, summed over images, from g (n, h, w, out) and x (n, h, w, in).
// Stride is 1.
void conv_weights_fp32_winograd(const float* x, const float* g, float* dw, float* partial, int n, int h, int w, int in,
                                int out, int) {
    const int chunks = (n + CHUNK - 1) / CHUNK, across = w / 2;
    const size_t size = size_t(PLACES) * in * out;
    const Plane plane(h, w, in);
    const int rows = rows_for(MANY, w);  // rows of tiles computed together, maybe from several images
    const auto outer_by = out % 64 == 0 ? outer_all<4> : out % 32 == 0 ? outer_all<2> : outer_all<1>;
#pragma omp parallel
    {
        static thread_local Buffer<float> planes[8], inputs, gradients;
        float* scratch = planes[slot(in, 1)].get(plane.positions() * in, plane.positions());
        const size_t v_step = place_step(rows * across, in), z_step = place_step(rows * across, out);
        float* v = inputs.get(PLACES * v_step, 1);
        float* z = gradients.get(PLACES * z_step, 1);
#pragma omp for schedule(static)
        for (int chunk = 0; chunk < chunks; chunk++) {
            float* sums = partial + chunk * size;  // (16, in, out)
            memset(sums, 0, size * 4);
            const int begin = chunk * CHUNK, end = std::min(n, begin + CHUNK), all = (end - begin) * (h / 2);
            for (int first = 0; first < all; first += rows) {
                const int here = std::min(rows, all - first), count = here * across;
                for (int r = 0; r < here; r++) {
                    const int image = begin + (first + r) / (h / 2), row = (first + r) % (h / 2);
                    if (row == 0) lay(plane, x + size_t(image) * h * w * in, scratch, 1);
                    input_row(plane, scratch + size_t(2 * row) * plane.pitch * in,
                              [&](int tile, int c, int place, floats value) {
                                  store(v + place * v_step + size_t(r * across + tile) * in + c, value);
                              });
                    const float* from = g + (size_t(image) * h + 2 * row) * w * out;
                    for (int tile = 0; tile < across; tile++)
                        for (int c = 0; c < out; c += LANES)
                            gradient_tile(from + size_t(2 * tile) * out + c, size_t(w) * out, out,
                                          [&](int place, floats value) {
                                              store(z + place * z_step + size_t(r * across + tile) * out + c, value);
                                          });
                }
                for (int place = 0; place < PLACES; place++)
                    outer_by(v + place * v_step, z + place * z_step, sums + size_t(place) * in * out, count, in, out);
            }
        }
    }
    // in a fixed order, so that results do not depend on the threads
#pragma omp parallel for schedule(static)
    for (int i = 0; i < in; i++)
        for (int o = 0; o < out; o += LANES) {
            floats u[4][4], t[3][4];
            for (int place = 0; place < PLACES; place++) {
                floats sum = {};
                for (int chunk = 0; chunk < chunks; chunk++)
                    sum += load(partial + chunk * size + (size_t(place) * in + i) * out + o);
                u[place / 4][place % 4] = sum;
            }
            for (int k = 0; k < 4; k++) {
                t[0][k] = u[0][k] + (u[1][k] + u[2][k]) / 2;
                t[1][k] = (u[1][k] - u[2][k]) / 2;
                t[2][k] = (u[1][k] + u[2][k]) / 2 + u[3][k];
            }
            for (int kh = 0; kh < 3; kh++) {
                const floats taps[3] = {t[kh][0] + (t[kh][1] + t[kh][2]) / 2, (t[kh][1] - t[kh][2]) / 2,
                                        (t[kh][1] + t[kh][2]) / 2 + t[kh][3]};
                for (int kw = 0; kw < 3; kw++)
                    for (int lane = 0; lane < LANES; lane++)
                        dw[(size_t(o + lane) * 9 + kh * 3 + kw) * in + i] = taps[kw][lane];
            }
        }
}
}
