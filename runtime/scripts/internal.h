/* SPDX-License-Identifier: MIT */
/* internal.h - what these files of scripts/ share: generations.c (which scripts serve), change.c
 * (the files that a change asks for), edit.c (those that it writes into the site folder),
 * activation.c (from there to where they serve), trial.c (previews), quarantine.c (whose scripts do
 * not run), ops.c (the face to the API). */
#ifndef TN_SCRIPTS_INTERNAL_H
#define TN_SCRIPTS_INTERNAL_H

#include "base/map.h"
#include "scripts/connections.h"
#include "scripts/generations.h"
#include "scripts/trial/shadow.h"

enum { HASH_HEX = 65, UNIT_NAME = 64, PINS_MAX = 32 };

extern const char generations_active_key[];      /* in tn_library_space: what serves */
extern const char generations_previewed_space[]; /* hash of a set: who has seen what it would do */

struct tn_generations {
    struct tn_generations_options o;
    struct tn_units *units; /* what serves */
    struct tn_connections *connections;
    char hash[HASH_HEX];          /* of the files that serve */
    struct activation *under_way; /* one at a time; the others wait behind it */
    struct waiting *waiting;
    struct following *following; /* another worker; no activation begins before it is done */
    char refused[HASH_HEX];      /* what was followed and does not load here */
    struct tn_timer *try_again;  /* then it is tried again */
    struct trying *trying;       /* a preview; one at a time */
    struct tn_shadow *shadow;    /* of what served before; NULL: none */
    struct tn_timer *shadow_end;
    struct tn_map unnoted; /* isolates in quarantine for which the shared page has no room */
};

/* What serves by the store's word. */
struct active {
    char hash[HASH_HEX]; /* of the set of files; "": nothing ever did */
    int64_t version;     /* of the word; TN_NEW_ONLY: there is none */
};

/* A unit that was rolled back, and what the site folder had of it then. */
struct pin {
    char unit[UNIT_NAME], site[HASH_HEX]; /* site "": no longer */
};

struct pins {
    struct pin v[PINS_MAX];
    size_t n;
};

/* A change as it was asked for, kept. */
struct wish {
    char who[128], expect[HASH_HEX + 2], unit[UNIT_NAME], generation[HASH_HEX];
    char based_on[HASH_HEX]; /* of one file */
    bool only_new;
    struct tn_script_file *files;
    struct edited *edited; /* one per file (edit.c) */
    size_t n_files;
    bool written; /* all of them are in the site folder already */
    int shadow_minutes;
    tn_reload_fn done;
    void *arg;
};

struct activation {
    struct tn_generations *g;
    struct tn_units *units;
    struct active from;       /* what it began from, and may replace */
    struct tn_fileset *files; /* that are being loaded */
    struct tn_errand *loading;
    struct tn_err err;     /* why they do not load */
    bool starts_by_folder; /* nothing serves yet, and these are the site folder's */
    struct tn_timer *spread;
    size_t next_table;
    int64_t began_us, spread_us;
    struct wish wish;
    struct pins pins; /* to be written */
    struct tn_reload_report report;
};

/* ---- generations.c ---- */

/* Whatever serves from now on serves by these, as of that version of the store's word; follows its
 * word about a shadow too. */
void generations_serve(struct tn_generations *g, struct tn_units *units_give, int64_t version);
/* The site folder over the shipped files. */
struct tn_fileset *generations_site(const struct tn_generations *g, struct tn_err *err);
bool generations_active(const struct tn_generations *g, struct active *out, struct tn_err *err);
/* Its hash; kind not_found: nothing ever served. */
bool generations_stored_hash(const struct tn_generations *g, char hash[HASH_HEX],
                             struct tn_err *err);
struct tn_fileset *generations_stored_files(const struct tn_generations *g, struct tn_err *err);
struct tn_units *generations_load(struct tn_generations *g, struct tn_fileset *files,
                                  struct tn_err *err);
/* The whole answer to "may these serve": they load, and what they publish does not clash. */
struct tn_units *generations_load_fitting(struct tn_generations *g, struct tn_fileset *files,
                                          struct tn_err *err);
/* At a start the folder is refused, and what it asked for is not written either: a roll back that
 * it would end goes on.  NULL: nothing served, or that does not load. */
struct tn_units *generations_served_last(struct activation *a, const struct tn_err *refused);
/* What another worker may have activated.  True: it is being loaded, and generations_go_on comes
 * after it. */
bool generations_follow(struct tn_generations *g);
bool generations_shadow_runs(const struct tn_generations *g, const struct tn_shadow_wish *wish);

/* ---- change.c ---- */

/* The whole set of files that the wish of a asks for. */
struct tn_fileset *change_files(struct activation *a, struct tn_err *err);
struct tn_fileset *change_with_pins(struct activation *a, struct tn_fileset *site_give,
                                    struct tn_err *err);
/* Files that were combined so are not taken after all. */
void change_forget_pins(struct activation *a);
bool change_expected(const struct activation *a, const struct tn_fileset *files,
                     struct tn_err *err);
/* Whether somebody has seen what these would do, where that is asked for. */
bool change_previewed(const struct tn_generations *g, const struct wish *wish,
                      struct tn_fileset *files, struct tn_err *err);

/* ---- edit.c ---- */

void edit_keep_files(struct wish *w, const struct tn_script_file *files, size_t n);
void edit_drop_files(struct wish *w);
/* The site folder's own files (NULL: none) with these, over the shipped ones.  kind not_found: one
 * is to be left out that is not there. */
struct tn_fileset *edit_set(struct tn_fileset *own_give, const struct tn_script_file *files,
                            size_t n, struct tn_err *err);
/* The same over the site folder as it is, if it is what the wish is based on. */
struct tn_fileset *edit_site(const struct tn_generations *g, const struct wish *w,
                             struct tn_err *err);
/* The set loads and its tables are there: the files go into the site folder, once.  Before the
 * store's word changes: who begins from that word finds them. */
bool edit_write(struct activation *a, struct tn_err *err);
/* The change failed: what was written is as it was.  Where nothing was, nothing is done. */
void edit_undo(struct activation *a);

/* ---- activation.c ---- */

struct activation *activation_new(struct tn_generations *g, const struct wish *wish_give);
void activation_start(struct activation *a, struct tn_units *units_give);
/* An end that is known inside the call which asked: answered in a later turn. */
void activation_end_soon(struct activation *a, const struct tn_err *err);
void generations_activate(void *self, const struct tn_script_change *change, tn_reload_fn done,
                          void *arg);
void generations_reload(void *self, const char *who, tn_reload_fn done, void *arg);
/* The shadow that the store has. */
void generations_follow_shadow(struct tn_generations *g);
/* The change that waits, or what the store has meanwhile. */
void generations_go_on(struct tn_generations *g);
void generations_activations_drop(struct tn_generations *g);
void generations_log_fault(const struct tn_generations *g, const char *what,
                           const struct tn_err *err);

/* ---- quarantine.c ---- */

void quarantine_open(struct tn_generations *g);
void quarantine_close(struct tn_generations *g);
void quarantine_changed(struct tn_generations *g); /* other scripts serve: another chance */
/* False: the isolate of this name is in quarantine; err says so of the `what` called name. */
bool quarantine_may_run(const struct tn_generations *g, const char *isolate, const char *what,
                        struct tn_str name, struct tn_err *err);
bool quarantine_integration_may_run(const struct tn_generations *g, const struct tn_integration *i,
                                    struct tn_err *err);
/* Writes the events of those that nobody has told of. */
void quarantine_tell(struct tn_generations *g);

/* ---- trial.c ---- */

void generations_preview(void *self, const struct tn_script_trial *trial, tn_trial_fn done,
                         void *arg);
void generations_preview_drop(struct tn_generations *g);

#endif
