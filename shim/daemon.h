/* Who does what the runtime asks: a daemon of ours, or, while a node is taken over, Multus' own. */
#ifndef PLURIMUS_DAEMON_H
#define PLURIMUS_DAEMON_H
#include "http.h"

/* Have the request carried out.  All but a DEL wait for a daemon that is ready, until `end` (of now_ms).  0 with its
 * answer; AWAY: nothing was begun; BROKE_OFF: nobody knows how far it came.  For both the reason is in *why. */
int ask_daemon(const char *socket_path, const struct text *request, int is_delete, long long end, struct answer *answer,
               const char **why);
#endif
