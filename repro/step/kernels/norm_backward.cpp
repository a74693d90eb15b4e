// The gradients of batch norm, fused with the addition and the ReLU that follow it, of float or bf16 images in NHWC.
#include "norm.h"

namespace {

// What shows which values the ReLU passed: nothing (there is no ReLU), its input scale * x + shift, or its result y.
enum class Mask { NONE, FROM_X, FROM_Y };

// The gradient before the ReLU: dy where the ReLU passed the value, else 0; for sixteen channels from offset `at` on.
template <class T, int B, Mask MASK>
struct Through {
    const T *dy, *x, *y;
    floats scale[B], shift[B];
    Through(const T* dy_, const T* x_, const T* y_, const float* scale_, const float* shift_) : dy(dy_), x(x_), y(y_) {
        for (int b = 0; MASK == Mask::FROM_X && b < B; b++) {
            scale[b] = load(scale_ + b * LANES);
            shift[b] = load(shift_ + b * LANES);
        }
    }
    floats operator()(size_t at, int b, floats here) const {  // `here`: x at that offset
        const floats g = load(dy + at);
        if (MASK == Mask::FROM_X) return here * scale[b] + shift[b] > 0 ? g : floats{};
        if (MASK == Mask::FROM_Y) return load(y + at) > 0 ? g : floats{};
        return g;
    }
};

// The sums of g = `through` and of g times the normalised x, per channel of one image.
template <class T, int B, Mask MASK>
void gather(const Through<T, B, MASK>& through, T* dadd, int positions, const float* mean, const float* invstd,
            float* sum, float* dot) {
    constexpr int C = B * LANES;
    floats m[B];
    Sum<B> s, d;
    for (int b = 0; b < B; b++) m[b] = load(mean + b * LANES);
    each_position<B>(
        positions,
        [&](int i, int w) {
            for (int b = 0; b < B; b++) {
                const size_t at = size_t(i) * C + b * LANES;
                const floats x = load(through.x + at), g = through(at, b, x);
                if (dadd) store(dadd + at, g);
                s.run[w][b] += g;
                d.run[w][b] += g * (x - m[b]);
            }
        },
        [&] {
            s.flush();
            d.flush();
        });
    for (int b = 0; b < B; b++) {
        store(sum + b * LANES, s.total[b]);
        store(dot + b * LANES, d.total[b] * load(invstd + b * LANES));
    }
}

// dx = a * g + b * x + c, plus `into` if given.
template <class T, int B, Mask MASK>
void spread(const Through<T, B, MASK>& through, const T* into, T* dx, int positions, const float* a, const float* b_,
            const float* c_) {
    constexpr int C = B * LANES;
    floats u[B], v[B], w[B];
    for (int b = 0; b < B; b++) {
        u[b] = load(a + b * LANES);
        v[b] = load(b_ + b * LANES);
        w[b] = load(c_ + b * LANES);
    }
    for (int i = 0; i < positions; i++)
        for (int b = 0; b < B; b++) {
            const size_t at = size_t(i) * C + b * LANES;
            const floats x = load(through.x + at);
            floats r = u[b] * through(at, b, x) + v[b] * x + w[b];
            if (into) r += load(into + at);
            store(dx + at, r);
        }
}

template <class T, int B, Mask MASK>
void backward(const T* dy, const T* x, const T* y, const float* gamma, const float* beta, const float* mean,
              const float* invstd, const T* into, T* dx, T* dadd, float* dgamma, float* dbeta, float* partial, int n,
              int positions, int groups) {
    constexpr int C = B * LANES;
    const size_t image = size_t(positions) * C;
    const int each = n / groups;
    const auto through = [&](int i) {
        alignas(64) float scale[C], shift[C];
        const int g = i / each * C;
        coefficients<C>(gamma, beta, mean + g, invstd + g, scale, shift);
        return Through<T, B, MASK>(dy + i * image, x + i * image, y + i * image, scale, shift);
    };
#pragma omp parallel for schedule(dynamic, 4)
    for (int i = 0; i < n; i++) {
        const int g = i / each * C;
        float* sum = partial + size_t(2 * i) * C;
        gather(through(i), dadd ? dadd + i * image : nullptr, positions, mean + g, invstd + g, sum, sum + C);
    }
    double all_sum[C] = {}, all_dot[C] = {};
    float* slopes = partial + size_t(2 * n) * C;  // (groups, 3, C)
    for (int g = 0; g < groups; g++)
        for (int c = 0; c < C; c++) {
            double sum = 0, dot = 0;
            for (int i = g * each; i < (g + 1) * each; i++) {
                sum += partial[size_t(2 * i) * C + c];
                dot += partial[size_t(2 * i + 1) * C + c];
            }
            all_sum[c] += sum;
            all_dot[c] += dot;
            const double count = double(each) * positions, scale = double(gamma[c]) * invstd[g * C + c];
            float* k = slopes + size_t(g) * 3 * C + c;
            k[0] = scale;
            k[C] = -scale * dot / count * invstd[g * C + c];
            k[2 * C] = -scale * (sum - dot * invstd[g * C + c] * mean[g * C + c]) / count;
        }
    for (int c = 0; c < C; c++) {
        dbeta[c] = all_sum[c];
        dgamma[c] = all_dot[c];
    }
#pragma omp parallel for schedule(dynamic, 4)
    for (int i = 0; i < n; i++) {
        const float* k = slopes + size_t(i / each) * 3 * C;
        const T* plus = into ? into + i * image : nullptr;
        if (dadd) {  // holds the gradient before the ReLU already
            const Through<T, B, Mask::NONE> all(dadd + i * image, x + i * image, nullptr, nullptr, nullptr);
            spread(all, plus, dx + i * image, positions, k, k + C, k + 2 * C);
        } else
            spread(through(i), plus, dx + i * image, positions, k, k + C, k + 2 * C);
    }
}

template <class T, int B>
void relu_backward(const T* dy, const T* y, const T* into, T* dx, int n, int positions) {
    constexpr int C = B * LANES;
    const size_t image = size_t(positions) * C;
    float one[C], zero[C] = {};
    for (float& v : one) v = 1;
#pragma omp parallel for schedule(dynamic, 4)
    for (int i = 0; i < n; i++) {
        const size_t at = i * image;
        const Through<T, B, Mask::FROM_Y> through(dy + at, y + at, y + at, nullptr, nullptr);
        spread(through, into ? into + at : nullptr, dx + at, positions, one, zero, zero);
    }
}

}  // namespace

#define EACH(T, name)                                                                                               \
    void norm_backward_##name(const T* dy, const T* x, const T* y, const float* gamma, const float* beta,           \
                              const float* mean, const float* invstd, const T* into, T* dx, T* dadd, float* dgamma, \
                              float* dbeta, float* partial, int n, int positions, int channels, int groups,         \
                              int relu) {                                                                           \
        by_blocks(channels, [&](auto b) {                                                                           \
            const auto by = !relu ? backward<T, b, Mask::NONE>                                                      \
                            : y   ? backward<T, b, Mask::FROM_Y>                                                    \
                                  : backward<T, b, Mask::FROM_X>;                                                   \
            by(dy, x, y, gamma, beta, mean, invstd, into, dx, dadd, dgamma, dbeta, partial, n, positions, groups);  \
        });                                                                                                         \
    }                                                                                                               \
    void relu_backward_##name(const T* dy, const T* y, const T* into, T* dx, int n, int positions, int channels) {  \
        by_blocks(channels, [&](auto b) { relu_backward<T, b>(dy, y, into, dx, n, positions); });                   \
    }

extern "C" {
EACH(float, fp32)
EACH(bf16, bf16)
}
