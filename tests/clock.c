/* A wall clock that can be moved, preloaded into a process: from `clock_from` on it goes `clock_rate` times as fast, and
   it is `clock_shift` seconds off. Monotonic clocks stay true, as they do when a machine's clock is set. */

#define _GNU_SOURCE
#include <math.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

double clock_from = 0, clock_rate = 1, clock_shift = 0;

int clock_gettime(clockid_t clock, struct timespec *now) {
    int failed = syscall(SYS_clock_gettime, clock, now);
    if (failed || (clock != CLOCK_REALTIME && clock != CLOCK_REALTIME_COARSE)) return failed;
    double moved = clock_shift + (clock_rate - 1) * (now->tv_sec + now->tv_nsec * 1e-9 - clock_from);
    double whole = floor(moved);
    now->tv_sec += (time_t)whole;
    now->tv_nsec += (long)((moved - whole) * 1e9);
    if (now->tv_nsec >= 1000000000) now->tv_sec++, now->tv_nsec -= 1000000000;
    return 0;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    struct timespec exact;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &exact);
    now->tv_sec = exact.tv_sec, now->tv_usec = exact.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *result) {
    struct timespec exact;
    clock_gettime(CLOCK_REALTIME, &exact);
    if (result) *result = exact.tv_sec;
    return exact.tv_sec;
}
