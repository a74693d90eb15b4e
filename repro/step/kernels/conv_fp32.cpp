// 3x3 convolutions with padding 1 of fp32 images in NHWC. A vector of output channels, a block of outputs in
// registers.
#include <algorithm>

#include "plane.h"

namespace {

struct Taps {
    int count;
    size_t offset[9], weights[9];
};  // offsets in the plane from an output's first tap, and in the weights

// PIX outputs, EVERY positions apart, by NB vectors of channels: y = sum over taps of plane times weights, plus add.
template <int PIX, int NB, int IN, int EVERY>
inline void block(const float* plane, const Taps& taps, const float* weights, int out, const float* add, float* y,
                  size_t y_step) {
    floats acc[PIX][NB] = {};
    for (int t = 0; t < taps.count; t++) {
        const float* x = plane + taps.offset[t];
        const float* w = weights + taps.weights[t];
        for (int i = 0; i < IN; i++, w += out) {
            floats v[NB];
#pragma GCC unroll 4
            for (int b = 0; b < NB; b++) v[b] = load(w + b * LANES);
#pragma GCC unroll 16
            for (int p = 0; p < PIX; p++)
#pragma GCC unroll 4
                for (int b = 0; b < NB; b++) acc[p][b] += x[p * EVERY * IN + i] * v[b];
        }
    }
#pragma GCC unroll 16
    for (int p = 0; p < PIX; p++)
#pragma GCC unroll 4
        for (int b = 0; b < NB; b++) {
            const size_t at = p * y_step + b * LANES;
            store(y + at, add ? acc[p][b] + load(add + at) : acc[p][b]);
        }
}

// The outputs of one row, for all channels.
template <int PIX, int NB, int IN, int EVERY>
void row(const float* plane, const Taps& taps, const float* weights, int out, const float* add, float* y, size_t y_step,
         int columns) {
    for (int b = 0; b < out; b += NB * LANES)
        for (int c = 0; c < columns; c += PIX)
            block<PIX, NB, IN, EVERY>(plane + c * EVERY * IN, taps, weights + b, out,
                                      add ? add + c * y_step + b : nullptr, y + c * y_step + b, y_step);
}

using Row = void (*)(const float*, const Taps&, const float*, int, const float*, float*, size_t, int);

template <int PIX, int NB, int EVERY>
Row row_from(int in) {
    return in == 4    ? row<PIX, NB, 4, EVERY>
           : in == 16 ? row<PIX, NB, 16, EVERY>
           : in == 32 ? row<PIX, NB, 32, EVERY>
                      : row<PIX, NB, 64, EVERY>;
}

template <int EVERY>
Row row_for(int in, int out, int columns) {
    if (LANES == 8) return row_from<4, 2, EVERY>(in);
    if (out == 64) return row_from<4, 4, EVERY>(in);
    if (out == 32) return row_from<8, 2, EVERY>(in);
    return columns % 16 == 0 ? row_from<16, 1, EVERY>(in) : row_from<8, 1, EVERY>(in);
}

// For CB consecutive values of the plane (channels of neighbouring taps) by NB vectors of g: the sum of their products
// over an image. g belongs to every `stride`-th position of the plane.
template <int CB, int NB>
inline void outer(const Plane& p, int stride, const float* plane, const float* g, int out, float* sums) {
    floats acc[CB][NB];
#pragma GCC unroll 16
    for (int i = 0; i < CB; i++)
#pragma GCC unroll 4
        for (int b = 0; b < NB; b++) acc[i][b] = load(sums + size_t(i) * out + b * LANES);
    for (int r = 0; r < p.height; r += stride) {
        const float* x = plane + size_t(r) * p.pitch * p.channels;
        for (int c = 0; c < p.width; c += stride, x += p.channels * stride, g += out) {
            floats v[NB];
#pragma GCC unroll 4
            for (int b = 0; b < NB; b++) v[b] = load(g + b * LANES);
#pragma GCC unroll 16
            for (int i = 0; i < CB; i++)
#pragma GCC unroll 4
                for (int b = 0; b < NB; b++) acc[i][b] += x[i] * v[b];
        }
    }
#pragma GCC unroll 16
    for (int i = 0; i < CB; i++)
#pragma GCC unroll 4
        for (int b = 0; b < NB; b++) store(sums + size_t(i) * out + b * LANES, acc[i][b]);
}

template <int CB, int NB>
void outers(const Plane& p, int stride, const float* plane, const float* g, int out, float* sums) {
    for (int kh = 0; kh < 3; kh++)
        for (int i = 0; i < 3 * p.channels; i += CB)
            for (int b = 0; b < out; b += NB * LANES)
                outer<CB, NB>(p, stride, plane + size_t(kh) * p.pitch * p.channels + i, g + b, out,
                              sums + (size_t(kh) * 3 * p.channels + i) * out + b);
}

}  // namespace

extern "C" {

size_t packed_size_fp32(int in, int out) { return size_t(9) * in * out; }

// Weights (out, 3, 3, in) -> (3, 3, in, out). `transposed`: for the gradient by the input, `in` and `out` are swapped
// and the taps are rotated by 180 degrees.
void pack_fp32(const float* w, float* packed, int in, int out, int transposed) {
#pragma omp parallel for schedule(static)
    for (int tap = 0; tap < 9; tap++)
        for (int i = 0; i < in; i++)
            for (int o = 0; o < out; o++)
                packed[(size_t(tap) * in + i) * out + o] =
                    transposed ? w[(size_t(i) * 9 + 8 - tap) * out + o] : w[(size_t(o) * 9 + tap) * in + i];
}

// y (n, h/stride, w/stride, out) = conv(x) + add. With spread 2, zeros are inserted between the pixels of
// x (n, h/spread, w/spread, in).
void conv_fp32(const float* x, const float* packed, const float* add, float* y, int n, int h, int w, int in, int out,
               int stride, int spread) {
    const Plane plane(h, w, in);
    const int ho = h / stride, wo = w / stride;
    // with spread 2, which taps are not zero depends on whether an output's row and column are even or odd
    Taps taps[4];
    for (int c = 0; c < spread * spread; c++) {
        taps[c].count = 0;
        for (int t = 0; t < 9; t++) {
            if ((c / spread + t / 3 - 1) % spread || (c % spread + t % 3 - 1) % spread) continue;
            taps[c].offset[taps[c].count] = (size_t(t / 3) * plane.pitch + t % 3) * in;
            taps[c].weights[taps[c].count++] = size_t(t) * in * out;
        }
    }
    const Row compute = stride * spread == 1 ? row_for<1>(in, out, wo) : row_for<2>(in, out, wo / spread);
#pragma omp parallel
    {
        static thread_local Buffer<float> planes[8];
        float* scratch = planes[slot(in, spread)].get(plane.positions() * in, plane.positions());
#pragma omp for schedule(static)
        for (int image = 0; image < n; image++) {
            lay(plane, x + size_t(image) * (h / spread) * (w / spread) * in, scratch, spread);
            const size_t skip = size_t(image) * ho * wo * out;
            for (int r = 0; r < ho; r++)
                for (int first = 0; first < spread; first++) {
                    const size_t at = skip + (size_t(r) * wo + first) * out;
                    const float* from = scratch + (size_t(r) * stride * plane.pitch + first) * in;
                    compute(from, taps[r % spread * spread + first], packed, out, add ? add + at : nullptr, y + at,
                            size_t(out) * spread, wo / spread);
                }
        }
    }
}

// dw (out, 3, 3, in) = the gradient by the weights, summed over images, from g (n, h/stride, w/stride, out) and
// x (n, h, w, in); `in` is 4 or a multiple of 16.
void conv_weights_fp32(const float* x, const float* g, float* dw, float* partial, int n, int h, int w, int in, int out,
                       int stride) {
    const int chunks = (n + CHUNK - 1) / CHUNK;
    const size_t size = size_t(9) * in * out;
    const Plane plane(h, w, in);
#pragma omp parallel
    {
        static thread_local Buffer<float> planes[8];
        float* scratch = planes[slot(in, 1)].get(plane.positions() * in, plane.positions());
#pragma omp for schedule(static)
        for (int chunk = 0; chunk < chunks; chunk++) {
            float* sums = partial + chunk * size;  // (3, 3, in, out)
            memset(sums, 0, size * 4);
            for (int image = chunk * CHUNK; image < std::min(n, (chunk + 1) * CHUNK); image++) {
                lay(plane, x + size_t(image) * h * w * in, scratch, 1);
                const float* from = g + size_t(image) * (h / stride) * (w / stride) * out;
                if (LANES == 8) {
                    if (in < 16)
                        outers<6, 2>(plane, stride, scratch, from, out, sums);
                    else
                        outers<4, 2>(plane, stride, scratch, from, out, sums);
                } else if (in < 16)
                    outers<12, 1>(plane, stride, scratch, from, out, sums);
                else if (out % 64 == 0)
                    outers<4, 4>(plane, stride, scratch, from, out, sums);
                else if (out % 32 == 0)
                    outers<8, 2>(plane, stride, scratch, from, out, sums);
                else
                    outers<16, 1>(plane, stride, scratch, from, out, sums);
            }
        }
    }
    gather(partial, chunks, dw, in, out);
}
}
