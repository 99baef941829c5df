#include "coordinator/certs.h"

#include "crypto/certificate.h"
#include "util/log.h"
#include "util/time.h"

#include <string.h>

/// Three files, each read with room for the largest.
#define ARENA_BYTES (AVSP_CERTS_FILES * (AVSP_PEM_MAX_BYTES + 4096))

/// @return whether any file is another one than before.
static bool note_marks(struct avsp_certs *certs)
{
    const char *const paths[AVSP_CERTS_FILES] = {certs->tls.cert, certs->tls.key,
                                                 certs->tls.client_ca};
    bool is_same = true;
    for (size_t i = 0; i < AVSP_CERTS_FILES; i++) {
        struct avsp_file_mark mark = avsp_file_mark(paths[i]);
        is_same &= avsp_file_mark_equal(&mark, &certs->marks[i]);
        certs->marks[i] = mark;
    }
    return !is_same;
}

void avsp_certs_init(struct avsp_certs *certs, const struct avsp_server_tls *tls)
{
    *certs = (struct avsp_certs){.tls = *tls};
    (void)note_marks(certs);
}

static enum avsp_code check(const struct avsp_server_tls *tls, int64_t *ret_until_s,
                            struct avsp_err *err)
{
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    avsp_arena_init(&arena, ARENA_BYTES);
    char *cert = NULL, *key = NULL, *authorities = NULL;
    enum avsp_code rc = avsp_file_read(&arena, tls->cert, AVSP_PEM_MAX_BYTES, &cert, err);
    if (rc == AVSP_OK)
        rc = avsp_file_read(&arena, tls->key, AVSP_PEM_MAX_BYTES, &key, err);
    if (rc != AVSP_OK)
        return rc;
    if (avsp_certificate_check(cert, key, ret_until_s, err) != AVSP_OK)
        return avsp_err_wrap(err, "%.300s, %.300s", tls->cert, tls->key);
    if (tls->client_ca == NULL)
        return AVSP_OK;
    rc = avsp_file_read(&arena, tls->client_ca, AVSP_PEM_MAX_BYTES, &authorities, err);
    if (rc == AVSP_OK && avsp_certificate_check_authorities(authorities, err) != AVSP_OK)
        rc = avsp_err_wrap(err, "--tls-client-ca %.300s", tls->client_ca);
    return rc;
}

void avsp_certs_look(struct avsp_certs *certs)
{
    struct avsp_err err = {0};
    int64_t until_s = 0;
    bool was_refused = certs->refused.code != AVSP_OK;
    if (certs->tls.cert == NULL || (!note_marks(certs) && !was_refused))
        return;
    // What is refused may be so for a moment only: it is read again at each look, and told of once.
    if (check(&certs->tls, &until_s, &err) == AVSP_OK)
        avsp_log(AVSP_LOG_INFO, "tls.read", "file=%s days_left=%lld", AVSP_LOG_Q(certs->tls.cert),
                 (long long)((until_s - avsp_wall_now().us / 1000000) / 86400));
    else if (strcmp(err.text, certs->refused.text) != 0)
        avsp_log(AVSP_LOG_WARN, "tls.refused", "why=%s", AVSP_LOG_Q(err.text));
    certs->refused = err;
}
