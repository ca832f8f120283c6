// Datagrams, many for one call (recvmmsg, sendmmsg), and several of one size as one (UDP_GRO, UDP_SEGMENT). As in
// CLinux.h, a result below zero is -errno.
#ifndef CLINUX_DATAGRAMS_H
#define CLINUX_DATAGRAMS_H

#include <stddef.h>
#include <stdint.h>

enum { KL_MAILBOX_SLOTS = 64, KL_MAILBOX_SLOT_BYTES = 65536 };

/// Bytes in a slot of a mailbox: one datagram, or several that came from or go to one address together.
struct kl_parcel {
    uint32_t slot, start, count;
    /// Bytes of each datagram but the last, which may have fewer; `count` when it is one.
    uint32_t segment;
    /// Who sent it or is to get it; family 0: the peer that the socket is connected to.
    struct kl_address peer;
    /// The address it came to or is to leave from, port 0; family 0: not told, or for the kernel to choose.
    struct kl_address local;
    /// More came than the slot holds.
    uint32_t cut;
};

/// What became of parcels that were to be sent.
struct kl_dispatch {
    /// Datagrams that the kernel took, and their bytes without the header in front of each.
    uint64_t sent, bytes;
    /// Datagrams that it did not take.
    uint64_t lost;
    /// Calls that were made, and messages that held several datagrams.
    uint32_t calls, joined;
    /// The last errno, 0 for none.
    int32_t error;
};

struct kl_mailbox;

/// NULL when there is no memory.
struct kl_mailbox *kl_mailbox_create(void);
void kl_mailbox_free(struct kl_mailbox *box);
/// Where the bytes of slot 0 begin; the others follow.
uint8_t *kl_mailbox_bytes(struct kl_mailbox *box);

/// Receives up to `limit` messages into the slots from `first` on, and tells of each in `parcels` from its start on.
/// With `peers` it tells who sent them and where they came to.
int kl_mailbox_receive(
    struct kl_mailbox *box, int fd, int first, int limit, int peers, struct kl_parcel *parcels);

/// Receives one datagram of a connected socket that does not join them into a slot: by the call that asks the kernel to
/// read the least. 0, or -errno.
int kl_mailbox_receive_one(struct kl_mailbox *box, int fd, int slot, struct kl_parcel *parcel);

/// Sends parcels in order, each datagram with the header in front. Neighbours to the same peer go as one message while
/// `*segmenting` is not 0; it becomes 0 when the kernel or the device will not have that. Stops at ECONNREFUSED, which
/// tells of datagrams sent before: what was not tried counts as lost.
void kl_mailbox_send(
    struct kl_mailbox *box, int fd, const struct kl_parcel *parcels, int count, const uint8_t *header,
    size_t header_count, int32_t *segmenting, struct kl_dispatch *dispatch);

/// Makes a bound datagram socket ready: several datagrams may come as one, and whether it tells where they came to.
void kl_datagram_prepare(int fd, int tells_destination);
/// Several datagrams may come as one from now on.
void kl_datagram_join(int fd);
/// A datagram socket connected to the address, non-blocking.
int kl_datagram_connect(const struct kl_address *address);

#endif
