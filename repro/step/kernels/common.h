// Loads and stores a vector of channels, of float or bf16, as float: sixteen with AVX-512, eight with AVX2.
#pragma once
#include <immintrin.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace {

#ifdef __AVX512F__
constexpr int LANES = 16;
#else
constexpr int LANES = 8;
#endif
using floats = float __attribute__((vector_size(4 * LANES)));
using ints = uint32_t __attribute__((vector_size(4 * LANES)));
using halves = uint16_t __attribute__((vector_size(2 * LANES)));
struct bf16 {
    uint16_t bits;
};

inline floats load(const float* p) {
    floats v;
    memcpy(&v, p, sizeof v);
    return v;
}
inline void store(float* p, floats v) { memcpy(p, &v, sizeof v); }
inline floats load(const bf16* p) {
    // intrinsics, since the compiler splits the conversion of generic vectors into two halves
#ifndef __AVX512F__
    return (floats)_mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i*)p)), 16);
#else
    return (floats)_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i*)p)), 16);
#endif
}
inline void store(bf16* p, floats v) {  // rounds to nearest even; keeps NaN
#ifdef __AVX512BF16__
    const auto h = _mm512_cvtneps_pbh((__m512)v);
    memcpy(p, &h, 32);
#else
    const ints i = (ints)v;
    ints r = (i + 0x7fff + ((i >> 16) & 1)) >> 16;
    r = v == v ? r : (i >> 16) | 0x40;
    const halves h = __builtin_convertvector(r, halves);
    memcpy(p, &h, sizeof h);
#endif
}

inline void put(float* p, float v) { *p = v; }
inline void put(bf16* p, float v) {  // rounds like `store`
    uint32_t i;
    memcpy(&i, &v, 4);
    p->bits = v == v ? (i + 0x7fff + ((i >> 16) & 1)) >> 16 : (i >> 16) | 0x40;
}

}  // namespace
