/* SPDX-License-Identifier: MIT */
/* bind_rows.h - records of a text for scripts: what tenon.csv, tenon.xml and tenon.fixed share. */
#ifndef TN_BIND_BIND_ROWS_H
#define TN_BIND_BIND_ROWS_H

#include "bind/row_reader.h"

/* parse(text, options): all records as an array; or nil, err of the first that is bad (err.line).
 */
int bind_rows_parse(lua_State *L, const char *kind);
/* rows(text, options): an iterator of line, record; of line, nil, err for what is bad.  Holds the
 * text and one piece of it at work.  kind NULL: a stream is read as well, and the options say the
 * format. */
int bind_rows_each(lua_State *L, const char *kind);
/* The same of a stream, the method rows(options) of one. */
int bind_rows_of_stream(lua_State *L);
/* rows(text or stream, options with a format): the records, the bad rows (each a table with line
 * and message), and the err of a text that broke off, or nil.  A stream has come to its end. */
int bind_rows_sorted(lua_State *L);
/* The root of an XML document and its name; or nil, err. */
int bind_rows_document(lua_State *L);

#endif
