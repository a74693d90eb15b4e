// The addition of a bias, ReLU and 2x2 max-pooling of fp32 images in NHWC, in one pass. The number of channels is a
// multiple of sixteen. NaN counts as the largest value, as in torch. Needs AVX-512.
#ifdef __AVX512F__
#include "common.h"

namespace {

constexpr int NONE = 4;  // the place of an output of which the ReLU passed nothing; otherwise 2 * row + column

}  // namespace

extern "C" {

// y (n, h/2, w/2, c) = the largest of relu(z + b) in each 2x2 window of z (n, h, w, c), and its first place.
void relu_pool_forward(const float* z, const float* b, float* y, uint8_t* place, int n, int h, int w, int c) {
    const __m512i none = _mm512_set1_epi32(NONE);
#pragma omp parallel for schedule(static)
    for (int row = 0; row < n * (h / 2); row++)
        for (int column = 0; column < w / 2; column++)
            for (int k = 0; k < c; k += LANES) {
                const float* from = z + ((size_t(2 * row) * w) + 2 * column) * c + k;
                const __m512 bias = (__m512)load(b + k);
                __m512 most = _mm512_add_ps((__m512)load(from), bias);
                __m512i at = _mm512_setzero_si512();
                for (int other = 1; other < 4; other++) {
                    const float* next = from + (size_t(other / 2) * w + other % 2) * c;
                    const __m512 value = _mm512_add_ps((__m512)load(next), bias);
                    const __mmask16 more =
                        _mm512_cmp_ps_mask(value, most, _CMP_GT_OQ) | _mm512_cmp_ps_mask(value, value, _CMP_UNORD_Q);
                    most = _mm512_mask_mov_ps(most, more, value);
                    at = _mm512_mask_mov_epi32(at, more, _mm512_set1_epi32(other));
                }
                const __mmask16 passed = _mm512_cmp_ps_mask(most, _mm512_setzero_ps(), _CMP_NLE_UQ);
                const size_t to = (size_t(row) * (w / 2) + column) * c + k;
                store(y + to, (floats)_mm512_maskz_mov_ps(passed, most));
                const __m128i bytes = _mm512_cvtepi32_epi8(_mm512_mask_mov_epi32(none, passed, at));
                memcpy(place + to, &bytes, LANES);
            }
}

// From dy: dz = the gradient by z, and db (c) by the bias; `partial` has n * c values.
void relu_pool_backward(const float* dy, const uint8_t* place, float* dz, float* db, float* partial, int n, int h,
                        int w, int c) {
#pragma omp parallel for schedule(static)
    for (int image = 0; image < n; image++) {
        float* sums = partial + size_t(image) * c;
        memset(sums, 0, size_t(c) * 4);
        for (int row = image * (h / 2); row < (image + 1) * (h / 2); row++)
            for (int column = 0; column < w / 2; column++)
                for (int k = 0; k < c; k += LANES) {
                    const size_t from = (size_t(row) * (w / 2) + column) * c + k;
                    const __m512 gradient = (__m512)load(dy + from);
                    __m128i bytes;
                    memcpy(&bytes, place + from, LANES);
                    const __m512i at = _mm512_cvtepu8_epi32(bytes);
                    float* to = dz + ((size_t(2 * row) * w) + 2 * column) * c + k;
                    floats passed = {};
                    for (int each = 0; each < 4; each++) {
                        const __mmask16 here = _mm512_cmpeq_epi32_mask(at, _mm512_set1_epi32(each));
                        const floats value = (floats)_mm512_maskz_mov_ps(here, gradient);
                        passed += value;
                        store(to + (size_t(each / 2) * w + each % 2) * c, value);
                    }
                    store(sums + k, load(sums + k) + passed);
                }
    }
    for (int k = 0; k < c; k += LANES) {
        floats sum = {};
        for (int image = 0; image < n; image++) sum += load(partial + size_t(image) * c + k);
        store(db + k, sum);
    }
}
}
#endif
