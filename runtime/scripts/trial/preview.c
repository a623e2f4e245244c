/* SPDX-License-Identifier: MIT */
#include "scripts/trial/preview.h"

#include "base/alloc.h"
#include "base/limits.h"
#include "base/time.h"
#include "scripts/trial/clash.h"
#include "scripts/trial/compare.h"
#include "scripts/trial/evidence.h"
#include "loop/loop.h"
#include "script/errand.h"
#include "store/read.h"

enum { SLICE_US = 2000, ANSWER_MAX = 16 * TN_MIB };

struct tn_preview {
    struct tn_preview_options o;
    struct tn_errand *loading;
    struct tn_compare *compare;
    struct tn_clash *clash; /* checks the keys of the new set */
    bool keys_seen;         /* the check found no clash */
    struct tn_err err;      /* why the sets do not load */
    struct tn_findings *findings;
    struct tn_timer *turn;
    struct tn_call *call; /* for the next sample, or for names */
    struct tn_evidence evidence;
    struct tn_json *sample;
    bool in_sample;
};

/* May free p. */
static void answer(struct tn_preview *p, const struct tn_found *names)
{
    struct tn_buf out;
    struct tn_jw w;
    struct tn_err err;
    char hash[65];
    tn_buf_init(&out, ANSWER_MAX);
    tn_jw_init(&w, &out);
    tn_jw_object(&w);
    tn_fileset_hash(p->o.to, hash);
    tn_jw_kz(&w, "generation", hash);
    tn_fileset_hash(p->o.from, hash);
    tn_jw_kz(&w, "active", hash);
    tn_compare_changes(p->compare, &w);
    tn_clash_write(p->clash, &w);
    tn_findings_write(p->findings, names, &w);
    tn_jw_end(&w);
    if (tn_buf_ok(&out, "the preview", &err))
        p->o.done(p->o.arg, tn_buf_str(&out), NULL);
    else
        p->o.done(p->o.arg, TN_STR(""), &err);
    tn_buf_clear(&out);
}

static void fail(struct tn_preview *p, const struct tn_err *err)
{
    p->o.done(p->o.arg, TN_STR(""), err); /* may free p */
}

static void names_found(void *arg, struct tn_found *found, const struct tn_err *err)
{
    struct tn_preview *p = arg;
    p->call = NULL;
    if (err)
        fail(p, err);
    else
        answer(p, found);
}

static void read_names(struct tn_preview *p)
{
    struct tn_read *read = tn_read_new(p->o.team);
    if (tn_findings_ask(p->findings, read)) {
        p->call = tn_store_read(p->o.env->store, read, NULL, names_found, p);
        return;
    }
    tn_read_free(read);
    answer(p, NULL);
}

static void sample_found(void *arg, struct tn_found *found, const struct tn_err *err)
{
    struct tn_preview *p = arg;
    struct tn_evidence *e = &p->evidence;
    struct tn_err why;
    bool sample;
    p->call = NULL;
    if (!err && !tn_evidence_found(e, found, 0, p->o.env->secrets, p->sample, &sample, &why))
        err = &why;
    if (err && err->kind == TN_E_not_found) {
        read_names(p);
        return;
    }
    if (err) {
        fail(p, err);
        return;
    }
    struct tn_sample s = {.integration = e->integration,
                          .operation = e->operation,
                          .mapping = e->mapping,
                          .text = e->rows};
    p->in_sample = sample && tn_compare_sample(p->compare, &s, p->findings);
    tn_timer_set(p->turn, 0);
}

static void read_sample(struct tn_preview *p)
{
    struct tn_read *read = tn_read_new(p->o.team);
    tn_evidence_ask(&p->evidence, read);
    p->call = tn_store_read(p->o.env->store, read, NULL, sample_found, p);
}

/* Refuses the change if the store would refuse its keys. False: the check goes on, or the
 * preview was answered. */
static bool look_at_keys(struct tn_preview *p)
{
    struct tn_err err;
    if (p->keys_seen) return true;
    if (tn_clash_step(p->clash, &err)) return false;
    p->keys_seen = true;
    if (!err.kind) return true;
    fail(p, &err);
    return false;
}

static void step(void *arg)
{
    struct tn_preview *p = arg;
    if (!look_at_keys(p)) return;
    if (p->in_sample) {
        enum tn_compared how = tn_compare_step(p->compare, tn_mono_us() + SLICE_US);
        if (how == TN_COMPARED_waits) return;
        p->in_sample = how == TN_COMPARED_more;
    }
    if (p->in_sample)
        tn_timer_set(p->turn, 0);
    else
        read_sample(p);
}

static void wakes(void *arg)
{
    struct tn_preview *p = arg;
    tn_timer_set(p->turn, 0);
}

/* Only the candidate can have faults here: the serving set has been loaded before. */
static void load_both(void *arg)
{
    struct tn_preview *p = arg;
    p->compare = tn_compare_new(p->o.env->host, p->o.from, p->o.to, wakes, p, &p->err);
}

static void both_loaded(void *arg)
{
    struct tn_preview *p = arg;
    p->loading = NULL;
    if (p->compare) {
        p->clash = tn_clash_new(p->o.env->store, tn_compare_from(p->compare),
                                tn_compare_to(p->compare), wakes, p);
        tn_timer_set(p->turn, 0);
    } else {
        fail(p, &p->err);
    }
}

struct tn_preview *tn_preview_start(const struct tn_preview_options *o)
{
    struct tn_preview *p = TN_NEW(struct tn_preview);
    p->o = *o;
    tn_fileset_ref(o->from);
    tn_fileset_ref(o->to);
    p->sample = tn_json_new();
    p->findings = tn_findings_new();
    tn_evidence_init(&p->evidence);
    p->turn = tn_timer_new(o->loop, step, p);
    p->loading = tn_errand_start(o->env->host, load_both, both_loaded, p);
    return p;
}

void tn_preview_free(struct tn_preview *p)
{
    if (!p) return;
    tn_errand_stop(p->loading);
    tn_call_cancel(p->call);
    tn_timer_free(p->turn);
    tn_clash_free(p->clash);
    tn_compare_free(p->compare);
    tn_findings_free(p->findings);
    tn_evidence_clear(&p->evidence);
    tn_json_free(p->sample);
    tn_fileset_unref(p->o.from);
    tn_fileset_unref(p->o.to);
    tn_free(p);
}
