/// The FileDescriptorSet of everything we serve, made at build time by generate.py; for reflection.c alone.
#ifndef AVSP_RPC_DESCRIPTORS_H
#define AVSP_RPC_DESCRIPTORS_H

#include <stddef.h>

extern const unsigned char avsp_descriptors[];
extern const size_t avsp_descriptors_len;

#endif
