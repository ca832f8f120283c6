// System calls reshaped so that Swift sees plain integers and pointers only. A result below zero is -errno: errno is
// read here, before anything else on the thread can touch it. Calls that may be interrupted are retried here.
//
// _GNU_SOURCE is defined in the .c files alone: in a header it would give Swift two views of the same C types.
#ifndef CLINUX_H
#define CLINUX_H

#include <stddef.h>
#include <stdint.h>

/// Mirrors struct epoll_event without its union, which Swift would call unsafe.
#if defined(__x86_64__)
struct __attribute__((packed)) kl_event {
#else
struct kl_event {
#endif
    uint32_t events;
    uint64_t token;
};

/// An IPv4 (family 4, the address in `low`'s lower 32 bits) or IPv6 (family 6) address, numbers in host order.
struct kl_address {
    uint64_t high;
    uint64_t low;
    uint32_t scope;
    uint16_t port;
    uint8_t family;
};

int kl_epoll_create(void);
int kl_epoll_add(int epoll, int fd, uint32_t events, uint64_t token);
int kl_epoll_modify(int epoll, int fd, uint32_t events, uint64_t token);
int kl_epoll_remove(int epoll, int fd);
int kl_epoll_wait(int epoll, struct kl_event *events, int capacity, int timeout_ms);

int kl_eventfd(void);
int kl_eventfd_ring(int fd);
int kl_eventfd_drain(int fd);

int kl_socket_stream(int family);
int kl_listen(const struct kl_address *address, int backlog);
int kl_accept(int fd, struct kl_address *peer);
int kl_connect(int fd, const struct kl_address *address);
int kl_local_address(int fd, struct kl_address *address);
int kl_take_error(int fd);
/// 1 where a connect has ended, well or not; 0 while it is under way.
int kl_has_connected(int fd);
int kl_set_nodelay(int fd);
int kl_set_nonblocking(int fd);
int kl_set_linger_reset(int fd);
/// What comes is acknowledged with what is sent, or a little later.
int kl_defer_acknowledgement(int fd);
int kl_shutdown_write(int fd);
int kl_close(int fd);
intptr_t kl_receive(int fd, void *bytes, size_t count);
/// As `kl_receive`, but the bytes stay in the socket.
intptr_t kl_peek(int fd, void *bytes, size_t count);
intptr_t kl_send(int fd, const void *bytes, size_t count);
intptr_t kl_read(int fd, void *bytes, size_t count);
intptr_t kl_write(int fd, const void *bytes, size_t count);

/// A stream socket to a Unix path; blocking.
int kl_unix_connect(const char *path);

uint64_t kl_monotonic_ns(void);
uint64_t kl_realtime_ns(void);

/// Address space for `bytes` bytes, zero-filled and taking memory only where it is touched. NULL when refused.
void *kl_reserve(size_t bytes);
void kl_release(void *base, size_t bytes);

int kl_signalfd_block(const int *signals, int count);
int kl_signalfd_next(int fd);
int kl_ignore_sigpipe(void);

int kl_descriptor_limit_raise(void);
int kl_open_append(const char *path);
int kl_open_null(void);
int kl_duplicate(int fd);
int kl_wait_readable(int fd, int timeout_ms);

/// Becomes `user` (name or number) for good: groups cleared, gid and uid set, no way back. 0, or -errno (-ENOENT: no such user).
int kl_become(const char *user);
int kl_effective_user(void);

/// Writes a file of mode 0600 whole or not at all: temporary name, fsync, rename.
int kl_replace_file(const char *path, const void *bytes, size_t count);

/// Names the calling thread; what is beyond 15 bytes is cut.
void kl_name_thread(const char *name);

/// The calling thread runs when others have nothing to do.
void kl_yield_to_others(void);

int kl_random(void *bytes, size_t count);

#include "datagrams.h"
#include "process.h"

#endif
