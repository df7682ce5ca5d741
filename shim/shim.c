/* The CNI plugin that a container runtime calls: it passes the request to the daemon on this node and
 * prints the daemon's answer.  It understands no configuration beyond the three keys it needs itself.
 *
 *   VERSION        is answered here.
 *   ADD, CHECK,    wait a few seconds for the daemon; without it they fail with code 11, "try again later".
 *   STATUS, GC
 *   DEL            is written to disk when there is no daemon, which pays the debt when it starts.
 *
 * CNI spec, "Execution protocol"; the HTTP bodies are those of Multus' daemon, with two headers of ours. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "text.h"

#ifndef PLURIMUS_VERSION
#define PLURIMUS_VERSION "unknown"
#endif

extern char **environ;

enum { TRY_AGAIN = 11, BAD_ENVIRONMENT = 4, IO_FAILURE = 5, DECODING = 6, BAD_CONFIG = 7, INTERNAL = 999 };
enum { MOST_STDIN = 16 << 20, MOST_ANSWER = 64 << 20, MOST_QUOTED = 4096, PAUSE_MS = 50 };

static struct text request;                       /* the body of POST /cni, and of a spooled DEL */
static char socket_path[4200], spool_folder[4200]; /* from the configuration, each at most 4095 and a name */

/* ---- answers to the runtime */

static void write_all(int fd, const char *data, size_t length) {
  while (length > 0) {
    ssize_t n = write(fd, data, length);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) _exit(1);
    data += n;
    length -= (size_t)n;
  }
}

static _Noreturn void fail(int code, const char *format, ...) {
  char message[2 * MOST_QUOTED];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(message, sizeof message, format, arguments);
  va_end(arguments);
  struct text out = {0};
  text_printf(&out, "{\n    \"code\": %d,\n    \"msg\": \"", code);
  text_add_json(&out, message, strlen(message));
  text_add(&out, "\"\n}", 3);
  write_all(STDOUT_FILENO, out.data, out.length);
  _exit(1);
}

/* ---- the request */

static void read_stdin(struct text *config) {
  char chunk[65536];
  ssize_t n;
  while ((n = read(STDIN_FILENO, chunk, sizeof chunk)) != 0) {
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail(IO_FAILURE, "cannot read the configuration from stdin: %s", strerror(errno));
    if (config->length + (size_t)n > MOST_STDIN) fail(DECODING, "the configuration on stdin has more than %d bytes", MOST_STDIN);
    text_add(config, chunk, (size_t)n);
  }
}

static void build_request(const struct text *config) {
  int first = 1;
  text_printf(&request, "{\"env\":{");
  for (char **entry = environ; *entry; entry++) {
    char *equals = strchr(*entry, '=');
    if (!equals || strncmp(*entry, "CNI_", 4) != 0) continue;
    text_printf(&request, first ? "\"" : ",\"");
    text_add_json(&request, *entry, (size_t)(equals - *entry));
    text_printf(&request, "\":\"");
    text_add_json(&request, equals + 1, strlen(equals + 1));
    text_printf(&request, "\"");
    first = 0;
  }
  text_printf(&request, "},\"config\":\"");
  text_add_base64(&request, config->data, config->length);
  text_printf(&request, "\"}");
}

/* ---- one HTTP exchange with the daemon */

static long long now_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

/* Send one request and read the whole answer; 0, or -1 with the reason in *why.  wait_ms 0 waits for ever. */
static int exchange(const char *path, const char *body, size_t length, long long wait_ms, struct text *raw, const char **why) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  memcpy(address.sun_path, socket_path, strlen(socket_path) + 1);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) fail(IO_FAILURE, "cannot make a socket: %s", strerror(errno));
  struct timeval wait = {wait_ms / 1000, wait_ms % 1000 * 1000};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
  raw->length = 0;
  *why = NULL;
  if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
    *why = strerror(errno);
    close(fd);
    return -1;
  }
  struct text head = {0};
  text_printf(&head, "POST %s HTTP/1.1\r\nHost: plurimus\r\nConnection: close\r\nPlurimus-Shim: 1\r\n"
              "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n", path, length);
  struct { const char *data; size_t length; } parts[] = {{head.data, head.length}, {body, length}};
  for (int i = 0; i < 2 && !*why; i++)
    for (size_t sent = 0; sent < parts[i].length;) {
      ssize_t n = send(fd, parts[i].data + sent, parts[i].length - sent, MSG_NOSIGNAL);
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) break; /* the daemon may have answered before it read all */
      sent += (size_t)n;
    }
  free(head.data);
  char chunk[65536];
  for (;;) {
    ssize_t n = recv(fd, chunk, sizeof chunk, 0);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) *why = errno == EAGAIN ? "no answer in time" : strerror(errno);
    if (n > 0 && raw->length + (size_t)n > MOST_ANSWER) *why = "the answer is too long";
    if (n <= 0 || *why) break;
    text_add(raw, chunk, (size_t)n);
  }
  close(fd);
  return *why ? -1 : 0;
}

/* Whether the daemon says yes at `path`; 404 is its own answer, from a daemon that lacks the path. */
static int probe(const char *path, long long wait_ms, const char **why) {
  static char status[32];
  struct text raw = {0};
  struct answer answer = {0};
  int code = exchange(path, "", 0, wait_ms, &raw, why) == 0 && parse_answer(raw.data, raw.length, &answer) == 0 ? answer.status : 0;
  if (code && code != 200) {
    snprintf(status, sizeof status, "%s says %d", path, code);
    *why = status;
  } else if (!code && !*why) {
    *why = "its answer is no HTTP";
  }
  free(raw.data);
  return code;
}

static int wait_until_ready(double seconds, const char **why) {
  const char *path = "/readyz"; /* an older daemon of Multus only has /healthz */
  long long end = now_ms() + (long long)(seconds * 1000);
  for (;;) {
    long long left = end - now_ms();
    int code = probe(path, left > 1 ? left : 1, why);
    if (code == 200) return 0;
    if (code == 404 && strcmp(path, "/readyz") == 0) {
      path = "/healthz";
      continue;
    }
    if (now_ms() + PAUSE_MS >= end) return -1;
    poll(NULL, 0, PAUSE_MS);
  }
}

/* ---- a DEL without a daemon */

static void sync_path(const char *path, int flags) {
  int fd = open(path, flags | O_CLOEXEC);
  if (fd < 0 || fsync(fd) != 0) fail(IO_FAILURE, "cannot spool the DEL: cannot sync %s: %s", path, strerror(errno));
  close(fd);
}

static void make_folders(char *path) {
  for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
    *slash = '\0';
    int failed = mkdir(path, 0700) != 0 && errno != EEXIST;
    if (failed) fail(IO_FAILURE, "cannot spool the DEL: cannot create %s: %s", path, strerror(errno));
    *slash = '/';
  }
  if (mkdir(path, 0700) != 0 && errno != EEXIST) fail(IO_FAILURE, "cannot spool the DEL: cannot create %s: %s", path, strerror(errno));
}

static void spool_delete(void) {
  const char *id = getenv("CNI_CONTAINERID"), *ifname = getenv("CNI_IFNAME");
  if (!ifname || !*ifname) ifname = "eth0";
  if (!id || !is_container_id(id)) fail(BAD_ENVIRONMENT, "CNI_CONTAINERID is missing or has invalid characters");
  if (!is_ifname(ifname)) fail(BAD_ENVIRONMENT, "CNI_IFNAME is no name of an interface");
  if (strlen(id) + strlen(ifname) > 200) fail(BAD_ENVIRONMENT, "CNI_CONTAINERID is too long for a file name");
  make_folders(spool_folder);
  char path[4500], temporary[4500];
  snprintf(path, sizeof path, "%s/%s-%s.json", spool_folder, id, ifname);
  snprintf(temporary, sizeof temporary, "%s/.%s-%s.%d", spool_folder, id, ifname, getpid());
  int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
  size_t written = 0;
  while (fd >= 0 && written < request.length) {
    ssize_t n = write(fd, request.data + written, request.length - written);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    written += (size_t)n;
  }
  if (fd < 0 || written < request.length || fsync(fd) != 0 || rename(temporary, path) != 0) {
    int reason = errno;
    unlink(temporary);
    fail(IO_FAILURE, "the daemon is away and the DEL cannot be spooled to %s: %s", path, strerror(reason));
  }
  close(fd);
  sync_path(spool_folder, O_RDONLY | O_DIRECTORY);
  _exit(0);
}

/* ---- the answer */

static _Noreturn void print_and_exit(const char *data, size_t length, int status) {
  write_all(STDOUT_FILENO, data, length);
  _exit(status);
}

/* An answer of Multus' own daemon, which says less about what to print. */
static _Noreturn void relay_multus(const struct answer *answer, int is_add) {
  size_t length = 0;
  const char *value = NULL;
  if (answer->status == 200) {
    if (!is_add) _exit(0);
    value = json_find(answer->body, answer->length, "Result", &length);
    if (value && *value == '{') print_and_exit(value, length, 0);
    fail(INTERNAL, "the daemon answered ADD without a result");
  }
  value = json_find(answer->body, answer->length, "msg", &length);
  if (value && *value == '"' && length > 2) print_and_exit(answer->body, answer->length, 1);
  int shown = answer->length < MOST_QUOTED ? (int)answer->length : MOST_QUOTED;
  fail(INTERNAL, "CNI request failed with status %d: '%.*s'", answer->status, shown, answer->body);
}

static void configure(const struct text *config, double *timeout) {
  char folder[4096] = "/run/multus", state[4096] = "/var/lib/cni/multus";
  json_string(config->data, config->length, "daemonSocketDir", folder, sizeof folder);
  json_string(config->data, config->length, "cniDir", state, sizeof state);
  *timeout = json_number(config->data, config->length, "daemonTimeout", 5.0, 0.0, 600.0);
  snprintf(socket_path, sizeof socket_path, "%s/multus.sock", folder);
  snprintf(spool_folder, sizeof spool_folder, "%s/.spool", state);
  if (strlen(socket_path) >= sizeof((struct sockaddr_un *)0)->sun_path)
    fail(BAD_CONFIG, "daemonSocketDir: the path %s is too long for a socket", socket_path);
}

static void local_answers(int argc, char **argv, const char *verb) {
  if (argc > 1 && (!strcmp(argv[1], "-v") || !strcmp(argv[1], "-version") || !strcmp(argv[1], "--version"))) {
    static const char text[] = "plurimus-shim: version:" PLURIMUS_VERSION "\n";
    print_and_exit(text, sizeof text - 1, 0);
  }
  if (!verb) {
    static const char text[] = "meta-plugin that delegates to other CNI plugins\nCNI protocol versions supported: "
                               "0.1.0, 0.2.0, 0.3.0, 0.3.1, 0.4.0, 1.0.0, 1.1.0\n";
    write_all(STDERR_FILENO, text, sizeof text - 1);
    _exit(0);
  }
  if (!strcmp(verb, "VERSION")) {
    static const char text[] = "{\"cniVersion\":\"1.1.0\",\"supportedVersions\":[\"0.1.0\",\"0.2.0\",\"0.3.0\","
                               "\"0.3.1\",\"0.4.0\",\"1.0.0\",\"1.1.0\"]}\n";
    print_and_exit(text, sizeof text - 1, 0);
  }
}

int main(int argc, char **argv) {
  const char *verb = getenv("CNI_COMMAND"), *why = NULL;
  struct text config = {0}, raw = {0};
  struct answer answer = {0};
  double timeout;
  signal(SIGPIPE, SIG_IGN);
  local_answers(argc, argv, verb);
  int is_delete = !strcmp(verb, "DEL");
  read_stdin(&config);
  configure(&config, &timeout);
  build_request(&config);

  if (is_delete ? probe("/healthz", (long long)(timeout * 1000) + 1, &why) != 200 : wait_until_ready(timeout, &why) != 0) {
    if (is_delete) spool_delete();
    fail(TRY_AGAIN, "the plurimus daemon is not ready at %s: %s (waited %g s); see the daemon's log on this node",
         socket_path, why, timeout);
  }
  int lost = exchange("/cni", request.data, request.length, 0, &raw, &why) != 0;
  if (lost || parse_answer(raw.data, raw.length, &answer) != 0) {
    if (is_delete) spool_delete();
    fail(TRY_AGAIN, "the plurimus daemon at %s broke off before it had answered: %s; see the daemon's log on this node",
         socket_path, why ? why : raw.length ? "the answer is cut off or no HTTP" : "it closed the connection");
  }
  if (answer.exit_code >= 0) print_and_exit(answer.body, answer.length, answer.exit_code);
  relay_multus(&answer, !strcmp(verb, "ADD"));
}
