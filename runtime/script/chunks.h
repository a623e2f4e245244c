/* SPDX-License-Identifier: MIT */
/* chunks.h - files that were compiled, for all isolates of a host: a reload loads the same files of
 * stdlib/ into each isolate anew, and to read bytecode takes a tenth of compiling. Only what this
 * process compiled is in it; scripts cannot give bytecode. For script/ only. Any thread. */
#ifndef TN_SCRIPT_CHUNKS_H
#define TN_SCRIPT_CHUNKS_H

#include <lua.h>

#include "base/str.h"

struct tn_chunks;

struct tn_chunks *tn_chunks_new(void);
void tn_chunks_free(struct tn_chunks *chunks); /* NULL does nothing */
/* Pushes the function of this text, if it was compiled under this name before. False: nothing is
 * pushed. */
bool tn_chunks_push(struct tn_chunks *chunks, lua_State *L, const char *name, struct tn_str text);
/* Keeps the function on top of the stack, which was compiled from the text, in place of what was
 * kept under the name. */
void tn_chunks_keep(struct tn_chunks *chunks, lua_State *L, const char *name, struct tn_str text);

#endif
