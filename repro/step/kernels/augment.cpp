// repro.data.batches.Transform.augment in one pass over the pixels: the same operations in the same order, so the same
// bits.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

extern "C" {

// y (n, channels, h, w) = the images of a batch, selected by `index` from uint8 pixels (.., channels, h, w): padded by
// `padding`, cropped at `corner`, mirrored if `flip`, and normalised, (x / 255 - mean) / std. `mean` has the shape
// (channels, h, w), `std` (channels). The padding is zero after normalisation if `pad_after`, black before it if not. A
// null `corner` means no crop, a null `flip` no mirroring. `table` (channels, 256), unless null, is what the 256 levels
// become if every pixel of a channel has the same mean: looking a level up is faster than two divisions.
void augment(const uint8_t* pixels, const int64_t* index, const int64_t* corner, const bool* flip, const float* mean,
             const float* std, const float* table, float* y, int n, int channels, int h, int w, int padding,
             int pad_after) {
    if (!corner && !flip) {  // an image is one long row
        w *= h;
        h = 1;
    }
#pragma omp parallel for schedule(static)
    for (int image = 0; image < n; image++) {
        std::vector<float> line(w);
        const int down = corner ? int(corner[2 * image]) - padding : 0;
        const int right = corner ? int(corner[2 * image + 1]) - padding : 0;
        for (int c = 0; c < channels; c++)
            for (int r = 0; r < h; r++) {
                const int row = r + down, first = right < 0 ? -right : 0, last = right > 0 ? w - right : w;
                const float* own = mean + (size_t(c) * h + r) * w;
                for (int k = 0; padding && k < w; k++) line[k] = pad_after ? 0 : (0 - own[k]) / std[c];
                if (row >= 0 && row < h) {
                    const uint8_t* from = pixels + ((size_t(index[image]) * channels + c) * h + row) * w + right;
                    const float* means = pad_after ? mean + (size_t(c) * h + row) * w + right : own;
                    const float* levels = table ? table + 256 * c : nullptr;
                    float* into = line.data();
                    if (table)
#pragma omp simd
                        for (int k = first; k < last; k++) into[k] = levels[from[k]];
                    else
                        for (int k = first; k < last; k++) line[k] = (float(from[k]) / 255 - means[k]) / std[c];
                }
                float* to = y + ((size_t(image) * channels + c) * h + r) * w;
                const bool mirror = flip && flip[image];
                if (mirror)
                    std::reverse_copy(line.begin(), line.end(), to);
                else
                    std::copy(line.begin(), line.end(), to);
            }
    }
}
}
