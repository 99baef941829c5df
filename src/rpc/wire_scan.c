/// A walk over a serialised message, before anything is unpacked: protobuf-c neither checks UTF-8 nor keeps a NUL in a string.
#include "rpc/wire.h"
#include "util/parse.h"

#include <string.h>

/// Deeper than any message of ours.
#define DEPTH_MAX 16

/// Where in the message we are, innermost first.
struct place {
    const struct place *parent;
    const char *name;
    size_t idx; ///< of a repeated field
    bool is_repeated;
};

/// What is left to read.
struct cursor {
    const uint8_t *at;
    const uint8_t *end;
};

static size_t write_place(char *text, size_t size, const struct place *place)
{
    size_t n = place->parent != NULL ? write_place(text, size, place->parent) : 0;
    if (n >= size)
        return n;
    const char *dot = n > 0 ? "." : "";
    int more = place->is_repeated
                   ? snprintf(text + n, size - n, "%s%s[%zu]", dot, place->name, place->idx)
                   : snprintf(text + n, size - n, "%s%s", dot, place->name);
    return n + (more > 0 ? (size_t)more : 0);
}

static enum avsp_code refuse(const struct place *place, const char *reason, struct avsp_err *err)
{
    char text[256] = "";
    write_place(text, sizeof text, place);
    return avsp_err_set(err, AVSP_INVALID, "%s: %s", text, reason);
}

static enum avsp_code malformed(struct avsp_err *err)
{
    return avsp_err_set(err, AVSP_INVALID, "the message is not well-formed protobuf");
}

static bool take_varint(struct cursor *cur, uint64_t *ret_value)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && cur->at < cur->end; shift += 7) {
        uint8_t byte = *cur->at++;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *ret_value = value;
            return true;
        }
    }
    return false;
}

static bool skip(struct cursor *cur, uint64_t len)
{
    if (len > (uint64_t)(cur->end - cur->at))
        return false;
    cur->at += len;
    return true;
}

/// Longest text of a field, by its name.
static size_t text_max(const char *name)
{
    // Tokens of temporary credentials have no limit that anybody promises; many have over 1024 bytes.
    static const char *const long_ones[] = {"path", "log_tail", "session_token"};
    for (size_t i = 0; i < AVSP_ARRAY_LEN(long_ones); i++)
        if (strcmp(name, long_ones[i]) == 0)
            return AVSP_PATH_MAX_BYTES;
    return AVSP_TEXT_MAX_BYTES;
}

static enum avsp_code check_text(const struct place *place, const uint8_t *bytes, size_t len,
                                 struct avsp_err *err)
{
    _Static_assert(AVSP_LOG_TAIL_MAX_BYTES <= AVSP_PATH_MAX_BYTES, "text_max gives both one limit");
    char text[AVSP_PATH_MAX_BYTES + 1];
    if (len > text_max(place->name))
        return refuse(place, "too long", err);
    memcpy(text, bytes, len);
    text[len] = '\0';
    if (strlen(text) != len)
        return refuse(place, "has a NUL in it", err);
    return avsp_utf8_is_valid(text) ? AVSP_OK : refuse(place, "not UTF-8", err);
}

static enum avsp_code scan(const ProtobufCMessageDescriptor *type, struct cursor cur,
                           const struct place *parent, unsigned depth, struct avsp_err *err);

/// The content of one length-delimited field.
static enum avsp_code scan_content(const ProtobufCFieldDescriptor *field, const uint8_t *bytes,
                                   size_t len, const struct place *place, unsigned depth,
                                   struct avsp_err *err)
{
    if (field->type == PROTOBUF_C_TYPE_STRING)
        return check_text(place, bytes, len, err);
    if (field->type == PROTOBUF_C_TYPE_MESSAGE)
        return scan(field->descriptor, (struct cursor){bytes, bytes + len}, place, depth + 1, err);
    return AVSP_OK;
}

static enum avsp_code scan(const ProtobufCMessageDescriptor *type, struct cursor cur,
                           const struct place *parent, unsigned depth, struct avsp_err *err)
{
    if (depth > DEPTH_MAX)
        return avsp_err_set(err, AVSP_INVALID, "the message is nested too deeply");
    struct place place = {.parent = parent};
    uint64_t last_id = 0;
    while (cur.at < cur.end) {
        uint64_t key, len;
        if (!take_varint(&cur, &key) || key >> 3 == 0 || key >> 3 > 0x1fffffff)
            return malformed(err);
        place.idx = key >> 3 == last_id ? place.idx + 1 : 0;
        last_id = key >> 3;
        bool ok = true;
        switch (key & 7) {
        case 0:
            ok = take_varint(&cur, &len);
            break;
        case 1:
            ok = skip(&cur, 8);
            break;
        case 5:
            ok = skip(&cur, 4);
            break;
        case 2: {
            ok = take_varint(&cur, &len);
            const uint8_t *bytes = cur.at;
            const ProtobufCFieldDescriptor *field =
                protobuf_c_message_descriptor_get_field(type, (unsigned)last_id);
            ok = ok && skip(&cur, len);
            if (!ok || field == NULL)
                break;
            place.name = field->name;
            place.is_repeated = field->label == PROTOBUF_C_LABEL_REPEATED;
            enum avsp_code rc = scan_content(field, bytes, (size_t)len, &place, depth, err);
            if (rc != AVSP_OK)
                return rc;
            break;
        }
        default: // groups: nobody of ours sends them
            ok = false;
        }
        if (!ok)
            return malformed(err);
    }
    return AVSP_OK;
}

enum avsp_code avsp_wire_scan(const ProtobufCMessageDescriptor *type, const uint8_t *bytes,
                              size_t len, struct avsp_err *err)
{
    if (len == 0)
        return AVSP_OK;
    return scan(type, (struct cursor){bytes, bytes + len}, NULL, 0, err);
}
