// Shared by the forward and backward pass of batch norm: sums over positions, and dispatch on the number of channels.
#pragma once
#include <type_traits>

#include "common.h"

namespace {

// A sum over positions in short runs and several independent sums, which is both faster and more accurate.
template <int B>
struct Sum {
    static constexpr int WAYS = B < 4 ? 4 / B : 1, RUN = 64;
    floats total[B] = {}, run[WAYS][B] = {};
    void flush() {
        for (auto& way : run)
            for (int b = 0; b < B; b++) {
                total[b] += way[b];
                way[b] = floats{};
            }
    }
};

// Calls body(position, way) for every position, and flush() after every run of positions.
template <int B, class Body, class Flush>
inline void each_position(int positions, Body body, Flush flush) {
    constexpr int WAYS = Sum<B>::WAYS, RUN = Sum<B>::RUN;
    int i = 0;
    for (; i + RUN <= positions; i += RUN) {
        for (int j = 0; j < RUN; j += WAYS)
#pragma GCC unroll 4
            for (int w = 0; w < WAYS; w++) body(i + j + w, w);
        flush();
    }
    for (; i < positions; i++) body(i, 0);
    flush();
}

// The scale and shift with which norm(x) = scale * x + shift, for the channels of one group.
template <int C>
void coefficients(const float* gamma, const float* beta, const float* mean, const float* invstd, float* scale,
                  float* shift) {
    for (int c = 0; c < C; c++) {
        scale[c] = gamma[c] * invstd[c];
        shift[c] = beta[c] - mean[c] * scale[c];
    }
}

// Calls `call` with the number of blocks of sixteen channels as a compile-time constant.
template <class Call>
void by_blocks(int channels, Call call) {
    if (channels == 16) call(std::integral_constant<int, 16 / LANES>{});
    if (channels == 32) call(std::integral_constant<int, 32 / LANES>{});
    if (channels == 64) call(std::integral_constant<int, 64 / LANES>{});
}

}  // namespace
