#include "core/mp4.h"

#include <string.h>

uint64_t avsp_bytes_be(struct avsp_bytes in, size_t offset, unsigned n)
{
    if (offset > in.len || in.len - offset < n)
        return 0;
    uint64_t v = 0;
    for (unsigned i = 0; i < n; i++)
        v = v << 8 | in.data[offset + i];
    return v;
}

struct avsp_bytes avsp_bytes_from(struct avsp_bytes in, size_t offset)
{
    if (offset >= in.len)
        return (struct avsp_bytes){NULL, 0};
    return (struct avsp_bytes){in.data + offset, in.len - offset};
}

static bool is_type(const uint8_t *type)
{
    for (unsigned i = 0; i < 4; i++)
        if (type[i] < 0x20 || type[i] > 0x7e)
            return false;
    return true;
}

enum avsp_code avsp_box_head(struct avsp_bytes at, uint64_t left, struct avsp_box *ret_box)
{
    *ret_box = (struct avsp_box){.head_bytes = 8};
    if (at.len < 8)
        return AVSP_LIMIT;
    ret_box->bytes = avsp_bytes_be(at, 0, 4);
    memcpy(ret_box->type, at.data + 4, 4);
    if (!is_type(at.data + 4))
        return AVSP_CORRUPT;
    if (ret_box->bytes == 1) {
        if (at.len < 16)
            return AVSP_LIMIT;
        ret_box->bytes = avsp_bytes_be(at, 8, 8);
        ret_box->head_bytes = 16;
    } else if (ret_box->bytes == 0) {
        ret_box->bytes = left;
    }
    return ret_box->bytes >= ret_box->head_bytes ? AVSP_OK : AVSP_CORRUPT;
}

bool avsp_box_next(struct avsp_bytes *rest, struct avsp_box *ret_box)
{
    if (rest->len == 0 || avsp_box_head(*rest, rest->len, ret_box) != AVSP_OK ||
        ret_box->bytes > rest->len)
        return false;
    size_t bytes = (size_t)ret_box->bytes, head = (size_t)ret_box->head_bytes;
    ret_box->body = (struct avsp_bytes){rest->data + head, bytes - head};
    rest->data += bytes;
    rest->len -= bytes;
    return true;
}

bool avsp_box_find(struct avsp_bytes in, const char *type, struct avsp_bytes *ret_body)
{
    struct avsp_box box;
    while (avsp_box_next(&in, &box))
        if (strcmp(box.type, type) == 0) {
            *ret_body = box.body;
            return true;
        }
    return false;
}
