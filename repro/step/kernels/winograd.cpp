// 3x3 convolutions with stride 1 and padding 1 of fp32 images in NHWC by winograd.h: for each of a tile's 36 places, a
// matrix product (tiles x in) by (in x out). Sides are multiples of four.
#include "winograd.h"

#include <type_traits>

#include "plane.h"

namespace {

constexpr int FEW = 16;                      // tiles computed together
constexpr int SUMS = LANES == 16 ? 24 : 12;  // vectors of sums that fit into registers beside the factors

// y = A' m A plus add: 4x4 outputs of one tile and one vector of channels; places of m are `step` values apart.
inline void output(const float* m, size_t step, const float* add, float* y, size_t row, size_t column) {
    floats s[SIDE][CORE];
    for (int j = 0; j < SIDE; j++) {
        floats d[SIDE];
        for (int i = 0; i < SIDE; i++) d[i] = load(m + (SIDE * i + j) * step);
        transform_output(d, s[j]);
    }
    for (int r = 0; r < CORE; r++) {
        const floats d[SIDE] = {s[0][r], s[1][r], s[2][r], s[3][r], s[4][r], s[5][r]};
        floats values[CORE];
        transform_output(d, values);
        for (int k = 0; k < CORE; k++) {
            const size_t at = r * row + k * column;
            store(y + at, add ? values[k] + load(add + at) : values[k]);
        }
    }
}

// m (TILES, NB vectors, rows `out` apart) = v (TILES, IN) times u (IN, out).
template <int TILES, int NB, int IN>
inline void multiply(const float* v, const float* u, float* m, int out) {
    floats acc[TILES][NB] = {};
    for (int i = 0; i < IN; i++, u += out) {
        floats w[NB];
#pragma GCC unroll 4
        for (int b = 0; b < NB; b++) w[b] = load(u + b * LANES);
#pragma GCC unroll 32
        for (int t = 0; t < TILES; t++)
#pragma GCC unroll 4
            for (int b = 0; b < NB; b++) acc[t][b] += v[t * IN + i] * w[b];
    }
#pragma GCC unroll 32
    for (int t = 0; t < TILES; t++)
#pragma GCC unroll 4
        for (int b = 0; b < NB; b++) store(m + size_t(t) * out + b * LANES, acc[t][b]);
}

template <int NB, int IN>
void multiply_all(const float* v, const float* u, float* m, int tiles, int out) {
    const auto from = [&](int t, auto by) {
        constexpr int TILES = by;
        for (; t + TILES <= tiles; t += TILES)
            for (int b = 0; b < out; b += NB * LANES)
                multiply<TILES, NB, IN>(v + size_t(t) * IN, u + b, m + size_t(t) * out + b, out);
        return t;
    };
    int t = from(0, std::integral_constant<int, SUMS / NB>{});
    t = from(t, std::integral_constant<int, 8 / NB>{});
    from(t, std::integral_constant<int, 1>{});
}

using Multiply = void (*)(const float*, const float*, float*, int, int);

template <int NB>
Multiply multiply_from(int in) {
    return in == 16 ? multiply_all<NB, 16> : in == 32 ? multiply_all<NB, 32> : multiply_all<NB, 64>;
}

Multiply multiply_for(int in, int out) {
    if (LANES == 8) return multiply_from<2>(in);
    return out == 64 ? multiply_from<4>(in) : out == 32 ? multiply_from<2>(in) : multiply_from<1>(in);
}

template <bool NORMED>
void convolve(const float* x, const Norm& norm, const float* packed, const float* add, float* y, int n, int h, int w,
              int in, int out) {
    const Images inputs{h, w, in}, outputs{h, w, out};
    const int across = inputs.across(), rows = inputs.rows(FEW), all = n * inputs.down();
    const Multiply multiply_by = multiply_for(in, out);
#pragma omp parallel
    {
        static thread_local Buffer<float> transformed, products;
        const size_t v_step = place_step(rows * across, in), m_step = place_step(rows * across, out);
        float* v = transformed.get(PLACES * v_step, 1);
        float* m = products.get(PLACES * m_step, 1);
#pragma omp for schedule(static)
        for (int first = 0; first < all; first += rows) {
            const int here = std::min(rows, all - first);
            for (int r = 0; r < here; r++)
                input_row<NORMED>(inputs, x, norm, first + r, [&](int tile, int c, int place, floats value) {
                    store(v + place * v_step + size_t(r * across + tile) * in + c, value);
                });
            const int next = std::min(rows, all - first - here);
            const Ahead soon(x + inputs.at(first + here), next * inputs.at(1));
            const Ahead result(y + outputs.at(first), here * outputs.at(1));
            for (int place = 0; place < PLACES; place++) {
                soon.read(place);
                result.write(place);
                multiply_by(v + place * v_step, packed + size_t(place) * in * out, m + place * m_step, here * across,
                            out);
            }
            for (int r = 0; r < here; r++)
                for (int tile = 0; tile < across; tile++) {
                    const float* from = m + size_t(r * across + tile) * out;
                    const size_t at = outputs.at(first + r) + size_t(CORE * tile) * out;
                    for (int c = 0; c < out; c += LANES)
                        output(from + c, m_step, add ? add + at + c : nullptr, y + at + c, size_t(w) * out, out);
                }
        }
    }
}
}  // namespace

extern "C" {

size_t packed_size_fp32_winograd(int in, int out) { return size_t(PLACES) * in * out; }

// Weights (out, 3, 3, in) -> G w G' (36, in, out). `transposed`: for the gradient by the input, `in` and `out` are
// swapped and the taps are rotated by 180 degrees.
void pack_fp32_winograd(const float* w, float* packed, int in, int out, int transposed) {
#pragma omp parallel for schedule(static)
    for (int i = 0; i < in; i++)
        for (int o = 0; o < out; o += LANES) {
            floats columns[3][SIDE];
            for (int kw = 0; kw < 3; kw++) {
                floats t[3];
                for (int kh = 0; kh < 3; kh++) {
                    const int tap = kh * 3 + kw;
                    if (transposed)
                        t[kh] = load(w + (size_t(i) * 9 + 8 - tap) * out + o);
                    else
                        for (int k = 0; k < LANES; k++) t[kh][k] = w[(size_t(o + k) * 9 + tap) * in + i];
                }
                transform_weights(t, columns[kw]);
            }
            for (int r = 0; r < SIDE; r++) {
                const floats t[3] = {columns[0][r], columns[1][r], columns[2][r]};
                floats u[SIDE];
                transform_weights(t, u);
                for (int k = 0; k < SIDE; k++) store(packed + (size_t(SIDE * r + k) * in + i) * out + o, u[k]);
            }
        }
}

// y (n, h, w, out) = conv(x (n, h, w, in)) + add. Stride and spread are 1.
void conv_fp32_winograd(const float* x, const float* packed, const float* add, float* y, int n, int h, int w, int in,
                        int out, int, int) {
    convolve<false>(x, Norm{}, packed, add, y, n, h, w, in, out);
}

// y = conv(relu(scale * x + shift)) + add, with the scale and shift of an image's group, (groups, in).
void conv_normed_fp32_winograd(const float* x, const float* scale, const float* shift, const float* packed,
                               const float* add, float* y, int n, int h, int w, int in, int out, int groups, int relu) {
    convolve<true>(x, Norm{scale, shift, n / groups, relu}, packed, add, y, n, h, w, in, out);
}
}
