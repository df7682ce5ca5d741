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

/* How many bytes the UTF-8 character at data[0] has; 0 where there is none (RFC 3629). */
static size_t utf8_length(const char *data, size_t length) {
  static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
  unsigned char c = (unsigned char)data[0];
  size_t n = c < 0x80 ? 1 : c < 0xc0 ? 0 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : c < 0xf8 ? 4 : 0;
  if (n == 0 || n > length) return 0;
  uint32_t point = n == 1 ? c : c & (0x7fu >> n);
  for (size_t i = 1; i < n; i++) {
    if (((unsigned char)data[i] & 0xc0) != 0x80) return 0;
    point = point << 6 | ((unsigned char)data[i] & 0x3f);
  }
  return point < least[n] || point >> 11 == 0x1b || point > 0x10ffff ? 0 : n;
}

void text_add_json(struct text *text, const char *data, size_t length) {
  for (size_t i = 0, n; i < length; i += n ? n : 1) {
    unsigned char c = (unsigned char)data[i];
    n = utf8_length(data + i, length - i);
    if (c == '"' || c == '\\') text_add(text, "\\", 1);
    if (c < 0x20) text_printf(text, "\\u%04x", c);
    else if (n == 0) text_add(text, "\xef\xbf\xbd", 3);
    else text_add(text, data + i, n);
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

/* ---- JSON: finding one value.  Each function returns the offset behind what it skips, beyond `length` where the data
 * ends within it. */

static size_t skip_blank(const char *data, size_t length, size_t at) {
  while (at < length && strchr(" \t\r\n", data[at]) && data[at]) at++;
  return at;
}

static size_t skip_string(const char *data, size_t length, size_t at) {
  for (at++; at < length; at++) {
    if (data[at] == '\\') at++;
    else if (data[at] == '"') return at + 1;
  }
  return length + 1;
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
  return length + 1;
}

int json_is_object(const char *data, size_t length) {
  size_t at = skip_blank(data, length, 0);
  if (at >= length || data[at] != '{') return 0;
  size_t end = skip_value(data, length, at);
  return end <= length && data[end - 1] == '}' && skip_blank(data, length, end) == length;
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
    if (end >= length || end == value) return found;
    if (behind - name - 1 == strlen(key) && strncasecmp(data + name, key, strlen(key)) == 0) {
      found = data + value;
      *value_length = end - value;
    }
    at = skip_blank(data, length, end);
    if (at >= length || data[at] != ',') return found;
    at++;
  }
}

const char *json_next(const char *data, size_t length, size_t *at, size_t *value_length) {
  size_t before = *at ? *at : skip_blank(data, length, 0);
  if (before >= length || data[before] != (*at ? ',' : '[')) return NULL;
  size_t value = skip_blank(data, length, before + 1), end = skip_value(data, length, value);
  if (end >= length || end == value) return NULL;
  *at = skip_blank(data, length, end);
  *value_length = end - value;
  return data + value;
}

/* The code unit of \uXXXX at data[0..length), or -1. */
static int32_t unit(const char *data, size_t length) {
  int32_t value = 0;
  if (length < 6 || data[0] != '\\' || data[1] != 'u') return -1;
  for (int i = 2; i < 6; i++) {
    int c = tolower((unsigned char)data[i]);
    if (!isxdigit(c)) return -1;
    value = value << 4 | (isdigit(c) ? c - '0' : c - 'a' + 10);
  }
  return value;
}

/* Decode one escape to `out`, at most 4 bytes; returns how long it was written, 0 if it is none or a NUL. */
static size_t unescape(const char *data, size_t length, char *out, size_t *used) {
  static const char letters[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
  const char *letter = length > 1 ? memchr(letters, data[1], sizeof letters - 1) : NULL;
  if (letter) {
    out[(*used)++] = meant[letter - letters];
    return 2;
  }
  int32_t point = unit(data, length), low = length > 6 ? unit(data + 6, length - 6) : -1;
  int pair = point >> 10 == 0xd800 >> 10 && low >> 10 == 0xdc00 >> 10;
  if (point <= 0) return 0;
  if (pair) point = 0x10000 + ((point & 0x3ff) << 10) + (low & 0x3ff);
  else if (point >> 11 == 0x1b) point = 0xfffd; /* half a pair: as Go reads it */
  int more = point < 0x80 ? 0 : point < 0x800 ? 1 : point < 0x10000 ? 2 : 3;
  static const unsigned char head[] = {0, 0xc0, 0xe0, 0xf0};
  out[(*used)++] = (char)(head[more] | point >> (6 * more));
  while (more-- > 0) out[(*used)++] = (char)(0x80 | (point >> (6 * more) & 0x3f));
  return pair ? 12 : 6;
}

int json_string(const char *data, size_t length, const char *key, char *into, size_t room) {
  size_t n = 0, used = 0;
  const char *value = json_find(data, length, key, &n);
  if (!value || value[0] == 'n' || (value[0] == '"' && n == 2)) return 0;
  if (value[0] != '"' || n >= room) return -1;
  char *copy = malloc(n);
  if (!copy) _exit(1);
  for (size_t i = 1, step; i + 1 < n; i += step) {
    step = value[i] == '\\' ? unescape(value + i, n - 1 - i, copy, &used) : value[i] ? 1 : 0;
    if (step == 0) {
      free(copy);
      return -1;
    }
    if (value[i] != '\\') copy[used++] = value[i];
  }
  memcpy(into, copy, used);
  into[used] = '\0';
  free(copy);
  return 1;
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

/* ---- names */

int is_container_id(const char *text) {
  if (!isalnum((unsigned char)*text)) return 0;
  for (; *text; text++)
    if (!isalnum((unsigned char)*text) && !strchr("_.-", *text)) return 0;
  return 1;
}

int is_ifname(const char *text) {
  if (!*text || strlen(text) > 15 || !strcmp(text, ".") || !strcmp(text, "..")) return 0;
  for (; *text; text++) /* narrower than the kernel: it becomes part of a file's name and of JSON */
    if (*text <= ' ' || *text > '~' || *text == '/' || *text == ':' || *text == '%') return 0;
  return 1;
}
