// The eight AMX tile registers, each 16 rows of 64 bytes.
#pragma once
#include <immintrin.h>

#include "plane.h"

namespace {

using bits = uint16_t;     // the bits of a bf16
constexpr int TILE = 16;   // rows of a tile: output positions or channels
constexpr int DEPTH = 32;  // bf16 values in a row of a tile, which one instruction sums over

struct alignas(64) TileConfig {
    uint8_t palette = 1, start = 0, reserved[14] = {};
    uint16_t bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
    uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};

struct Tiles {  // configures the tile registers, and releases them when destroyed
    Tiles() {
        static const TileConfig config;
        _tile_loadconfig(&config);
    }
    ~Tiles() { _tile_release(); }
};

}  // namespace
