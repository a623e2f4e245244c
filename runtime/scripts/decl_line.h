/* SPDX-License-Identifier: MIT */
/* decl_line.h - finds the line of a key in the text of a script file, because Lua knows the line
 * of a call but not that of a key. */
#ifndef TN_SCRIPTS_DECL_LINE_H
#define TN_SCRIPTS_DECL_LINE_H

#include "base/str.h"

/* The first line, from `line` on, that gives key a value ("key =", ["key"] =, tn.x "key");
 * `line` itself if there is none. */
int tn_decl_line_of(struct tn_str text, int line, const char *key);

#endif
