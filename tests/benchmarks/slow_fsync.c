/* Loaded before the C library: every fsync and fdatasync takes a millisecond longer, as on a slower disk. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <time.h>

static void wait_a_millisecond(void) {
    struct timespec left = {.tv_sec = 0, .tv_nsec = 1000000};
    while (nanosleep(&left, &left) == -1 && errno == EINTR) {
    }
}

int fsync(int descriptor) {
    int (*sync)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
    wait_a_millisecond();
    return sync(descriptor);
}

int fdatasync(int descriptor) {
    int (*sync)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
    wait_a_millisecond();
    return sync(descriptor);
}
