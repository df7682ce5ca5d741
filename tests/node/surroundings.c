/* Preloaded into a daemon: a disk whose fsync fails, a file that cannot be read, and a wall clock that jumps, while the
   files are there that the variables FSYNC_FAILS, READ_FAILS and CLOCK_SHIFT name; the second holds the path of the one
   that cannot be read, the last the seconds. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int fsync(int file) {
  const char *path = getenv("FSYNC_FAILS");
  if (path && access(path, F_OK) == 0) {
    errno = EIO;
    return -1;
  }
  return ((int (*)(int))dlsym(RTLD_NEXT, "fsync"))(file);
}

/* What is in the file that a variable names; none is as an empty one. */
static void told(const char *variable, char *text, size_t size) {
  const char *path = getenv(variable);
  int before = errno, file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
  long count = file < 0 ? 0 : syscall(SYS_read, file, text, size - 1);
  text[count < 0 ? 0 : count] = 0;
  if (file >= 0) close(file);
  errno = before;
}

static int is_broken(int file) {
  char broken[PATH_MAX], link[64], path[PATH_MAX];
  told("READ_FAILS", broken, sizeof broken);
  if (!broken[0]) return 0;
  snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  ssize_t size = readlink(link, path, sizeof path - 1);
  path[size < 0 ? 0 : size] = 0;
  return strcmp(path, broken) == 0;
}

ssize_t read(int file, void *into, size_t size) {
  if (is_broken(file)) {
    errno = EIO;
    return -1;
  }
  return syscall(SYS_read, file, into, size);
}

static long shift(void) {
  char text[32];
  told("CLOCK_SHIFT", text, sizeof text);
  return atol(text);
}

int clock_gettime(clockid_t clock, struct timespec *now) {
  static int (*next)(clockid_t, struct timespec *);
  if (!next) next = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
  int result = next(clock, now);
  if (result == 0 && clock == CLOCK_REALTIME) now->tv_sec += shift();
  return result;
}
