// Dropout masks from the state of torch's CPU generator, a Mersenne Twister: what `bernoulli_` draws, several at a time.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace {

constexpr int N = 624, M = 397;  // words of the state, and the distance of the word that each is combined with

struct State {  // the head of what torch.Generator.get_state() returns; normal variates follow
    uint64_t seed;
    int32_t left, seeded;
    uint64_t next, words[N];
};

inline uint32_t twist(uint32_t a, uint32_t b, uint32_t far) {
    return far ^ (((a & 0x80000000) | (b & 0x7fffffff)) >> 1) ^ (b & 1 ? 0x9908b0df : 0);
}

void advance(uint32_t* s) {
    for (int k = 0; k < N - M; k++) s[k] = twist(s[k], s[k + 1], s[k + M]);
    for (int k = N - M; k < N - 1; k++) s[k] = twist(s[k], s[k + 1], s[k + M - N]);
    s[N - 1] = twist(s[N - 1], s[0], s[M - 1]);
}

inline uint32_t temper(uint32_t y) {
    y ^= y >> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    return y ^ (y >> 18);
}

}  // namespace

extern "C" {

// y (count) = 1 / keep with probability `keep`, else 0. Advances `state`. Each draw compares 53 bits of two words.
void dropout_mask(State* state, double keep, float* y, int count) {
    static thread_local std::vector<uint32_t> drawn;
    drawn.resize(2 * size_t(count));
    uint32_t words[N];
    for (int k = 0; k < N; k++) words[k] = uint32_t(state->words[k]);
    int left = state->left - 1, next = int(state->next);  // `left` counts the words that are left, and one more
    for (size_t at = 0; at < drawn.size();) {
        if (left == 0) {
            advance(words);
            left = N;
            next = 0;
        }
        const int here = int(drawn.size() - at < size_t(left) ? drawn.size() - at : left);
        for (int k = 0; k < here; k++) drawn[at + k] = temper(words[next + k]);
        at += here;
        next += here;
        left -= here;
    }
    for (int k = 0; k < N; k++) state->words[k] = words[k];
    state->left = left + 1;
    state->next = next;
    const uint64_t below = uint64_t(std::ceil(std::ldexp(keep, 53)));
    const float kept = 1 / float(keep);
    for (int k = 0; k < count; k++) {
        const uint64_t bits = (uint64_t(drawn[2 * k]) << 32 | drawn[2 * k + 1]) & ((uint64_t(1) << 53) - 1);
        y[k] = bits < below ? kept : 0;
    }
}
}
