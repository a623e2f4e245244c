/* SPDX-License-Identifier: MIT */
/* connections.h - a connection is an integration that is loaded: an isolate with the decrypted
 * config. It is made when it is first needed, and replaced when the config or the scripts
 * change. Work that began with an old connection ends on it. Life: new; units (again after each
 * reload); health, test, sources (source.h); free. Worker process. */
#ifndef TN_SCRIPTS_CONNECTIONS_H
#define TN_SCRIPTS_CONNECTIONS_H

#include "access/integration.h"
#include "scripts/units.h"
#include "sync/source.h"

struct tn_connections;
struct tn_connection;
struct tn_probe;

struct tn_connections_options {
    const struct bind_env *env;
    /* Fills out, which the caller initialised, with the integration if its row is in memory.
     * NULL: the connections read the rows from env's store and keep them, encrypted, until drop
     * or forget. */
    bool (*find)(void *arg, int64_t team, const char *id, struct tn_integration *out,
                 struct tn_err *err);
    /* NULL: every integration may run. */
    bool (*may_run)(void *arg, const struct tn_integration *i, struct tn_err *err);
    void *arg;
};
/* Takes a reference to units. */
struct tn_connections *tn_connections_new(const struct tn_connections_options *o,
                                          struct tn_units *units);
void tn_connections_free(struct tn_connections *c); /* NULL does nothing */
/* Uses this set of scripts from now on. */
void tn_connections_units(struct tn_connections *c, struct tn_units *units);
struct tn_units *tn_connections_current(const struct tn_connections *c); /* borrowed */
/* To be called when the integration was changed or deleted: drops its connection with the
 * secrets. */
void tn_connections_drop(struct tn_connections *c, const char *id);
/* To be called when any integration may have changed: each that did is replaced when it is next
 * needed. */
void tn_connections_forget(struct tn_connections *c);

typedef void (*tn_connection_fn)(void *arg, const struct tn_connection *c);
/* Calls fn for each connection that this process has made. fn must not change them. */
void tn_connections_each(const struct tn_connections *c, tn_connection_fn fn, void *arg);

/* Returns the connection of an integration, as it is stored now, after tn_connections_load; the
 * caller owns the reference. Kinds: invalid (its config does not fit the adapter), unavailable
 * (it was not loaded, or was changed since), and the kinds of loading. */
TN_MUST_CHECK struct tn_connection *tn_connection_get(struct tn_connections *c, int64_t team,
                                                      const char *id, struct tn_err *err);
/* Reads the row and loads the scripts that tn_connection_get and the mapping of an operation
 * (NULL: none) need. The scripts load beside the loop. done is called once, in a later turn;
 * within it the connection is ready. err says why loading failed. NULL: nothing has to be
 * loaded. tn_connections_stop, called before done, prevents done. */
TN_MUST_CHECK struct tn_loading *tn_connections_load(struct tn_connections *c, int64_t team,
                                                     const char *id, const char *operation,
                                                     tn_loaded_fn done, void *arg);
void tn_connections_stop(struct tn_loading *loading); /* NULL does nothing */
struct tn_connection *tn_connection_ref(struct tn_connection *c);
void tn_connection_unref(struct tn_connection *c); /* NULL does nothing */
const struct tn_integration *tn_connection_integration(const struct tn_connection *c);
const struct tn_decl *tn_connection_adapter(const struct tn_connection *c);
struct tn_unit *tn_connection_unit(const struct tn_connection *c);
struct tn_isolate *tn_connection_isolate(const struct tn_connection *c);
/* The time (tn_mono_us) at which the connection was replaced or dropped; 0: it is still in use. */
const int64_t *tn_connection_replaced_us(const struct tn_connection *c);
/* Returns the mapping of that name, which belongs to the connection and is loaded into its
 * isolate once. */
TN_MUST_CHECK const struct tn_mapping *tn_connection_mapping(struct tn_connection *c,
                                                             const char *name, struct tn_err *err);
/* Pushes the value of a JSON text; raises when the text is not JSON. */
void tn_connection_push_json(lua_State *L, struct tn_str text);
/* Starts the function fn of std/connection.lua ("run", "health"). Its arguments are the adapter,
 * the config, and the values that push adds. */
TN_MUST_CHECK struct tn_task *tn_connection_start(struct tn_connection *c, const char *fn,
                                                  const struct tn_task_call *call, void *arg,
                                                  struct tn_err *err);
/* Masks secrets in the failure of an adapter's task before it is shown, because a peer may have
 * repeated them in any spelling. */
void tn_connection_redact(const struct tn_connection *c, struct tn_err *err);

/* ---- health ---- */

struct tn_health {
    bool connected;
    int64_t took_ms;
    const char *version; /* NULL: the peer did not give it */
    struct tn_err err;   /* why the peer is not connected; kind none: it is */
};
/* Called once, in a later turn, unless the probe was cancelled; h is borrowed for the call. */
typedef void (*tn_health_fn)(void *arg, const struct tn_health *h);
/* Runs the adapter's health function, which only reads. limit_ms 0: 60,000. NULL: err says why
 * it did not start, and done is not called. */
TN_MUST_CHECK struct tn_probe *tn_connections_health(struct tn_connections *c, int64_t team,
                                                     const char *id, int limit_ms,
                                                     tn_health_fn done, void *arg,
                                                     struct tn_err *err);
/* Must not be called after done. */
void tn_probe_cancel(struct tn_probe *p);

#endif
