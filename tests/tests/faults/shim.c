// Fails one call of those that touch files below a directory: the BD_SHIM_AT-th one that can fail with
// BD_SHIM_ERROR. Loaded by LD_PRELOAD into one process; what that starts does not inherit it. Counts
// the calls in the file BD_SHIM_COUNT.
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static char dir[PATH_MAX];
static size_t dir_length;
static long fail_at;
static int fail_with;
static long *counted;

enum { READS = 1, WRITES = 2 };

__attribute__((constructor)) static void begin(void) {
  const char *below = getenv("BD_SHIM_DIR"), *at = getenv("BD_SHIM_AT");
  const char *error = getenv("BD_SHIM_ERROR"), *count = getenv("BD_SHIM_COUNT");
  if (below && at && error && count) {
    fail_at = atol(at);
    fail_with = atoi(error);
    int fd = open(count, O_RDWR | O_CREAT, 0600);
    if (fd >= 0 && ftruncate(fd, 4096) == 0) {
      void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
      if (page != MAP_FAILED) counted = page;
    }
    strncpy(dir, below, sizeof dir - 1);
    dir_length = strlen(dir);
  }
  unsetenv("LD_PRELOAD");
  unsetenv("BD_SHIM_DIR");
}

static int fails(const char *path, const char *name, int kind) {
  if (!dir_length || !counted || !path || strncmp(path, dir, dir_length) != 0) return 0;
  if (fail_with != EIO && kind == READS) return 0;
  if (__sync_add_and_fetch(counted, 1) != fail_at) return 0;
  snprintf((char *)(counted + 1), 2048, "%s %s", name, path);
  errno = fail_with;
  return 1;
}

static int fails_fd(int fd, const char *name, int kind) {
  if (!dir_length || !counted) return 0;
  char link[64], path[PATH_MAX];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  int saved = errno;
  ssize_t length = readlink(link, path, sizeof path - 1);
  errno = saved;
  if (length < 0) return 0;
  path[length] = 0;
  return fails(path, name, kind);
}

static int fails_at(int at, const char *path, const char *name, int kind) {
  return path && path[0] == '/' ? fails(path, name, kind) : fails_fd(at, name, kind);
}

#define REAL(type, name, ...) \
  static type (*real)(__VA_ARGS__); \
  if (!real) real = (type (*)(__VA_ARGS__))dlsym(RTLD_NEXT, #name)

#define OPEN(name) \
  int name(const char *path, int flags, ...) { \
    REAL(int, name, const char *, int, ...); \
    va_list rest; \
    va_start(rest, flags); \
    int mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, int) : 0; \
    va_end(rest); \
    int kind = flags & (O_WRONLY | O_RDWR | O_CREAT) ? WRITES : READS; \
    return fails(path, "open", kind) ? -1 : real(path, flags, mode); \
  }
OPEN(open)
OPEN(open64)

#define OPENAT(name) \
  int name(int at, const char *path, int flags, ...) { \
    REAL(int, name, int, const char *, int, ...); \
    va_list rest; \
    va_start(rest, flags); \
    int mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, int) : 0; \
    va_end(rest); \
    int kind = flags & (O_WRONLY | O_RDWR | O_CREAT) ? WRITES : READS; \
    return fails_at(at, path, "openat", kind) ? -1 : real(at, path, flags, mode); \
  }
OPENAT(openat)
OPENAT(openat64)

#define ON_FD(type, name, kind, failed, parameters, arguments) \
  type name parameters { \
    static type(*real) parameters; \
    if (!real) real = (type(*) parameters)dlsym(RTLD_NEXT, #name); \
    return fails_fd(fd, #name, kind) ? failed : real arguments; \
  }
ON_FD(ssize_t, read, READS, -1, (int fd, void *to, size_t n), (fd, to, n))
ON_FD(ssize_t, pread, READS, -1, (int fd, void *to, size_t n, off_t at), (fd, to, n, at))
ON_FD(ssize_t, pread64, READS, -1, (int fd, void *to, size_t n, off64_t at), (fd, to, n, at))
ON_FD(ssize_t, write, WRITES, -1, (int fd, const void *of, size_t n), (fd, of, n))
ON_FD(ssize_t, writev, WRITES, -1, (int fd, const struct iovec *of, int n), (fd, of, n))
ON_FD(ssize_t, pwrite, WRITES, -1, (int fd, const void *of, size_t n, off_t at), (fd, of, n, at))
ON_FD(ssize_t, pwrite64, WRITES, -1, (int fd, const void *of, size_t n, off64_t at), (fd, of, n, at))
ON_FD(int, fsync, WRITES, -1, (int fd), (fd))
ON_FD(int, fdatasync, WRITES, -1, (int fd), (fd))
ON_FD(int, sync_file_range, WRITES, -1, (int fd, off64_t at, off64_t n, unsigned flags), (fd, at, n, flags))
ON_FD(int, ftruncate, WRITES, -1, (int fd, off_t n), (fd, n))
ON_FD(int, ftruncate64, WRITES, -1, (int fd, off64_t n), (fd, n))
ON_FD(DIR *, fdopendir, READS, NULL, (int fd), (fd))

#define ON_PATH(type, name, kind, failed, parameters, arguments) \
  type name parameters { \
    static type(*real) parameters; \
    if (!real) real = (type(*) parameters)dlsym(RTLD_NEXT, #name); \
    return fails(path, #name, kind) ? failed : real arguments; \
  }
ON_PATH(int, rename, WRITES, -1, (const char *path, const char *to), (path, to))
ON_PATH(int, unlink, WRITES, -1, (const char *path), (path))
ON_PATH(int, rmdir, WRITES, -1, (const char *path), (path))
ON_PATH(int, mkdir, WRITES, -1, (const char *path, mode_t mode), (path, mode))
ON_PATH(DIR *, opendir, READS, NULL, (const char *path), (path))

int unlinkat(int at, const char *path, int flags) {
  REAL(int, unlinkat, int, const char *, int);
  return fails_at(at, path, "unlinkat", WRITES) ? -1 : real(at, path, flags);
}

static struct dirent64 *(*real_readdir64)(DIR *);
struct dirent64 *readdir64(DIR *of) {
  if (!real_readdir64) real_readdir64 = (struct dirent64 * (*)(DIR *)) dlsym(RTLD_NEXT, "readdir64");
  return fails_fd(dirfd(of), "readdir", READS) ? NULL : real_readdir64(of);
}
