// 3x3 convolutions with padding 1 of bf16 images in NHWC, for processors with AMX tiles.
//
// An image is laid into a scratch plane with a border of zeros, so that every tap of every output is one offset from
// it. Positions are counted along the plane ("flat"), so that sixteen outputs in a row make one tile, whatever the
// width; those that fall into the border are computed and dropped. Sums are fp32 throughout.
#ifdef __AMX_BF16__
#include <sys/syscall.h>
#include <unistd.h>

#include <vector>

#include "tiles.h"

namespace {

inline __m512 widen(__m256i v) { return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(v), 16)); }
inline __m256i narrow(__m512 v) { return (__m256i)_mm512_cvtneps_pbh(v); }

int tap_tiles(int in) { return in == 16 ? 6 : 9 * (in / DEPTH); }

// Where in the plane (in values) the k-th tile of taps begins, from an output's first tap.
size_t tap_offset(const Plane& p, int k) {
    if (p.channels == 16) return (size_t(k / 2) * p.pitch + (k % 2) * 2) * 16;
    const int blocks = p.channels / DEPTH, tap = k / blocks;
    return (size_t(tap / 3) * p.pitch + tap % 3) * p.channels + (k % blocks) * DEPTH;
}

struct Output {
    bits* image;
    const bits* add;
    int height, width, pitch, channels;
};

inline void put_row(const Output& y, const float* sums, size_t at) {
    __m512 v = _mm512_load_ps(sums);
    if (y.add) v = _mm512_add_ps(v, widen(_mm256_loadu_si256((const __m256i*)(y.add + at))));
    _mm256_storeu_si256((__m256i*)(y.image + at), narrow(v));
}

inline void put(const Output& y, const float (*sums)[TILE], int start, int channel) {
    int row = start / y.pitch, column = start % y.pitch;
    size_t at = (size_t(row) * y.width + column) * y.channels + channel;
    if (column + TILE <= y.width) {
        for (int i = 0; i < TILE; i++, at += y.channels) put_row(y, sums[i], at);
        return;
    }
    for (int i = 0; i < TILE; i++) {
        if (column < y.width && row < y.height)
            put_row(y, sums[i], (size_t(row) * y.width + column) * y.channels + channel);
        if (++column == y.pitch) {
            column = 0;
            row++;
        }
    }
}

}  // namespace

extern "C" {

int amx_allowed() { return syscall(SYS_arch_prctl, 0x1023 /* ARCH_REQ_XCOMP_PERM */, 18 /* tile data */) == 0; }

size_t packed_size_bf16(int in, int out) { return size_t(tap_tiles(in)) * out / 16 * TILE * DEPTH; }

// Weights (out, 3, 3, in) fp32 -> tiles (k, block of out, pair of in, out, 2) bf16. `transposed`: for the gradient
// by the input, so that `in` and `out` change places and the taps are turned by 180 degrees.
void pack_bf16(const float* w, bits* packed, int in, int out, int transposed) {
    const Plane p(1, 1, in);
    const int blocks = out / 16, tiles = tap_tiles(in);
    for (int k = 0; k < tiles; k++)
        for (int b = 0; b < blocks; b++)
            for (int r = 0; r < DEPTH; r++) {
                int tap, i;
                if (in == 16) {
                    const int kw = (k % 2) * 2 + r / 16;
                    tap = kw < 3 ? k / 2 * 3 + kw : -1;
                    i = r % 16;
                } else {
                    const int n = in / DEPTH;
                    tap = k / n;
                    i = k % n * DEPTH + r;
                }
                bits* to = packed + ((size_t(k) * blocks + b) * TILE + r / 2) * DEPTH + r % 2;
                for (int o = 0; o < 16; o++) {
                    float v = 0;
                    if (tap >= 0)
                        v = transposed ? w[(size_t(i) * 9 + 8 - tap) * out + b * 16 + o]
                                       : w[(size_t(b * 16 + o) * 9 + tap) * in + i];
                    to[2 * o] = (bits)_mm_extract_epi16((__m128i)_mm_cvtneps_pbh(_mm_set_ss(v)), 0);
                }
            }
}

// y (n, h/stride, w/stride, out) = conv(x) + add, where x (n, h/spread, w/spread, in) has zeros between its pixels.
void conv_bf16(const bits* x, const bits* packed, const bits* add, bits* y, int n, int h, int w, int in, int out,
               int stride, int spread) {
    const Plane plane(h, w, in);
    const int ho = h / stride, wo = w / stride, tiles = tap_tiles(in), blocks = out / 16;
    std::vector<int> starts;
    if (wo % TILE == 0) {
        for (int r = 0; r < ho; r++)
            for (int c = 0; c < wo; c += TILE) starts.push_back(r * plane.pitch + c);
    } else
        for (int q = 0; q < ho * plane.pitch - (plane.pitch - wo); q += TILE) starts.push_back(q);
    std::vector<size_t> offset(tiles);
    for (int k = 0; k < tiles; k++) offset[k] = tap_offset(plane, k);
    const long step = long(stride) * in * 2;  // bytes from one output's tap to the next one's
    const int count = starts.size();
#pragma omp parallel
    {
        static thread_local Buffer<bits> planes[8];
        bits* scratch = planes[slot(in, spread)].get(plane.positions() * in, plane.positions());
        alignas(64) float sums[4][TILE][TILE];
        Tiles tiles_on;
#pragma omp for schedule(dynamic, 4)
        for (int image = 0; image < n; image++) {
            lay(plane, x + size_t(image) * (h / spread) * (w / spread) * in, scratch, spread);
            const size_t skip = size_t(image) * ho * wo * out;
            const Output to{y + skip, add ? add + skip : nullptr, ho, wo, plane.pitch, out};
            if (blocks % 2 == 0) {
                for (int t = 0; t < count; t += 2) {
                    const bool two = t + 1 < count;
                    const bits* a0 = scratch + size_t(starts[t]) * stride * in;
                    const bits* a1 = scratch + size_t(starts[two ? t + 1 : t]) * stride * in;
                    for (int b = 0; b < blocks; b += 2) {
                        _tile_zero(0);
                        _tile_zero(1);
                        _tile_zero(2);
                        _tile_zero(3);
                        const bits* weights = packed + size_t(b) * TILE * DEPTH;
                        for (int k = 0; k < tiles; k++) {
                            const bits* wk = weights + size_t(k) * blocks * TILE * DEPTH;
                            _tile_loadd(6, wk, 64);
                            _tile_loadd(7, wk + TILE * DEPTH, 64);
                            _tile_loadd(4, a0 + offset[k], step);
                            _tile_dpbf16ps(0, 4, 6);
                            _tile_dpbf16ps(1, 4, 7);
                            _tile_loadd(5, a1 + offset[k], step);
                            _tile_dpbf16ps(2, 5, 6);
                            _tile_dpbf16ps(3, 5, 7);
                        }
                        _tile_stored(0, sums[0], 64);
                        _tile_stored(1, sums[1], 64);
                        _tile_stored(2, sums[2], 64);
                        _tile_stored(3, sums[3], 64);
                        put(to, sums[0], starts[t], b * 16);
                        put(to, sums[1], starts[t], b * 16 + 16);
                        if (two) {
                            put(to, sums[2], starts[t + 1], b * 16);
                            put(to, sums[3], starts[t + 1], b * 16 + 16);
                        }
                    }
                }
            } else {
                for (int t = 0; t < count; t += 4) {
                    const bits* a[4];
                    for (int i = 0; i < 4; i++)
                        a[i] = scratch + size_t(starts[t + i < count ? t + i : t]) * stride * in;
                    for (int b = 0; b < blocks; b++) {
                        _tile_zero(0);
                        _tile_zero(1);
                        _tile_zero(2);
                        _tile_zero(3);
                        for (int k = 0; k < tiles; k++) {
                            _tile_loadd(6, packed + (size_t(k) * blocks + b) * TILE * DEPTH, 64);
                            _tile_loadd(4, a[0] + offset[k], step);
                            _tile_dpbf16ps(0, 4, 6);
                            _tile_loadd(5, a[1] + offset[k], step);
                            _tile_dpbf16ps(1, 5, 6);
                            _tile_loadd(4, a[2] + offset[k], step);
                            _tile_dpbf16ps(2, 4, 6);
                            _tile_loadd(5, a[3] + offset[k], step);
                            _tile_dpbf16ps(3, 5, 6);
                        }
                        _tile_stored(0, sums[0], 64);
                        _tile_stored(1, sums[1], 64);
                        _tile_stored(2, sums[2], 64);
                        _tile_stored(3, sums[3], 64);
                        for (int i = 0; i < 4 && t + i < count; i++) put(to, sums[i], starts[t + i], b * 16);
                    }
                }
            }
        }
    }
}
}

#else
extern "C" int amx_allowed() { return 0; }
#endif
