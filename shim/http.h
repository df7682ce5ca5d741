/* One HTTP exchange over a unix socket: as much of RFC 9112 as two daemons that are known need. */
#ifndef PLURIMUS_HTTP_H
#define PLURIMUS_HTTP_H
#include <stddef.h>

#include "text.h"

/* An answer; {0} before the first exchange.  `exit_code` is that of the header Plurimus-Exit, -1 without it. */
struct answer {
  int status, exit_code;
  char *body; /* in `raw`, which the next exchange uses again */
  size_t length;
  struct text raw;
};

/* What wait_ms bounds: all of it; only until the daemon has said that it has the request, by a status of 100. */
enum wait { FOR_ALL, TO_BEGIN };
/* Why there is no answer: nobody has read the request, as far as one can tell; the daemon had, and no more came. */
enum { AWAY = -1, BROKE_OFF = -2 };

/* Send one request, read the whole answer; 0, or AWAY or BROKE_OFF with the reason in *why.  The socket's path must fit a
 * sockaddr_un.  Without wait_ms (0) it waits for ever. */
int exchange(const char *socket_path, const char *path, const struct text *body, enum wait wait, long long wait_ms,
             struct answer *answer, const char **why);

/* -1: no HTTP, cut off, or of unknown length.  The body points into `data`, where a chunked one is joined. */
int parse_answer(char *data, size_t length, struct answer *answer);

long long now_ms(void);
#endif
