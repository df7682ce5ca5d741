/* The CNI plugin that a container runtime calls: it passes the request to the daemon on this node and
 * prints the daemon's answer.  It understands no configuration beyond the five keys it needs itself.
 *
 *   VERSION        is answered here.
 *   ADD, CHECK,    wait a few seconds for the daemon; without it they fail with code 11, "try again later".
 *   STATUS, GC
 *   DEL            is written to disk when there is no daemon, which pays the debt when it starts.
 *
 * Where the configuration has `program` there is no daemon: the shim becomes that program, for each request anew.
 *
 * CNI spec, "Execution protocol"; the HTTP bodies are those of Multus' daemon, with two headers and a path of ours. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "ask.h"
#include "daemon.h"
#include "http.h"
#include "program.h"
#include "result.h"
#include "text.h"

#ifndef PLURIMUS_VERSION
#define PLURIMUS_VERSION "unknown"
#endif

extern char **environ;

enum { VERSIONS = 1, BAD_ENVIRONMENT = 4, IO_FAILURE = 5, DECODING = 6, BAD_CONFIG = 7, TRY_AGAIN = 11, UNAVAILABLE = 50, INTERNAL = 999 };
enum { MOST_STDIN = 16 << 20, MOST_QUOTED = 4096 };

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

/* What the daemon gets of the environment: what CNI defines, and which trace the request is part of. */
static int is_passed_on(const char *entry) {
  return strncmp(entry, "CNI_", 4) == 0 || strncmp(entry, "TRACEPARENT=", 12) == 0 || strncmp(entry, "TRACESTATE=", 11) == 0;
}

static void build_request(const struct text *config) {
  int first = 1;
  text_printf(&request, "{\"env\":{");
  for (char **entry = environ; *entry; entry++) {
    char *equals = strchr(*entry, '=');
    if (!equals || !is_passed_on(*entry)) continue;
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

/* ---- a DEL without a daemon */

static void sync_path(const char *path, int flags) {
  int fd = open(path, flags | O_CLOEXEC);
  if (fd < 0 || fsync(fd) != 0) fail(IO_FAILURE, "the DEL is spooled, but %s cannot be synced: %s", path, strerror(errno));
  close(fd);
}

static void make_folders(char *path) {
  for (char *slash = path; slash;) {
    slash = strchr(slash + 1, '/');
    if (slash) *slash = '\0';
    if (mkdir(path, 0700) != 0 && errno != EEXIST)
      fail(IO_FAILURE, "the daemon is away and the DEL cannot be spooled: cannot create %s: %s", path, strerror(errno));
    if (slash) *slash = '/';
  }
}

static _Noreturn void spool_delete(const struct text *config) {
  const char *id = getenv("CNI_CONTAINERID"), *ifname = getenv("CNI_IFNAME");
  if (!ifname || !*ifname) ifname = "eth0";
  if (!id || !is_container_id(id)) fail(BAD_ENVIRONMENT, "CNI_CONTAINERID is missing or has invalid characters");
  if (!is_ifname(ifname)) fail(BAD_ENVIRONMENT, "CNI_IFNAME is no name of an interface");
  if (strlen(id) + strlen(ifname) > 200) fail(BAD_ENVIRONMENT, "CNI_CONTAINERID is too long for a file name");
  if (!json_is_object(config->data, config->length)) fail(DECODING, "the configuration on stdin is no JSON object");
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

/* An answer of Multus' own daemon, which says less about what to print and has every result in 1.1.0. */
static _Noreturn void relay_multus(const struct answer *answer, const struct text *config, int is_add) {
  char version[16] = "0.1.0";
  size_t length = 0;
  const char *value = NULL;
  if (answer->status == 200) {
    if (!is_add) _exit(0);
    value = json_find(answer->body, answer->length, "Result", &length);
    if (!value || *value != '{') fail(INTERNAL, "the daemon answered ADD without a result");
    struct text out = {0};
    int known = json_string(config->data, config->length, "cniVersion", version, sizeof version) >= 0;
    const char *why = known ? add_result(&out, value, length, version) : "incompatible CNI versions";
    if (why) fail(VERSIONS, "the result of ADD in the version of the configuration: %s", why);
    print_and_exit(out.data, out.length, 0);
  }
  value = json_find(answer->body, answer->length, "msg", &length);
  if (value && *value == '"' && length > 2) print_and_exit(answer->body, answer->length, 1);
  int shown = answer->length < MOST_QUOTED ? (int)answer->length : MOST_QUOTED;
  fail(INTERNAL, "CNI request failed with status %d: '%.*s'", answer->status, shown, answer->body);
}

/* A path from the configuration; one that cannot be read is an error, since another daemon may be at the default. */
static void configure_path(const struct text *config, const char *key, char *into, size_t room) {
  if (json_string(config->data, config->length, key, into, room) < 0)
    fail(BAD_CONFIG, "'%s' in the configuration cannot be read, expected a path of less than %zu bytes", key, room - 2);
}

static void configure(const struct text *config, double *timeout) {
  char folder[4096] = "/run/multus", state[4096] = "/var/lib/cni/multus";
  configure_path(config, "daemonSocketDir", folder, sizeof folder);
  configure_path(config, "cniDir", state, sizeof state);
  *timeout = json_number(config->data, config->length, "daemonTimeout", 5.0, 0.0, 600.0);
  snprintf(socket_path, sizeof socket_path, "%s/multus.sock", folder);
  snprintf(spool_folder, sizeof spool_folder, "%s/.spool", state);
  if (strlen(socket_path) >= sizeof((struct sockaddr_un *)0)->sun_path)
    fail(BAD_CONFIG, "daemonSocketDir: the path %s is too long for a socket", socket_path);
}

/* A node without a daemon.  A DEL that fails is the runtime's to try again, as with any plugin. */
static void run_program(const struct text *config, const char *verb) {
  char path[4096] = "";
  configure_path(config, "program", path, sizeof path);
  if (!*path) return;
  const char *why = become_program(path, config);
  fail(strcmp(verb, "STATUS") ? TRY_AGAIN : UNAVAILABLE,
       "this node runs plurimus without a daemon, and its program cannot be run: %s; set it up again: plurimus thin", why);
}

static void local_answers(int argc, char **argv, const char *verb) {
  if (argc > 1 && (!strcmp(argv[1], "-v") || !strcmp(argv[1], "-version") || !strcmp(argv[1], "--version"))) {
    static const char text[] = "plurimus-shim: version:" PLURIMUS_VERSION "\n";
    print_and_exit(text, sizeof text - 1, 0);
  }
  if (argc > 2 && !strcmp(argv[1], "--ask")) _exit(ask(argc - 2, argv + 2));
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
  struct text config = {0};
  struct answer answer = {0};
  double timeout;
  signal(SIGPIPE, SIG_IGN);
  local_answers(argc, argv, verb);
  int is_delete = !strcmp(verb, "DEL");
  read_stdin(&config);
  run_program(&config, verb);
  configure(&config, &timeout);
  build_request(&config);

  long long end = now_ms() + (long long)(timeout * 1000);
  int failed = ask_daemon(socket_path, &request, is_delete, end, &answer, &why);
  if (failed && is_delete) spool_delete(&config);
  if (failed == AWAY)
    fail(TRY_AGAIN, "the plurimus daemon is not ready at %s: %s (waited %g s); see the daemon's log on this node",
         socket_path, why, timeout);
  if (failed)
    fail(TRY_AGAIN, "the plurimus daemon at %s broke off before it had answered: %s; see the daemon's log on this node",
         socket_path, why);
  if (answer.exit_code >= 0) print_and_exit(answer.body, answer.length, answer.exit_code);
  relay_multus(&answer, &config, !strcmp(verb, "ADD"));
}
