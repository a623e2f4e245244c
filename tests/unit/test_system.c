/* SPDX-License-Identifier: MIT */
/* The system's entities are true of the tables that they stand for. */
#include "model/system.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "store/tables.h"

static const struct tn_table *table_of(const struct tn_entity *e)
{
    for (size_t i = 0; i < tn_system_table_count; i++)
        if (strcmp(tn_system_tables[i].name, e->plural) == 0) return &tn_system_tables[i];
    fail_msg("there is no table %s", e->plural);
    return NULL;
}

static const struct tn_column *column_of(const struct tn_table *t, const char *name)
{
    for (size_t i = 0; i < t->column_count; i++)
        if (strcmp(t->columns[i].name, name) == 0) return &t->columns[i];
    return NULL;
}

static void check_names(const struct tn_entity *e, const struct tn_table *t,
                        const char *const *names)
{
    for (; names && *names; names++) {
        const struct tn_column *c = column_of(t, *names);
        if (!tn_field_find(e->fields, e->n_fields, tn_str(*names)) || !c || c->use == TN_USE_shown)
            fail_msg("lists of %s cannot be asked for %s", e->name, *names);
    }
}

static void lists_can_be_asked_what_they_say(void **state)
{
    (void)state;
    for (size_t i = 0; i < tn_system_entities.n; i++) {
        const struct tn_entity *e = tn_system_entities.v[i];
        const struct tn_table *t = table_of(e);
        check_names(e, t, e->filter);
        check_names(e, t, e->sort);
        check_names(e, t, e->key);
        assert_int_equal(e->history, t->history);
        assert_int_equal(tn_entity_key_length(e), t->key[0] ? (t->key[1] ? 2 : 1) : 0);
        for (size_t k = 0; k < tn_entity_key_length(e); k++)
            assert_string_equal(e->key[k], t->key[k]);
    }
}

static void each_is_found_by_name_once(void **state)
{
    (void)state;
    for (size_t i = 0; i < tn_system_entities.n; i++) {
        const struct tn_entity *e = tn_system_entities.v[i];
        assert_ptr_equal(tn_entities_find(&tn_system_entities, tn_str(e->name)), e);
        assert_non_null(e->title);
        assert_null(e->path);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_can_be_asked_what_they_say),
        cmocka_unit_test(each_is_found_by_name_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
