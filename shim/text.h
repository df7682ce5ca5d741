/* Growing text, and the little JSON that the shim needs.  Nothing here does I/O. */
#ifndef PLURIMUS_TEXT_H
#define PLURIMUS_TEXT_H
#include <stddef.h>

/* Text that grows; {0} is empty.  Out of memory ends the process. */
struct text {
  char *data;
  size_t length, room;
};
void text_add(struct text *text, const char *data, size_t length);
void text_printf(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3))); /* up to 8191 bytes */
/* Escaped, without quotes; bytes that are no UTF-8 become U+FFFD one by one, so that JSON it is. */
void text_add_json(struct text *text, const char *data, size_t length);
void text_add_base64(struct text *text, const char *data, size_t length);

/* Whether the data is one object, as far as its quotes and brackets tell. */
int json_is_object(const char *data, size_t length);
/* The raw value of a key of the object in data[0..length), or NULL.  Only the outermost object is
 * searched; case is ignored; of several such keys the last counts. */
const char *json_find(const char *data, size_t length, const char *key, size_t *value_length);
/* The raw elements of a list one by one, *at being 0 at first; NULL behind the last. */
const char *json_next(const char *data, size_t length, size_t *at, size_t *value_length);
/* 1: a string, now in `into`.  0: missing, null or empty, `into` stays.  -1: something else, too long for `room`
 * or with a NUL; `into` stays. */
int json_string(const char *data, size_t length, const char *key, char *into, size_t room);
/* `otherwise` where there is no number of at least `least`; at most `most`. */
double json_number(const char *data, size_t length, const char *key, double otherwise, double least, double most);

int is_container_id(const char *text);
int is_ifname(const char *text);
#endif
