/// Addresses that a store never has: those of the machine's own surroundings, which answer whoever asks with the machine's
/// credentials. A job must not lead a worker there, by whatever name or redirection. Pure; any thread.
#ifndef AVSP_STORAGE_S3_ADDRESS_H
#define AVSP_STORAGE_S3_ADDRESS_H

#include "util/base.h"

struct sockaddr;

/// Link-local (RFC 3927, RFC 4291), also where it is wrapped in an IPv6 address, and the metadata services of clouds that lie
/// elsewhere. What is neither IPv4 nor IPv6 counts as one.
bool avsp_s3_address_is_forbidden(const struct sockaddr *address, size_t len) AVSP_CHECKED;

#endif
