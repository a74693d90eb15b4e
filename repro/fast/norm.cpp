// Batch norm, with the addition and the ReLU that follow it, over images in NHWC of float or bf16.
#include <cmath>

#include "common.h"

namespace {

// Sums over positions, in short runs and several lanes at once, which is both faster and more accurate.
template <int B>
struct Sum {
    static constexpr int WAYS = 4 / B, RUN = 64;
    floats total[B] = {}, run[WAYS][B] = {};
    void flush() {
        for (auto& way : run)
            for (int b = 0; b < B; b++) {
                total[b] += way[b];
                way[b] = floats{};
            }
    }
};

// Calls body(position, way) for every position, and flush() after every run of them.
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

// Mean and sum of squared distances from it, of each channel of one image, in one pass: the squares are of distances
// from the first position, so that nothing cancels.
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
            if (RELU) v = v < 0 ? floats{} : v;  // NaN stays
            store(y + at, v);
        }
}

enum class Mask { NONE, FROM_X, FROM_Y };  // where a ReLU let through: by its result y, or by its input, a * x + b

// dy where the ReLU let through, of the channels from one position's `at` on.
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
    floats operator()(size_t at, int b, floats here) const {  // `here`: x at it
        const floats g = load(dy + at);
        if (MASK == Mask::FROM_X) return here * scale[b] + shift[b] > 0 ? g : floats{};
        if (MASK == Mask::FROM_Y) return load(y + at) > 0 ? g : floats{};
        return g;
    }
};

// Sums of g = `through` and of g times the normalised x, of each channel of one image.
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

// dx = a * g + b * x + c, and what is in `into`.
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

// scale and shift of x that make norm(x), of the channels of one group.
template <int C>
void coefficients(const float* gamma, const float* beta, const float* mean, const float* invstd, float* scale,
                  float* shift) {
    for (int c = 0; c < C; c++) {
        scale[c] = gamma[c] * invstd[c];
        shift[c] = beta[c] - mean[c] * scale[c];
    }
}

template <class T, int B>
void forward(const T* x, const T* add, T* y, const float* gamma, const float* beta, float* running_mean,
             float* running_var, float momentum, float eps, float* mean, float* invstd, float* partial, int n,
             int positions, int groups, int relu) {
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
#pragma omp parallel for schedule(dynamic, 4)
    for (int i = 0; i < n; i++) {
        alignas(64) float scale[C], shift[C];
        const int g = i / each * C;
        coefficients<C>(gamma, beta, mean + g, invstd + g, scale, shift);
        const T* from = x + i * image;
        const T* plus = add ? add + i * image : nullptr;
        T* to = y + i * image;
        if (add && relu)
            apply<T, B, true, true>(from, plus, to, positions, scale, shift);
        else if (add)
            apply<T, B, true, false>(from, plus, to, positions, scale, shift);
        else if (relu)
            apply<T, B, false, true>(from, plus, to, positions, scale, shift);
        else
            apply<T, B, false, false>(from, plus, to, positions, scale, shift);
    }
}

// With given statistics: what the running ones make of an evaluation.
template <class T, int B>
void affine(const T* x, const T* add, T* y, const float* scale, const float* shift, int n, int positions, int relu) {
    const size_t image = size_t(positions) * B * LANES;
#pragma omp parallel for schedule(dynamic, 4)
    for (int i = 0; i < n; i++) {
        const size_t at = i * image;
        if (add && relu)
            apply<T, B, true, true>(x + at, add + at, y + at, positions, scale, shift);
        else if (add)
            apply<T, B, true, false>(x + at, add + at, y + at, positions, scale, shift);
        else if (relu)
            apply<T, B, false, true>(x + at, add, y + at, positions, scale, shift);
        else
            apply<T, B, false, false>(x + at, add, y + at, positions, scale, shift);
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
        if (dadd) {  // has the ReLU's gradient already
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

#define FORWARD(T)                                                                                                  \
    const T *x, const T *add, T *y, const float *gamma, const float *beta, float *running_mean, float *running_var, \
        float momentum, float eps, float *mean, float *invstd, float *partial, int n, int positions, int channels,  \
        int groups, int relu
#define BACKWARD(T)                                                                                             \
    const T *dy, const T *x, const T *y, const float *gamma, const float *beta, const float *mean,              \
        const float *invstd, const T *into, T *dx, T *dadd, float *dgamma, float *dbeta, float *partial, int n, \
        int positions, int channels, int groups, int relu
#define AFFINE(T) \
    const T *x, const T *add, T *y, const float *scale, const float *shift, int n, int positions, int channels, int relu
#define RELU(T) const T *dy, const T *y, const T *into, T *dx, int n, int positions, int channels
#define BLOCKS(call)    \
    switch (channels) { \
        case 16:        \
            call(1);    \
            break;      \
        case 32:        \
            call(2);    \
            break;      \
        case 64:        \
            call(4);    \
            break;      \
    }

extern "C" {
#define F(B)                                                                                                  \
    forward<T, B>(x, add, y, gamma, beta, running_mean, running_var, momentum, eps, mean, invstd, partial, n, \
                  positions, groups, relu)
#define G(B)                                                                                                            \
    (!relu ? backward<T, B, Mask::NONE>                                                                                 \
     : y   ? backward<T, B, Mask::FROM_Y>                                                                               \
           : backward<T, B, Mask::FROM_X>)(dy, x, y, gamma, beta, mean, invstd, into, dx, dadd, dgamma, dbeta, partial, \
                                         n, positions, groups)
void norm_forward_fp32(FORWARD(float)) {
    using T = float;
    BLOCKS(F)
}
void norm_forward_bf16(FORWARD(bf16)) {
    using T = bf16;
    BLOCKS(F)
}
#define R(B) relu_backward<T, B>(dy, y, into, dx, n, positions)
void relu_backward_fp32(RELU(float)) {
    using T = float;
    BLOCKS(R)
}
void relu_backward_bf16(RELU(bf16)) {
    using T = bf16;
    BLOCKS(R)
}
#define A(B) affine<T, B>(x, add, y, scale, shift, n, positions, relu)
void affine_fp32(AFFINE(float)) {
    using T = float;
    BLOCKS(A)
}
void affine_bf16(AFFINE(bf16)) {
    using T = bf16;
    BLOCKS(A)
}
void norm_backward_fp32(BACKWARD(float)) {
    using T = float;
    BLOCKS(G)
}
void norm_backward_bf16(BACKWARD(bf16)) {
    using T = bf16;
    BLOCKS(G)
}
}
