// The gradient by the weights of a 3x3 convolution with padding 1 of bf16 images, for processors with AMX tiles.
//
// A tile instruction multiplies (16 x 32) by (32 x 16): here, sixteen channels of g (the gradient by the output) at 32
// positions, by x at one tap of these positions, stored as pairs of positions by sixteen channels as the instruction
// requires. Taps in the row above or below are an offset in these pairs. Even and odd columns are separated: even
// columns of g meet odd, even and odd columns of x, so four copies of every second column of x, starting at different
// columns, serve all taps. Every tile is thus read from aligned memory, at half the cost of unaligned reads.
#ifdef __AMX_BF16__
#include <algorithm>

#include "tiles.h"

namespace {

constexpr int BLOCK = 16;  // channels in a tile

// Thirty-two positions of eight channels, `channels` apart -> eight rows of 32 positions.
inline void transpose(const bits* from, int channels, bits* to) {
    __m512i a[8], b[8];
    for (int r = 0; r < 8; r++) {  // each quarter: eight channels of one position
        const auto at = [&](int quarter) {
            return _mm_loadu_si128((const __m128i*)(from + size_t(8 * quarter + r) * channels));
        };
        a[r] = _mm512_castsi128_si512(at(0));
        a[r] = _mm512_inserti32x4(a[r], at(1), 1);
        a[r] = _mm512_inserti32x4(a[r], at(2), 2);
        a[r] = _mm512_inserti32x4(a[r], at(3), 3);
    }
    for (int r = 0; r < 8; r += 2) {
        b[r] = _mm512_unpacklo_epi16(a[r], a[r + 1]);
        b[r + 1] = _mm512_unpackhi_epi16(a[r], a[r + 1]);
    }
    for (int r = 0; r < 8; r += 4)
        for (int i = 0; i < 2; i++) {
            a[r + 2 * i] = _mm512_unpacklo_epi32(b[r + i], b[r + i + 2]);
            a[r + 2 * i + 1] = _mm512_unpackhi_epi32(b[r + i], b[r + i + 2]);
        }
    for (int i = 0; i < 4; i++) {
        _mm512_store_si512(to + size_t(2 * i) * DEPTH, _mm512_unpacklo_epi64(a[i], a[i + 4]));
        _mm512_store_si512(to + size_t(2 * i + 1) * DEPTH, _mm512_unpackhi_epi64(a[i], a[i + 4]));
    }
}

// Packs every `halves`-th position of g of one image (positions, channels) as tiles [channels / 16][positions / 32]
// [16 channels][32 positions]. The tiles of the next sixteen channels start `next` values later.
void turn(const bits* g, int channels, int positions, int halves, bits* to, size_t next) {
    for (int p = 0; p < positions; p += DEPTH)
        for (int c = 0; c < channels; c += 8)
            transpose(g + size_t(p) * halves * channels + c, channels * halves,
                      to + c / BLOCK * next + size_t(p) * BLOCK + c % BLOCK * DEPTH);
}

// The order in which rows of x are stored: with stride 1, rows -1 to h; with stride 2, the odd rows from -1 on, then
// the even rows.
struct Rows {
    int stride, of_g;
    int count() const { return stride == 1 ? of_g + 2 : 2 * of_g + 1; }
    int of(int row) const { return stride == 1 ? row + 1 : row % 2 ? (row + 1) / 2 : of_g + 1 + row / 2; }
    int tap(int kh) const { return stride == 1 ? kh : kh == 1 ? of_g + 1 : kh / 2; }  // for the first row of g
};

// Packs every second column of x of one image (h, w, channels), from column `first` (-1 to 2) on, as [channels / 16]
// [rows][pairs of columns][16 channels][2]. Columns outside the image become zeros; rows outside it are not written.
// The next sixteen channels start `next` values later.
void pair(const bits* x, int h, int w, int channels, const Rows& rows, int first, bits* to, size_t next) {
    alignas(64) static const uint16_t order[32] = {0, 16, 1, 17, 2,  18, 3,  19, 4,  20, 5,  21, 6,  22, 7,  23,
                                                   8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31};
    const __m512i interleave = _mm512_load_si512(order);
    for (int r = 0; r < h; r++)
        for (int c = 0; c < channels; c += BLOCK) {
            bits* line = to + c / BLOCK * next + size_t(rows.of(r)) * (w / 4) * DEPTH;
            const bits* from = x + size_t(r) * w * channels + c;
            for (int column = first; column < first + w; column += 4, line += DEPTH) {
                const auto at = [&](int k) { return _mm256_loadu_si256((const __m256i*)(from + k * channels)); };
                const __m256i low = column < 0 ? __m256i{} : at(column),
                              high = column + 2 < w ? at(column + 2) : __m256i{};
                const __m512i both = _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
                _mm512_store_si512(line, _mm512_permutexvar_epi16(interleave, both));
            }
        }
}

struct Group {                // images that are packed and multiplied together
    int images, tiles;        // tiles of 32 positions in half (or all) of an image of g
    size_t g_image, x_image;  // values between images
};

// sums[kw] += g times x at tap column kw, for one block of channels of each. With stride 2, g[1] is null.
void one_by_three(const Group& group, const bits* const g[2], const bits* const x[4], float* const sums[3],
                  size_t step) {
    _tile_loadd(0, sums[0], step);
    _tile_loadd(1, sums[1], step);
    _tile_loadd(2, sums[2], step);
    for (int i = 0; i < group.images; i++) {
        size_t a = i * group.g_image, b = i * group.x_image;
        for (int t = 0; t < group.tiles; t++, a += TILE * DEPTH, b += TILE * DEPTH) {
            _tile_loadd(6, g[0] + a, 64);
            _tile_loadd(3, x[0] + b, 64);
            _tile_dpbf16ps(0, 6, 3);
            _tile_loadd(4, x[1] + b, 64);
            _tile_dpbf16ps(1, 6, 4);
            _tile_loadd(5, x[2] + b, 64);
            _tile_dpbf16ps(2, 6, 5);
            if (!g[1]) continue;
            _tile_loadd(7, g[1] + a, 64);
            _tile_dpbf16ps(0, 7, 4);
            _tile_dpbf16ps(1, 7, 5);
            _tile_loadd(3, x[3] + b, 64);
            _tile_dpbf16ps(2, 7, 3);
        }
    }
    _tile_stored(0, sums[0], step);
    _tile_stored(1, sums[1], step);
    _tile_stored(2, sums[2], step);
}

// sums (two blocks of channels of g by two of x) += g times x, for one tap. g_next, x_next: values between blocks.
void two_by_two(const Group& group, const bits* const g[2], size_t g_next, const bits* const x[2], size_t x_next,
                float* sums, size_t step) {
    float* below = sums + BLOCK * step / 4;
    _tile_loadd(0, sums, step);
    _tile_loadd(1, sums + BLOCK, step);
    _tile_loadd(2, below, step);
    _tile_loadd(3, below + BLOCK, step);
    for (int half = 0; half < 2 && g[half]; half++)
        for (int i = 0; i < group.images; i++) {
            const bits* a = g[half] + i * group.g_image;
            const bits* b = x[half] + i * group.x_image;
            for (int t = 0; t < group.tiles; t++, a += TILE * DEPTH, b += TILE * DEPTH) {
                _tile_loadd(4, a, 64);
                _tile_loadd(6, b, 64);
                _tile_dpbf16ps(0, 4, 6);
                _tile_loadd(7, b + x_next, 64);
                _tile_dpbf16ps(1, 4, 7);
                _tile_loadd(5, a + g_next, 64);
                _tile_dpbf16ps(2, 5, 6);
                _tile_dpbf16ps(3, 5, 7);
            }
        }
    _tile_stored(0, sums, step);
    _tile_stored(1, sums + BLOCK, step);
    _tile_stored(2, below, step);
    _tile_stored(3, below + BLOCK, step);
}

}  // namespace

extern "C" {

// dw (out, 3, 3, in) fp32 = the gradient by the weights, summed over images, from g (n, h/stride, w/stride, out) and
// x (n, h, w, in).
void conv_weights_bf16(const bits* x, const bits* g, float* dw, float* partial, int n, int h, int w, int in, int out,
                       int stride) {
    const int halves = stride == 1 ? 2 : 1, columns = halves + 2;  // copies of every second column of x
    const int positions = h / stride * (w / stride) / halves;
    const int together = std::max(1, std::min(CHUNK, in * out / 512));
    const Rows rows{stride, h / stride};
    const size_t g_image = size_t(positions) * BLOCK, x_row = size_t(w / 2) * BLOCK, x_image = rows.count() * x_row;
    const size_t g_next = together * g_image, g_half = g_next * (out / BLOCK);
    const size_t x_next = together * x_image, x_column = x_next * (in / BLOCK);
    const int chunks = (n + CHUNK - 1) / CHUNK;
    const size_t tap = size_t(in) * out, step = size_t(in) * 4;
#pragma omp parallel
    {
        static thread_local Buffer<bits> turned_of[8], paired_of[8];
        bits* turned = turned_of[slot(out, stride)].get(halves * g_half, g_half);
        bits* paired = paired_of[slot(in, stride)].get(columns * x_column, x_column);
        Tiles tiles_on;
#pragma omp for schedule(dynamic)
        for (int chunk = 0; chunk < chunks; chunk++) {
            float* sums = partial + chunk * 9 * tap;  // (3, 3, out, in)
            memset(sums, 0, 9 * tap * 4);
            const int end = std::min(n, (chunk + 1) * CHUNK);
            for (int first = chunk * CHUNK; first < end; first += together) {
                const Group group{std::min(together, end - first), positions / DEPTH, g_image, x_image};
                for (int i = 0; i < group.images; i++) {
                    const bits* g_of = g + size_t(first + i) * positions * halves * out;
                    const bits* x_of = x + size_t(first + i) * h * w * in;
                    for (int half = 0; half < halves; half++)
                        turn(g_of + half * out, out, positions, halves, turned + half * g_half + i * g_image, g_next);
                    for (int column = 0; column < columns; column++)
                        pair(x_of, h, w, in, rows, column - 1, paired + column * x_column + i * x_image, x_next);
                }
                for (int kh = 0; kh < 3; kh++) {
                    const bits* taps = paired + rows.tap(kh) * x_row;
                    float* to = sums + kh * 3 * tap;
                    for (int co = 0; co < out; co += in == BLOCK ? BLOCK : 2 * BLOCK) {
                        const bits* even = turned + co / BLOCK * g_next;
                        const bits* const halves_of_g[2] = {even, halves == 2 ? even + g_half : nullptr};
                        if (in == BLOCK) {
                            const bits* const of_x[4] = {taps, taps + x_column, taps + 2 * x_column,
                                                         taps + 3 * x_column};
                            float* const sum[3] = {to + co * in, to + tap + co * in, to + 2 * tap + co * in};
                            one_by_three(group, halves_of_g, of_x, sum, step);
                            continue;
                        }
                        for (int kw = 0; kw < 3; kw++)
                            for (int ci = 0; ci < in; ci += 2 * BLOCK) {
                                const bits* from = taps + kw * x_column + ci / BLOCK * x_next;
                                const bits* const of_x[2] = {from, from + x_column};
                                two_by_two(group, halves_of_g, g_next, of_x, x_next,
                                           to + kw * tap + size_t(co) * in + ci, step);
                            }
                    }
                }
            }
        }
    }
    // in a fixed order, so that results do not depend on the threads
#pragma omp parallel for schedule(static)
    for (int o = 0; o < out; o++)
        for (int t = 0; t < 9; t++)
            for (int i = 0; i < in; i += LANES) {
                floats sum = {};
                for (int chunk = 0; chunk < chunks; chunk++)
                    sum += load(partial + chunk * 9 * tap + (size_t(t) * out + o) * in + i);
                store(dw + (size_t(o) * 9 + t) * in + i, sum);
            }
}
}
#endif
