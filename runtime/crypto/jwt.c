/* SPDX-License-Identifier: MIT */
#include "crypto/jwt.h"

#include "base/alloc.h"
#include "base/base64.h"
#include "base/limits.h"

enum { TRIES_MAX = 20 };

static bool no(struct tn_err *err, enum tn_kind kind, const char *field, const char *why)
{
    tn_fail(err, kind, "the token is not accepted: %s", why);
    return tn_fail_field(err, "%s", field);
}

struct parts {
    struct tn_str signed_text, header, claims, signature; /* all but signed_text are in base64url */
};

static bool cut(struct tn_str token, struct parts *p)
{
    struct tn_str rest = token;
    if (!token.n || token.n > TN_LIMIT_TOKEN) return false;
    tn_str_split(&rest, '.', &p->header);
    if (!rest.p) return false;
    tn_str_split(&rest, '.', &p->claims);
    if (!rest.p || memchr(rest.p, '.', rest.n)) return false;
    p->signature = rest;
    p->signed_text = (struct tn_str){token.p, (size_t)(rest.p - token.p) - 1};
    return p->header.n && p->claims.n;
}

/* Decodes a part of the token, which must be a JSON object without double members. */
static bool read_object(struct tn_json *json, struct tn_str part, struct tn_buf *text)
{
    struct tn_err err;
    return tn_unbase64url(part, text) && !text->failed &&
           tn_json_parse(json, tn_buf_str(text), &err) &&
           tn_jis(tn_json_root(json), TN_JSON_object) && !tn_json_duplicate(json);
}

/* ---- the header ---- */

struct head {
    enum tn_algorithm algorithm;
    struct tn_str kid; /* absent: none */
};

static bool read_head(struct tn_json *json, struct tn_arena *arena, uint32_t allowed,
                      struct head *head, struct tn_err *err)
{
    struct tn_jval root = tn_json_root(json), kid = tn_jget_z(root, "kid");
    struct tn_str name;
    head->kid = (struct tn_str){NULL, 0};
    if (!tn_jtext(tn_jget_z(root, "alg"), arena, &name) ||
        !tn_algorithm_of(name, &head->algorithm) || !(allowed >> head->algorithm & 1))
        return no(err, TN_E_signature, "alg", "its algorithm (alg) is not among those allowed");
    if (!tn_jis(tn_jget_z(root, "crit"), TN_JSON_absent))
        return no(err, TN_E_signature, "crit", "it asks for an extension (crit)");
    if (tn_jis(kid, TN_JSON_absent)) return true;
    return tn_jtext(kid, arena, &head->kid) ||
           no(err, TN_E_signature, "kid", "its key id (kid) is no text");
}

/* Can this key have made the signature? A key without an id can, unless another key has exactly the
 * token's id. */
static bool eligible(const struct tn_jwt_key *k, const struct head *head, bool by_id)
{
    if (by_id ? !k->kid.p || !tn_str_eq(k->kid, head->kid) : head->kid.p && k->kid.p) return false;
    if (k->limited && k->only != head->algorithm) return false;
    return tn_signature_key_fits(k->key, head->algorithm);
}

static bool is_signed(const struct parts *p, const struct head *head,
                      const struct tn_jwt_options *o, struct tn_err *err)
{
    struct tn_buf signature;
    bool by_id = false, found = false, good = false;
    for (size_t i = 0; i < o->key_count && head->kid.p; i++)
        by_id |= o->keys[i].kid.p && tn_str_eq(o->keys[i].kid, head->kid);
    tn_buf_init(&signature, TN_LIMIT_TOKEN);
    bool readable = tn_unbase64url(p->signature, &signature) && signature.n;
    for (size_t i = 0, tries = 0; i < o->key_count && readable && !good && tries < TRIES_MAX; i++) {
        if (!eligible(&o->keys[i], head, by_id)) continue;
        found = true;
        tries++;
        good = tn_verify(o->keys[i].key, head->algorithm, p->signed_text, tn_buf_str(&signature));
    }
    tn_buf_clear(&signature);
    if (good) return true;
    if (!readable) return no(err, TN_E_signature, "signature", "it has no signature");
    if (!found)
        return no(err, TN_E_signature, "kid", "no key has its id (kid) and algorithm (alg)");
    return no(err, TN_E_signature, "signature", "its signature is wrong");
}

/* ---- the claims ---- */

/* Reads a NumericDate as ms. False: the member is there, but is no date. */
static bool date(struct tn_jval claims, const char *name, bool *there, double *ms)
{
    struct tn_jval v = tn_jget_z(claims, name);
    *there = !tn_jis(v, TN_JSON_absent);
    if (!*there) return true;
    if (!tn_jis(v, TN_JSON_number) || !tn_jdouble(v, ms)) return false;
    *ms *= 1000;
    return true;
}

static bool check_times(struct tn_jval claims, const struct tn_jwt_options *o, struct tn_err *err)
{
    double at, now = (double)o->now_ms, leeway = (double)o->leeway_ms;
    bool there;
    if (!date(claims, "exp", &there, &at))
        return no(err, TN_E_unauthorized, "exp", "its expiry (exp) is not a number");
    if (!there && !o->endless) return no(err, TN_E_unauthorized, "exp", "it has no expiry (exp)");
    if (there && now >= at + leeway)
        return no(err, TN_E_unauthorized, "exp", "it has expired (exp)");
    if (!date(claims, "nbf", &there, &at))
        return no(err, TN_E_unauthorized, "nbf", "its start (nbf) is not a number");
    if (there && now < at - leeway)
        return no(err, TN_E_unauthorized, "nbf", "it is not valid yet (nbf)");
    if (!date(claims, "iat", &there, &at))
        return no(err, TN_E_unauthorized, "iat", "its time of issue (iat) is not a number");
    if (there && now < at - leeway)
        return no(err, TN_E_unauthorized, "iat", "it was issued in the future (iat)");
    return true;
}

static bool is_wanted(struct tn_jval v, struct tn_arena *arena, const struct tn_str *names,
                      size_t count)
{
    struct tn_str text;
    if (!tn_jtext(v, arena, &text)) return false;
    for (size_t i = 0; i < count; i++)
        if (tn_str_eq(text, names[i])) return true;
    return false;
}

static bool check_parties(struct tn_jval claims, struct tn_arena *arena,
                          const struct tn_jwt_options *o, struct tn_err *err)
{
    struct tn_jval aud = tn_jget_z(claims, "aud");
    bool ours = is_wanted(aud, arena, o->audiences, o->audience_count);
    if (o->issuer.p && !is_wanted(tn_jget_z(claims, "iss"), arena, &o->issuer, 1))
        return no(err, TN_E_unauthorized, "iss", "it is by another issuer (iss)");
    if (tn_jis(aud, TN_JSON_array))
        for (struct tn_jiter it = tn_jiter(aud); !ours && tn_jnext(&it);)
            ours = is_wanted(it.value, arena, o->audiences, o->audience_count);
    if (o->audience_count && !ours)
        return no(err, TN_E_unauthorized, "aud", "it is for another audience (aud)");
    return true;
}

bool tn_jwt_verify(struct tn_str token, const struct tn_jwt_options *o, struct tn_buf *claims,
                   struct tn_err *err)
{
    struct tn_json *json = tn_json_new();
    struct tn_arena arena;
    struct tn_buf header;
    struct parts p;
    struct head head;
    bool ok = false;
    tn_arena_init(&arena);
    tn_buf_init(&header, TN_LIMIT_TOKEN);
    if (!cut(token, &p) || !read_object(json, p.header, &header)) {
        no(err, TN_E_syntax, "token", "it does not have three parts");
        goto out;
    }
    if (!read_head(json, &arena, o->algorithms, &head, err) || !is_signed(&p, &head, o, err))
        goto out;
    if (!read_object(json, p.claims, claims)) {
        no(err, TN_E_syntax, "token", "its claims are no JSON object");
        goto out;
    }
    ok = check_times(tn_json_root(json), o, err) &&
         check_parties(tn_json_root(json), &arena, o, err);
out:
    tn_json_free(json);
    tn_buf_clear(&header);
    tn_arena_clear(&arena);
    return ok;
}

bool tn_jwt_sign(struct tn_str claims, const struct tn_signature_key *key, enum tn_algorithm a,
                 struct tn_str kid, struct tn_str type, struct tn_buf *token, struct tn_err *err)
{
    struct tn_buf head, signature;
    struct tn_jw w;
    tn_buf_init(&head, TN_LIMIT_TOKEN);
    tn_buf_init(&signature, TN_LIMIT_TOKEN);
    tn_jw_init(&w, &head);
    tn_jw_object(&w);
    tn_jw_kz(&w, "alg", tn_algorithm_name(a));
    tn_jw_kstr(&w, "typ", type.p ? type : TN_STR("JWT"));
    if (kid.p) tn_jw_kstr(&w, "kid", kid);
    tn_jw_end(&w);
    tn_base64url(token, head.p ? head.p : "", head.n);
    tn_buf_addc(token, '.');
    tn_base64url(token, claims.p, claims.n);
    bool ok = tn_buf_ok(&head, "the header", err) && tn_buf_ok(token, "the token", err) &&
              tn_sign(key, a, tn_buf_str(token), &signature, err);
    if (ok) {
        tn_buf_addc(token, '.');
        tn_base64url(token, signature.p, signature.n);
        ok = tn_buf_ok(token, "the token", err);
    }
    tn_buf_clear(&head);
    tn_buf_clear(&signature);
    return ok;
}
