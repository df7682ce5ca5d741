/* Results of Multus' own daemon, which are always in version 1.1.0, in the version the runtime asked for. */
#ifndef PLURIMUS_RESULT_H
#define PLURIMUS_RESULT_H
#include <stddef.h>

#include "text.h"

/* Add the result in data[0..length) to `out`, in `version`.  NULL, or why it cannot be said in that version. */
const char *add_result(struct text *out, const char *data, size_t length, const char *version);
#endif
