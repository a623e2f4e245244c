/* SPDX-License-Identifier: MIT */
/* decl_line.h - where a key stands in the text of a script file: Lua knows the line of a call, not
 * that of a key. */
#ifndef TN_SCRIPTS_DECL_LINE_H
#define TN_SCRIPTS_DECL_LINE_H

#include "base/str.h"

/* The first line at or after line in which key is given a value ("key =", ["key"] =, tn.x "key"),
 * or line if there is none. */
int tn_decl_line_of(struct tn_str text, int line, const char *key);

#endif
