#define _GNU_SOURCE
#include "CLinux.h"
#include "addresses.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

_Static_assert(sizeof(struct kl_event) == sizeof(struct epoll_event), "kl_event mirrors epoll_event");
_Static_assert(offsetof(struct kl_event, token) == offsetof(struct epoll_event, data), "kl_event mirrors epoll_event");

#define RETRY(call)                                                                                                    \
    ({                                                                                                                 \
        intptr_t result_;                                                                                              \
        do {                                                                                                           \
            result_ = (intptr_t)(call);                                                                                \
        } while (result_ < 0 && errno == EINTR);                                                                       \
        result_ < 0 ? -(intptr_t)errno : result_;                                                                      \
    })

int kl_epoll_create(void) { return (int)RETRY(epoll_create1(EPOLL_CLOEXEC)); }

static int control(int epoll, int operation, int fd, uint32_t events, uint64_t token) {
    struct epoll_event event = {.events = events, .data.u64 = token};
    return (int)RETRY(epoll_ctl(epoll, operation, fd, &event));
}

int kl_epoll_add(int epoll, int fd, uint32_t events, uint64_t token) {
    return control(epoll, EPOLL_CTL_ADD, fd, events, token);
}

int kl_epoll_modify(int epoll, int fd, uint32_t events, uint64_t token) {
    return control(epoll, EPOLL_CTL_MOD, fd, events, token);
}

int kl_epoll_remove(int epoll, int fd) { return control(epoll, EPOLL_CTL_DEL, fd, 0, 0); }

int kl_epoll_wait(int epoll, struct kl_event *events, int capacity, int timeout_ms) {
    int count = epoll_wait(epoll, (struct epoll_event *)events, capacity, timeout_ms);
    if (count >= 0) return count;
    return errno == EINTR ? 0 : -errno;
}

int kl_eventfd(void) { return (int)RETRY(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)); }

int kl_eventfd_ring(int fd) {
    uint64_t one = 1;
    return (int)RETRY(write(fd, &one, sizeof one));
}

int kl_eventfd_drain(int fd) {
    uint64_t count;
    return (int)RETRY(read(fd, &count, sizeof count));
}

socklen_t kl_address_encode(const struct kl_address *address, struct sockaddr_storage *storage) {
    memset(storage, 0, sizeof *storage);
    if (address->family == 6) {
        struct sockaddr_in6 *six = (struct sockaddr_in6 *)storage;
        six->sin6_family = AF_INET6;
        six->sin6_port = htons(address->port);
        six->sin6_scope_id = address->scope;
        for (int i = 0; i < 8; i++) {
            six->sin6_addr.s6_addr[i] = (uint8_t)(address->high >> (56 - 8 * i));
            six->sin6_addr.s6_addr[8 + i] = (uint8_t)(address->low >> (56 - 8 * i));
        }
        return sizeof *six;
    }
    struct sockaddr_in *four = (struct sockaddr_in *)storage;
    four->sin_family = AF_INET;
    four->sin_port = htons(address->port);
    four->sin_addr.s_addr = htonl((uint32_t)address->low);
    return sizeof *four;
}

void kl_address_decode(const struct sockaddr_storage *storage, struct kl_address *address) {
    memset(address, 0, sizeof *address);
    if (storage->ss_family == AF_INET6) {
        const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)storage;
        address->port = ntohs(six->sin6_port);
        if (IN6_IS_ADDR_V4MAPPED(&six->sin6_addr)) {
            address->family = 4;
            for (int i = 12; i < 16; i++) address->low = address->low << 8 | six->sin6_addr.s6_addr[i];
            return;
        }
        address->family = 6;
        address->scope = six->sin6_scope_id;
        for (int i = 0; i < 8; i++) {
            address->high = address->high << 8 | six->sin6_addr.s6_addr[i];
            address->low = address->low << 8 | six->sin6_addr.s6_addr[8 + i];
        }
    } else if (storage->ss_family == AF_INET) {
        const struct sockaddr_in *four = (const struct sockaddr_in *)storage;
        address->family = 4;
        address->port = ntohs(four->sin_port);
        address->low = ntohl(four->sin_addr.s_addr);
    }
}

int kl_socket_stream(int family) {
    return (int)RETRY(
        socket(family == 6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP));
}

int kl_listen(const struct kl_address *address, int backlog) {
    int fd = kl_socket_stream(address->family);
    if (fd < 0) return fd;
    int on = 1;
    struct sockaddr_storage storage;
    socklen_t length = kl_address_encode(address, &storage);
    int failed = setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0 ||
                 setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) < 0 ||
                 (address->family == 6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) < 0) ||
                 bind(fd, (struct sockaddr *)&storage, length) < 0 || listen(fd, backlog) < 0;
    if (failed) {
        int code = errno;
        close(fd);
        return -code;
    }
    return fd;
}

int kl_accept(int fd, struct kl_address *peer) {
    struct sockaddr_storage storage;
    socklen_t length = sizeof storage;
    int accepted = (int)RETRY(accept4(fd, (struct sockaddr *)&storage, &length, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (accepted >= 0) kl_address_decode(&storage, peer);
    return accepted;
}

int kl_connect(int fd, const struct kl_address *address) {
    struct sockaddr_storage storage;
    socklen_t length = kl_address_encode(address, &storage);
    // Not retried on EINTR: an interrupted connect goes on by itself, like one that would block.
    if (connect(fd, (struct sockaddr *)&storage, length) == 0) return 0;
    return errno == EINTR ? -EINPROGRESS : -errno;
}

int kl_local_address(int fd, struct kl_address *address) {
    struct sockaddr_storage storage;
    socklen_t length = sizeof storage;
    if (getsockname(fd, (struct sockaddr *)&storage, &length) < 0) return -errno;
    kl_address_decode(&storage, address);
    return 0;
}

int kl_has_connected(int fd) {
    struct pollfd one = {.fd = fd, .events = POLLOUT};
    return poll(&one, 1, 0) > 0;
}

int kl_take_error(int fd) {
    int code = 0;
    socklen_t length = sizeof code;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &length) < 0) return -errno;
    return -code;
}

int kl_set_nodelay(int fd) {
    int on = 1;
    return setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) < 0 ? -errno : 0;
}

int kl_set_nonblocking(int fd) {
    int flags = fcntl(fd, F_GETFL);
    return flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ? -errno : 0;
}

int kl_set_linger_reset(int fd) {
    struct linger linger = {.l_onoff = 1, .l_linger = 0};
    return setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger) < 0 ? -errno : 0;
}

int kl_defer_acknowledgement(int fd) {
    int off = 0;
    return setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &off, sizeof off) < 0 ? -errno : 0;
}

int kl_shutdown_write(int fd) { return shutdown(fd, SHUT_WR) < 0 ? -errno : 0; }

// Linux closes the descriptor even when close reports EINTR: never retried.
int kl_close(int fd) { return close(fd) < 0 ? -errno : 0; }

intptr_t kl_receive(int fd, void *bytes, size_t count) { return RETRY(recv(fd, bytes, count, 0)); }
intptr_t kl_peek(int fd, void *bytes, size_t count) { return RETRY(recv(fd, bytes, count, MSG_PEEK)); }
intptr_t kl_send(int fd, const void *bytes, size_t count) { return RETRY(send(fd, bytes, count, MSG_NOSIGNAL)); }
intptr_t kl_read(int fd, void *bytes, size_t count) { return RETRY(read(fd, bytes, count)); }
intptr_t kl_write(int fd, const void *bytes, size_t count) { return RETRY(write(fd, bytes, count)); }

int kl_unix_connect(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) return -ENAMETOOLONG;
    strcpy(address.sun_path, path);
    int fd = (int)RETRY(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (fd < 0) return fd;
    int result = (int)RETRY(connect(fd, (struct sockaddr *)&address, sizeof address));
    if (result < 0) {
        close(fd);
        return result;
    }
    return fd;
}

static uint64_t nanoseconds(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t kl_monotonic_ns(void) { return nanoseconds(CLOCK_MONOTONIC); }
uint64_t kl_realtime_ns(void) { return nanoseconds(CLOCK_REALTIME); }

void *kl_reserve(size_t bytes) {
    void *base = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return base == MAP_FAILED ? NULL : base;
}

void kl_release(void *base, size_t bytes) { munmap(base, bytes); }
