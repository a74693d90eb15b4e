// Batch norm, fused with the addition and the ReLU that follow it, of float or bf16 images in NHWC.
#include "norm.h"

#include <cmath>

namespace {

// The mean and the sum of squared deviations from it, per channel of one image, in one pass. Values are taken relative
// to the first position, which avoids cancellation.
template <class T, int B>
void moments(const T* x, int positions, float* mean, float* m2) {
    constexpr int C = B * LANES;
    floats origin[B];
    Sum<B> sum, square;
    for (int b = 0; b < B; b++) origin[b] = load(x + b * LANES);
    each_position<B>(
        positions,
        [&](int i, int w) {
            for (int b = 0; b < B; b++) {
                const floats d = load(x + size_t(i) * C + b * LANES) - origin[b];
                sum.run[w][b] += d;
                square.run[w][b] += d * d;
            }
        },
        [&] {
            sum.flush();
            square.flush();
        });
    for (int b = 0; b < B; b++) {
        const floats d = sum.total[b] / float(positions);
        store(mean + b * LANES, origin[b] + d);
        store(m2 + b * LANES, square.total[b] - d * sum.total[b]);
    }
}

template <class T, int B, bool ADD, bool RELU>
void apply(const T* x, const T* add, T* y, int positions, const float* scale, const float* shift) {
    constexpr int C = B * LANES;
    floats s[B], t[B];
    for (int b = 0; b < B; b++) {
        s[b] = load(scale + b * LANES);
        t[b] = load(shift + b * LANES);
    }
    for (int i = 0; i < positions; i++)
        for (int b = 0; b < B; b++) {
            const size_t at = size_t(i) * C + b * LANES;
            floats v = load(x + at) * s[b] + t[b];
            if (ADD) v += load(add + at);
            if (RELU) v = v < 0 ? floats{} : v;  // keeps NaN
            store(y + at, v);
        }
}

// Selects the `apply` compiled with or without addition and ReLU.
template <class T, int B>
auto kind(bool add, bool relu) {
    if (add) return relu ? apply<T, B, true, true> : apply<T, B, true, false>;
    return relu ? apply<T, B, false, true> : apply<T, B, false, false>;
}

// The batch's mean and 1 / standard deviation, (groups, C); updates the running statistics.
template <class T, int B>
void statistics(const T* x, float* running_mean, float* running_var, float momentum, float eps, float* mean,
                float* invstd, float* partial, int n, int positions, int groups) {
    constexpr int C = B * LANES;
    const size_t image = size_t(positions) * C;
    const int each = n / groups;
#pragma omp parallel for schedule(dynamic, 4)
    for (int i = 0; i < n; i++)
        moments<T, B>(x + i * image, positions, partial + size_t(2 * i) * C, partial + size_t(2 * i + 1) * C);
    double new_mean[C] = {}, new_var[C] = {};
    for (int g = 0; g < groups; g++)
        for (int c = 0; c < C; c++) {
            double sum = 0, m2 = 0, between = 0;
            for (int i = g * each; i < (g + 1) * each; i++) {
                sum += partial[size_t(2 * i) * C + c];
                m2 += partial[size_t(2 * i + 1) * C + c];
            }
            const double m = sum / each;
            for (int i = g * each; i < (g + 1) * each; i++) {
                const double d = partial[size_t(2 * i) * C + c] - m;
                between += d * d;
            }
            m2 += between * positions;
            const double count = double(each) * positions;
            mean[g * C + c] = m;
            invstd[g * C + c] = 1 / std::sqrt(m2 / count + eps);
            new_mean[c] += m / groups;
            new_var[c] += m2 / (count - 1) / groups;
        }
    for (int c = 0; c < C; c++) {
        running_mean[c] = float((1 - double(momentum)) * running_mean[c] + momentum * new_mean[c]);
        running_var[c] = float((1 - double(momentum)) * running_var[c] + momentum * new_var[c]);
    }
}

// y = relu(scale * x + shift + add), with the scale and shift of an image's group, (groups, C).
template <class T, int B>
void affine(const T* x, const T* add, T* y, const float* scale, const float* shift, int n, int positions, int groups,
            int relu) {
    constexpr int C = B * LANES;
    const size_t image = size_t(positions) * C;
#pragma omp parallel for schedule(dynamic, 4)
    for (int i = 0; i < n; i++) {
        const size_t at = i * image, g = size_t(i / (n / groups)) * C;
        kind<T, B>(add, relu)(x + at, add ? add + at : nullptr, y + at, positions, scale + g, shift + g);
    }
}

}  // namespace

// norm_statistics also sets the scale and shift (groups, channels) with which norm(x) = scale * x + shift.
#define EACH(T, name)                                                                                                \
    void norm_statistics_##name(const T* x, const float* gamma, const float* beta, float* running_mean,              \
                                float* running_var, float momentum, float eps, float* mean, float* invstd,           \
                                float* scale, float* shift, float* partial, int n, int positions, int channels,      \
                                int groups) {                                                                        \
        by_blocks(channels, [&](auto b) {                                                                            \
            constexpr int C = b * LANES;                                                                             \
            statistics<T, b>(x, running_mean, running_var, momentum, eps, mean, invstd, partial, n, positions,       \
                             groups);                                                                                \
            for (int g = 0; g < groups * C; g += C)                                                                  \
                coefficients<C>(gamma, beta, mean + g, invstd + g, scale + g, shift + g);                            \
        });                                                                                                          \
    }                                                                                                                \
    void affine_##name(const T* x, const T* add, T* y, const float* scale, const float* shift, int n, int positions, \
                       int channels, int groups, int relu) {                                                         \
        by_blocks(channels, [&](auto b) { affine<T, b>(x, add, y, scale, shift, n, positions, groups, relu); });     \
    }

extern "C" {
EACH(float, fp32)
EACH(bf16, bf16)
}
