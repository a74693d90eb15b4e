// The gradient by the weights of a 3x3 convolution with padding 1 of bf16 images, for processors with AMX tiles.
//
// A tile instruction sums over 32 positions: x is laid into the plane with its channels apart and the positions side by
// side, where a tap is an offset, and g with its positions in pairs, as the instruction takes them.
#ifdef __AMX_BF16__
#include <algorithm>

#include "tiles.h"

namespace {

using words = uint16_t __attribute__((vector_size(64)));  // 32 bf16
#define MASK32(f)                                                                                                    \
    words {                                                                                                          \
        f(0), f(1), f(2), f(3), f(4), f(5), f(6), f(7), f(8), f(9), f(10), f(11), f(12), f(13), f(14), f(15), f(16), \
            f(17), f(18), f(19), f(20), f(21), f(22), f(23), f(24), f(25), f(26), f(27), f(28), f(29), f(30), f(31)  \
    }

// Two vectors that hold `run` positions of the same channels each -> `2 run` positions of their lower (upper) half.
template <int RUN, int UPPER>
inline words merge(words a, words b) {
    constexpr int CH = 32 / RUN;  // channels in each
#define M(i)                                                                              \
    uint16_t((i) % (2 * RUN) < RUN ? ((i) / (2 * RUN) + UPPER * CH / 2) * RUN + (i) % RUN \
                                   : 32 + ((i) / (2 * RUN) + UPPER * CH / 2) * RUN + (i) % RUN)
    return __builtin_shuffle(a, b, MASK32(M));
#undef M
}

// Sixteen positions of sixteen channels, `channels` apart -> eight vectors of two channels' sixteen positions.
inline void transpose(const bits* from, int channels, words out[8]) {
    words a[8], b[8];
    for (int i = 0; i < 8; i++) {  // two positions (rows of 16) -> (16 channels, 2 positions)
        __m512i v = _mm512_inserti64x4(
            _mm512_castsi256_si512(_mm256_loadu_si256((const __m256i*)(from + size_t(2 * i) * channels))),
            _mm256_loadu_si256((const __m256i*)(from + size_t(2 * i + 1) * channels)), 1);
#define M(i) uint16_t((i) % 2 * 16 + (i) / 2)
        a[i] = __builtin_shuffle((words)v, MASK32(M));
#undef M
    }
    for (int i = 0; i < 4; i++) {
        b[i] = merge<2, 0>(a[2 * i], a[2 * i + 1]);
        b[4 + i] = merge<2, 1>(a[2 * i], a[2 * i + 1]);
    }  // 8 channels, 4 positions
    for (int i = 0; i < 4; i++) {
        const int u = i / 2 * 4, j = i % 2 * 2;
        a[i * 2] = merge<4, 0>(b[u + j], b[u + j + 1]);
        a[i * 2 + 1] = merge<4, 1>(b[u + j], b[u + j + 1]);
    }
    // a[4h + 2j + s]: channels 8h + 4s .. +4, positions 8j .. +8
    for (int h = 0; h < 2; h++)
        for (int s = 0; s < 2; s++) {
            out[4 * h + 2 * s] = merge<8, 0>(a[4 * h + s], a[4 * h + 2 + s]);
            out[4 * h + 2 * s + 1] = merge<8, 1>(a[4 * h + s], a[4 * h + 2 + s]);
        }
}

// An image (h, w, c) into the plane (c, positions), lines `line` apart. RUN positions lie side by side: 16, or rows
// of 8.
template <int RUN>
void turn(const Plane& p, const bits* image, bits* turned, int line) {
    for (int at = 0; at < p.height * p.width; at += TILE)
        for (int c = 0; c < p.channels; c += 16) {
            words two[8];
            transpose(image + size_t(at) * p.channels + c, p.channels, two);
            for (int i = 0; i < 16; i += RUN) {
                const int row = (at + i) / p.width, column = (at + i) % p.width;
                bits* to = turned + size_t(c) * line + (row + 1) * p.pitch + column + 1;
                for (int k = 0; k < 16; k++)
                    memcpy(to + size_t(k) * line, (const bits*)&two[k / 2] + k % 2 * 16 + i, RUN * 2);
            }
        }
}

// A gradient (h/spread, w/spread, c) as (pairs of positions, c, 2): where an output's first tap lies, so that the
// positions of the border come after each row.
void pair(const Plane& p, const bits* image, bits* paired, int channels, int spread) {
    const int h = p.height / spread, w = p.width / spread;
    for (int r = 0; r < h; r++)
        for (int c = 0; c < w; c += 2 / spread) {
            bits* to = paired + (size_t(r) * spread * p.pitch + c * spread) * channels;
            const bits* from = image + (size_t(r) * w + c) * channels;
            for (int k = 0; k < channels; k += 16) {
                const __m512i low = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i*)(from + k)));
                const __m512i high =
                    spread == 1
                        ? _mm512_slli_epi32(
                              _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i*)(from + channels + k))), 16)
                        : _mm512_setzero_si512();
                _mm512_storeu_si512(to + 2 * k, _mm512_or_si512(low, high));
            }
        }
}

}  // namespace

extern "C" {

// dw (out, 3, 3, in) fp32 = the sum over images of g (n, h/spread, w/spread, out) times x (n, h, w, in).
void conv_weights_bf16(const bits* x, const bits* g, float* dw, float* partial, int n, int h, int w, int in, int out,
                       int spread) {
    const Plane px(h, w, in);
    const int length = (h + 2) * px.pitch;  // positions of one image; those of the border have g = 0
    const int group = in >= 64 || out >= 64   ? 4
                      : in == 16 && out == 16 ? 1
                                              : 2;  // images whose planes lie side by side
    const int total = (group * length + DEPTH - 1) / DEPTH * DEPTH, line = total + 2 * px.pitch + DEPTH + 2;
    const int chunks = (n + CHUNK - 1) / CHUNK;
    const size_t size = size_t(9) * in * out;
#pragma omp parallel
    {
        static thread_local Buffer<bits> turned_of[8], paired_of[8];
        bits* turned = turned_of[slot(in, spread)].get(size_t(line) * in, line);  // x as (in, positions)
        bits* paired =
            paired_of[slot(out, spread)].get(size_t(total) * out, line);  // g as (pairs of positions, out, 2)
        Tiles tiles_on;
#pragma omp for schedule(dynamic)
        for (int chunk = 0; chunk < chunks; chunk++) {
            float* sums = partial + chunk * size;  // (3, 3, in, out)
            memset(sums, 0, size * 4);
            const int end = std::min(n, (chunk + 1) * CHUNK);
            for (int first = chunk * CHUNK; first < end; first += group) {
                const int images = std::min(group, end - first);
                if (images < group) {
                    memset(paired, 0, size_t(total) * out * 2);
                }
                for (int i = 0; i < images; i++) {
                    const bits* image = x + size_t(first + i) * h * w * in;
                    if (w % TILE == 0)
                        turn<TILE>(px, image, turned + size_t(i) * length, line);
                    else
                        turn<8>(px, image, turned + size_t(i) * length, line);
                    pair(px, g + size_t(first + i) * (h / spread) * (w / spread) * out,
                         paired + size_t(i) * length * out, out, spread);
                }
                for (int ci = 0; ci < in; ci += 16)
                    for (int kh = 0; kh < 3; kh++)
                        for (int co = 0; co < out; co += 32) {
                            const bool two = co + 16 < out;
                            float* to = sums + (size_t(kh * 3) * in + ci) * out + co;
                            const size_t tap = size_t(in) * out, stride = size_t(out) * 4;
                            _tile_loadd(0, to, stride);
                            _tile_loadd(1, to + tap, stride);
                            _tile_loadd(2, to + 2 * tap, stride);
                            const bits* a = turned + size_t(ci) * line + kh * px.pitch;
                            const bits* b = paired + co * 2;
                            if (two) {
                                _tile_loadd(3, to + 16, stride);
                                _tile_loadd(4, to + tap + 16, stride);
                                _tile_loadd(5, to + 2 * tap + 16, stride);
                                for (int q = 0; q < total; q += DEPTH) {
                                    _tile_loadd(6, b + size_t(q) * out, size_t(out) * 4);
                                    _tile_loadd(7, a + q, size_t(line) * 2);
                                    _tile_dpbf16ps(0, 7, 6);
                                    _tile_loadd(7, a + q + 1, size_t(line) * 2);
                                    _tile_dpbf16ps(1, 7, 6);
                                    _tile_loadd(7, a + q + 2, size_t(line) * 2);
                                    _tile_dpbf16ps(2, 7, 6);
                                    _tile_loadd(6, b + size_t(q) * out + 32, size_t(out) * 4);
                                    _tile_dpbf16ps(5, 7, 6);
                                    _tile_loadd(7, a + q + 1, size_t(line) * 2);
                                    _tile_dpbf16ps(4, 7, 6);
                                    _tile_loadd(7, a + q, size_t(line) * 2);
                                    _tile_dpbf16ps(3, 7, 6);
                                }
                                _tile_stored(3, to + 16, stride);
                                _tile_stored(4, to + tap + 16, stride);
                                _tile_stored(5, to + 2 * tap + 16, stride);
                            } else {
                                for (int q = 0; q < total; q += DEPTH) {
                                    _tile_loadd(6, b + size_t(q) * out, size_t(out) * 4);
                                    _tile_loadd(3, a + q, size_t(line) * 2);
                                    _tile_dpbf16ps(0, 3, 6);
                                    _tile_loadd(4, a + q + 1, size_t(line) * 2);
                                    _tile_dpbf16ps(1, 4, 6);
                                    _tile_loadd(5, a + q + 2, size_t(line) * 2);
                                    _tile_dpbf16ps(2, 5, 6);
                                }
                            }
                            _tile_stored(0, to, stride);
                            _tile_stored(1, to + tap, stride);
                            _tile_stored(2, to + 2 * tap, stride);
                        }
            }
        }
    }
    gather(partial, chunks, dw, in, out);
}
}
#endif
