/* Linked around the shim: tells on stderr what decides whether a DEL survives a crash, and fails where FAIL says. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int __real_fsync(int fd);
int __real_rename(const char *from, const char *to);
_Noreturn void __real__exit(int status);

int __wrap_fsync(int fd) {
  struct stat found;
  const char *kind = fstat(fd, &found) == 0 && S_ISDIR(found.st_mode) ? "folder" : "file", *failing = getenv("FAIL");
  fprintf(stderr, "fsync %s\n", kind);
  if (!failing || strcmp(failing, kind) != 0) return __real_fsync(fd);
  errno = EIO;
  return -1;
}

int __wrap_rename(const char *from, const char *to) {
  fprintf(stderr, "rename %s\n", strrchr(to, '/') + 1);
  return __real_rename(from, to);
}

_Noreturn void __wrap__exit(int status) {
  fprintf(stderr, "_exit %d\n", status);
  __real__exit(status);
}
