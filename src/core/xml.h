/// Reads XML as data is written in it: elements, attributes and text, one after another.
///
///     struct avsp_xml AVSP_CLEANUP(avsp_xml_deinit) xml;
///     avsp_xml_init(&xml, bytes, len);
///     while ((rc = avsp_xml_next(&xml, &event, err)) == AVSP_OK && event.kind != AVSP_XML_END_OF_FILE) …
///
/// A strict reader of a part of XML 1.0, by intent: document type declarations and CDATA are refused, so there are no entities but the
/// five that XML has by itself, nothing grows when it is read, and nothing can name another file. Comments and processing
/// instructions are passed over. UTF-8 only. Any input is safe: depth, names and values have ceilings, memory is that of one
/// element, and time is linear. One thread at a time.
#ifndef AVSP_CORE_XML_H
#define AVSP_CORE_XML_H

#include "util/arena.h"
#include "util/err.h"

#define AVSP_XML_DEPTH_MAX 32
#define AVSP_XML_NAME_MAX_BYTES 64
#define AVSP_XML_ATTRS_MAX 32
#define AVSP_XML_VALUE_MAX_BYTES 65536

enum avsp_xml_kind { AVSP_XML_BEGIN, AVSP_XML_END, AVSP_XML_TEXT, AVSP_XML_END_OF_FILE };

struct avsp_xml_event {
    enum avsp_xml_kind kind;
    uint32_t line;
    const char
        *name; ///< of the element, prefix included; like all that follow valid until the next call
    const char *text; ///< of AVSP_XML_TEXT, never white space alone
    size_t n_attrs;
    struct {
        const char *name;
        const char *value;
    } attrs[AVSP_XML_ATTRS_MAX];
};

struct avsp_xml {
    const char *bytes;
    size_t len, at;
    uint32_t line;
    size_t depth;
    char open[AVSP_XML_DEPTH_MAX][AVSP_XML_NAME_MAX_BYTES];
    bool is_empty_element; ///< its end comes next
    bool has_root;
    struct avsp_arena arena; ///< what the last event points to
};

/// @param bytes  any; borrowed until deinit
void avsp_xml_init(struct avsp_xml *xml, const char *bytes, size_t len);
void avsp_xml_deinit(struct avsp_xml *xml);

/// The next event. An element without content gives its begin and its end. Past the end of the root there is END_OF_FILE.
/// @return OK; CORRUPT it is not well-formed; UNSUPPORTED a document type declaration; LIMIT a ceiling; the text says where.
///         NO_MEMORY. After a failure nothing more can be read.
enum avsp_code avsp_xml_next(struct avsp_xml *xml, struct avsp_xml_event *ret_event,
                             struct avsp_err *err) AVSP_CHECKED;

/// The value of an attribute; NULL where there is none.
const char *avsp_xml_attr(const struct avsp_xml_event *event, const char *name);

#endif
