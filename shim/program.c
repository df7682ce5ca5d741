#define _GNU_SOURCE
#include "program.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { MOST_FILE = 64 << 10, MOST_WORDS = 256 };

static char why[4400];

static const char *because(const char *what, const char *path, const char *reason) {
  snprintf(why, sizeof why, "%s %.4000s: %s", what, path, reason);
  return why;
}

/* Read a small file whole, with a NUL behind it; NULL, or why not. */
static const char *read_file(const char *path, char *into, size_t room) {
  size_t length = 0;
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return because("cannot read", path, strerror(errno));
  for (;;) {
    ssize_t n = read(fd, into + length, room - length);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return because("cannot read", path, strerror(errno));
    length += (size_t)n;
    if (length == room) return because("cannot read", path, "it is too long");
    if (n == 0) break;
  }
  close(fd);
  into[length] = '\0';
  if (strlen(into) != length) return because("cannot read", path, "it has a NUL");
  return NULL;
}

static int is_variable(const char *word) {
  size_t name = strcspn(word, "=/");
  return name > 0 && word[name] == '=';
}

/* Put the data where standard input is read from: a file in memory needs nobody to write it. */
static int give_input(const struct text *data) {
  size_t written = 0;
  int fd = memfd_create("stdin", 0);
  while (fd >= 0 && written < data->length) {
    ssize_t n = write(fd, data->data + written, data->length - written);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return -1;
    written += (size_t)n;
  }
  if (fd < 0 || lseek(fd, 0, SEEK_SET) != 0 || dup2(fd, STDIN_FILENO) < 0) return -1;
  if (fd != STDIN_FILENO) close(fd);
  return 0;
}

const char *become_program(const char *path, const struct text *config) {
  static char content[MOST_FILE + 1], *words[MOST_WORDS + 1];
  int count = 0;
  if (path[0] != '/') return because("cannot read", path, "expected an absolute path");
  if (read_file(path, content, MOST_FILE)) return why;
  for (char *word = strtok(content, "\n"); word; word = strtok(NULL, "\n")) {
    if (count == 0 && is_variable(word)) {
      if (putenv(word) != 0) return because("cannot use", path, strerror(errno));
    } else {
      if (count == MOST_WORDS) return because("cannot use", path, "it has too many lines");
      words[count++] = word;
    }
  }
  if (count == 0) return because("cannot use", path, "it names no program");
  if (words[0][0] != '/') return because("cannot use", path, "its program has no absolute path");
  if (give_input(config) != 0) return because("cannot hand the configuration to", words[0], strerror(errno));
  signal(SIGPIPE, SIG_DFL);
  execve(words[0], words, environ);
  return because("cannot execute", words[0], strerror(errno));
}
