#define _GNU_SOURCE
#include "http.h"

#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { MOST_ANSWER = 64 << 20 };

long long now_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

/* ---- answers */

static int is_header(const char *line, const char *end, const char *name, const char **value) {
  size_t n = strlen(name);
  if ((size_t)(end - line) <= n || strncasecmp(line, name, n) != 0 || line[n] != ':') return 0;
  for (*value = line + n + 1; *value < end && **value == ' ';) (*value)++;
  return 1;
}

/* Join the chunks where they stand; the length of the whole, or -1 when it is cut off. */
static long long join_chunks(char *body, size_t length) {
  size_t from = 0, to = 0;
  for (;;) {
    char *line = body + from, *end = memmem(line, length - from, "\r\n", 2);
    if (!end || !isxdigit((unsigned char)*line)) return -1;
    unsigned long long size = strtoull(line, NULL, 16);
    from = (size_t)(end - body) + 2;
    if (size == 0) return (long long)to;
    if (length - from < 2 || size > length - from - 2) return -1;
    memmove(body + to, body + from, size);
    to += size;
    from += size + 2;
  }
}

/* Read status and headers; -1: no HTTP, or not all of it.  `announced` is the body's length, -1 where none is said. */
static int parse_head(char *data, size_t length, struct answer *answer, long long *announced, int *chunked) {
  char *blank = length ? memmem(data, length, "\r\n\r\n", 4) : NULL;
  if (!blank || length < 13 || strncmp(data, "HTTP/1.", 7) != 0 || data[8] != ' ') return -1;
  for (int i = 9; i < 12; i++)
    if (!isdigit((unsigned char)data[i])) return -1;
  answer->status = (data[9] - '0') * 100 + (data[10] - '0') * 10 + data[11] - '0';
  answer->exit_code = -1;
  answer->body = blank + 4;
  answer->length = length - (size_t)(answer->body - data);
  *announced = -1;
  *chunked = 0;
  for (char *line = data; line < blank;) {
    char *end = memmem(line, (size_t)(blank + 2 - line), "\r\n", 2);
    const char *value;
    if (is_header(line, end, "Content-Length", &value)) {
      if (!isdigit((unsigned char)*value)) return -1;
      *announced = strtoll(value, NULL, 10);
    } else if (is_header(line, end, "Transfer-Encoding", &value)) {
      *chunked = end - value >= 7 && strncasecmp(value, "chunked", 7) == 0;
    } else if (is_header(line, end, "Plurimus-Exit", &value)) {
      answer->exit_code = value < end && *value == '0' ? 0 : 1;
    }
    line = end + 2;
  }
  return 0;
}

int parse_answer(char *data, size_t length, struct answer *answer) {
  long long announced;
  int chunked;
  if (parse_head(data, length, answer, &announced, &chunked) != 0) return -1;
  if (chunked) announced = join_chunks(answer->body, answer->length);
  if (announced < 0 || (unsigned long long)announced > answer->length) return -1;
  answer->length = (size_t)announced;
  return 0;
}

/* Whether nothing more can come; a chunked answer ends with its connection. */
static int is_whole(const struct text *raw) {
  struct answer answer;
  long long announced;
  int chunked;
  if (parse_head(raw->data, raw->length, &answer, &announced, &chunked) != 0) return 0;
  return !chunked && announced >= 0 && (unsigned long long)announced <= answer.length;
}

/* ---- one exchange */

/* A connection to the socket at `path`, or -1 with errno.  A daemon that stands still blocks connecting and sending for
 * wait_ms (0: for ever). */
static int connected(const char *path, long long wait_ms) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  struct timeval wait = {wait_ms / 1000, wait_ms % 1000 * 1000};
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  memcpy(address.sun_path, path, strlen(path) + 1);
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait);
  if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0) return fd;
  int reason = errno;
  close(fd);
  errno = reason;
  return -1;
}

static void send_all(int fd, const char *data, size_t length) {
  while (length > 0) {
    ssize_t n = send(fd, data, length, MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return; /* the daemon may have answered before it read all */
    data += n;
    length -= (size_t)n;
  }
}

/* Take away what only says that an answer is to come (RFC 9110, section 15.2); whether any did. */
static int drop_interim(struct text *raw) {
  int any = 0;
  while (raw->length > 9 && strncmp(raw->data, "HTTP/1.1 1", 10) == 0) {
    char *blank = memmem(raw->data, raw->length, "\r\n\r\n", 4);
    if (!blank) break;
    raw->length -= (size_t)(blank + 4 - raw->data);
    memmove(raw->data, blank + 4, raw->length);
    any = 1;
  }
  return any;
}

/* Read until the answer is whole or the connection ends, at `end` ms at the latest (0: no limit); NULL, or what went wrong.
 * `begun` says whether the daemon has the request, from when on a limit TO_BEGIN is none. */
static const char *receive_all(int fd, enum wait wait, long long end, struct text *raw, int *begun) {
  char chunk[65536];
  for (;;) {
    struct pollfd readable = {.fd = fd, .events = POLLIN};
    long long left = end ? end - now_ms() : -1;
    int ready = poll(&readable, 1, end && left < 0 ? 0 : (int)left); /* what has come is read, however late it is */
    if (ready == 0 && end && left <= 0) return "no answer in time";
    if (ready == 0 || (ready < 0 && errno == EINTR)) continue;
    ssize_t n = ready < 0 ? -1 : recv(fd, chunk, sizeof chunk, 0);
    if (n == 0 || (n < 0 && errno == ECONNRESET)) return NULL; /* reset: it closed before it had read all we sent */
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return strerror(errno);
    if (raw->length + (size_t)n > MOST_ANSWER) return "the answer is too long";
    text_add(raw, chunk, (size_t)n);
    if (drop_interim(raw)) {
      *begun = 1;
      if (wait == TO_BEGIN) end = 0;
    }
    if (is_whole(raw)) return NULL; /* the daemon closes when it has done what comes behind the answer */
  }
}

int exchange(const char *socket_path, const char *path, const struct text *body, enum wait wait, long long wait_ms,
             struct answer *answer, const char **why) {
  long long end = wait_ms ? now_ms() + wait_ms : 0;
  struct text head = {0};
  int fd = connected(socket_path, wait_ms), begun = 0;
  answer->raw.length = 0;
  if (fd < 0) {
    *why = errno == EAGAIN ? "no answer in time" : strerror(errno);
    return AWAY;
  }
  text_printf(&head, "POST %s HTTP/1.1\r\nHost: plurimus\r\nConnection: close\r\nPlurimus-Shim: 1\r\n%s"
              "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
              path, wait == TO_BEGIN ? "Expect: 100-continue\r\n" : "", body->length);
  text_add(&head, body->data, body->length); /* in one piece, which wakes the daemon once */
  send_all(fd, head.data, head.length);
  free(head.data);
  *why = receive_all(fd, wait, end, &answer->raw, &begun);
  close(fd);
  if (!*why && parse_answer(answer->raw.data, answer->raw.length, answer) == 0) return 0;
  if (!*why) *why = answer->raw.length ? "its answer is cut off or no HTTP" : "it closed the connection";
  return begun || answer->raw.length ? BROKE_OFF : AWAY;
}
