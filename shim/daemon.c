#define _GNU_SOURCE
#include "daemon.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PAUSE_MS = 50 };

static long long left_until(long long end) {
  long long left = end - now_ms();
  return left > 1 ? left : 1;
}

/* Whether there is time for another attempt before `end` ms, behind a pause.  If not, *why becomes what the daemon last
 * `said`, where only our time was over in the middle of an attempt: that still holds. */
static int may_try_again(long long end, const char *said, const char **why) {
  if (now_ms() + PAUSE_MS >= end) {
    if (said && now_ms() >= end) *why = said;
    return 0;
  }
  poll(NULL, 0, PAUSE_MS);
  return 1;
}

/* An answer that says why nothing was done: 404 from a daemon that lacks the path, 503 from one that ends. */
static int is_no_answer(const struct answer *answer, int status) {
  return answer->status == status && answer->exit_code < 0;
}

/* Ask a daemon of ours, which needs no probe: it says at once that it has begun.  All but a DEL wait for one until `end`
 * ms.  0: answered; AWAY, BROKE_OFF. */
static int ask_at_once(const char *socket_path, const struct text *request, int is_delete, long long end,
                       struct answer *answer, const char **why) {
  const char *said = NULL;
  for (;;) {
    int failed = exchange(socket_path, "/cni/now", request, TO_BEGIN, left_until(end), answer, why);
    if (!failed && is_no_answer(answer, 503)) {
      failed = AWAY;
      said = *why = "it is ending";
    }
    if (failed != AWAY || is_delete || !may_try_again(end, said, why)) return failed;
  }
}

/* Whether a daemon of Multus says yes at `path`; 404 is its own answer, from a daemon that lacks the path. */
static int probe(const char *socket_path, const char *path, long long wait_ms, const char **why) {
  static const struct text nothing;
  static char status[32];
  struct answer answer = {0};
  int code = exchange(socket_path, path, &nothing, FOR_ALL, wait_ms, &answer, why) == 0 ? answer.status : 0;
  if (code && code != 200) {
    snprintf(status, sizeof status, "%s says %d", path, code);
    *why = status;
  }
  free(answer.raw.data);
  return code;
}

static int wait_until_ready(const char *socket_path, long long end, const char **why) {
  const char *path = "/readyz"; /* an older daemon of Multus only has /healthz */
  const char *said = NULL;
  for (;;) {
    int code = probe(socket_path, path, left_until(end), why);
    if (code == 200) return 0;
    if (code == 404 && strcmp(path, "/readyz") == 0) {
      path = "/healthz";
      continue;
    }
    if (code) said = *why;
    if (!may_try_again(end, said, why)) return -1;
  }
}

/* Ask a daemon of Multus, which is asked first whether it is ready; DEL wants only life.  0, AWAY or BROKE_OFF. */
static int ask_multus(const char *socket_path, const struct text *request, int is_delete, long long end, struct answer *answer,
                      const char **why) {
  int is_there = is_delete ? probe(socket_path, "/healthz", left_until(end), why) == 200
                           : wait_until_ready(socket_path, end, why) == 0;
  if (!is_there) return AWAY;
  return exchange(socket_path, "/cni", request, FOR_ALL, 0, answer, why) ? BROKE_OFF : 0;
}

int ask_daemon(const char *socket_path, const struct text *request, int is_delete, long long end, struct answer *answer,
               const char **why) {
  int failed = ask_at_once(socket_path, request, is_delete, end, answer, why);
  if (!failed && is_no_answer(answer, 404)) failed = ask_multus(socket_path, request, is_delete, end, answer, why);
  return failed;
}
