/* One HTTP exchange over a unix socket: as much of RFC 9112 as two daemons that are known need. */
#ifndef PLURIMUS_HTTP_H
#define PLURIMUS_HTTP_H
#include <stddef.h>

#include "text.h"

/* An answer; {0} before the first exchange.  `exit_code` is that of the header Plurimus-Exit, -1 without it; `stays_open`
 * says that the daemon takes another request on this connection. */
struct answer {
  int status, exit_code, stays_open;
  char *body; /* in `raw`, which the next exchange uses again */
  size_t length;
  struct text raw;
};

/* Send one request, read the whole answer.  -1 with the reason in *why.  The socket's path must fit a sockaddr_un.
 * wait_ms bounds it all; 0 waits for ever, and is the last exchange there is.  A connection that stays open serves the
 * next exchange, which is with the same socket. */
int exchange(const char *socket_path, const char *path, const struct text *body, long long wait_ms, struct answer *answer,
             const char **why);

/* -1: no HTTP, cut off, or of unknown length.  The body points into `data`, where a chunked one is joined. */
int parse_answer(char *data, size_t length, struct answer *answer);

long long now_ms(void);
#endif
