#define _GNU_SOURCE
#include "CLinux.h"
#include "addresses.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#ifndef UDP_GRO
#define UDP_GRO 104
#endif

enum {
    SLOTS = KL_MAILBOX_SLOTS,
    // What one message may hold: the kernel's UDP_MAX_SEGMENTS of every version, and the payload of one packet.
    SEGMENTS = 64,
    MESSAGE_BYTES = 65000,
    // Header and payload of each datagram of a message, with room for several messages.
    VECTORS = 1024,
    CONTROL = 64 + 24,
};

_Static_assert(CONTROL >= CMSG_SPACE(sizeof(struct in6_pktinfo)) + CMSG_SPACE(sizeof(int)), "room for both");

struct outgoing {
    uint32_t datagrams, vectors, first_vector;
    // Bytes of each datagram with its header, and of all.
    uint32_t unit, bytes;
    // The last datagram is shorter than the others: nothing goes behind it.
    uint32_t is_closed;
    const struct kl_parcel *parcel;
};

struct kl_mailbox {
    struct mmsghdr in[SLOTS];
    struct iovec in_vectors[SLOTS];
    struct sockaddr_storage in_names[SLOTS];
    _Alignas(8) uint8_t in_controls[SLOTS][CONTROL];

    struct mmsghdr out[SLOTS];
    struct outgoing facts[SLOTS];
    struct iovec out_vectors[VECTORS];
    struct sockaddr_storage out_names[SLOTS];
    _Alignas(8) uint8_t out_controls[SLOTS][CONTROL];

    uint8_t *bytes;
};

struct kl_mailbox *kl_mailbox_create(void) {
    struct kl_mailbox *box = calloc(1, sizeof *box);
    if (!box) return NULL;
    // Taken up where it is touched: small datagrams touch one page of each slot.
    box->bytes = kl_reserve((size_t)SLOTS * KL_MAILBOX_SLOT_BYTES);
    if (!box->bytes) {
        free(box);
        return NULL;
    }
    for (int slot = 0; slot < SLOTS; slot++) {
        box->in_vectors[slot].iov_base = box->bytes + (size_t)slot * KL_MAILBOX_SLOT_BYTES;
        box->in_vectors[slot].iov_len = KL_MAILBOX_SLOT_BYTES;
        box->in[slot].msg_hdr.msg_iov = &box->in_vectors[slot];
        box->in[slot].msg_hdr.msg_iovlen = 1;
        box->in[slot].msg_hdr.msg_control = box->in_controls[slot];
    }
    return box;
}

void kl_mailbox_free(struct kl_mailbox *box) {
    kl_release(box->bytes, (size_t)SLOTS * KL_MAILBOX_SLOT_BYTES);
    free(box);
}

uint8_t *kl_mailbox_bytes(struct kl_mailbox *box) { return box->bytes; }

// What the kernel tells beside the bytes: the size of those that came together, and where they came to.
static void read_controls(struct msghdr *header, struct kl_parcel *parcel) {
    for (struct cmsghdr *control = CMSG_FIRSTHDR(header); control; control = CMSG_NXTHDR(header, control)) {
        if (control->cmsg_level == SOL_UDP && control->cmsg_type == UDP_GRO) {
            int size;
            memcpy(&size, CMSG_DATA(control), sizeof size);
            if (size > 0 && (uint32_t)size < parcel->count) parcel->segment = (uint32_t)size;
        } else if (control->cmsg_level == IPPROTO_IP && control->cmsg_type == IP_PKTINFO) {
            struct in_pktinfo info;
            memcpy(&info, CMSG_DATA(control), sizeof info);
            parcel->local.family = 4;
            parcel->local.low = ntohl(info.ipi_spec_dst.s_addr);
        } else if (control->cmsg_level == IPPROTO_IPV6 && control->cmsg_type == IPV6_PKTINFO) {
            struct in6_pktinfo info;
            memcpy(&info, CMSG_DATA(control), sizeof info);
            // An answer cannot leave from an address of many.
            if (IN6_IS_ADDR_MULTICAST(&info.ipi6_addr)) continue;
            struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_addr = info.ipi6_addr};
            struct sockaddr_storage storage;
            memset(&storage, 0, sizeof storage);
            memcpy(&storage, &six, sizeof six);
            kl_address_decode(&storage, &parcel->local);
        }
    }
}

int kl_mailbox_receive(
    struct kl_mailbox *box, int fd, int first, int limit, int peers, struct kl_parcel *parcels) {
    if (first < 0 || limit <= 0 || first + limit > SLOTS) return -EINVAL;
    for (int slot = first; slot < first + limit; slot++) {
        struct msghdr *header = &box->in[slot].msg_hdr;
        header->msg_name = peers ? &box->in_names[slot] : NULL;
        header->msg_namelen = peers ? sizeof box->in_names[slot] : 0;
        header->msg_controllen = CONTROL;
        header->msg_flags = 0;
    }
    int count;
    do {
        count = recvmmsg(fd, box->in + first, (unsigned)limit, MSG_DONTWAIT, NULL);
    } while (count < 0 && errno == EINTR);
    if (count < 0) return -errno;
    for (int index = 0; index < count; index++) {
        int slot = first + index;
        struct kl_parcel *parcel = &parcels[index];
        memset(parcel, 0, sizeof *parcel);
        parcel->slot = (uint32_t)slot;
        parcel->count = parcel->segment = box->in[slot].msg_len;
        parcel->cut = (box->in[slot].msg_hdr.msg_flags & MSG_TRUNC) != 0;
        if (box->in[slot].msg_hdr.msg_controllen > 0) read_controls(&box->in[slot].msg_hdr, parcel);
        if (peers) kl_address_decode(&box->in_names[slot], &parcel->peer);
    }
    return count;
}

int kl_mailbox_receive_one(struct kl_mailbox *box, int fd, int slot, struct kl_parcel *parcel) {
    if (slot < 0 || slot >= SLOTS) return -EINVAL;
    ssize_t count;
    do {
        count = recv(fd, box->bytes + (size_t)slot * KL_MAILBOX_SLOT_BYTES, KL_MAILBOX_SLOT_BYTES, MSG_DONTWAIT);
    } while (count < 0 && errno == EINTR);
    if (count < 0) return -errno;
    memset(parcel, 0, sizeof *parcel);
    parcel->slot = (uint32_t)slot;
    parcel->count = parcel->segment = (uint32_t)count;
    return 0;
}

// MARK: Sending

static int are_equal(const struct kl_address *one, const struct kl_address *other) {
    return one->family == other->family && one->port == other->port && one->low == other->low &&
           one->high == other->high && one->scope == other->scope;
}

// Writes the control messages of a message that is complete.
static void finish(struct kl_mailbox *box, int index) {
    struct msghdr *header = &box->out[index].msg_hdr;
    const struct outgoing *facts = &box->facts[index];
    header->msg_iov = &box->out_vectors[facts->first_vector];
    header->msg_iovlen = facts->vectors;
    header->msg_control = NULL;
    header->msg_controllen = 0;
    header->msg_flags = 0;
    const struct kl_address *local = &facts->parcel->local;
    size_t room = (local->family == 4   ? CMSG_SPACE(sizeof(struct in_pktinfo))
                   : local->family == 6 ? CMSG_SPACE(sizeof(struct in6_pktinfo))
                                        : 0) +
                  (facts->datagrams > 1 ? CMSG_SPACE(sizeof(uint16_t)) : 0);
    if (room == 0) return;
    memset(box->out_controls[index], 0, CONTROL);
    header->msg_control = box->out_controls[index];
    header->msg_controllen = room;
    struct cmsghdr *control = CMSG_FIRSTHDR(header);
    if (local->family == 4) {
        struct in_pktinfo info = {.ipi_spec_dst.s_addr = htonl((uint32_t)local->low)};
        control->cmsg_level = IPPROTO_IP;
        control->cmsg_type = IP_PKTINFO;
        control->cmsg_len = CMSG_LEN(sizeof info);
        memcpy(CMSG_DATA(control), &info, sizeof info);
        control = CMSG_NXTHDR(header, control);
    } else if (local->family == 6) {
        struct sockaddr_storage storage;
        kl_address_encode(local, &storage);
        struct in6_pktinfo info = {.ipi6_addr = ((struct sockaddr_in6 *)&storage)->sin6_addr};
        control->cmsg_level = IPPROTO_IPV6;
        control->cmsg_type = IPV6_PKTINFO;
        control->cmsg_len = CMSG_LEN(sizeof info);
        memcpy(CMSG_DATA(control), &info, sizeof info);
        control = CMSG_NXTHDR(header, control);
    }
    if (facts->datagrams > 1) {
        uint16_t unit = (uint16_t)facts->unit;
        control->cmsg_level = SOL_UDP;
        control->cmsg_type = UDP_SEGMENT;
        control->cmsg_len = CMSG_LEN(sizeof unit);
        memcpy(CMSG_DATA(control), &unit, sizeof unit);
    }
}

// A message of several datagrams, one by one.
static void send_apart(
    struct kl_mailbox *box, int fd, int index, size_t header_count, struct kl_dispatch *dispatch) {
    const struct outgoing *facts = &box->facts[index];
    uint32_t left = facts->bytes, vector = facts->first_vector;
    size_t offset = 0;
    while (left > 0) {
        uint32_t unit = left < facts->unit ? left : facts->unit;
        struct iovec parts[2];
        int count = 0;
        if (header_count > 0) parts[count++] = box->out_vectors[vector++];
        parts[count].iov_base = (uint8_t *)box->out_vectors[vector].iov_base + offset;
        parts[count++].iov_len = unit - header_count;
        offset += unit - header_count;
        if (offset >= box->out_vectors[vector].iov_len) {
            vector++;
            offset = 0;
        }
        struct msghdr message = box->out[index].msg_hdr;
        message.msg_iov = parts;
        message.msg_iovlen = (size_t)count;
        // The address it leaves from comes first; the size of the parts, which is left out, last.
        size_t size = CMSG_SPACE(sizeof(uint16_t));
        message.msg_controllen = message.msg_controllen > size ? message.msg_controllen - size : 0;
        if (message.msg_controllen == 0) message.msg_control = NULL;
        ssize_t result;
        do {
            result = sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
        } while (result < 0 && errno == EINTR);
        dispatch->calls++;
        if (result >= 0) {
            dispatch->sent++;
            dispatch->bytes += unit - header_count;
        } else {
            dispatch->lost++;
            dispatch->error = errno;
        }
        left -= unit;
    }
}

// One message, by the call that asks the kernel to read the least.
static int send_one(int fd, const struct msghdr *message) {
    int flags = MSG_NOSIGNAL | MSG_DONTWAIT;
    if (message->msg_iovlen == 1 && !message->msg_name && !message->msg_control)
        return send(fd, message->msg_iov->iov_base, message->msg_iov->iov_len, flags) < 0 ? -1 : 1;
    return sendmsg(fd, message, flags) < 0 ? -1 : 1;
}

// 0: nothing more is to be tried.
static int flush(
    struct kl_mailbox *box, int fd, int count, size_t header_count, int32_t *segmenting,
    struct kl_dispatch *dispatch) {
    for (int index = 0; index < count; index++) finish(box, index);
    int done = 0;
    while (done < count) {
        int result = count - done == 1
                         ? send_one(fd, &box->out[done].msg_hdr)
                         : sendmmsg(fd, box->out + done, (unsigned)(count - done), MSG_NOSIGNAL | MSG_DONTWAIT);
        dispatch->calls++;
        if (result > 0) {
            for (; result > 0; result--, done++) {
                const struct outgoing *facts = &box->facts[done];
                dispatch->sent += facts->datagrams;
                dispatch->bytes += facts->bytes - facts->datagrams * header_count;
                if (facts->datagrams > 1) dispatch->joined++;
            }
            continue;
        }
        if (errno == EINTR) continue;
        dispatch->error = errno;
        if (errno == ECONNREFUSED) {
            for (; done < count; done++) dispatch->lost += box->facts[done].datagrams;
            return 0;
        }
        if (box->facts[done].datagrams > 1 && errno != EAGAIN && errno != ENOBUFS) {
            // A device without checksums of its own (EIO), or a route whose packets are smaller (EINVAL, EMSGSIZE).
            *segmenting = 0;
            dispatch->error = 0;
            send_apart(box, fd, done, header_count, dispatch);
        } else {
            dispatch->lost += box->facts[done].datagrams;
        }
        done++;
    }
    return 1;
}

void kl_mailbox_send(
    struct kl_mailbox *box, int fd, const struct kl_parcel *parcels, int count, const uint8_t *header,
    size_t header_count, int32_t *segmenting, struct kl_dispatch *dispatch) {
    int messages = 0;
    uint32_t vectors = 0;
    int goes_on = 1;
    memset(dispatch, 0, sizeof *dispatch);
    for (int index = 0; index < count; index++) {
        const struct kl_parcel *parcel = &parcels[index];
        uint8_t *bytes = box->bytes + (size_t)(parcel->slot % SLOTS) * KL_MAILBOX_SLOT_BYTES + parcel->start;
        uint32_t offset = 0;
        do {
            uint32_t left = parcel->count - offset;
            uint32_t size = parcel->segment > 0 && parcel->segment < left ? parcel->segment : left;
            uint32_t unit = size + (uint32_t)header_count;
            struct outgoing *last = messages > 0 ? &box->facts[messages - 1] : NULL;
            if (!goes_on) {
                dispatch->lost++;
            } else if (
                last && *segmenting && unit > 0 && !last->is_closed && unit <= last->unit &&
                last->datagrams < SEGMENTS && last->bytes + unit <= MESSAGE_BYTES && vectors + 2 <= VECTORS &&
                (last->parcel == parcel || (are_equal(&last->parcel->peer, &parcel->peer) &&
                                            are_equal(&last->parcel->local, &parcel->local)))) {
                struct iovec *end = &box->out_vectors[vectors - 1];
                if (header_count == 0 && (uint8_t *)end->iov_base + end->iov_len == bytes + offset) {
                    end->iov_len += size;
                } else {
                    if (header_count > 0) {
                        box->out_vectors[vectors++] = (struct iovec){(void *)header, header_count};
                        last->vectors++;
                    }
                    box->out_vectors[vectors++] = (struct iovec){bytes + offset, size};
                    last->vectors++;
                }
                last->datagrams++;
                last->bytes += unit;
                last->is_closed = unit < last->unit;
            } else {
                if (messages == SLOTS || vectors + 2 > VECTORS) {
                    goes_on = flush(box, fd, messages, header_count, segmenting, dispatch);
                    messages = 0;
                    vectors = 0;
                    if (!goes_on) {
                        dispatch->lost++;
                        offset += size;
                        continue;
                    }
                }
                struct outgoing *facts = &box->facts[messages];
                *facts = (struct outgoing){
                    .datagrams = 1, .vectors = 1, .first_vector = vectors, .unit = unit, .bytes = unit,
                    .is_closed = unit == 0, .parcel = parcel};
                if (header_count > 0) {
                    box->out_vectors[vectors++] = (struct iovec){(void *)header, header_count};
                    facts->vectors++;
                }
                box->out_vectors[vectors++] = (struct iovec){bytes + offset, size};
                struct msghdr *message = &box->out[messages].msg_hdr;
                message->msg_name = NULL;
                message->msg_namelen = 0;
                if (parcel->peer.family != 0) {
                    message->msg_name = &box->out_names[messages];
                    message->msg_namelen = kl_address_encode(&parcel->peer, &box->out_names[messages]);
                }
                messages++;
            }
            offset += size;
        } while (offset < parcel->count);
    }
    if (goes_on && messages > 0) flush(box, fd, messages, header_count, segmenting, dispatch);
}

// MARK: Sockets

void kl_datagram_join(int fd) {
    int on = 1;
    // Where the kernel does not know it, datagrams come one by one.
    setsockopt(fd, SOL_UDP, UDP_GRO, &on, sizeof on);
}

void kl_datagram_prepare(int fd, int tells_destination) {
    kl_datagram_join(fd);
    // One of the two is the socket's family.
    setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &tells_destination, sizeof tells_destination);
    setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &tells_destination, sizeof tells_destination);
}

int kl_datagram_connect(const struct kl_address *address) {
    int family = address->family == 6 ? AF_INET6 : AF_INET;
    int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_UDP);
    if (fd < 0) return -errno;
    int room = 1 << 20;
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
    struct sockaddr_storage storage;
    socklen_t length = kl_address_encode(address, &storage);
    if (connect(fd, (struct sockaddr *)&storage, length) == 0) return fd;
    int error = errno;
    close(fd);
    return -error;
}
