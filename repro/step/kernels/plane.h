// An image with a border of zeros, so that each tap of every output is at a fixed offset from it.
#pragma once
#include <cstdlib>

#include "common.h"

namespace {

constexpr int CHUNK = 16;  // images per partial sum of a weight gradient: fixed, so that no sum depends on the threads

template <class T>
struct Buffer {  // grows, never shrinks; zeroed when allocated and when its layout changes
    T* data = nullptr;
    size_t size = 0;
    size_t layout = 0;  // identifies the sizes that it was last used for
    T* get(size_t n, size_t wanted) {
        if (n > size) {
            free(data);
            const size_t bytes = (n * sizeof(T) + 63) / 64 * 64;
            data = static_cast<T*>(aligned_alloc(64, bytes));
            memset(data, 0, bytes);
            size = n;
        } else if (layout != wanted) {
            memset(data, 0, size * sizeof(T));
        }
        layout = wanted;
        return data;
    }
    ~Buffer() { free(data); }
};

// (height + 2) rows of `pitch` positions, and slack so that no tile reads past the end.
struct Plane {
    int height, width, channels, pitch;
    Plane(int h, int w, int c) : height(h), width(w), channels(c), pitch(w + 2) {}
    size_t positions() const { return size_t(height + 2) * pitch + 3 * pitch + 48; }
    size_t at(int row, int column) const { return (size_t(row + 1) * pitch + column + 1) * channels; }
};

// Copies an image (height/spread, width/spread) into the plane; spread 2 leaves zeros between its pixels.
template <class T>
void lay(const Plane& p, const T* image, T* plane, int spread) {
    const int h = p.height / spread, w = p.width / spread;
    for (int r = 0; r < h; r++) {
        const T* from = image + size_t(r) * w * p.channels;
        if (spread == 1)
            memcpy(plane + p.at(r, 0), from, size_t(w) * p.channels * sizeof(T));
        else
            for (int c = 0; c < w; c++)
                memcpy(plane + p.at(r * spread, c * spread), from + size_t(c) * p.channels, p.channels * sizeof(T));
    }
}

// Index of a thread's plane: one per number of channels and spread, so that its zeros stay valid.
inline int slot(int channels, int spread) {
    return (channels < 16 ? 0 : channels == 16 ? 1 : channels == 32 ? 2 : 3) * 2 + spread - 1;
}

// dw (out, 3, 3, in) = the sum of `chunks` parts (3, 3, in, out), in a fixed order.
inline void gather(const float* parts, int chunks, float* dw, int in, int out) {
    const size_t size = size_t(9) * in * out;
#pragma omp parallel for schedule(static)
    for (int t = 0; t < 9; t++)
        for (int i = 0; i < in; i++)
            for (int k = 0; k < out; k += LANES) {
                const size_t at = (size_t(t) * in + i) * out + k;
                floats sum = {};
                for (int chunk = 0; chunk < chunks; chunk++) sum += load(parts + chunk * size + at);
                for (int lane = 0; lane < LANES; lane++) dw[(size_t(k + lane) * 9 + t) * in + i] = sum[lane];
            }
}

}  // namespace
