#define _GNU_SOURCE
#include "text.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

/* ---- growing text */

void text_add(struct text *text, const char *data, size_t length) {
  if (text->length + length + 1 > text->room) {
    size_t room = 2 * (text->length + length) + 256;
    char *grown = realloc(text->data, room);
    if (!grown) _exit(1);
    text->data = grown;
    text->room = room;
  }
  if (length) memcpy(text->data + text->length, data, length);
  text->length += length;
  text->data[text->length] = '\0';
}

void text_printf(struct text *text, const char *format, ...) {
  char line[8192];
  va_list arguments;
  va_start(arguments, format);
  int n = vsnprintf(line, sizeof line, format, arguments);
  va_end(arguments);
  if (n > 0) text_add(text, line, (size_t)n < sizeof line ? (size_t)n : sizeof line - 1);
}

void text_add_json(struct text *text, const char *data, size_t length) {
  for (size_t i = 0; i < length; i++) {
    unsigned char c = (unsigned char)data[i];
    if (c == '"' || c == '\\') text_add(text, "\\", 1);
    if (c < 0x20) text_printf(text, "\\u%04x", c);
    else text_add(text, data + i, 1);
  }
}

void text_add_base64(struct text *text, const char *data, size_t length) {
  static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const unsigned char *in = (const unsigned char *)data;
  for (size_t i = 0; i < length; i += 3) {
    size_t left = length - i;
    uint32_t bits = (uint32_t)in[i] << 16 | (left > 1 ? (uint32_t)in[i + 1] << 8 : 0) | (left > 2 ? in[i + 2] : 0);
    char out[4] = {digits[bits >> 18], digits[bits >> 12 & 63], left > 1 ? digits[bits >> 6 & 63] : '=', left > 2 ? digits[bits & 63] : '='};
    text_add(text, out, 4);
  }
}

/* ---- JSON: finding one value.  Each function returns the offset behind what it skips, or `length`. */

static size_t skip_blank(const char *data, size_t length, size_t at) {
  while (at < length && strchr(" \t\r\n", data[at]) && data[at]) at++;
  return at;
}

static size_t skip_string(const char *data, size_t length, size_t at) {
  for (at++; at < length; at++) {
    if (data[at] == '\\') at++;
    else if (data[at] == '"') return at + 1;
  }
  return length;
}

static size_t skip_value(const char *data, size_t length, size_t at) {
  size_t depth = 0;
  while (at < length) {
    char c = data[at];
    if (c == '"') at = skip_string(data, length, at);
    else if (depth == 0 && (c == ',' || c == '}' || c == ']')) return at;
    else {
      if (c == '{' || c == '[') depth++;
      if ((c == '}' || c == ']') && --depth == 0) return at + 1;
      at++;
    }
    if (depth == 0 && c == '"') return at;
  }
  return length;
}

const char *json_find(const char *data, size_t length, const char *key, size_t *value_length) {
  const char *found = NULL;
  size_t at = skip_blank(data, length, 0);
  if (at >= length || data[at] != '{') return NULL;
  for (at++;;) {
    at = skip_blank(data, length, at);
    if (at >= length || data[at] != '"') return found;
    size_t name = at + 1, behind = skip_string(data, length, at);
    at = skip_blank(data, length, behind);
    if (at >= length || data[at] != ':') return found;
    size_t value = skip_blank(data, length, at + 1);
    size_t end = skip_value(data, length, value);
    if (end >= length) return found;
    if (behind - name - 1 == strlen(key) && strncasecmp(data + name, key, strlen(key)) == 0) {
      found = data + value;
      *value_length = end - value;
    }
    at = skip_blank(data, length, end);
    if (at >= length || data[at] != ',') return found;
    at++;
  }
}

void json_string(const char *data, size_t length, const char *key, char *into, size_t room) {
  size_t n = 0, used = 0;
  const char *value = json_find(data, length, key, &n);
  if (!value || n < 3 || value[0] != '"' || n >= room) return;
  char *copy = malloc(n);
  if (!copy) _exit(1);
  for (size_t i = 1; i + 1 < n; i++) {
    if (value[i] == '\\' && (++i + 1 >= n || !strchr("/\"\\", value[i]))) goto done;
    if (value[i] == '\0') goto done;
    copy[used++] = value[i];
  }
  memcpy(into, copy, used);
  into[used] = '\0';
done:
  free(copy);
}

double json_number(const char *data, size_t length, const char *key, double otherwise, double least, double most) {
  char number[32] = "", *end;
  size_t n = 0;
  const char *value = json_find(data, length, key, &n);
  while (value && n > 0 && isspace((unsigned char)value[n - 1])) n--;
  if (!value || n == 0 || n >= sizeof number || !(isdigit((unsigned char)value[0]))) return otherwise;
  memcpy(number, value, n);
  double parsed = strtod(number, &end);
  if (*end || parsed < least) return otherwise;
  return parsed > most ? most : parsed;
}

/* ---- HTTP */

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

int parse_answer(char *data, size_t length, struct answer *answer) {
  char *blank = length ? memmem(data, length, "\r\n\r\n", 4) : NULL;
  if (!blank || length < 13 || strncmp(data, "HTTP/1.", 7) != 0 || data[8] != ' ') return -1;
  for (int i = 9; i < 12; i++)
    if (!isdigit((unsigned char)data[i])) return -1;
  answer->status = (data[9] - '0') * 100 + (data[10] - '0') * 10 + data[11] - '0';
  answer->exit_code = -1;
  answer->body = blank + 4;
  answer->length = length - (size_t)(answer->body - data);
  long long announced = -1;
  int chunked = 0;
  for (char *line = data; line < blank;) {
    char *end = memmem(line, (size_t)(blank + 2 - line), "\r\n", 2);
    const char *value;
    if (is_header(line, end, "Content-Length", &value)) {
      if (!isdigit((unsigned char)*value)) return -1;
      announced = strtoll(value, NULL, 10);
    } else if (is_header(line, end, "Transfer-Encoding", &value)) {
      chunked = end - value >= 7 && strncasecmp(value, "chunked", 7) == 0;
    } else if (is_header(line, end, "Plurimus-Exit", &value)) {
      answer->exit_code = value < end && *value == '0' ? 0 : 1;
    }
    line = end + 2;
  }
  if (chunked) announced = join_chunks(answer->body, answer->length);
  if (chunked && announced < 0) return -1;
  if (announced >= 0 && (unsigned long long)announced > answer->length) return -1;
  if (announced >= 0) answer->length = (size_t)announced;
  return 0;
}

/* ---- names */

int is_container_id(const char *text) {
  if (!isalnum((unsigned char)*text)) return 0;
  for (; *text; text++)
    if (!isalnum((unsigned char)*text) && !strchr("_.-", *text)) return 0;
  return 1;
}

int is_ifname(const char *text) {
  if (!*text || strlen(text) > 15 || !strcmp(text, ".") || !strcmp(text, "..")) return 0;
  for (; *text; text++)
    if (*text == '/' || *text == ':' || isspace((unsigned char)*text)) return 0;
  return 1;
}
