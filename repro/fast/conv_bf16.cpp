// 3x3 convolutions with padding 1 of bf16 images in NHWC, for processors with AMX tiles.
//
// An image is laid into a scratch plane with a border of zeros, so that every tap of every output is one offset from
// it. Positions are counted along the plane ("flat"), so that sixteen outputs in a row make one tile, whatever the
// width; those that fall into the border are computed and dropped. Sums are fp32 throughout.
#ifdef __AMX_BF16__
#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

#include "plane.h"

namespace {

using bits = uint16_t;  // of a bf16
constexpr int TILE = 16;       // rows of a tile: output positions, or channels
constexpr int DEPTH = 32;      // bf16 values in a row of a tile: what one instruction sums over
constexpr int CHUNK = 16;      // images whose weight gradients are summed together: no sum depends on the threads

struct alignas(64) TileConfig {
    uint8_t palette = 1, start = 0, reserved[14] = {};
    uint16_t bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
    uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};

struct Tiles {  // the tile registers, for the life of this object
    Tiles() { static const TileConfig config; _tile_loadconfig(&config); }
    ~Tiles() { _tile_release(); }
};

inline __m512 widen(__m256i v) { return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(v), 16)); }
inline __m256i narrow(__m512 v) { return (__m256i)_mm512_cvtneps_pbh(v); }

int tap_tiles(int in) { return in == 16 ? 6 : 9 * (in / DEPTH); }

// Where in the plane (in values) the k-th tile of taps begins, from an output's first tap.
size_t tap_offset(const Plane& p, int k) {
    if (p.channels == 16) return (size_t(k / 2) * p.pitch + (k % 2) * 2) * 16;
    const int blocks = p.channels / DEPTH, tap = k / blocks;
    return (size_t(tap / 3) * p.pitch + tap % 3) * p.channels + (k % blocks) * DEPTH;
}

struct Output { bits* image; const bits* add; int height, width, pitch, channels; };

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
        if (column < y.width && row < y.height) put_row(y, sums[i], (size_t(row) * y.width + column) * y.channels + channel);
        if (++column == y.pitch) { column = 0; row++; }
    }
}


using words = uint16_t __attribute__((vector_size(64)));  // 32 bf16
#define MASK32(f) words{f(0),f(1),f(2),f(3),f(4),f(5),f(6),f(7),f(8),f(9),f(10),f(11),f(12),f(13),f(14),f(15),f(16),f(17),f(18),f(19),f(20),f(21),f(22),f(23),f(24),f(25),f(26),f(27),f(28),f(29),f(30),f(31)}

// Two vectors that hold `run` positions of the same channels each -> `2 run` positions of their lower (upper) half.
template <int RUN, int UPPER> inline words merge(words a, words b) {
    constexpr int CH = 32 / RUN;  // channels in each
#define M(i) uint16_t((i) % (2 * RUN) < RUN ? ((i) / (2 * RUN) + UPPER * CH / 2) * RUN + (i) % RUN : 32 + ((i) / (2 * RUN) + UPPER * CH / 2) * RUN + (i) % RUN)
    return __builtin_shuffle(a, b, MASK32(M));
#undef M
}

// Sixteen positions of sixteen channels, `channels` apart -> eight vectors of two channels' sixteen positions.
inline void transpose(const bits* from, int channels, words out[8]) {
    words a[8], b[8];
    for (int i = 0; i < 8; i++) {  // two positions (rows of 16) -> (16 channels, 2 positions)
        __m512i v = _mm512_inserti64x4(_mm512_castsi256_si512(_mm256_loadu_si256((const __m256i*)(from + size_t(2 * i) * channels))),
                                       _mm256_loadu_si256((const __m256i*)(from + size_t(2 * i + 1) * channels)), 1);
#define M(i) uint16_t((i) % 2 * 16 + (i) / 2)
        a[i] = __builtin_shuffle((words)v, MASK32(M));
#undef M
    }
    for (int i = 0; i < 4; i++) { b[i] = merge<2, 0>(a[2 * i], a[2 * i + 1]); b[4 + i] = merge<2, 1>(a[2 * i], a[2 * i + 1]); }       // 8 channels, 4 positions
    for (int i = 0; i < 4; i++) { const int u = i / 2 * 4, j = i % 2 * 2; a[i * 2] = merge<4, 0>(b[u + j], b[u + j + 1]); a[i * 2 + 1] = merge<4, 1>(b[u + j], b[u + j + 1]); }
    // a[4h + 2j + s]: channels 8h + 4s .. +4, positions 8j .. +8
    for (int h = 0; h < 2; h++) for (int s = 0; s < 2; s++) {
        out[4 * h + 2 * s] = merge<8, 0>(a[4 * h + s], a[4 * h + 2 + s]);
        out[4 * h + 2 * s + 1] = merge<8, 1>(a[4 * h + s], a[4 * h + 2 + s]);
    }
}

// An image (h, w, c) into the plane (c, positions), lines `line` apart. RUN positions lie side by side: 16, or rows of 8.
template <int RUN> void turn(const Plane& p, const bits* image, bits* turned, int line) {
    for (int at = 0; at < p.height * p.width; at += TILE)
        for (int c = 0; c < p.channels; c += 16) {
            words two[8];
            transpose(image + size_t(at) * p.channels + c, p.channels, two);
            for (int i = 0; i < 16; i += RUN) {
                const int row = (at + i) / p.width, column = (at + i) % p.width;
                bits* to = turned + size_t(c) * line + (row + 1) * p.pitch + column + 1;
                for (int k = 0; k < 16; k++) memcpy(to + size_t(k) * line, (const bits*)&two[k / 2] + k % 2 * 16 + i, RUN * 2);
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
                const __m512i high = spread == 1 ? _mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i*)(from + channels + k))), 16) : _mm512_setzero_si512();
                _mm512_storeu_si512(to + 2 * k, _mm512_or_si512(low, high));
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
                if (in == 16) { const int kw = (k % 2) * 2 + r / 16; tap = kw < 3 ? k / 2 * 3 + kw : -1; i = r % 16; }
                else { const int n = in / DEPTH; tap = k / n; i = k % n * DEPTH + r; }
                bits* to = packed + ((size_t(k) * blocks + b) * TILE + r / 2) * DEPTH + r % 2;
                for (int o = 0; o < 16; o++) {
                    float v = 0;
                    if (tap >= 0) v = transposed ? w[(size_t(i) * 9 + 8 - tap) * out + b * 16 + o] : w[(size_t(b * 16 + o) * 9 + tap) * in + i];
                    to[2 * o] = (bits)_mm_extract_epi16((__m128i)_mm_cvtneps_pbh(_mm_set_ss(v)), 0);
                }
            }
}

// y (n, h/stride, w/stride, out) = conv(x) + add, where x (n, h/spread, w/spread, in) has zeros between its pixels.
void conv_bf16(const bits* x, const bits* packed, const bits* add, bits* y, int n, int h, int w, int in, int out, int stride, int spread) {
    const Plane plane(h, w, in);
    const int ho = h / stride, wo = w / stride, tiles = tap_tiles(in), blocks = out / 16;
    std::vector<int> starts;
    if (wo % TILE == 0) { for (int r = 0; r < ho; r++) for (int c = 0; c < wo; c += TILE) starts.push_back(r * plane.pitch + c); }
    else for (int q = 0; q < ho * plane.pitch - (plane.pitch - wo); q += TILE) starts.push_back(q);
    std::vector<size_t> offset(tiles);
    for (int k = 0; k < tiles; k++) offset[k] = tap_offset(plane, k);
    const long step = long(stride) * in * 2;  // bytes from one output's tap to the next one's
    const int count = starts.size();
#pragma omp parallel
    {
        static thread_local Buffer<bits> planes[8];
        bits* scratch = planes[slot(in, spread)].get(plane.positions() * in);
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
                        _tile_zero(0); _tile_zero(1); _tile_zero(2); _tile_zero(3);
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
                        _tile_stored(0, sums[0], 64); _tile_stored(1, sums[1], 64); _tile_stored(2, sums[2], 64); _tile_stored(3, sums[3], 64);
                        put(to, sums[0], starts[t], b * 16); put(to, sums[1], starts[t], b * 16 + 16);
                        if (two) { put(to, sums[2], starts[t + 1], b * 16); put(to, sums[3], starts[t + 1], b * 16 + 16); }
                    }
                }
            } else {
                for (int t = 0; t < count; t += 4) {
                    const bits* a[4];
                    for (int i = 0; i < 4; i++) a[i] = scratch + size_t(starts[t + i < count ? t + i : t]) * stride * in;
                    for (int b = 0; b < blocks; b++) {
                        _tile_zero(0); _tile_zero(1); _tile_zero(2); _tile_zero(3);
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
                        _tile_stored(0, sums[0], 64); _tile_stored(1, sums[1], 64); _tile_stored(2, sums[2], 64); _tile_stored(3, sums[3], 64);
                        for (int i = 0; i < 4 && t + i < count; i++) put(to, sums[i], starts[t + i], b * 16);
                    }
                }
            }
        }
    }
}

// dw (out, 3, 3, in) fp32 += nothing: overwritten with the sum over images of g (n, h/spread, w/spread, out) times x (n, h, w, in).
void conv_weights_bf16(const bits* x, const bits* g, float* dw, float* partial, int n, int h, int w, int in, int out, int spread) {
    const Plane px(h, w, in);
    const int length = (h + 2) * px.pitch;              // positions of one image; those of the border have g = 0
    const int group = in >= 64 || out >= 64 ? 4 : in == 16 && out == 16 ? 1 : 2;  // images whose planes lie side by side
    const int total = (group * length + DEPTH - 1) / DEPTH * DEPTH, line = total + 2 * px.pitch + DEPTH + 2;
    const int chunks = (n + CHUNK - 1) / CHUNK;
    const size_t size = size_t(9) * in * out;
#pragma omp parallel
    {
        static thread_local Buffer<bits> turned_of[8], paired_of[8];
        bits* turned = turned_of[slot(in, spread)].get(size_t(line) * in);     // x as (in, positions)
        bits* paired = paired_of[slot(out, spread)].get(size_t(total) * out);  // g as (pairs of positions, out, 2)
        Tiles tiles_on;
#pragma omp for schedule(dynamic)
        for (int chunk = 0; chunk < chunks; chunk++) {
            float* sums = partial + chunk * size;  // (3, 3, in, out)
            memset(sums, 0, size * 4);
            const int end = std::min(n, (chunk + 1) * CHUNK);
            for (int first = chunk * CHUNK; first < end; first += group) {
                const int images = std::min(group, end - first);
                if (images < group) { memset(paired, 0, size_t(total) * out * 2); }
                for (int i = 0; i < images; i++) {
                    const bits* image = x + size_t(first + i) * h * w * in;
                    if (w % TILE == 0) turn<TILE>(px, image, turned + size_t(i) * length, line);
                    else turn<8>(px, image, turned + size_t(i) * length, line);
                    pair(px, g + size_t(first + i) * (h / spread) * (w / spread) * out, paired + size_t(i) * length * out, out, spread);
                }
                for (int ci = 0; ci < in; ci += 16)
                    for (int kh = 0; kh < 3; kh++)
                        for (int co = 0; co < out; co += 32) {
                            const bool two = co + 16 < out;
                            float* to = sums + (size_t(kh * 3) * in + ci) * out + co;
                            const size_t tap = size_t(in) * out, stride = size_t(out) * 4;
                            _tile_loadd(0, to, stride); _tile_loadd(1, to + tap, stride); _tile_loadd(2, to + 2 * tap, stride);
                            const bits* a = turned + size_t(ci) * line + kh * px.pitch;
                            const bits* b = paired + co * 2;
                            if (two) {
                                _tile_loadd(3, to + 16, stride); _tile_loadd(4, to + tap + 16, stride); _tile_loadd(5, to + 2 * tap + 16, stride);
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
                                _tile_stored(3, to + 16, stride); _tile_stored(4, to + tap + 16, stride); _tile_stored(5, to + 2 * tap + 16, stride);
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
                            _tile_stored(0, to, stride); _tile_stored(1, to + tap, stride); _tile_stored(2, to + 2 * tap, stride);
                        }
            }
        }
    }
    gather(partial, chunks, dw, in, out);
}

}

#else
extern "C" int amx_allowed() { return 0; }
#endif
