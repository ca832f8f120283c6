// Addresses between the kernel's form and ours, for the .c files of this module.
#ifndef CLINUX_ADDRESSES_H
#define CLINUX_ADDRESSES_H

#include "CLinux.h"

#include <sys/socket.h>

socklen_t kl_address_encode(const struct kl_address *address, struct sockaddr_storage *storage);
void kl_address_decode(const struct sockaddr_storage *storage, struct kl_address *address);

#endif
