/* A node without a daemon: the shim becomes a program that carries out this one request. */
#ifndef PLURIMUS_PROGRAM_H
#define PLURIMUS_PROGRAM_H
#include "text.h"

/* Become the program that the file at `path` names, with `config` on standard input.  The file has one word a line:
 * first any NAME=value for its environment, then the path of an executable, then its arguments.  Returns only where
 * that fails: why. */
const char *become_program(const char *path, const struct text *config);
#endif
