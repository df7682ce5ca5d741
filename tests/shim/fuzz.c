/* Feeds the shim's parsers with what nobody would send: each input of the corpus whole, cut off anywhere, and
 * changed at random.  Built with sanitizers, which see any access beyond an input; the rest is asserted here.
 *
 *   usage: fuzz RUNS SEED
 *
 * Same seed, same inputs.  With GUIDED it is libFuzzer that says what to feed.  What the parsers make of valid input is tested in test_parts.py. */
#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../shim/http.h"
#include "../../shim/result.h"
#include "../../shim/text.h"

static uint64_t state;

static uint32_t below(uint32_t bound) {
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return (uint32_t)(state >> 32) % bound;
}

static void check_inside(const char *part, size_t n, const char *data, size_t length) {
  assert(!part || (part >= data && n > 0 && n <= length && (size_t)(part - data) <= length - n));
}

static void check_json(const char *data, size_t length) {
  static const char *const keys[] = {"cniDir", "daemonSocketDir", "a", "", "s", "Result", "msg", "ips"};
  static const char *const versions[] = {"0.2.0", "0.3.1", "1.0.0", "1.1.0", "9"};
  size_t n = 0;
  json_is_object(data, length);
  for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
    const char *value = json_find(data, length, keys[i], &n);
    check_inside(value, n, data, length);
    size_t room = 1 + below(40);
    char *into = malloc(room); /* exactly, so that one byte more is seen */
    into[0] = '\0';
    int found = json_string(data, length, keys[i], into, room);
    assert(found >= -1 && found <= 1 && memchr(into, '\0', room) && (found == 1) == (into[0] != '\0'));
    free(into);
    double number = json_number(data, length, keys[i], 5, 0, 600);
    assert(number >= 0 && number <= 600);
    size_t at = 0, size = 0, last = 0, inner = 0;
    for (const char *element; value && (element = json_next(value, n, &at, &size)); last = at) {
      assert(at > last);
      check_inside(element, size, value, n);
      json_find(element, size, "address", &inner);
    }
  }
  for (size_t i = 0; i < sizeof versions / sizeof *versions; i++) {
    struct text out = {0};
    const char *why = add_result(&out, data, length, versions[i]);
    assert(why || (out.data[0] == '{' && out.data[out.length - 1] == '}'));
    free(out.data);
  }
}

static void check_text(const char *data, size_t length) {
  struct text escaped = {0}, encoded = {0};
  text_add_json(&escaped, data, length);
  text_add_base64(&encoded, data, length);
  assert(encoded.length == (length + 2) / 3 * 4 && escaped.length >= length);
  for (size_t i = 0; i < escaped.length; i++) assert((unsigned char)escaped.data[i] >= 0x20);
  free(escaped.data);
  free(encoded.data);
  char *name = malloc(length + 1);
  memcpy(name, data, length);
  name[length] = '\0';
  assert(!is_container_id(name) || (!strchr(name, '/') && name[0] != '.'));
  assert(!is_ifname(name) || (!strchr(name, '/') && strlen(name) <= 15 && strcmp(name, "..") != 0));
  free(name);
}

static void check_answer(const char *data, size_t length) {
  char *copy = malloc(length ? length : 1);
  memcpy(copy, data, length);
  struct answer answer = {0};
  if (parse_answer(copy, length, &answer) == 0) {
    assert(answer.status >= 0 && answer.status <= 999 && answer.exit_code >= -1 && answer.exit_code <= 1);
    assert(answer.body > copy && answer.length <= length - (size_t)(answer.body - copy));
    check_json(answer.body, answer.length);
  }
  free(copy);
}

/* One input, in a block of exactly its size. */
static void check(const char *data, size_t length) {
  char *exact = malloc(length ? length : 1);
  memcpy(exact, data, length);
  check_json(exact, length);
  check_text(exact, length);
  check_answer(exact, length);
  free(exact);
}

#ifdef GUIDED
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length) {
  state = 0xcbf29ce484222325u; /* of the input, so that the same one does the same: FNV-1a */
  for (size_t i = 0; i < length; i++) state = (state ^ data[i]) * 0x100000001b3u;
  state |= 1;
  check((const char *)data, length);
  return 0;
}
#else
static const char *const corpus[] = {
    "{\"cniVersion\":\"0.3.1\",\"name\":\"node\",\"daemonSocketDir\":\"/run/multus\",\"cniDir\":\"/var/lib\",\"daemonTimeout\":2.5}",
    "{\"a\":{\"b\":[1,2,{\"c\":\"d\\\"e\\\\\"}]},\"A\":null,\"a\" : -1.5e3 , \"\":\"\",\"\\u0061\":true}",
    "{\"s\":\"\\ud83c\\udf89\\ud83c\\u0041\\udf89\\u0000\\n\\/\\x\",\"S\":\"\xc3\xbc\xff\xed\xa0\x80\xf4\x90\x80\x80\"}",
    "[{\"address\":\"10.0.0.1/24\"},[],\"]\", {} ,1]",
    "{\"Result\":{\"cniVersion\":\"1.1.0\",\"interfaces\":[{\"name\":\"eth0\",\"mac\":\"02:00:00:00:00:01\",\"mtu\":1500}],"
    "\"ips\":[{\"interface\":0,\"address\":\"10.0.0.2/24\",\"gateway\":\"10.0.0.1\"},{\"address\":\"fd00::2/64\"}],"
    "\"routes\":[{\"dst\":\"0.0.0.0/0\"},{\"dst\":\"::/0\",\"gw\":\"fd00::1\"}],\"dns\":{\"domain\":\"x\"}}}",
    "{\"cniVersion\":\"1.1.0\",\"ips\":[{\"address\":\"fd00::2/64\",\"gateway\":\"fd00::1\"}],\"routes\":[{\"dst\":\"::/0\"}]}",
    "{\"code\":11,\"msg\":\"try again\",\"details\":\"a\\nb\"}",
    "HTTP/1.1 200 OK\r\nContent-Length: 17\r\nPlurimus-Exit: 0\r\n\r\n{\"a\":\"0123456789\"}",
    "HTTP/1.1 400 Bad Request\r\nplurimus-exit: 1\r\nContent-Length:2\r\n\r\n{}trailing",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\nA\r\n0123456789\r\n0\r\n\r\n",
    "HTTP/1.0 404 No\r\nContent-Length: 99999999999999999999\r\n\r\n",
    "sandbox-1.a_b",
    "eth0",
    "\xff\xfe\x01\"\\/",
};
enum { CORPUS = sizeof corpus / sizeof *corpus, MOST = 2048 };

/* Change data[0..length) in place, once; the new length. */
static size_t mutate(char *data, size_t length) {
  static const char special[] = "{}[]\",:\\/0123456789-+.eEuxX\r\n\t \x7f\x80\xc3\xff";
  static const char *const words[] = {"\"cniDir\":", "\\ud83c", "\r\n\r\n", "null", "ffffffffffffffff\r\n", "Content-Length: ", "[[[[", "}}}}"};
  size_t at = length ? below((uint32_t)length) : 0;
  switch (below(6)) {
    case 0: if (length) data[at] = (char)below(256); return length;
    case 1: if (length) data[at] = special[below(sizeof special)]; return length;
    case 2: return at; /* cut off */
    case 3: { /* drop a part */
      size_t gone = length ? below((uint32_t)(length - at)) : 0;
      memmove(data + at, data + at + gone, length - at - gone);
      return length - gone;
    }
    case 4: { /* a word in between */
      const char *word = words[below(sizeof words / sizeof *words)];
      size_t more = strlen(word);
      if (length + more > MOST) return length;
      memmove(data + at + more, data + at, length - at);
      memcpy(data + at, word, more);
      return length + more;
    }
    default: { /* twice the same */
      size_t more = length - at;
      if (length + more > MOST) return length;
      memcpy(data + length, data + at, more);
      return length + more;
    }
  }
}

int main(int argc, char **argv) {
  if (argc != 3) return 2;
  long runs = atol(argv[1]), done = 0;
  state = strtoull(argv[2], NULL, 10) * 0x9e3779b97f4a7c15u + 1;
  for (int i = 0; i < CORPUS; i++)
    for (size_t length = 0; length <= strlen(corpus[i]); length++, done++) check(corpus[i], length);
  for (char input[MOST]; runs-- > 0; done++) {
    const char *chosen = corpus[below(CORPUS)];
    size_t length = strlen(chosen);
    memcpy(input, chosen, length);
    for (uint32_t changes = 1 + below(6); changes-- > 0;) length = mutate(input, length);
    check(input, length);
  }
  printf("%ld inputs\n", done);
  return 0;
}
#endif
