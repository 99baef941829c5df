#include "core/cea708_private.h"

#include <string.h>

#define SERVICE_EXTENDED 7
#define US_PER_TENTH 100000

unsigned avsp_cea708_number(const struct avsp_cea708 *captions, size_t idx)
{
    return captions->services[idx]->number;
}

void avsp_cea708_deinit(struct avsp_cea708 *captions)
{
    for (size_t i = 0; i < captions->n_services; i++)
        free(captions->services[i]);
    captions->n_services = 0;
}

// --- a service's bytes

static bool holds(const uint8_t *bytes, size_t len, unsigned first, unsigned last)
{
    for (size_t i = 0; i < len; i += avsp_cea708_code_length(bytes + i, len - i))
        if (bytes[i] >= first && bytes[i] <= last)
            return true;
    return false;
}

/// Whatever does not fit any more is lost, as it is in a receiver.
static void hold_back(struct avsp_cea708_service *service, const uint8_t *bytes, size_t len)
{
    len = AVSP_MIN(len, sizeof service->delayed - service->n_delayed);
    memcpy(service->delayed + service->n_delayed, bytes, len);
    service->n_delayed += len;
}

/// Does what bytes say, until a delay. @param hurries  there is none any more.
static enum avsp_code run(const struct avsp_cea708_turn *turn, bool hurries, const uint8_t *bytes,
                          size_t len, struct avsp_err *err)
{
    struct avsp_cea708_service *service = turn->service;
    for (size_t i = 0; i < len;) {
        size_t n = avsp_cea708_code_length(bytes + i, len - i);
        if (n > len - i)
            break; // cut off
        const uint8_t *code = bytes + i;
        i += n;
        if (code[0] == AVSP_CEA708_DELAY && code[1] > 0 && !hurries) {
            service->is_delayed = !__builtin_add_overflow(
                turn->now_us, (int64_t)code[1] * US_PER_TENTH, &service->resume_us);
            hold_back(service, bytes + i, len - i);
            break;
        }
        enum avsp_code rc = avsp_cea708_do(turn, code, err);
        if (rc != AVSP_OK)
            return rc;
    }
    return avsp_cea708_look(turn, err);
}

/// What was held back is done, at the time of the turn.
static enum avsp_code resume(const struct avsp_cea708_turn *turn, bool hurries,
                             struct avsp_err *err)
{
    struct avsp_cea708_service *service = turn->service;
    uint8_t bytes[AVSP_CEA708_DELAYED_BYTES];
    size_t len = service->n_delayed;
    memcpy(bytes, service->delayed, len);
    service->is_delayed = false;
    service->n_delayed = 0;
    return run(turn, hurries, bytes, len, err);
}

/// Delays that are over by now.
static enum avsp_code let_pass(struct avsp_cea708 *captions, int64_t now_us, struct avsp_err *err)
{
    enum avsp_code rc = AVSP_OK;
    for (size_t i = 0; i < captions->n_services && rc == AVSP_OK; i++) {
        struct avsp_cea708_service *service = captions->services[i];
        while (rc == AVSP_OK && service->is_delayed && service->resume_us <= now_us) {
            const struct avsp_cea708_turn turn = {captions, service, service->resume_us};
            rc = resume(&turn, false, err);
        }
    }
    return rc;
}

static enum avsp_code take_block(const struct avsp_cea708_turn *turn, const uint8_t *bytes,
                                 size_t len, struct avsp_err *err)
{
    struct avsp_cea708_service *service = turn->service;
    enum avsp_code rc = AVSP_OK;
    if (service->is_delayed) {
        bool ends = len > sizeof service->delayed - service->n_delayed ||
                    holds(bytes, len, AVSP_CEA708_DELAY_CANCEL, AVSP_CEA708_RESET);
        if (!ends) {
            hold_back(service, bytes, len);
            return AVSP_OK;
        }
        rc = resume(turn, true, err);
    }
    return rc == AVSP_OK ? run(turn, false, bytes, len, err) : rc;
}

// --- services

/// A service begins with its first window; what is damaged rarely looks like one. @param ret_service  NULL: it has not begun, or there is no room
static enum avsp_code find_service(struct avsp_cea708 *captions, unsigned number,
                                   const uint8_t *bytes, size_t len,
                                   struct avsp_cea708_service **ret_service, struct avsp_err *err)
{
    *ret_service = NULL;
    for (size_t i = 0; i < captions->n_services && *ret_service == NULL; i++)
        if (captions->services[i]->number == number)
            *ret_service = captions->services[i];
    if (*ret_service != NULL || !holds(bytes, len, AVSP_CEA708_DEFINE, AVSP_CEA708_DEFINE + 7))
        return AVSP_OK;
    if (captions->n_services == AVSP_CEA708_SERVICES_MAX) {
        captions->beyond |= UINT64_C(1) << number;
        return AVSP_OK;
    }
    struct avsp_cea708_service *service = calloc(1, sizeof *service);
    if (service == NULL)
        return avsp_err_set(err, AVSP_NO_MEMORY, "no memory for captions");
    service->number = number;
    service->current = AVSP_CEA708_WINDOWS;
    captions->services[captions->n_services++] = *ret_service = service;
    return AVSP_OK;
}

/// A packet, of which only whole blocks are read.
static enum avsp_code take_packet(struct avsp_cea708 *captions, int64_t now_us,
                                  struct avsp_err *err)
{
    enum avsp_code rc = let_pass(captions, now_us, err);
    const uint8_t *packet = captions->packet;
    for (size_t i = 1; i < captions->len && rc == AVSP_OK;) {
        unsigned number = packet[i] >> 5;
        size_t len = packet[i++] & 0x1f;
        if (number == 0 || len == 0)
            return AVSP_OK;
        if (number == SERVICE_EXTENDED && i < captions->len)
            number = packet[i++] & 0x3f;
        if (len > captions->len - i)
            return AVSP_OK;
        struct avsp_cea708_turn turn = {captions, NULL, now_us};
        if (number > 0)
            rc = find_service(captions, number, packet + i, len, &turn.service, err);
        if (rc == AVSP_OK && turn.service != NULL)
            rc = take_block(&turn, packet + i, len, err);
        i += len;
    }
    return rc;
}

static void begin_packet(struct avsp_cea708 *captions, uint8_t header)
{
    unsigned sequence = header >> 6;
    unsigned expected = captions->next_sequence;
    // There are encoders that do not count.
    if (expected > 0 && sequence != expected - 1 && sequence != ((expected - 1 + 3) & 3))
        captions->n_damaged++;
    captions->next_sequence = ((sequence + 1) & 3) + 1;
    unsigned size = header & 0x3f;
    captions->size = size == 0 ? AVSP_CEA708_PACKET_BYTES : 2 * (size_t)size;
    captions->len = 0;
}

enum avsp_code avsp_cea708_put(struct avsp_cea708 *captions, bool is_start, const uint8_t pair[2],
                               int64_t now_us, struct avsp_err *err)
{
    enum avsp_code rc = AVSP_OK;
    if (is_start) {
        if (captions->size > 0) { // of the one before something is missing
            captions->n_damaged++;
            rc = take_packet(captions, now_us, err);
        }
        begin_packet(captions, pair[0]);
    }
    if (rc != AVSP_OK || captions->size == 0)
        return rc;
    captions->packet[captions->len++] = pair[0];
    captions->packet[captions->len++] = pair[1];
    if (captions->len < captions->size)
        return AVSP_OK;
    captions->size = 0;
    return take_packet(captions, now_us, err);
}

enum avsp_code avsp_cea708_end(struct avsp_cea708 *captions, int64_t now_us, struct avsp_err *err)
{
    enum avsp_code rc = let_pass(captions, now_us, err);
    for (size_t i = 0; i < captions->n_services && rc == AVSP_OK; i++) {
        const struct avsp_cea708_turn turn = {captions, captions->services[i], now_us};
        rc = avsp_cea708_close(&turn, err);
    }
    return rc;
}
