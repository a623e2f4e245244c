/* SPDX-License-Identifier: MIT */
/* bind_decimal.c - require "tenon.decimal": numbers with all their digits.
 * A decimal that was read from JSON keeps its text until a script calculates with it. */
#include "bind/bind.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/decimal.h"
#include "base/limits.h"
#include "mapping/coerce.h"

/* User value 1 is the number's text, a Lua string; nil until the text is needed. */
struct number {
    struct tn_decimal value;
    bool known; /* true: value is set; false: the decimal has only its text */
};

static void drop_number(void *object)
{
    struct number *n = object;
    tn_decimal_clear(&n->value);
}

static int l_add(lua_State *L);
static int l_sub(lua_State *L);
static int l_mul(lua_State *L);
static int l_divide(lua_State *L);
static int l_floor_divide(lua_State *L);
static int l_modulo(lua_State *L);
static int l_whole_below(lua_State *L);
static int l_whole_above(lua_State *L);
static int l_abs(lua_State *L);
static int l_self(lua_State *L);
static int l_negate(lua_State *L);
static int l_equal(lua_State *L);
static int l_less(lua_State *L);
static int l_less_equal(lua_State *L);
static int l_text(lua_State *L);
static int l_concat(lua_State *L);
static int l_div(lua_State *L);
static int l_round(lua_State *L);
static int l_compare(lua_State *L);
static int l_integer(lua_State *L);
static int l_number(lua_State *L);
static int l_sign(lua_State *L);

/* The names __tonumber to __tointeger are those that the sandbox asks for (script/sandbox.c). */
static const luaL_Reg methods[] = {{"__idiv", l_floor_divide}, {"__mod", l_modulo},
                                   {"__tonumber", l_self},     {"__floor", l_whole_below},
                                   {"__ceil", l_whole_above},  {"__abs", l_abs},
                                   {"__tointeger", l_integer}, {"__add", l_add},
                                   {"__sub", l_sub},           {"__mul", l_mul},
                                   {"__div", l_divide},        {"__unm", l_negate},
                                   {"__eq", l_equal},          {"__lt", l_less},
                                   {"__le", l_less_equal},     {"__tostring", l_text},
                                   {"__json", l_text},         {"__concat", l_concat},
                                   {"compare", l_compare},     {"div", l_div},
                                   {"integer", l_integer},     {"number", l_number},
                                   {"round", l_round},         {"sign", l_sign},
                                   {"text", l_text},           {NULL, NULL}};
static const struct bind_class NUMBER = {
    .name = "tenon.decimal", .drop = drop_number, .methods = methods, .pure = true};

/* ---- values ---- */

static struct number *push_number(lua_State *L)
{
    struct number *n = bind_new_free(L, sizeof *n, &NUMBER);
    tn_decimal_init(&n->value);
    return n;
}

static bool integer_lexeme(struct tn_str s, int64_t *out)
{
    uint64_t v;
    bool negative = s.n && s.p[0] == '-';
    struct tn_str digits = {s.p + negative, s.n - negative};
    if (!tn_str_u64(digits, &v) || (negative && v == 0)) return false;
    if (v > (uint64_t)INT64_MAX + negative) return false;
    *out = negative ? (int64_t)(0 - v) : (int64_t)v;
    return true;
}

void bind_decimal_push(lua_State *L, struct tn_str lexeme)
{
    int64_t whole;
    if (integer_lexeme(lexeme, &whole)) {
        lua_pushinteger(L, whole);
        return;
    }
    push_number(L);
    lua_pushlstring(L, lexeme.p, lexeme.n);
    lua_setiuservalue(L, -2, 1);
}

/* Is it plain that the number is not whole? Then it need not be calculated to know that. */
static bool has_fraction(struct tn_str lexeme)
{
    return memchr(lexeme.p, '.', lexeme.n) && lexeme.p[lexeme.n - 1] != '0' &&
           !memchr(lexeme.p, 'e', lexeme.n) && !memchr(lexeme.p, 'E', lexeme.n);
}

void bind_decimal_push_value(lua_State *L, struct tn_str lexeme)
{
    struct tn_err err;
    int64_t whole;
    if (integer_lexeme(lexeme, &whole)) {
        lua_pushinteger(L, whole);
        return;
    }
    struct number *n = push_number(L);
    lua_pushlstring(L, lexeme.p, lexeme.n);
    lua_setiuservalue(L, -2, 1);
    if (has_fraction(lexeme)) return;
    if (!tn_decimal_parse(&n->value, lexeme, &err)) bind_raise(L, &err);
    n->known = true;
    if (tn_decimal_int(&n->value, &whole)) {
        lua_pop(L, 1);
        lua_pushinteger(L, whole);
    }
}

/* Pushes the text of the decimal at index. */
static struct tn_str push_text(lua_State *L, int index)
{
    struct tn_str s;
    const struct number *n = bind_is(L, index, &NUMBER);
    index = lua_absindex(L, index);
    if (lua_getiuservalue(L, index, 1) != LUA_TSTRING) {
        struct tn_buf text;
        char *room = lua_newuserdatauv(L, TN_LIMIT_NUMBER + 80, 0);
        size_t len;
        tn_buf_init(&text, TN_LIMIT_NUMBER + 64);
        tn_decimal_text(&n->value, &text);
        len = text.n;
        memcpy(room, text.p, len);
        tn_buf_clear(&text);
        lua_pushlstring(L, room, len);
        lua_replace(L, -3);
        lua_pop(L, 1);
        lua_pushvalue(L, -1);
        lua_setiuservalue(L, index, 1);
    }
    s.p = lua_tolstring(L, -1, &s.n);
    return s;
}

struct tn_str bind_decimal_text(lua_State *L, int index)
{
    struct tn_str s = {NULL, 0};
    if (!bind_is(L, index, &NUMBER)) return s;
    s = push_text(L, index);
    lua_pop(L, 1); /* the decimal's user value holds the text */
    return s;
}

/* The value to calculate with; raises when the text of the decimal is too long for that. */
static const struct tn_decimal *value_of(lua_State *L, struct number *n, int index)
{
    struct tn_err err;
    if (n->known) return &n->value;
    struct tn_str text = push_text(L, index);
    if (!tn_decimal_parse(&n->value, text, &err)) bind_raise(L, &err);
    n->known = true;
    lua_pop(L, 1);
    return &n->value;
}

static void from_float(lua_State *L, struct number *n, lua_Number d)
{
    char text[40];
    struct tn_err err;
    int digits = 15;
    if (!isfinite(d)) luaL_error(L, "nan and inf are no decimals");
    do snprintf(text, sizeof text, "%.*g", digits, d);
    while (strtod(text, NULL) != d && digits++ < 17);
    char *plus = strchr(text, '+');
    if (plus) memmove(plus, plus + 1, strlen(plus));
    if (!tn_decimal_parse(&n->value, tn_str(text), &err)) bind_raise(L, &err);
}

/* Reads text as the mapping word :decimal() does. Pushes the JSON number. False: nothing is pushed.
 */
static bool from_text(lua_State *L, struct number *n, struct tn_str text, struct tn_err *err)
{
    char room[TN_COERCE_MAX];
    struct tn_str lexeme = text;
    tn_coerce_number(text, room, &lexeme); /* if this fails, tn_decimal_parse says why */
    if (!tn_decimal_parse(&n->value, lexeme, err)) return false;
    lua_pushlstring(L, lexeme.p, lexeme.n);
    return true;
}

/* The value of an operand, which is a decimal, a Lua number or the text of a number. On the
 * stack a decimal takes the place of the other two. */
static const struct tn_decimal *operand(lua_State *L, int index)
{
    struct tn_err err;
    struct number *n = bind_is(L, index, &NUMBER);
    if (n) return value_of(L, n, index);
    n = push_number(L);
    if (lua_isinteger(L, index))
        tn_decimal_from_int(&n->value, lua_tointeger(L, index));
    else if (lua_type(L, index) == LUA_TNUMBER)
        from_float(L, n, lua_tonumber(L, index));
    else if (lua_type(L, index) == LUA_TSTRING) {
        if (!from_text(L, n, bind_str(L, index), &err)) bind_raise(L, &err);
        lua_pop(L, 1);
    } else
        luaL_typeerror(L, index, "decimal or number");
    n->known = true;
    lua_replace(L, index);
    return &n->value;
}

static struct number *result(lua_State *L)
{
    struct number *n = push_number(L);
    n->known = true;
    return n;
}

/* ---- arithmetic ---- */

typedef bool (*binary_fn)(struct tn_decimal *out, const struct tn_decimal *a,
                          const struct tn_decimal *b, struct tn_err *err);

static int calculate(lua_State *L, binary_fn fn)
{
    struct tn_err err;
    const struct tn_decimal *a = operand(L, 1), *b = operand(L, 2);
    if (!fn(&result(L)->value, a, b, &err)) return bind_raise(L, &err);
    return 1;
}

static int l_add(lua_State *L)
{
    return calculate(L, tn_decimal_add);
}

static int l_sub(lua_State *L)
{
    return calculate(L, tn_decimal_sub);
}

static int l_mul(lua_State *L)
{
    return calculate(L, tn_decimal_mul);
}

static int l_divide(lua_State *L)
{
    return luaL_error(L, "how many digits? write a:div(b, digits) to divide decimals");
}

/* The whole number at or below a / b. */
static bool floor_quotient(struct tn_decimal *out, const struct tn_decimal *a,
                           const struct tn_decimal *b, struct tn_err *err)
{
    bool negative = tn_decimal_sign(a) * tn_decimal_sign(b) < 0;
    return tn_decimal_div(out, a, b, 0, negative ? TN_ROUND_up : TN_ROUND_down, err);
}

static bool modulo(struct tn_decimal *out, const struct tn_decimal *a, const struct tn_decimal *b,
                   struct tn_err *err)
{
    return floor_quotient(out, a, b, err) && tn_decimal_mul(out, out, b, err) &&
           tn_decimal_sub(out, a, out, err);
}

/* Returns the decimal at the top, as a Lua integer when it is a whole number that fits. */
static int whole_or_decimal(lua_State *L)
{
    int64_t v;
    if (tn_decimal_int(operand(L, lua_gettop(L)), &v)) lua_pushinteger(L, v);
    return 1;
}

static int l_floor_divide(lua_State *L)
{
    calculate(L, floor_quotient);
    return whole_or_decimal(L);
}

static int l_modulo(lua_State *L)
{
    return calculate(L, modulo);
}

static int to_whole(lua_State *L, bool up)
{
    struct tn_err err;
    const struct tn_decimal *a = operand(L, 1);
    bool away = (tn_decimal_sign(a) > 0) == up;
    if (!tn_decimal_round(&result(L)->value, a, 0, away ? TN_ROUND_up : TN_ROUND_down, &err))
        return bind_raise(L, &err);
    return whole_or_decimal(L);
}

static int l_whole_below(lua_State *L)
{
    return to_whole(L, false);
}

static int l_whole_above(lua_State *L)
{
    return to_whole(L, true);
}

static int l_abs(lua_State *L)
{
    lua_settop(L, 1);
    return tn_decimal_sign(operand(L, 1)) < 0 ? l_negate(L) : 1;
}

static int l_self(lua_State *L)
{
    lua_settop(L, 1);
    return 1;
}

static int l_negate(lua_State *L)
{
    struct tn_err err;
    const struct tn_decimal *a = operand(L, 1);
    struct number *zero = result(L);
    if (!tn_decimal_sub(&zero->value, &zero->value, a, &err)) return bind_raise(L, &err);
    return 1;
}

static enum tn_round mode_of(lua_State *L, int index)
{
    static const char *const names[] = {"half_even", "half_up", "down", "up", NULL};
    return (enum tn_round)luaL_checkoption(L, index, "half_even", names);
}

static int scale_of(lua_State *L, int index)
{
    lua_Integer scale = luaL_checkinteger(L, index);
    luaL_argcheck(L, scale >= 0 && scale <= TN_DECIMAL_SCALE_MAX, index,
                  "digits have to be 0 to 900");
    return (int)scale;
}

static int l_div(lua_State *L)
{
    struct tn_err err;
    int scale = scale_of(L, 3);
    enum tn_round mode = mode_of(L, 4);
    const struct tn_decimal *a = operand(L, 1), *b = operand(L, 2);
    if (!tn_decimal_div(&result(L)->value, a, b, scale, mode, &err)) return bind_raise(L, &err);
    return 1;
}

static int l_round(lua_State *L)
{
    struct tn_err err;
    int scale = scale_of(L, 2);
    enum tn_round mode = mode_of(L, 3);
    const struct tn_decimal *a = operand(L, 1);
    if (!tn_decimal_round(&result(L)->value, a, scale, mode, &err)) return bind_raise(L, &err);
    return 1;
}

/* ---- comparing ---- */

static int compare(lua_State *L)
{
    const struct tn_decimal *a = operand(L, 1), *b = operand(L, 2);
    return tn_decimal_cmp(a, b);
}

static int l_compare(lua_State *L)
{
    lua_pushinteger(L, compare(L));
    return 1;
}

/* Lua calls this for two userdata only; userdata of another class is never equal. */
static int l_equal(lua_State *L)
{
    bool both = bind_is(L, 1, &NUMBER) && bind_is(L, 2, &NUMBER);
    lua_pushboolean(L, both && compare(L) == 0);
    return 1;
}

static int l_less(lua_State *L)
{
    lua_pushboolean(L, compare(L) < 0);
    return 1;
}

static int l_less_equal(lua_State *L)
{
    lua_pushboolean(L, compare(L) <= 0);
    return 1;
}

static int l_sign(lua_State *L)
{
    lua_pushinteger(L, tn_decimal_sign(operand(L, 1)));
    return 1;
}

/* ---- other forms ---- */

static int l_text(lua_State *L)
{
    operand(L, 1);
    push_text(L, 1);
    return 1;
}

static int l_concat(lua_State *L)
{
    luaL_tolstring(L, 1, NULL);
    luaL_tolstring(L, 2, NULL);
    lua_concat(L, 2);
    return 1;
}

static int l_integer(lua_State *L)
{
    int64_t v;
    if (tn_decimal_int(operand(L, 1), &v))
        lua_pushinteger(L, v);
    else
        lua_pushnil(L);
    return 1;
}

static int l_number(lua_State *L)
{
    operand(L, 1);
    push_text(L, 1);
    lua_pushnumber(L, strtod(lua_tostring(L, -1), NULL));
    return 1;
}

/* ---- the module ---- */

void bind_decimal_methods(lua_State *L)
{
    static const luaL_Reg shared[] = {
        {"compare", l_compare}, {"div", l_div},   {"integer", l_integer}, {"number", l_number},
        {"round", l_round},     {"sign", l_sign}, {"text", l_text},       {NULL, NULL}};
    lua_pushinteger(L, 0);
    lua_createtable(L, 0, 2);
    luaL_newlib(L, shared);
    lua_setfield(L, -2, "__index");
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_setmetatable(L, -2);
    lua_pop(L, 1);
}

static int l_new(lua_State *L)
{
    struct tn_err err;
    lua_settop(L, 1);
    if (lua_type(L, 1) != LUA_TSTRING) {
        operand(L, 1);
        return 1;
    }
    struct number *n = result(L);
    if (!from_text(L, n, bind_str(L, 1), &err)) return bind_fail(L, &err);
    lua_setiuservalue(L, 2, 1);
    return 1;
}

static int l_is(lua_State *L)
{
    lua_pushboolean(L, bind_is(L, 1, &NUMBER) != NULL);
    return 1;
}

static const luaL_Reg functions[] = {{"is", l_is}, {"new", l_new}, {NULL, NULL}};

int luaopen_tenon_decimal(lua_State *L)
{
    bind_pure_library(L, functions);
    return 1;
}
