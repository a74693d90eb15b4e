// Operations without weights: the layout of the input, the shortcut of option A, global average pooling.
#include "common.h"

namespace {

// (n, channels, positions) fp32 -> (n, positions, `wide`), padded with channels of zeros.
template <class T>
void spread_channels(const float* x, T* y, int n, int channels, int positions, int wide) {
    const size_t size = size_t(positions) * wide;
#pragma omp parallel for schedule(dynamic, 4)
    for (int i = 0; i < n; i++) {
        T* image = y + i * size;
        memset(image, 0, size * sizeof(T));
        for (int c = 0; c < channels; c++)
            for (int p = 0; p < positions; p++)
                put(image + size_t(p) * wide + c, x[(size_t(i) * channels + c) * positions + p]);
    }
}

// y (n, h/step, w/step, wide) = every `step`-th pixel of x (n, h, w, channels), from channel `before` on; zeros in the
// other channels.
template <class T>
void shortcut_forward(const T* x, T* y, int n, int h, int w, int channels, int wide, int before, int step) {
#pragma omp parallel for schedule(dynamic, 4)
    for (int i = 0; i < n; i++)
        for (int r = 0; r < h / step; r++)
            for (int c = 0; c < w / step; c++) {
                T* to = y + ((size_t(i) * (h / step) + r) * (w / step) + c) * wide;
                memset(to, 0, wide * sizeof(T));
                memcpy(to + before, x + ((size_t(i) * h + r * step) * w + c * step) * channels, channels * sizeof(T));
            }
}

// dx += the gradient by x of the shortcut.
template <class T>
void shortcut_backward(const T* dy, T* dx, int n, int h, int w, int channels, int wide, int before, int step) {
#pragma omp parallel for schedule(dynamic, 4)
    for (int i = 0; i < n; i++)
        for (int r = 0; r < h / step; r++)
            for (int c = 0; c < w / step; c++)
                for (int k = 0; k < channels; k += LANES) {
                    T* to = dx + ((size_t(i) * h + r * step) * w + c * step) * channels + k;
                    store(to,
                          load(to) + load(dy + ((size_t(i) * (h / step) + r) * (w / step) + c) * wide + before + k));
                }
}

// The mean over the positions, (n, positions, channels) -> (n, channels) fp32.
template <class T>
void pool_forward(const T* x, float* y, int n, int positions, int channels) {
#pragma omp parallel for schedule(dynamic, 4)
    for (int i = 0; i < n; i++)
        for (int k = 0; k < channels; k += LANES) {
            floats sum = {};
            for (int p = 0; p < positions; p++) sum += load(x + (size_t(i) * positions + p) * channels + k);
            store(y + size_t(i) * channels + k, sum / float(positions));
        }
}

template <class T>
void pool_backward(const float* dy, T* dx, int n, int positions, int channels) {
#pragma omp parallel for schedule(dynamic, 4)
    for (int i = 0; i < n; i++)
        for (int p = 0; p < positions; p++)
            for (int k = 0; k < channels; k += LANES)
                store(dx + (size_t(i) * positions + p) * channels + k,
                      load(dy + size_t(i) * channels + k) / float(positions));
}

}  // namespace

#define EACH(T, name)                                                                                          \
    void spread_channels_##name(const float* x, T* y, int n, int channels, int positions, int wide) {          \
        spread_channels(x, y, n, channels, positions, wide);                                                   \
    }                                                                                                          \
    void shortcut_forward_##name(const T* x, T* y, int n, int h, int w, int channels, int wide, int before,    \
                                 int step) {                                                                   \
        shortcut_forward(x, y, n, h, w, channels, wide, before, step);                                         \
    }                                                                                                          \
    void shortcut_backward_##name(const T* dy, T* dx, int n, int h, int w, int channels, int wide, int before, \
                                  int step) {                                                                  \
        shortcut_backward(dy, dx, n, h, w, channels, wide, before, step);                                      \
    }                                                                                                          \
    void pool_forward_##name(const T* x, float* y, int n, int positions, int channels) {                       \
        pool_forward(x, y, n, positions, channels);                                                            \
    }                                                                                                          \
    void pool_backward_##name(const float* dy, T* dx, int n, int positions, int channels) {                    \
        pool_backward(dy, dx, n, positions, channels);                                                         \
    }

extern "C" {
EACH(float, fp32)
EACH(bf16, bf16)
}
