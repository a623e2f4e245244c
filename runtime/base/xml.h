/* SPDX-License-Identifier: MIT */
/* xml.h - reads the rows of an XML document from bytes as they arrive (expat). An element that has
 * only text becomes a text. One with attributes or elements becomes an object: "@name" is an
 * attribute, "#text" the text; elements have their local name, and several of one name become a
 * list. xsi:nil="true" is null. Namespace prefixes are ignored. A DOCTYPE is passed over, and
 * what it names is not read; one that declares anything is refused, so the five entities of XML are
 * the only ones. Life: new; feed any number of times; end once; free. */
#ifndef TN_BASE_XML_H
#define TN_BASE_XML_H

#include "base/buf.h"
#include "base/rows.h"

struct tn_xml;

/* rows: names from the root on, "Envelope.Body.Items.Item"; one name alone means elements of that
 * name at any depth; "" all elements directly in the root; "*" the root itself. A path that ends in
 * "?" may lead nowhere. */
struct tn_xml *tn_xml_new(struct tn_str rows, tn_rows_fn each, void *arg);
/* Before the first byte: the text is UTF-8, whatever it says of itself. */
void tn_xml_utf8(struct tn_xml *xml);
void tn_xml_free(struct tn_xml *xml); /* NULL does nothing */
/* False: err has line and column; the rows before it were handed over. */
TN_MUST_CHECK bool tn_xml_feed(struct tn_xml *xml, const char *bytes, size_t n, struct tn_err *err);
/* False, kind bad_answer: the element that should hold the rows is missing (it may be empty). */
TN_MUST_CHECK bool tn_xml_end(struct tn_xml *xml, struct tn_err *err);
/* The local name of the root element; absent until it begins. */
struct tn_str tn_xml_root(const struct tn_xml *xml);

#endif
