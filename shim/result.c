/* The rules are those of the reference library; spec section 1.4, "Conversion rules". */
#include "result.h"

#include <string.h>

typedef const char *const keys[5]; /* ends in NULL */

static int is_one_of(const char *version, keys versions) {
  while (*versions && strcmp(*versions, version) != 0) versions++;
  return *versions != NULL;
}

/* Add those members of an object that `names` has, with their raw values; `comma` is what stands before the first. */
static void add_members(struct text *out, const char *comma, const char *object, size_t length, keys names) {
  for (int i = 0; names[i]; i++) {
    size_t n = 0;
    const char *value = json_find(object, length, names[i], &n);
    if (!value) continue;
    text_printf(out, "%s\"%s\":", comma, names[i]);
    text_add(out, value, n);
    comma = ",";
  }
}

/* 4 or 6, by the address or prefix under `key`. */
static int family(const char *object, size_t length, const char *key) {
  size_t n = 0;
  const char *address = json_find(object, length, key, &n);
  return address && memchr(address, ':', n) ? 6 : 4;
}

/* Add the result's list `key` with only the members `names` of each element; addresses say their family first. */
static void add_list(struct text *out, const char *data, size_t length, const char *key, keys names) {
  size_t at = 0, n = 0, size = 0;
  const char *list = json_find(data, length, key, &n), *element, *comma = "";
  if (!list || *list != '[') return;
  text_printf(out, ",\"%s\":[", key);
  for (; (element = json_next(list, n, &at, &size)); comma = ",") {
    int is_address = !strcmp(key, "ips");
    text_printf(out, "%s{", comma);
    if (is_address) text_printf(out, "\"version\":\"%d\"", family(element, size, "address"));
    add_members(out, is_address ? "," : "", element, size, names);
    text_printf(out, "}");
  }
  text_printf(out, "]");
}

/* Add the routes of one family, as 0.1.0 and 0.2.0 have them. */
static void add_routes(struct text *out, const char *data, size_t length, int wanted) {
  static keys names = {"dst", "gw"};
  size_t at = 0, n = 0, size = 0;
  const char *list = json_find(data, length, "routes", &n), *element, *comma = ",\"routes\":[", *end = "";
  while (list && (element = json_next(list, n, &at, &size))) {
    if (family(element, size, "dst") != wanted) continue;
    text_printf(out, "%s{", comma);
    add_members(out, "", element, size, names);
    text_printf(out, "}");
    comma = ",";
    end = "]";
  }
  text_printf(out, "%s", end);
}

/* Add the first address of one family, as 0.1.0 and 0.2.0 have it; 0 where there is none. */
static int add_family(struct text *out, const char *data, size_t length, int wanted) {
  static keys names = {"gateway"};
  size_t at = 0, n = 0, size = 0, address_length = 0;
  const char *list = json_find(data, length, "ips", &n), *ip = NULL;
  while (list && (ip = json_next(list, n, &at, &size)) && family(ip, size, "address") != wanted) continue;
  const char *address = ip ? json_find(ip, size, "address", &address_length) : NULL;
  if (!address) return 0;
  text_printf(out, ",\"ip%d\":{\"ip\":", wanted);
  text_add(out, address, address_length);
  add_members(out, ",", ip, size, names);
  add_routes(out, data, length, wanted);
  text_printf(out, "}");
  return 1;
}

const char *add_result(struct text *out, const char *data, size_t length, const char *version) {
  static keys current = {"1.0.0", "1.1.0"}, middle = {"0.3.0", "0.3.1", "0.4.0"}, oldest = {"0.1.0", "0.2.0"};
  static keys members = {"interfaces", "ips", "routes", "dns"}, routes = {"routes"};
  static keys of_interface = {"name", "mac", "sandbox"}, of_ip = {"interface", "address", "gateway"};
  size_t n = 0;
  const char *dns = json_find(data, length, "dns", &n);
  text_printf(out, "{\"cniVersion\":\"%s\"", version);
  if (is_one_of(version, current)) {
    add_members(out, ",", data, length, members);
  } else if (is_one_of(version, middle)) {
    add_list(out, data, length, "interfaces", of_interface);
    add_list(out, data, length, "ips", of_ip);
    add_members(out, ",", data, length, routes);
  } else if (!is_one_of(version, oldest)) {
    return "incompatible CNI versions";
  } else if (add_family(out, data, length, 4) + add_family(out, data, length, 6) == 0) {
    return "cannot convert: no valid IP addresses";
  }
  if (!is_one_of(version, current)) {
    text_printf(out, ",\"dns\":");
    text_add(out, dns ? dns : "{}", dns ? n : 2);
  }
  text_printf(out, "}");
  return NULL;
}
