/* A disk that fails on demand: preloaded into the server (LD_PRELOAD), it lets calls on files of one folder fail.
 *
 * DISK_FAULTS_FOLDER   the folder; other files are left alone
 * DISK_FAULTS_CONTROL  a file of eight 32-bit numbers, mapped, so that it can be changed while the server runs:
 *                      the errno with which each kind of call fails (0: it works), in the order of `struct control`
 * DISK_FAULTS_TRACE    if given, what is written, cut and synced is noted here, in order: see `struct event`.
 *                      From that, what a power cut leaves can be told (power_cut.py).
 *
 * A full disk (ENOSPC) takes half of the first write, as real ones do. A read-only one (EROFS) still opens for reading.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#define FILES_MAX 65536

struct control {
    int32_t read, write, sync, truncate, open;
    int32_t struck; /* counts the calls that were made to fail */
    int32_t spare[2];
};

struct event {
    char kind; /* P a file is opened: its path follows; W written: the bytes follow; T cut; S synced; F sync failed; U path removed */
    char spare[3];
    int32_t file;
    int64_t offset; /* of T the new size */
    int64_t length;
};

static const char *folder;
static volatile struct control *control;
static int trace = -1;
static int32_t watched[FILES_MAX]; /* by descriptor: number of the opening, 0 for files that are left alone */
static int32_t openings;
static int half_done;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static void note(char kind, int32_t file, int64_t offset, const void *bytes, int64_t length) {
    if (trace < 0) return;
    struct event event = {.kind = kind, .file = file, .offset = offset, .length = length};
    struct iovec parts[2] = {{&event, sizeof event}, {(void *)bytes, bytes ? (size_t)length : 0}};
    if (writev(trace, parts, 2) < 0) abort();
}

static int is_watched(int fd) { return control && fd >= 0 && fd < FILES_MAX && watched[fd]; }

static int fails(int32_t error) {
    if (!error) return 0;
    __sync_fetch_and_add((int32_t *)&control->struck, 1);
    errno = error;
    return 1;
}

__attribute__((constructor)) static void start(void) {
    folder = getenv("DISK_FAULTS_FOLDER");
    const char *path = getenv("DISK_FAULTS_CONTROL");
    if (!folder || !path) return;
    int fd = REAL(open)(path, O_RDWR);
    if (fd < 0) abort();
    void *mapped = mmap(NULL, sizeof(struct control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (mapped == MAP_FAILED) abort();
    REAL(close)(fd);
    if (getenv("DISK_FAULTS_TRACE")) {
        trace = REAL(open)(getenv("DISK_FAULTS_TRACE"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        if (trace < 0) abort();
    }
    control = mapped;
}

static int opened(int (*real)(const char *, int, ...), const char *path, int flags, mode_t mode) {
    int inside = control && strncmp(path, folder, strlen(folder)) == 0;
    if (inside) {
        int32_t error = control->open;
        int makes = (flags & O_CREAT) && access(path, F_OK) != 0;
        if (error == EROFS && !makes && (flags & O_ACCMODE) == O_RDONLY) error = 0;
        if (error == ENOSPC && !makes) error = 0;
        if (fails(error)) return -1;
    }
    int fd = real(path, flags, mode);
    if (inside && fd >= 0 && fd < FILES_MAX) {
        pthread_mutex_lock(&lock);
        watched[fd] = ++openings;
        note('P', openings, 0, path, (int64_t)strlen(path));
        if (flags & O_TRUNC) note('T', openings, 0, NULL, 0);
        pthread_mutex_unlock(&lock);
    }
    return fd;
}

int open(const char *path, int flags, ...) {
    va_list more;
    va_start(more, flags);
    mode_t mode = va_arg(more, mode_t);
    va_end(more);
    return opened(REAL(open), path, flags, mode);
}

int open64(const char *path, int flags, ...) {
    va_list more;
    va_start(more, flags);
    mode_t mode = va_arg(more, mode_t);
    va_end(more);
    return opened(REAL(open64), path, flags, mode);
}

int close(int fd) {
    if (fd >= 0 && fd < FILES_MAX) watched[fd] = 0;
    return REAL(close)(fd);
}

static ssize_t written(int fd, const void *bytes, size_t length, off64_t offset, int at_offset) {
    ssize_t done = -1;
    pthread_mutex_lock(&lock);
    if (!at_offset) offset = lseek64(fd, 0, SEEK_CUR);
    int32_t error = control->write;
    if (error == ENOSPC && length > 1 && !half_done) {
        half_done = 1;
        length /= 2;
        error = 0;
    }
    if (!error && !control->write) half_done = 0;
    if (!fails(error)) {
        done = at_offset ? REAL(pwrite64)(fd, bytes, length, offset) : REAL(write)(fd, bytes, length);
        if (done > 0) note('W', watched[fd], offset, bytes, done);
    }
    pthread_mutex_unlock(&lock);
    return done;
}

ssize_t write(int fd, const void *bytes, size_t length) {
    return is_watched(fd) ? written(fd, bytes, length, 0, 0) : REAL(write)(fd, bytes, length);
}

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t offset) {
    return is_watched(fd) ? written(fd, bytes, length, offset, 1) : REAL(pwrite)(fd, bytes, length, offset);
}

ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t offset) {
    return is_watched(fd) ? written(fd, bytes, length, offset, 1) : REAL(pwrite64)(fd, bytes, length, offset);
}

ssize_t read(int fd, void *bytes, size_t length) {
    return is_watched(fd) && fails(control->read) ? -1 : REAL(read)(fd, bytes, length);
}

ssize_t pread(int fd, void *bytes, size_t length, off_t offset) {
    return is_watched(fd) && fails(control->read) ? -1 : REAL(pread)(fd, bytes, length, offset);
}

ssize_t pread64(int fd, void *bytes, size_t length, off64_t offset) {
    return is_watched(fd) && fails(control->read) ? -1 : REAL(pread64)(fd, bytes, length, offset);
}

static int synced(int (*real)(int), int fd) {
    if (!is_watched(fd)) return real(fd);
    pthread_mutex_lock(&lock);
    int failed = fails(control->sync);
    note(failed ? 'F' : 'S', watched[fd], 0, NULL, 0);
    int done = failed ? -1 : trace < 0 ? real(fd) : 0; /* A trace needs no real disk. */
    if (failed) errno = control->sync ? control->sync : EIO;
    pthread_mutex_unlock(&lock);
    return done;
}

int fsync(int fd) { return synced(REAL(fsync), fd); }
int fdatasync(int fd) { return synced(REAL(fdatasync), fd); }

static int cut(int (*real)(int, off64_t), int fd, off64_t size) {
    if (!is_watched(fd)) return real(fd, size);
    pthread_mutex_lock(&lock);
    int done = fails(control->truncate) ? -1 : real(fd, size);
    if (!done) note('T', watched[fd], size, NULL, 0);
    pthread_mutex_unlock(&lock);
    return done;
}

int ftruncate(int fd, off_t size) { return cut(REAL(ftruncate), fd, size); }
int ftruncate64(int fd, off64_t size) { return cut(REAL(ftruncate64), fd, size); }

int unlink(const char *path) {
    int done = REAL(unlink)(path);
    if (!done && control && strncmp(path, folder, strlen(folder)) == 0) {
        pthread_mutex_lock(&lock);
        note('U', 0, 0, path, (int64_t)strlen(path));
        pthread_mutex_unlock(&lock);
    }
    return done;
}
