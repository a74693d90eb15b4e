// 3x3 convolutions with padding 1 of bf16 images in NHWC, for processors with AMX tiles.
//
// An image is copied into a scratch plane with a border of zeros, so that each tap of every output is at a fixed offset
// from it. Positions are counted along the plane, across rows, so that sixteen consecutive outputs make one tile at any
// width; outputs in the border are computed and discarded. Sums are fp32 throughout.
//
// Loads cost more than products, so two tiles of outputs times two of weights share four loads. A convolution from 16
// to 16 channels has only one tile of weights per tap: there, two neighbouring columns are computed as if they were 32
// channels of one column (`paired`), from a window of four columns.
#ifdef __AMX_BF16__
#include <sys/syscall.h>
#include <unistd.h>

#include <vector>

#include "tiles.h"

namespace {

inline __m512 widen(__m256i v) { return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(v), 16)); }
inline __m256i narrow(__m512 v) { return (__m256i)_mm512_cvtneps_pbh(v); }

int tap_tiles(int in) { return in == 16 ? 6 : 9 * (in / DEPTH); }
int weight_tiles(int in, int out) { return in == 16 && out == 16 ? 2 : out / 16; }

// One plane or, if a row is shorter than a tile, three planes without a border at the sides, one per tap column: a tile
// then covers two rows, and no output is discarded.
struct Layout {
    Plane plane;
    int copies;
    Layout(int h, int w, int in, bool dense) : plane(h, w, in), copies(dense ? 3 : 1) {
        if (dense) plane.pitch = w;
    }
    size_t size() const { return plane.positions() * plane.channels; }
    // offset of the k-th tile of taps from an output's first tap
    size_t offset(int k) const {
        const int in = plane.channels;
        if (in == 16) return (size_t(k / 2) * plane.pitch + (k % 2) * 2) * 16;
        const int blocks = in / DEPTH, tap = k / blocks, kh = tap / 3, kw = tap % 3;
        return (copies == 3 ? kw * size() : size_t(kw) * in) + size_t(kh) * plane.pitch * in + (k % blocks) * DEPTH;
    }
    void fill(const bits* image, bits* to, int spread) const {
        if (copies == 1) return lay(plane, image, to, spread);
        const size_t row = size_t(plane.width) * plane.channels, one = plane.channels;
        for (int r = 0; r < plane.height; r++, image += row) {
            bits* line = to + (r + 1) * row;
            memcpy(line + one, image, (row - one) * 2);
            memcpy(line + size(), image, row * 2);
            memcpy(line + 2 * size(), image + one, (row - one) * 2);
        }
    }
};

struct Output {
    bits* image;
    const bits* add;
    int height, width, pitch, channels;
};

inline void put_half(const Output& y, const float* sums, size_t at) {
    __m512 v = _mm512_load_ps(sums);
    if (y.add) v = _mm512_add_ps(v, widen(_mm256_loadu_si256((const __m256i*)(y.add + at))));
    _mm256_storeu_si256((__m256i*)(y.image + at), narrow(v));
}

inline void put_whole(const Output& y, const float* low, const float* high, size_t at) {
    __m512 v = _mm512_load_ps(low), w = _mm512_load_ps(high);
    if (y.add) {
        v = _mm512_add_ps(v, widen(_mm256_loadu_si256((const __m256i*)(y.add + at))));
        w = _mm512_add_ps(w, widen(_mm256_loadu_si256((const __m256i*)(y.add + at + 16))));
    }
    _mm512_storeu_si512(y.image + at, (__m512i)_mm512_cvtne2ps_pbh(w, v));
}

// Calls store(row of the tile, offset) for the outputs of a tile that are not in the border; `each` columns per row.
template <class Store>
inline void put(const Output& y, int start, int channel, int each, Store store) {
    int row = start / y.pitch, column = start % y.pitch;
    const size_t at = (size_t(row) * y.width + column) * y.channels + channel;
    if (column + TILE * each <= y.width || y.pitch == y.width) {
        for (int i = 0; i < TILE; i++) store(i, at + size_t(i) * each * y.channels);
        return;
    }
    for (int i = 0; i < TILE; i++) {
        if (column < y.width && row < y.height) store(i, (size_t(row) * y.width + column) * y.channels + channel);
        if (++column == y.pitch) {
            column = 0;
            row++;
        }
    }
}

struct Product {  // of tiles of the plane and tiles of weights
    const bits* packed;
    const size_t* offset;
    int tiles, blocks;
    long step;  // bytes between rows of a tile
};

using Sums = float[4][TILE][TILE];

// sums[0], [1]: outputs a0 by two blocks of channels; [2], [3]: outputs a1.
inline void two_by_two(const Product& p, const bits* a0, const bits* a1, int block, Sums sums) {
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    const bits* weights = p.packed + size_t(block) * TILE * DEPTH;
    for (int k = 0; k < p.tiles; k++, weights += size_t(p.blocks) * TILE * DEPTH) {
        _tile_loadd(6, weights, 64);
        _tile_loadd(7, weights + TILE * DEPTH, 64);
        _tile_loadd(4, a0 + p.offset[k], p.step);
        _tile_dpbf16ps(0, 4, 6);
        _tile_dpbf16ps(1, 4, 7);
        _tile_loadd(5, a1 + p.offset[k], p.step);
        _tile_dpbf16ps(2, 5, 6);
        _tile_dpbf16ps(3, 5, 7);
    }
    _tile_stored(0, sums[0], 64);
    _tile_stored(1, sums[1], 64);
    _tile_stored(2, sums[2], 64);
    _tile_stored(3, sums[3], 64);
}

// sums[i]: outputs a[i] by one block of channels.
inline void four_by_one(const Product& p, const bits* const a[4], Sums sums) {
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    for (int k = 0; k < p.tiles; k++) {
        _tile_loadd(6, p.packed + size_t(k) * p.blocks * TILE * DEPTH, 64);
        _tile_loadd(4, a[0] + p.offset[k], p.step);
        _tile_dpbf16ps(0, 4, 6);
        _tile_loadd(5, a[1] + p.offset[k], p.step);
        _tile_dpbf16ps(1, 5, 6);
        _tile_loadd(4, a[2] + p.offset[k], p.step);
        _tile_dpbf16ps(2, 4, 6);
        _tile_loadd(5, a[3] + p.offset[k], p.step);
        _tile_dpbf16ps(3, 5, 6);
    }
    _tile_stored(0, sums[0], 64);
    _tile_stored(1, sums[1], 64);
    _tile_stored(2, sums[2], 64);
    _tile_stored(3, sums[3], 64);
}

}  // namespace

extern "C" {

int amx_allowed() { return syscall(SYS_arch_prctl, 0x1023 /* ARCH_REQ_XCOMP_PERM */, 18 /* tile data */) == 0; }

size_t packed_size_bf16(int in, int out) { return size_t(tap_tiles(in)) * weight_tiles(in, out) * TILE * DEPTH; }

// Weights (out, 3, 3, in) fp32 -> tiles (k, block of out, pair of in, out, 2) bf16. From 16 to 16 channels the second
// block belongs to the next column. `transposed`: for the gradient by the input, `in` and `out` are swapped and the
// taps are rotated by 180 degrees.
void pack_bf16(const float* w, bits* packed, int in, int out, int transposed) {
    const int blocks = weight_tiles(in, out), tiles = tap_tiles(in), per = in / DEPTH;
    const __m512i lane = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    const __m512i each = _mm512_mullo_epi32(lane, _mm512_set1_epi32(transposed ? 1 : 9 * in));
#pragma omp parallel for schedule(static)
    for (int k = 0; k < tiles; k++)
        for (int b = 0; b < blocks; b++) {
            const int next = in == 16 && out == 16 ? b : 0;  // columns to the right
            const auto weights = [&](int r) {                // row r of the k-th tile, for sixteen channels of out
                const int kw = in == 16 ? k % 2 * 2 + r / 16 - next : k / per % 3, kh = in == 16 ? k / 2 : k / per / 3;
                const int tap = kh * 3 + kw, i = in == 16 ? r % 16 : k % per * DEPTH + r, o = (b - next) * 16;
                if (kw < 0 || kw > 2) return __m256i{};
                const float* from =
                    transposed ? w + (size_t(i) * 9 + 8 - tap) * out + o : w + (size_t(o) * 9 + tap) * in + i;
                return narrow(_mm512_i32gather_ps(each, from, 4));
            };
            bits* to = packed + (size_t(k) * blocks + b) * TILE * DEPTH;
            for (int r = 0; r < DEPTH; r += 2, to += DEPTH) {
                const __m512i low = _mm512_cvtepu16_epi32(weights(r)), high = _mm512_cvtepu16_epi32(weights(r + 1));
                _mm512_storeu_si512(to, _mm512_or_si512(low, _mm512_slli_epi32(high, 16)));
            }
        }
}

// y (n, h/stride, w/stride, out) = conv(x) + add. With spread 2, zeros are inserted between the pixels of
// x (n, h/spread, w/spread, in).
void conv_bf16(const bits* x, const bits* packed, const bits* add, bits* y, int n, int h, int w, int in, int out,
               int stride, int spread) {
    const bool whole = stride == 1 && spread == 1, paired = whole && in == 16 && out == 16 && w % (2 * TILE) == 0;
    const Layout layout(h, w, in, whole && w < TILE);
    const int ho = h / stride, wo = w / stride, pitch = layout.plane.pitch, each = paired ? 2 : 1;
    std::vector<int> starts;
    if (wo % (TILE * each) == 0) {
        for (int r = 0; r < ho; r++)
            for (int c = 0; c < wo; c += TILE * each) starts.push_back(r * pitch + c);
    } else
        for (int q = 0; q < ho * pitch - (pitch - wo); q += TILE) starts.push_back(q);
    std::vector<size_t> offset(tap_tiles(in));
    for (size_t k = 0; k < offset.size(); k++) offset[k] = layout.offset(k);
    const int count = starts.size();
    const Product product{packed, offset.data(), tap_tiles(in), weight_tiles(in, out), long(stride) * each * in * 2};
#pragma omp parallel
    {
        static thread_local Buffer<bits> planes[8];
        const size_t size = layout.copies * layout.size();
        bits* scratch = planes[slot(in, spread)].get(size, size);
        alignas(64) Sums sums;
        Tiles tiles_on;
#pragma omp for schedule(dynamic, 4)
        for (int image = 0; image < n; image++) {
            layout.fill(x + size_t(image) * (h / spread) * (w / spread) * in, scratch, spread);
            const size_t skip = size_t(image) * ho * wo * out;
            const Output to{y + skip, add ? add + skip : nullptr, ho, wo, pitch, out};
            const auto at = [&](int t) { return scratch + size_t(starts[t < count ? t : count - 1]) * stride * in; };
            if (paired || out % 32 == 0)
                for (int t = 0; t < count; t += 2)
                    for (int channel = 0; channel < out; channel += 32) {
                        two_by_two(product, at(t), at(t + 1), channel / 16, sums);
                        for (int i = 0; i < 2 && t + i < count; i++)
                            put(to, starts[t + i], channel, each, [&](int row, size_t where) {
                                put_whole(to, sums[2 * i][row], sums[2 * i + 1][row], where);
                            });
                    }
            else
                for (int t = 0; t < count; t += 4) {
                    const bits* const a[4] = {at(t), at(t + 1), at(t + 2), at(t + 3)};
                    four_by_one(product, a, sums);
                    for (int i = 0; i < 4 && t + i < count; i++)
                        put(to, starts[t + i], 0, 1, [&](int row, size_t where) { put_half(to, sums[i][row], where); });
                }
        }
    }
}
}

#else
extern "C" int amx_allowed() { return 0; }
#endif
