/* SPDX-License-Identifier: MIT */
/* bind_rows.h - reads the records of a text for scripts; shared by tenon.csv, tenon.xml and
 * tenon.fixed. */
#ifndef TN_BIND_BIND_ROWS_H
#define TN_BIND_BIND_ROWS_H

#include "bind/row_reader.h"

/* parse(text, options): gives all records as an array; or nil and the err of the first bad
 * record (err.line). */
int bind_rows_parse(lua_State *L, const char *kind);
/* rows(text, options): gives an iterator of line, record; for a bad row, of line, nil, err. It
 * holds the text and one part of it. kind NULL: the options name the format, and the first
 * argument may be a stream. */
int bind_rows_each(lua_State *L, const char *kind);
/* rows(text or stream, options with a format): gives the list of records, the list of bad rows
 * (tables with line and message), and nil or the err of a text that broke off. Reads a stream to
 * its end. */
int bind_rows_sorted(lua_State *L);
/* Gives the root of an XML document and its name; or nil, err. */
int bind_rows_document(lua_State *L);

#endif
