/* Growing text, the little JSON and the little HTTP that the shim needs.  Nothing here does I/O. */
#ifndef PLURIMUS_TEXT_H
#define PLURIMUS_TEXT_H
#include <stddef.h>

/* Text that grows; {0} is empty.  Out of memory ends the process. */
struct text {
  char *data;
  size_t length, room;
};
void text_add(struct text *text, const char *data, size_t length);
void text_printf(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
void text_add_json(struct text *text, const char *data, size_t length); /* escaped, without quotes */
void text_add_base64(struct text *text, const char *data, size_t length);

/* The raw value of a key of the object in data[0..length), or NULL.  Only the outermost object is
 * searched; case is ignored; of several such keys the last counts. */
const char *json_find(const char *data, size_t length, const char *key, size_t *value_length);
/* A string value without escapes beyond \/ \" \\, of less than `room` bytes; else `into` stays. */
void json_string(const char *data, size_t length, const char *key, char *into, size_t room);
double json_number(const char *data, size_t length, const char *key, double otherwise, double least, double most);

/* An HTTP answer: body points into the data, which a chunked body is rewritten in.
 * exit_code is -1 without the header Plurimus-Exit. */
struct answer {
  int status, exit_code;
  char *body;
  size_t length;
};
int parse_answer(char *data, size_t length, struct answer *answer); /* -1: no HTTP, or cut off */

int is_container_id(const char *text);
int is_ifname(const char *text);
#endif
