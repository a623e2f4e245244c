/* SPDX-License-Identifier: MIT */
/* bind_rows.h - records of a text for scripts: what tenon.csv, tenon.xml and tenon.fixed share. */
#ifndef TN_BIND_BIND_ROWS_H
#define TN_BIND_BIND_ROWS_H

#include "bind/row_reader.h"

/* parse(text, options): gives all records as an array, or nil and the err of the first bad one
 * (err.line).
 */
int bind_rows_parse(lua_State *L, const char *kind);
/* rows(text, options): gives an iterator of line, record; a bad row gives line, nil, err. Holds the
 * text and one piece of it in work. kind NULL: it also reads a stream, and the options name the
 * format. */
int bind_rows_each(lua_State *L, const char *kind);
/* rows(text or stream, options with a format): the records, the bad rows (each a table with line
 * and message), and the err of a text that broke off, or nil.  A stream has come to its end. */
int bind_rows_sorted(lua_State *L);
/* The root of an XML document and its name; or nil, err. */
int bind_rows_document(lua_State *L);

#endif
