/* SPDX-License-Identifier: MIT */
/* client.h - calls from the command line to the running server, over DIR/tenon.sock.
 * Life: open; call, one after the other; close. */
#ifndef TN_CLI_CLIENT_H
#define TN_CLI_CLIENT_H

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"

struct tn_client;

/* False when nothing listens there: err says how to start a server. */
TN_MUST_CHECK struct tn_client *tn_client_open(const char *data, struct tn_err *err);
void tn_client_close(struct tn_client *c); /* NULL does nothing */
/* body absent: none.  The answer's text is in reply until the next call.  False: no answer, or one
 * that says error (err carries its message, file, line and field). */
TN_MUST_CHECK bool tn_client_call(struct tn_client *c, const char *method, const char *path,
                                  struct tn_str body, struct tn_str *reply, struct tn_err *err);
/* Adds one part of a path, or a value of its query, with what may not stand there escaped. */
void tn_client_part(struct tn_buf *path, const char *part);
/* The answer of the last call as JSON. */
struct tn_jval tn_client_json(const struct tn_client *c);

#endif
