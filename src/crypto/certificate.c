#include "crypto/certificate.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <string.h>
#include <time.h>

static void certificate_cleanup(X509 **cert)
{
    X509_free(*cert);
}

static void key_cleanup(EVP_PKEY **key)
{
    EVP_PKEY_free(*key);
}

static void bio_cleanup(BIO **bio)
{
    BIO_free(*bio);
}

/// The first certificate of a text; NULL: there is none.
static X509 *read_certificate(const char *text)
{
    BIO *AVSP_CLEANUP(bio_cleanup) bio = BIO_new_mem_buf(text, -1);
    X509 *cert = bio != NULL ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
    ERR_clear_error();
    return cert;
}

/// A key with a pass phrase is none: nobody is there to be asked for it.
static int no_phrase(char *buffer, int size, int is_written, void *opaque)
{
    (void)buffer, (void)size, (void)is_written, (void)opaque;
    return -1;
}

static EVP_PKEY *read_key(const char *text)
{
    BIO *AVSP_CLEANUP(bio_cleanup) bio = BIO_new_mem_buf(text, -1);
    EVP_PKEY *key = bio != NULL ? PEM_read_bio_PrivateKey(bio, NULL, no_phrase, NULL) : NULL;
    ERR_clear_error();
    return key;
}

enum avsp_code avsp_certificate_check(const char *cert_text, const char *key_text,
                                      int64_t *ret_until_s, struct avsp_err *err)
{
    X509 *AVSP_CLEANUP(certificate_cleanup) cert = read_certificate(cert_text);
    EVP_PKEY *AVSP_CLEANUP(key_cleanup) key = read_key(key_text);
    if (cert == NULL)
        return avsp_err_set(err, AVSP_INVALID, "the certificate is damaged, or is none");
    if (key == NULL)
        return avsp_err_set(err, AVSP_INVALID, "the key is damaged, has a pass phrase, or is none");
    const bool belongs = X509_check_private_key(cert, key) == 1;
    ERR_clear_error();
    if (!belongs)
        return avsp_err_set(err, AVSP_INVALID,
                            "the certificate and the key do not belong together");
    struct tm until;
    if (X509_cmp_current_time(X509_get0_notBefore(cert)) >= 0)
        return avsp_err_set(err, AVSP_INVALID, "the certificate is not valid yet");
    if (X509_cmp_current_time(X509_get0_notAfter(cert)) <= 0 ||
        ASN1_TIME_to_tm(X509_get0_notAfter(cert), &until) != 1)
        return avsp_err_set(err, AVSP_INVALID, "the certificate has run out");
    if (ret_until_s != NULL)
        *ret_until_s = timegm(&until);
    return AVSP_OK;
}

enum avsp_code avsp_certificate_check_authorities(const char *text, struct avsp_err *err)
{
    X509 *AVSP_CLEANUP(certificate_cleanup) cert = read_certificate(text);
    return cert != NULL ? AVSP_OK
                        : avsp_err_set(err, AVSP_INVALID, "there is no certificate in it");
}
