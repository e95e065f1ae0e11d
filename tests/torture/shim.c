/* Counts what a process does to files, and at the n-th operation kills it, fails it, or stops it.
 *
 * Preloaded (LD_PRELOAD) it stands before the C library's functions that change files. It does nothing until `torture_arm`
 * names a folder: from then on each of them that concerns something inside that folder is one operation, counted from 1 and
 * written as a line to a log. It sees what Python, pyarrow, OpenCV and all other libraries of the process do alike.
 *
 * Flushing to the disk (fsync) is counted, and left out: here processes die, not machines.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum trap { NONE, KILL, TEAR, STOP, FAIL_ONCE, FAIL_FROM };

static char watched[PATH_MAX];   /* the folder; empty: not armed */
static long trap_at;             /* number of the operation, from 1 on */
static enum trap trap_kind;
static int trap_errno;
static int log_file = -1;
static atomic_long count;

#define REAL(result, name, ...)                                   \
    static result (*real)(__VA_ARGS__);                           \
    if (!real) real = (result (*)(__VA_ARGS__))dlsym(RTLD_NEXT, #name)

static int real_open(const char *path, int flags, mode_t mode) {
    static int (*real)(const char *, int, ...);
    if (!real) real = (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, "open64");
    return real(path, flags, mode);
}

static ssize_t real_write(int file, const void *bytes, size_t size) {
    REAL(ssize_t, write, int, const void *, size_t);
    return real(file, bytes, size);
}

/* Watch `folder`, write one line per operation to the file `log`, and spring the trap at operation `at` (0: never). */
void torture_arm(const char *folder, const char *log, long at, int kind, int error) {
    log_file = real_open(log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    trap_at = at, trap_kind = kind, trap_errno = error;
    atomic_store(&count, 0);
    snprintf(watched, sizeof watched, "%s", folder);
}

static int inside(const char *path) {
    size_t length = strlen(watched);
    return length && path && !strncmp(path, watched, length) && (path[length] == '/' || !path[length]);
}

static int place_of(int file, char *place) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, place, PATH_MAX - 1);
    place[length < 0 ? 0 : length] = 0;
    return length > 0;
}

/* The whole path of what *at functions name. */
static const char *whole(int folder, const char *path, char *place) {
    if (!*watched || !path || path[0] == '/' || folder == AT_FDCWD) return path;
    if (!place_of(folder, place)) return path;
    size_t length = strlen(place);
    snprintf(place + length, PATH_MAX - length, "/%s", path);
    return place;
}

/* One operation on `path`: 0 to go on, 1 to do half of it and then die, -1 to fail with errno set. */
static int operation(const char *name, const char *path) {
    int before = errno;
    if (!inside(path)) return 0;
    long number = atomic_fetch_add(&count, 1) + 1;
    char line[PATH_MAX + 64];
    int length = snprintf(line, sizeof line, "%s %s\n", name, path + strlen(watched));
    real_write(log_file, line, length);
    errno = before;
    if (number != trap_at && !(trap_kind == FAIL_FROM && trap_at && number > trap_at)) return 0;
    switch (trap_kind) {
        case KILL: kill(getpid(), SIGKILL); break;
        case TEAR: return 1;
        case STOP: kill(getpid(), SIGSTOP); return 0;
        case FAIL_ONCE: errno = trap_errno; return -1;
        case FAIL_FROM: /* a full disk: what takes no room still goes */
            if (!strcmp(name, "remove") || !strcmp(name, "rename") || !strcmp(name, "flush")) return 0;
            errno = trap_errno;
            return -1;
        default: break;
    }
    return 0;
}

static int die(void) { return kill(getpid(), SIGKILL); }

/* What is not divisible: torn is the same as killed. */
static int refused(const char *name, const char *path) {
    int told = operation(name, path);
    return told > 0 ? die() : told;
}

static int makes(int flags) { return (flags & O_ACCMODE) != O_RDONLY && (flags & (O_CREAT | O_TRUNC)); }

#define OPENER(name)                                                                   \
    int name(const char *path, int flags, ...) {                                       \
        va_list rest;                                                                  \
        va_start(rest, flags);                                                         \
        mode_t mode = va_arg(rest, mode_t);                                            \
        va_end(rest);                                                                  \
        if (makes(flags) && refused("create", path)) return -1;                        \
        return real_open(path, flags, mode);                                           \
    }
OPENER(open)
OPENER(open64)

#define OPENER_AT(name)                                                                \
    int name(int folder, const char *path, int flags, ...) {                           \
        REAL(int, name, int, const char *, int, ...);                                  \
        char place[PATH_MAX];                                                          \
        va_list rest;                                                                  \
        va_start(rest, flags);                                                         \
        mode_t mode = va_arg(rest, mode_t);                                            \
        va_end(rest);                                                                  \
        if (makes(flags) && refused("create", whole(folder, path, place))) return -1;  \
        return real(folder, path, flags, mode);                                        \
    }
OPENER_AT(openat)
OPENER_AT(openat64)

#define STREAM_OPENER(name)                                                            \
    FILE *name(const char *path, const char *mode) {                                   \
        REAL(FILE *, name, const char *, const char *);                                \
        if (mode[0] != 'r' && refused("create", path)) return NULL;                    \
        return real(path, mode);                                                       \
    }
STREAM_OPENER(fopen)
STREAM_OPENER(fopen64)

/* A write to an open file: what `operation` says, by the file's own path. */
static int writing(int file) {
    char place[PATH_MAX];
    if (!*watched || file == log_file || !place_of(file, place)) return 0;
    return operation("write", place);
}

ssize_t write(int file, const void *bytes, size_t size) {
    int told = writing(file);
    if (told < 0) return -1;
    if (told) real_write(file, bytes, size / 2), die();
    return real_write(file, bytes, size);
}

#define WRITER_AT(name)                                                                \
    ssize_t name(int file, const void *bytes, size_t size, off_t place) {              \
        REAL(ssize_t, name, int, const void *, size_t, off_t);                         \
        int told = writing(file);                                                      \
        if (told < 0) return -1;                                                       \
        if (told) real(file, bytes, size / 2, place), die();                           \
        return real(file, bytes, size, place);                                         \
    }
WRITER_AT(pwrite)
WRITER_AT(pwrite64)

ssize_t writev(int file, const struct iovec *parts, int number) {
    REAL(ssize_t, writev, int, const struct iovec *, int);
    int told = writing(file);
    if (told < 0) return -1;
    if (told) real(file, parts, number / 2), die();
    return real(file, parts, number);
}

size_t fwrite(const void *bytes, size_t size, size_t number, FILE *stream) {
    REAL(size_t, fwrite, const void *, size_t, size_t, FILE *);
    int told = *watched ? writing(fileno(stream)) : 0;
    if (told < 0) return 0;
    if (told) real(bytes, size, number / 2, stream), fflush(stream), die();
    return real(bytes, size, number, stream);
}

ssize_t copy_file_range(int from, off64_t *start, int to, off64_t *place, size_t size, unsigned flags) {
    REAL(ssize_t, copy_file_range, int, off64_t *, int, off64_t *, size_t, unsigned);
    int told = writing(to);
    if (told < 0) return -1;
    ssize_t done = real(from, start, to, place, told ? size / 2 : size, flags);
    return told ? die() : done;
}

#define SENDER(name)                                                                   \
    ssize_t name(int to, int from, off_t *start, size_t size) {                        \
        REAL(ssize_t, name, int, int, off_t *, size_t);                                \
        int told = writing(to);                                                        \
        if (told < 0) return -1;                                                       \
        ssize_t done = real(to, from, start, told ? size / 2 : size);                  \
        return told ? die() : done;                                                    \
    }
SENDER(sendfile)
SENDER(sendfile64)

int rename(const char *from, const char *to) {
    REAL(int, rename, const char *, const char *);
    return refused("rename", to) ? -1 : real(from, to);
}

int renameat(int folder, const char *from, int other, const char *to) {
    REAL(int, renameat, int, const char *, int, const char *);
    char place[PATH_MAX];
    return refused("rename", whole(other, to, place)) ? -1 : real(folder, from, other, to);
}

int renameat2(int folder, const char *from, int other, const char *to, unsigned flags) {
    REAL(int, renameat2, int, const char *, int, const char *, unsigned);
    char place[PATH_MAX];
    return refused("rename", whole(other, to, place)) ? -1 : real(folder, from, other, to, flags);
}

int link(const char *from, const char *to) {
    REAL(int, link, const char *, const char *);
    return refused("link", to) ? -1 : real(from, to);
}

int symlink(const char *from, const char *to) {
    REAL(int, symlink, const char *, const char *);
    return refused("link", to) ? -1 : real(from, to);
}

#define REMOVER(name)                                                                  \
    int name(const char *path) {                                                       \
        REAL(int, name, const char *);                                                 \
        return refused("remove", path) ? -1 : real(path);                              \
    }
REMOVER(unlink)
REMOVER(rmdir)
REMOVER(remove)

int unlinkat(int folder, const char *path, int flags) {
    REAL(int, unlinkat, int, const char *, int);
    char place[PATH_MAX];
    return refused("remove", whole(folder, path, place)) ? -1 : real(folder, path, flags);
}

int mkdir(const char *path, mode_t mode) {
    REAL(int, mkdir, const char *, mode_t);
    struct stat there;
    if (!stat(path, &there)) return real(path, mode); /* it will say that it is there: nothing changes */
    return refused("folder", path) ? -1 : real(path, mode);
}

int mkdirat(int folder, const char *path, mode_t mode) {
    REAL(int, mkdirat, int, const char *, mode_t);
    char place[PATH_MAX];
    return refused("folder", whole(folder, path, place)) ? -1 : real(folder, path, mode);
}

#define CUTTER(name)                                                                   \
    int name(int file, off_t size) {                                                   \
        REAL(int, name, int, off_t);                                                   \
        int told = writing(file);                                                      \
        if (told < 0) return -1;                                                       \
        return told ? die() : real(file, size);                                        \
    }
CUTTER(ftruncate)
CUTTER(ftruncate64)

#define FLUSHER(name)                                                                  \
    int name(int file) {                                                               \
        REAL(int, name, int);                                                          \
        char place[PATH_MAX];                                                          \
        if (!*watched || !place_of(file, place) || !inside(place)) return real(file);  \
        return refused("flush", place);                                                \
    }
FLUSHER(fsync)
FLUSHER(fdatasync)
