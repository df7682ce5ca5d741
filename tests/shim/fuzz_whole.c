/* The whole shim for libFuzzer, in one piece with a world of its own: no file, socket, clock or program is real.
 *
 * An input has parts with a SEPARATOR between them: the configuration on standard input; the environment, a line for each
 * variable, or else for each word behind the program's name; the file that `program` names; then what the daemon says on one connection after the other, a REFUSED among
 * them for one that is not taken.  Memory errors are seen by sanitizers; what else must hold is asserted here. */
#define _GNU_SOURCE
#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define HARNESS __attribute__((no_sanitize("coverage"))) /* what is counted is the shim's */
enum { SEPARATOR = 0x1e, REFUSED = 0x15, MOST_PARTS = 16, MOST_BLOCKS = 64, MOST_VARIABLES = 64 };
enum { PROGRAM = 100, SPOOLED, STDIN_COPY, CONNECTION, FOLDER };

struct part { const char *data; size_t length, read; };
static struct part parts[MOST_PARTS];
static int count, next_stream, stream, relayed;
static void *blocks[MOST_BLOCKS];
static char *variables[MOST_VARIABLES + 1], **its_environ = variables;
static long long clock_ms;
static char printed[1 << 20];
static size_t printed_length;
static jmp_buf over;

static HARNESS ssize_t from(struct part *part, void *into, size_t room) {
  size_t left = part->length - part->read, n = left < room ? left : room;
  memcpy(into, part->data + part->read, n);
  part->read += n;
  return (ssize_t)n;
}

/* ---- memory: an input ends anywhere, and its blocks with it */

static HARNESS void *its_realloc(void *old, size_t size) {
  int at = 0;
  while (at < MOST_BLOCKS && blocks[at] != old) at++;
  assert(at < MOST_BLOCKS);
  return blocks[at] = realloc(old, size);
}
static HARNESS void its_free(void *old) {
  for (int at = 0; old; at++)
    if (blocks[at] == old) {
      blocks[at] = NULL;
      break;
    }
  free(old);
}

/* ---- the world */

static HARNESS _Noreturn void its_exit(int status) {
  assert(status == 0 || status == 1);
  longjmp(over, 1);
}
static HARNESS int its_open(const char *path, int flags, ...);
static HARNESS ssize_t its_read(int fd, void *into, size_t room) {
  assert(fd == STDIN_FILENO || fd == PROGRAM);
  return from(&parts[fd == PROGRAM ? 2 : 0], into, room);
}
static HARNESS ssize_t its_write(int fd, const void *data, size_t length) {
  assert(length && *((volatile const char *)data + length - 1) >= -128); /* it can be read to its end */
  if (fd == STDOUT_FILENO && printed_length + length <= sizeof printed) {
    memcpy(printed + printed_length, data, length);
    printed_length += length;
  }
  assert(fd == STDOUT_FILENO || fd == STDERR_FILENO || fd == SPOOLED || fd == STDIN_COPY);
  return (ssize_t)length;
}
static HARNESS char *its_getenv(const char *name) {
  size_t n = strlen(name);
  for (char **each = variables; *each; each++)
    if (strncmp(*each, name, n) == 0 && (*each)[n] == '=') return *each + n + 1;
  return NULL;
}
static HARNESS int its_putenv(char *word) { return assert(strchr(word, '=') > word), 0; }
static HARNESS int its_execve(const char *path, char *const *words, char *const *env) {
  assert(path[0] == '/' && words[0] == path && env == variables);
  return errno = EACCES, -1;
}
static HARNESS int its_clock(clockid_t id, struct timespec *now) {
  (void)id;
  clock_ms++;
  *now = (struct timespec){clock_ms / 1000, clock_ms % 1000 * 1000000};
  return 0;
}
static HARNESS int its_poll(struct pollfd *fds, nfds_t n, int wait_ms) {
  if (n == 0) clock_ms += 20 * wait_ms; /* it has no time to lose */
  return fds ? 1 : 0;
}
static HARNESS int its_connect(int fd, const struct sockaddr *address, socklen_t size) {
  const struct sockaddr_un *to = (const struct sockaddr_un *)address;
  assert(size == sizeof *to && memchr(to->sun_path, '\0', sizeof to->sun_path) && fd == CONNECTION);
  stream = next_stream < count ? next_stream++ : -1;
  if (stream >= 0 && !(parts[stream].length == 1 && parts[stream].data[0] == REFUSED)) return 0;
  return errno = ECONNREFUSED, -1;
}
static HARNESS int its_setsockopt(int fd, int level, int name, const void *value, socklen_t size) {
  return assert(fd == CONNECTION && level == SOL_SOCKET && name == SO_SNDTIMEO && value && size), 0;
}
static HARNESS ssize_t its_recv(int fd, void *into, size_t room, int flags) {
  assert(fd == CONNECTION && flags == 0);
  return stream < 0 ? 0 : from(&parts[stream], into, room);
}
static HARNESS ssize_t its_send(int fd, const void *data, size_t length, int flags) {
  assert(fd == CONNECTION && flags == MSG_NOSIGNAL && data);
  relayed |= length > 9 && memcmp(data, "POST /cni", 9) == 0;
  return (ssize_t)length;
}

#define _exit its_exit
#define open its_open
#define read its_read
#define write its_write
#define getenv its_getenv
#define putenv its_putenv
#define environ its_environ
#define execve its_execve
#define clock_gettime its_clock
#define poll(fds, n, wait_ms) its_poll(fds, n, wait_ms)
#define connect its_connect
#define recv its_recv
#define send its_send
#define realloc its_realloc
#define malloc(size) its_realloc(NULL, size)
#define free its_free
#define socket(...) CONNECTION
#define fprintf(...) (void)0
#define setsockopt its_setsockopt
#define memfd_create(...) STDIN_COPY
#define lseek(...) 0
#define dup2(...) 0
#define close(fd) 0
#define fsync(fd) 0
#define unlink(path) 0
#define mkdir(path, mode) 0
#define rename its_rename
#define signal(...) (void)0
#define main its_main
static int its_rename(const char *old, const char *path);

#include "../../shim/text.c"
#include "../../shim/http.c"
#include "../../shim/result.c"
#include "../../shim/program.c"
#include "../../shim/ask.c"
#include "../../shim/daemon.c"
#include "../../shim/shim.c"

/* The spool's folder is the one place that is written to, and no name leads out of it. */
static HARNESS void check_spooled(const char *path) {
  size_t n = strlen(spool_folder);
  assert(strncmp(path, spool_folder, n) == 0 && path[n] == '/' && !strchr(path + n + 1, '/') && path[n + 1]);
}
static HARNESS int its_open(const char *path, int flags, ...) {
  if (!(flags & (O_WRONLY | O_RDWR | O_CREAT))) return flags & O_DIRECTORY ? FOLDER : PROGRAM;
  assert(flags & O_NOFOLLOW);
  check_spooled(path);
  return SPOOLED;
}
static HARNESS int its_rename(const char *old, const char *path) {
  check_spooled(old);
  check_spooled(path);
  assert(path[strlen(spool_folder) + 1] != '.');
  return 0;
}

/* ---- one input */

static HARNESS void split(const char *data, size_t length) {
  for (int i = 0; i < MOST_PARTS; i++) parts[i] = (struct part){"", 0, 0};
  for (count = 0; length && count < MOST_PARTS;) {
    const char *end = memchr(data, SEPARATOR, length);
    size_t n = end && count < MOST_PARTS - 1 ? (size_t)(end - data) : length;
    parts[count++] = (struct part){data, n, 0};
    if (n == length) break;
    data += n + 1;
    length -= n + 1;
  }
}

/* Take its lines apart, each with a NUL behind it, at most so many; how many there were. */
static HARNESS int lines_of(const struct part *part, char **into, int most) {
  int n = 0;
  char *rest = its_realloc(NULL, part->length + 1), *line;
  memcpy(rest, part->data, part->length);
  rest[part->length] = '\0';
  while (n < most && (line = strsep(&rest, "\n"))) into[n++] = line;
  into[n] = NULL;
  return n;
}

HARNESS int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length);
HARNESS int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length) {
  static char *words[MOST_VARIABLES + 1];
  int has_words;
  split((const char *)data, length);
  has_words = parts[1].length && parts[1].data[0] == '-';
  words[0] = "plurimus";
  words[1] = variables[0] = NULL;
  int n = 1 + lines_of(&parts[1], has_words ? words + 1 : variables, MOST_VARIABLES - 1) * has_words;
  clock_ms = 1;
  request = (struct text){0};
  printed_length = 0;
  stream = -1;
  relayed = 0;
  next_stream = 3;
  if (setjmp(over) == 0) {
    its_main(n, words);
    assert(!"it returns only by _exit");
  }
  if (!relayed && !has_words) /* else it is the daemon's, or no JSON */
    assert(printed_length == 0 || json_is_object(printed, printed_length));
  assert(request.length == 0 || json_is_object(request.data, request.length));
  for (int at = 0; at < MOST_BLOCKS; at++)
    if (blocks[at]) its_free(blocks[at]);
  return 0;
}
