#include "ask.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "http.h"

int ask(int words, char **word) {
  const char *path = word[0], *folder = words > 1 ? word[1] : "/run/multus";
  long long seconds = words > 2 ? strtoll(word[2], NULL, 10) : 0;
  static const struct text nothing;
  char socket_path[sizeof((struct sockaddr_un *)0)->sun_path];
  struct answer answer = {0};
  const char *why = NULL;
  int length = snprintf(socket_path, sizeof socket_path, "%s/multus.sock", folder);
  if (length < 0 || (size_t)length >= sizeof socket_path) {
    fprintf(stderr, "the path %s/multus.sock is too long for a socket\n", folder);
    return 1;
  }
  if (exchange(socket_path, path, &nothing, FOR_ALL, 1000 * (seconds > 0 && seconds < 600 ? seconds : 10), &answer, &why) != 0) {
    fprintf(stderr, "no daemon at %s: %s\n", socket_path, why);
    return 1;
  }
  if (answer.status == 200) return 0;
  fprintf(stderr, "the daemon at %s: %s says %d\n", socket_path, path, answer.status);
  return 1;
}
