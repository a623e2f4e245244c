/* SPDX-License-Identifier: MIT */
#include "scripts/library.h"

#include <stdio.h>

#include "base/alloc.h"
#include "base/limits.h"
#include "store/commit.h"
#include "store/read.h"

enum { KEY_MAX = 256, LIST_MAX = TN_MIB, FILES_MAX = 14 * TN_MIB, HASH_HEX = 64, START_MIN = 4 };

const char tn_library_space[] = "scripts";

/* ---- keeping ---- */

/* The same walk over the files runs twice: first to ask what the store has, then to add what it
 * lacks. So question i and addition i are about the same text or list. */
struct keeping {
    struct tn_read *read; /* NULL: this is the second walk, which adds */
    struct tn_commit *commit;
    const struct tn_found *found;
    size_t question;
};

static bool keep(struct keeping *k, const char *key, struct tn_str value, struct tn_err *err)
{
    const struct tn_err *lacks;
    if (k->read) {
        tn_read_kv(k->read, tn_library_space, tn_str(key));
        return true;
    }
    lacks = tn_found_err(k->found, k->question++);
    if (!lacks) return true;
    if (lacks->kind == TN_E_not_found)
        return tn_commit_kv_set(k->commit, TN_TEAM_SYSTEM, tn_library_space, tn_str(key), value,
                                TN_ANY, 0, err);
    *err = *lacks;
    return false;
}

/* Keeps the list of a set's files: a line for each, with hash, blank and path. */
static bool keep_list(struct keeping *k, const char *key, const struct tn_fileset *files,
                      struct tn_err *err)
{
    struct tn_buf list;
    bool ok;
    tn_buf_init(&list, LIST_MAX);
    for (size_t i = 0; i < tn_fileset_count(files); i++) {
        char hex[HASH_HEX + 1];
        tn_file_hash(tn_fileset_at(files, i)->text, hex);
        tn_buf_addf(&list, "%s %s\n", hex, tn_fileset_at(files, i)->path);
    }
    ok = tn_buf_ok(&list, "the list of script files", err) && keep(k, key, tn_buf_str(&list), err);
    tn_buf_clear(&list);
    return ok;
}

static bool keep_texts(struct keeping *k, const struct tn_fileset *files, struct tn_err *err)
{
    for (size_t i = 0; i < tn_fileset_count(files); i++) {
        char key[KEY_MAX] = "blob/";
        tn_file_hash(tn_fileset_at(files, i)->text, key + 5);
        if (!keep(k, key, tn_fileset_at(files, i)->text, err)) return false;
    }
    return true;
}

static bool keep_all(struct keeping *k, const struct tn_units *units, struct tn_err *err)
{
    struct tn_fileset *all = tn_units_files(units);
    char key[KEY_MAX] = "set/";
    bool ok = keep_texts(k, all, err);
    tn_fileset_hash(all, key + 4);
    ok = ok && keep_list(k, key, all, err);
    for (size_t i = 0; ok && i < tn_units_count(units); i++) {
        const struct tn_unit *unit = tn_units_at(units, i);
        snprintf(key, sizeof key, "unit/%s/%s", tn_unit_name(unit), tn_unit_generation(unit));
        ok = keep_list(k, key, tn_unit_files(unit), err);
    }
    return ok;
}

bool tn_library_ask(struct tn_read *read, const struct tn_units *units, struct tn_err *err)
{
    struct keeping k = {.read = read};
    return keep_all(&k, units, err);
}

bool tn_library_keep(struct tn_commit *commit, const struct tn_units *units,
                     const struct tn_found *found, struct tn_err *err)
{
    struct keeping k = {.commit = commit, .found = found};
    return keep_all(&k, units, err);
}

/* ---- fetching ---- */

struct tn_fetch {
    struct tn_store *store;
    struct tn_call *call;
    char unit[TN_UNIT_NAME], start[HASH_HEX + 1]; /* unit "": a whole set is fetched */
    size_t start_length;
    struct tn_found *list; /* the answer in which the names of the texts stand */
    struct tn_str lines;
    tn_fetch_fn done;
    void *arg;
};

static void fetch_free(struct tn_fetch *f)
{
    tn_found_unref(f->list);
    tn_free(f);
}

static void fetch_end(struct tn_fetch *f, struct tn_fileset *files, const struct tn_err *err)
{
    f->done(f->arg, files, files ? NULL : err);
    tn_fileset_unref(files);
    fetch_free(f);
}

static bool next_line(struct tn_str *rest, struct tn_str *hash, struct tn_str *path)
{
    struct tn_str line;
    if (!rest->n) return false;
    tn_str_split(rest, '\n', &line);
    if (line.n <= HASH_HEX + 1) return false;
    *hash = (struct tn_str){line.p, HASH_HEX};
    *path = (struct tn_str){line.p + HASH_HEX + 1, line.n - HASH_HEX - 1};
    return true;
}

static bool take_text(const struct tn_found *found, size_t question, struct tn_str hash,
                      struct tn_str *text, struct tn_err *err)
{
    char is[HASH_HEX + 1];
    const struct tn_err *why = tn_found_err(found, question);
    if (why) {
        *err = *why;
        return false;
    }
    *text = tn_found_kv(found, question, 0)->value;
    tn_file_hash(*text, is);
    return tn_str_is(hash, is) ||
           tn_fail(err, TN_E_corrupt, "a stored script file is not what its hash says");
}

/* Builds the packed form, because its reader checks every path and text. */
static struct tn_fileset *gather(struct tn_str lines, const struct tn_found *found,
                                 struct tn_err *err)
{
    struct tn_str hash, path, text;
    struct tn_buf packed;
    struct tn_fileset *files = NULL;
    bool ok = true;
    tn_buf_init(&packed, FILES_MAX);
    tn_buf_adds(&packed, "tnfs1\n");
    for (size_t i = 0; ok && next_line(&lines, &hash, &path); i++) {
        ok = take_text(found, i, hash, &text, err);
        if (!ok) break;
        tn_buf_addf(&packed, "%.*s\n%zu\n", TN_FMT(path), text.n);
        tn_buf_addstr(&packed, text);
    }
    if (ok && tn_buf_ok(&packed, "the scripts in all", err))
        files = tn_fileset_unpack(tn_buf_str(&packed), err);
    tn_buf_clear(&packed);
    return files;
}

static void texts_found(void *arg, struct tn_found *found, const struct tn_err *err)
{
    struct tn_fetch *f = arg;
    struct tn_err why;
    f->call = NULL;
    if (err)
        fetch_end(f, NULL, err);
    else
        fetch_end(f, gather(f->lines, found, &why), &why);
}

static void fetch_texts(struct tn_fetch *f)
{
    struct tn_read *read = tn_read_new(TN_TEAM_SYSTEM);
    struct tn_str lines = f->lines, hash, path;
    while (next_line(&lines, &hash, &path)) {
        char key[KEY_MAX];
        snprintf(key, sizeof key, "blob/%.*s", TN_FMT(hash));
        tn_read_kv(read, tn_library_space, tn_str(key));
    }
    f->call = tn_store_read(f->store, read, NULL, texts_found, f);
}

/* Is there exactly one generation whose name begins with f->start? */
static bool only_one(const struct tn_fetch *f, const struct tn_found *found, struct tn_err *err)
{
    size_t skip = strlen("unit/") + strlen(f->unit) + 1, n = 0;
    if (f->start_length < START_MIN || f->start_length > HASH_HEX)
        return tn_fail(err, TN_E_invalid, "a generation is named by 4 to 64 hex digits");
    for (const struct tn_kv *kv; (kv = tn_found_kv(found, 0, n)); n++)
        if (kv->key.n != skip + HASH_HEX) return tn_fail(err, TN_E_corrupt, "a generation's name");
    if (n == 1) return true;
    return n ? tn_fail(err, TN_E_invalid, "more than one generation of %s begins with %s", f->unit,
                       f->start)
             : tn_fail(err, TN_E_not_found, "there is no generation %s of unit '%s'", f->start,
                       f->unit);
}

static void list_found(void *arg, struct tn_found *found, const struct tn_err *err)
{
    struct tn_fetch *f = arg;
    struct tn_err why;
    f->call = NULL;
    if (!err) err = tn_found_err(found, 0);
    if (!err && f->unit[0] && !only_one(f, found, &why)) err = &why;
    if (err) {
        fetch_end(f, NULL, err);
        return;
    }
    f->list = tn_found_ref(found);
    f->lines = tn_found_kv(found, 0, 0)->value;
    fetch_texts(f);
}

struct tn_fetch *tn_library_set(struct tn_store *store, const char *hash, tn_fetch_fn done,
                                void *arg)
{
    struct tn_fetch *f = TN_NEW(struct tn_fetch);
    struct tn_read *read = tn_read_new(TN_TEAM_SYSTEM);
    char key[KEY_MAX];
    *f = (struct tn_fetch){.store = store, .done = done, .arg = arg};
    snprintf(key, sizeof key, "set/%s", hash);
    tn_read_kv(read, tn_library_space, tn_str(key));
    f->call = tn_store_read(store, read, NULL, list_found, f);
    return f;
}

struct tn_fetch *tn_library_unit(struct tn_store *store, const char *unit, struct tn_str start,
                                 tn_fetch_fn done, void *arg)
{
    struct tn_fetch *f = TN_NEW(struct tn_fetch);
    struct tn_read *read = tn_read_new(TN_TEAM_SYSTEM);
    char prefix[KEY_MAX];
    *f = (struct tn_fetch){.store = store, .done = done, .arg = arg, .start_length = start.n};
    snprintf(f->unit, sizeof f->unit, "%s", unit);
    snprintf(f->start, sizeof f->start, "%.*s", TN_FMT(start));
    snprintf(prefix, sizeof prefix, "unit/%s/%s", f->unit, f->start);
    tn_read_kv_list(read, tn_library_space, tn_str(prefix), TN_STR(""), 2);
    f->call = tn_store_read(store, read, NULL, list_found, f);
    return f;
}

void tn_fetch_stop(struct tn_fetch *f)
{
    if (!f) return;
    tn_call_cancel(f->call);
    fetch_free(f);
}
