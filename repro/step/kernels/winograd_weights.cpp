// The weight gradients of 3x3 convolutions with stride 1 and padding 1 of fp32 images in NHWC by winograd.h: for each
// of a tile's 36 places, a matrix product (in x tiles) by (tiles x out). Sides are multiples of four.
#include "plane.h"
#include "winograd.h"

namespace {

constexpr int MANY = 32;  // tiles computed together

// Calls put(place, value) for A g A' of one tile of g and one vector of channels.
template <class Put>
inline void gradient_tile(const float* g, size_t row, size_t column, Put put) {
    floats s[CORE][SIDE];
    for (int j = 0; j < CORE; j++) {
        const float* from = g + j * column;
        const floats d[CORE] = {load(from), load(from + row), load(from + 2 * row), load(from + 3 * row)};
        transform_gradient(d, s[j]);
    }
    for (int r = 0; r < SIDE; r++) {
        const floats d[CORE] = {s[0][r], s[1][r], s[2][r], s[3][r]};
        floats values[SIDE];
        transform_gradient(d, values);
        for (int k = 0; k < SIDE; k++) put(SIDE * r + k, values[k]);
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
    constexpr int CB = LANES / NB;  // half of the registers hold sums
    for (int i = 0; i < in; i += CB)
        for (int b = 0; b < out; b += NB * LANES)
            outer<CB, NB>(v + i, z + b, sums + size_t(i) * out + b, tiles, in, out);
}

// part (3, 3, in, out) = G' sums G, from sums (36, in, out)
void weights_of(const float* sums, float* part, int in, int out) {
    const size_t size = size_t(in) * out;
    for (size_t at = 0; at < size; at += LANES) {
        floats t[SIDE][3];
        for (int j = 0; j < SIDE; j++) {
            floats u[SIDE];
            for (int i = 0; i < SIDE; i++) u[i] = load(sums + (SIDE * i + j) * size + at);
            transform_products(u, t[j]);
        }
        for (int kh = 0; kh < 3; kh++) {
            const floats u[SIDE] = {t[0][kh], t[1][kh], t[2][kh], t[3][kh], t[4][kh], t[5][kh]};
            floats taps[3];
            transform_products(u, taps);
            for (int kw = 0; kw < 3; kw++) store(part + (3 * kh + kw) * size + at, taps[kw]);
        }
    }
}

template <bool NORMED>
void gradient(const float* x, const Norm& norm, const float* g, float* dw, float* partial, int n, int h, int w, int in,
              int out) {
    const Images inputs{h, w, in}, outputs{h, w, out};
    const int chunks = (n + CHUNK - 1) / CHUNK, across = inputs.across(), rows = inputs.rows(MANY);
    const size_t size = size_t(in) * out;
    const auto outer_by = LANES == 8      ? outer_all<2>
                          : out % 64 == 0 ? outer_all<4>
                          : out % 32 == 0 ? outer_all<2>
                                          : outer_all<1>;
#pragma omp parallel
    {
        static thread_local Buffer<float> transformed, gradients, totals;
        const size_t v_step = place_step(rows * across, in), z_step = place_step(rows * across, out);
        float* v = transformed.get(PLACES * v_step, 1);
        float* z = gradients.get(PLACES * z_step, 1);
        float* sums = totals.get(PLACES * size, 1);  // (36, in, out)
#pragma omp for schedule(static)
        for (int chunk = 0; chunk < chunks; chunk++) {
            memset(sums, 0, PLACES * size * sizeof(float));
            const int end = std::min(n, (chunk + 1) * CHUNK) * inputs.down();
            for (int first = chunk * CHUNK * inputs.down(); first < end; first += rows) {
                const int here = std::min(rows, end - first);
                for (int r = 0; r < here; r++) {
                    input_row<NORMED>(inputs, x, norm, first + r, [&](int tile, int c, int place, floats value) {
                        store(v + place * v_step + size_t(r * across + tile) * in + c, value);
                    });
                    const float* from = g + outputs.at(first + r);
                    for (int tile = 0; tile < across; tile++)
                        for (int c = 0; c < out; c += LANES)
                            gradient_tile(from + size_t(CORE * tile) * out + c, size_t(w) * out, out,
                                          [&](int place, floats value) {
                                              store(z + place * z_step + size_t(r * across + tile) * out + c, value);
                                          });
                }
                const int next = std::min(rows, end - first - here);
                const Ahead soon_x(x + inputs.at(first + here), next * inputs.at(1));
                const Ahead soon_g(g + outputs.at(first + here), next * outputs.at(1));
                for (int place = 0; place < PLACES; place++) {
                    soon_x.read(place);
                    soon_g.read(place);
                    outer_by(v + place * v_step, z + place * z_step, sums + place * size, here * across, in, out);
                }
            }
            weights_of(sums, partial + chunk * 9 * size, in, out);
        }
    }
    gather(partial, chunks, dw, in, out);  // in a fixed order, so that results do not depend on the threads
}
}  // namespace

extern "C" {

// dw (out, 3, 3, in) = the gradient by the weights, summed over images, from g (n, h, w, out) and x (n, h, w, in).
// Stride is 1.
void conv_weights_fp32_winograd(const float* x, const float* g, float* dw, float* partial, int n, int h, int w, int in,
                                int out, int) {
    gradient<false>(x, Norm{}, g, dw, partial, n, h, w, in, out);
}

// The same of conv(relu(scale * x + shift)), with the scale and shift of an image's group, (groups, in).
void conv_weights_normed_fp32_winograd(const float* x, const float* scale, const float* shift, const float* g,
                                       float* dw, float* partial, int n, int h, int w, int in, int out, int groups,
                                       int relu) {
    gradient<true>(x, Norm{scale, shift, n / groups, relu}, g, dw, partial, n, h, w, in, out);
}
}
