/* SPDX-License-Identifier: MIT */
/* ops.h - the loaded scripts as the API sees them: plain data and a few calls, no Lua.
 * app.c fills it over bind/. */
#ifndef TN_SCRIPTS_OPS_H
#define TN_SCRIPTS_OPS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

#include "scripts/surface.h"

struct tn_commit;
struct tn_decl; /* script/decl.h */
struct tn_http_exchange;
struct tn_jw;

/* What probing a connection found: Test Connection, and health checks. */
struct tn_probed {
    bool connected;
    int64_t took_ms;
    char version[64];  /* of the peer; "" unknown */
    struct tn_err err; /* why not connected */
};
typedef void (*tn_probed_fn)(void *arg, const struct tn_probed *found);

/* One unit in use. */
struct tn_unit_info {
    const char *name;       /* "core", "oracle_fusion" */
    const char *generation; /* SHA-256 in hex */
    size_t files;
    bool rolled_back; /* the site folder has another one */
};

/* A script file, as far as it is asked for. */
struct tn_script_file {
    const char *path;
    struct tn_str text;
    char hash[65];
    bool own; /* in the site folder; else shipped */
};

/* What to activate: the site folder as it is; or with files written into it and removed; or an
 * older generation of one unit.  Members that are NULL or zero ask for nothing.  A change that is
 * refused leaves the folder as it was. */
struct tn_script_change {
    const char *who;
    const char *expect;                 /* only if the set still has this hash, else conflict */
    const char *unit, *generation;      /* first digits of one that served before */
    const struct tn_script_file *files; /* text.p NULL: removed */
    size_t count;
    const char *based_on; /* the hash of the text that the one file has to replace; "*": any */
    bool only_new;        /* the one file must not be there, neither in the site nor shipped */
    int shadow_minutes;   /* so long what served before goes on beside it */
};

/* Scripts to be tried: the site folder, or these files over it; text.p NULL: without that file. */
struct tn_script_trial {
    const char *who;
    int64_t team; /* on whose records */
    bool whole;   /* files are all there is besides the shipped ones */
    const struct tn_script_file *files;
    size_t count;
};
/* answer: JSON; or err. */
typedef void (*tn_trial_fn)(void *arg, struct tn_str answer, const struct tn_err *err);
typedef void (*tn_script_file_fn)(void *arg, const struct tn_script_file *file);

/* What a reload did. */
struct tn_reload_report {
    struct {
        char unit[64], generation[65], previous[65];
    } changed[32];
    struct {
        char unit[64], generation[65], site[65];
    } rolled_back[32]; /* units that go by older files than the site folder has */
    size_t changed_count, unchanged, rolled_back_count;
    char set[65];                     /* hash over all files that serve */
    int64_t took_ms, shadow_until_ms; /* 0: no shadow */
    bool shadow_left_out;             /* it was asked for, but there is nothing to compare */
};
typedef void (*tn_reload_fn)(void *arg, const struct tn_reload_report *report,
                             const struct tn_err *err);

/* One isolate of this worker and what it used since it was made. */
struct tn_isolate_info {
    const char *name; /* "integrations:plant_7", "core" */
    const char *unit, *generation;
    uint64_t calls, errors, overruns, beside, cpu_ms;
    size_t bytes, peak_bytes;
    int tasks;
    bool quarantined; /* in all workers */
};
typedef void (*tn_isolate_fn)(void *arg, const struct tn_isolate_info *info);

/* A path that a surface serves. */
struct tn_served_path {
    const char *method, *pattern;
    bool open;          /* answers without a key */
    const void *handle; /* for serve */
};

/* On whose behalf a script answers. */
struct tn_caller {
    int64_t team; /* 0: none (the path is open to all) */
    const char *name;
    bool may_write; /* records and events */
};

struct tn_scripts_ops {
    /* Keeps what the calls below hand out, whatever is loaded anew, until it is let go. */
    void *(*hold)(void *self);
    void (*let_go)(void *held);

    /* Everything borrowed; see hold. */
    size_t (*resources)(void *self);
    const struct tn_decl *(*resource)(void *self, size_t i);
    size_t (*adapters)(void *self);
    const struct tn_decl *(*adapter)(void *self, size_t i);
    size_t (*units)(void *self);
    void (*unit)(void *self, size_t i, struct tn_unit_info *out);
    size_t (*paths)(void *self);
    void (*path)(void *self, size_t i, struct tn_served_path *out);

    /* Answers x, now or later. */
    void (*serve)(void *self, const void *handle, const struct tn_caller *caller,
                  struct tn_http_exchange *x, tn_surface_error_fn error, void *arg);
    /* A light call to the peer; done in a later turn. */
    void (*probe)(void *self, int64_t team, const char *integration_id, int limit_ms,
                  tn_probed_fn done, void *arg);
    /* Reads the site folder, loads, checks, swaps in all workers; done in a later turn. */
    void (*reload)(void *self, const char *who, tn_reload_fn done, void *arg);
    /* The same for any change.  Copies it. */
    void (*activate)(void *self, const struct tn_script_change *change, tn_reload_fn done,
                     void *arg);
    /* Kept records through what serves and what would; nothing is activated.  Copies trial. */
    void (*preview)(void *self, const struct tn_script_trial *trial, tn_trial_fn done, void *arg);
    /* What the last shadow found for a team, as an object.  Kind not_found: there was none. */
    bool (*shadow)(void *self, int64_t team, struct tn_jw *w, struct tn_err *err);
    /* Adds to commit that the one that is running ends; not_found: none is. */
    bool (*end_shadow)(void *self, struct tn_commit *commit, struct tn_err *err);
    /* An integration is deleted: adds to commit that what was kept of its records goes too. */
    bool (*forget)(void *self, int64_t team, const char *integration_id, struct tn_commit *commit,
                   struct tn_err *err);
    /* The isolates of this worker that new work goes to; how many there are in all, with those
     * of older generations that still have work. */
    size_t (*isolates)(void *self, tn_isolate_fn fn, void *arg);
    /* The files of a generation (by its first digits) that served before; *full gets its name. */
    bool (*generation)(void *self, const char *unit, struct tn_str start, char full[65],
                       tn_script_file_fn fn, void *arg, struct tn_err *err);
    /* The files of the site folder and those shipped that it does not replace. */
    bool (*files)(void *self, tn_script_file_fn fn, void *arg, struct tn_err *err);
};

#endif
