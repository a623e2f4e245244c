/* SPDX-License-Identifier: MIT */
#include "scripts/library.h"

#include <stdio.h>

#include "base/limits.h"
#include "store/commit.h"
#include "store/store.h"

enum { KEY_MAX = 256, LIST_MAX = TN_MIB, FILES_MAX = 14 * TN_MIB, HASH_HEX = 64, START_MIN = 4 };

const char tn_library_space[] = "scripts";

/* ---- keeping ---- */

static bool has(struct tn_store *store, const char *key, bool *there, struct tn_err *err)
{
    struct tn_buf value;
    tn_buf_init(&value, FILES_MAX);
    *there =
        tn_store_kv_get(store, TN_TEAM_SYSTEM, tn_library_space, tn_str(key), &value, NULL, err);
    tn_buf_clear(&value);
    return *there || err->kind == TN_E_not_found;
}

static bool add(struct tn_store *store, struct tn_commit *commit, const char *key,
                struct tn_str value, struct tn_err *err)
{
    bool there;
    if (!has(store, key, &there, err)) return false;
    return there || tn_commit_kv_set(commit, TN_TEAM_SYSTEM, tn_library_space, tn_str(key), value,
                                     TN_ANY, 0, err);
}

/* One line a file: hash, blank, path. */
static bool keep_list(struct tn_store *store, struct tn_commit *commit, const char *key,
                      const struct tn_fileset *files, struct tn_err *err)
{
    struct tn_buf list;
    bool ok;
    tn_buf_init(&list, LIST_MAX);
    for (size_t i = 0; i < tn_fileset_count(files); i++) {
        char hex[HASH_HEX + 1];
        tn_file_hash(tn_fileset_at(files, i)->text, hex);
        tn_buf_addf(&list, "%s %s\n", hex, tn_fileset_at(files, i)->path);
    }
    ok = tn_buf_ok(&list, "the list of script files", err) &&
         add(store, commit, key, tn_buf_str(&list), err);
    tn_buf_clear(&list);
    return ok;
}

static bool keep_texts(struct tn_store *store, struct tn_commit *commit,
                       const struct tn_fileset *files, struct tn_err *err)
{
    for (size_t i = 0; i < tn_fileset_count(files); i++) {
        char key[KEY_MAX] = "blob/";
        tn_file_hash(tn_fileset_at(files, i)->text, key + 5);
        if (!add(store, commit, key, tn_fileset_at(files, i)->text, err)) return false;
    }
    return true;
}

bool tn_library_keep(struct tn_store *store, struct tn_commit *commit, const struct tn_units *units,
                     struct tn_err *err)
{
    struct tn_fileset *all = tn_units_files(units);
    char key[KEY_MAX] = "set/";
    bool ok = keep_texts(store, commit, all, err);
    tn_fileset_hash(all, key + 4);
    ok = ok && keep_list(store, commit, key, all, err);
    for (size_t i = 0; ok && i < tn_units_count(units); i++) {
        const struct tn_unit *unit = tn_units_at(units, i);
        snprintf(key, sizeof key, "unit/%s/%s", tn_unit_name(unit), tn_unit_generation(unit));
        ok = keep_list(store, commit, key, tn_unit_files(unit), err);
    }
    return ok;
}

/* ---- reading ---- */

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

static bool read_text(struct tn_store *store, struct tn_str hash, struct tn_buf *text,
                      struct tn_err *err)
{
    char key[KEY_MAX], found[HASH_HEX + 1];
    snprintf(key, sizeof key, "blob/%.*s", TN_FMT(hash));
    tn_buf_reset(text);
    if (!tn_store_kv_get(store, TN_TEAM_SYSTEM, tn_library_space, tn_str(key), text, NULL, err))
        return false;
    tn_file_hash(tn_buf_str(text), found);
    return tn_str_is(hash, found) ||
           tn_fail(err, TN_E_corrupt, "a stored script file is not what its hash says");
}

/* Builds the packed form, because its reader checks every path and text. */
static struct tn_fileset *gather(struct tn_store *store, struct tn_str list, struct tn_err *err)
{
    struct tn_str hash, path;
    struct tn_buf packed, text;
    struct tn_fileset *files = NULL;
    bool ok = true;
    tn_buf_init(&packed, FILES_MAX);
    tn_buf_init(&text, TN_LIMIT_SCRIPT_FILE + 1);
    tn_buf_adds(&packed, "tnfs1\n");
    while (ok && next_line(&list, &hash, &path)) {
        ok = read_text(store, hash, &text, err);
        if (!ok) break;
        tn_buf_addf(&packed, "%.*s\n%zu\n", TN_FMT(path), text.n);
        tn_buf_addstr(&packed, tn_buf_str(&text));
    }
    if (ok && tn_buf_ok(&packed, "the scripts in all", err))
        files = tn_fileset_unpack(tn_buf_str(&packed), err);
    tn_buf_clear(&packed);
    tn_buf_clear(&text);
    return files;
}

static struct tn_fileset *read_list(struct tn_store *store, const char *key, struct tn_err *err)
{
    struct tn_buf list;
    struct tn_fileset *files = NULL;
    tn_buf_init(&list, LIST_MAX);
    if (tn_store_kv_get(store, TN_TEAM_SYSTEM, tn_library_space, tn_str(key), &list, NULL, err))
        files = gather(store, tn_buf_str(&list), err);
    tn_buf_clear(&list);
    return files;
}

struct tn_fileset *tn_library_set(struct tn_store *store, const char *hash, struct tn_err *err)
{
    char key[KEY_MAX];
    snprintf(key, sizeof key, "set/%s", hash);
    return read_list(store, key, err);
}

struct tn_fileset *tn_library_unit(struct tn_store *store, const char *unit, const char *generation,
                                   struct tn_err *err)
{
    char key[KEY_MAX];
    snprintf(key, sizeof key, "unit/%s/%s", unit, generation);
    return read_list(store, key, err);
}

/* ---- by the first digits ---- */

struct finding {
    size_t skip, found;
    char *generation;
};

static bool take_name(void *arg, struct tn_str key, struct tn_str value, int64_t version)
{
    struct finding *f = arg;
    (void)value, (void)version;
    if (key.n != f->skip + HASH_HEX) return true;
    snprintf(f->generation, HASH_HEX + 1, "%.*s", HASH_HEX, key.p + f->skip);
    return ++f->found < 2;
}

bool tn_library_find(struct tn_store *store, const char *unit, struct tn_str start,
                     char generation[65], struct tn_err *err)
{
    struct finding f = {.generation = generation};
    char prefix[KEY_MAX];
    if (start.n < START_MIN || start.n > HASH_HEX)
        return tn_fail(err, TN_E_invalid, "a generation is named by 4 to 64 hex digits");
    f.skip = (size_t)snprintf(prefix, sizeof prefix, "unit/%.127s/", unit);
    snprintf(prefix + f.skip, sizeof prefix - f.skip, "%.*s", TN_FMT(start));
    if (!tn_store_kv_list(store, TN_TEAM_SYSTEM, tn_library_space, tn_str(prefix), TN_STR(""), 2,
                          take_name, &f, err))
        return false;
    if (f.found == 1) return true;
    return f.found ? tn_fail(err, TN_E_invalid, "more than one generation of %s begins with %.*s",
                             unit, TN_FMT(start))
                   : tn_fail(err, TN_E_not_found, "there is no generation %.*s of unit '%s'",
                             TN_FMT(start), unit);
}
