/* SPDX-License-Identifier: MIT */
/* xml.h - the rows of an XML document, read as the bytes come (expat).
 * An element with nothing but text is a text; with attributes or elements it is an object: "@name"
 * an attribute, "#text" the text, elements by their local name, and those that come more than once
 * as a list.  xsi:nil="true" is null.  Prefixes of namespaces do not count.  A DOCTYPE is refused
 * as soon as it begins, so there are no entities but the five of XML itself.
 * Life: new; feed any number of times; end once; free. */
#ifndef TN_BASE_XML_H
#define TN_BASE_XML_H

#include "base/buf.h"
#include "base/rows.h"

struct tn_xml;

/* rows: names from the root on, "Envelope.Body.Items.Item"; one name alone stands for elements of
 * that name wherever they are; "" for all that is directly in the root; "*" for the root itself. */
struct tn_xml *tn_xml_new(struct tn_str rows, tn_rows_fn each, void *arg);
void tn_xml_free(struct tn_xml *xml); /* NULL does nothing */
/* False: err has line and column; rows before it were given. */
TN_MUST_CHECK bool tn_xml_feed(struct tn_xml *xml, const char *bytes, size_t n, struct tn_err *err);
/* bad_answer: what should hold the rows is not there (the rows themselves may be missing). */
TN_MUST_CHECK bool tn_xml_end(struct tn_xml *xml, struct tn_err *err);
/* Local name of the root; absent before it began. */
struct tn_str tn_xml_root(const struct tn_xml *xml);

#endif
