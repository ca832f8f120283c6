// Programs, users, files and packets with descriptors, for the one process that keeps privileges. As in CLinux.h, a
// result below zero is -errno.
#ifndef CLINUX_PROCESS_H
#define CLINUX_PROCESS_H

#include <stddef.h>
#include <stdint.h>

enum kl_spawn_step {
    KL_SPAWN_START = 0,
    KL_SPAWN_DESCRIPTORS = 1,
    KL_SPAWN_DIRECTORY = 2,
    KL_SPAWN_USER = 3,
    KL_SPAWN_CONFINE = 4,
    KL_SPAWN_EXECUTE = 5,
};

struct kl_spawn_request {
    int32_t changes_user;
    uint32_t user, group;
    /// Sent to the program when the thread that started it ends; 0 for none.
    int32_t death_signal;
    /// A process group of its own: the terminal's Ctrl-C reaches the caller alone.
    int32_t own_group;
    /// Out: enum kl_spawn_step, where it failed.
    int32_t step;
};

/// Starts a program and answers its pid. Returns after it was executed, or with the error that kept it from being so:
/// the caller never meets a child that is still a copy of itself.
/// `arguments`: each ends with a zero byte, the program's name first. `directory`: empty for the caller's.
/// `descriptors`: entry i becomes descriptor i of the program, -1 leaves it closed; every other is closed at exec.
int kl_spawn(
    struct kl_spawn_request *request, const char *path, const char *arguments, size_t argument_bytes,
    const char *directory, const int32_t *descriptors, int descriptor_count, const uint32_t *groups, int group_count);

/// One child that has ended, any with `pid` -1: its pid, 0 when none has, -ECHILD when there is none at all.
/// `exit_code` is -1 when a signal ended it, `signal` 0 when it exited.
int kl_reap(int32_t pid, int32_t *exit_code, int32_t *signal);

/// A SOCK_SEQPACKET pair.
int kl_packet_pair(int32_t sockets[2]);
/// Sends one packet without waiting; at most 253 descriptors ride along (SCM_MAX_FD).
intptr_t kl_packet_send(
    int socket, const void *bytes, size_t count, const int32_t *descriptors, size_t descriptor_count);
/// Receives one packet without waiting; 0 is the end. `descriptor_count` in: room; out: how many came, close-on-exec.
/// `cut` is set when bytes or descriptors did not fit and are gone.
intptr_t kl_packet_receive(
    int socket, void *bytes, size_t room, int32_t *descriptors, size_t *descriptor_count, int32_t *cut);

/// Waits until one of up to 16 descriptors can be read or has hung up (answer 1), or written where `writes` is not 0
/// (answer 2, added). Negative descriptors are skipped; a negative time waits forever. Interrupted: 0.
int kl_wait_any(const int32_t *descriptors, const int32_t *writes, int32_t *ready, int count, int timeout_ms);

/// 1 when there is a user of that name, else 0.
int kl_user_find(const char *name, uint32_t *user, uint32_t *group);
int kl_group_find(const char *name, uint32_t *group);
/// The length of the user's name, 0 when it has none or it does not fit.
int kl_user_name(uint32_t user, char *name, size_t room);

struct kl_file_facts {
    int64_t size;
    uint64_t device, inode;
    uint32_t mode, user, group;
};
int kl_file_facts(const char *path, struct kl_file_facts *facts);
int kl_open_file_facts(int fd, struct kl_file_facts *facts);
int kl_file_rename(const char *old_path, const char *new_path);
int kl_file_own(const char *path, uint32_t user, uint32_t group);
/// Reads up to `room` bytes from the beginning.
intptr_t kl_file_head(const char *path, void *bytes, size_t room);
/// fsync of a directory, so that a name made in it outlives a power cut.
int kl_directory_sync(const char *path);
/// Opens (makes, 0600) the file and locks it for this process' life; -EWOULDBLOCK when another has it.
int kl_file_lock(const char *path);

/// Whether the address could be bound by nobody else at this time: binds without SO_REUSEPORT, then lets go.
/// Family 4 or 6, `host` as inet_pton reads it.
int kl_address_probe(int family, const char *host, uint16_t port, int datagram);
/// A bound datagram socket, shareable (SO_REUSEPORT), non-blocking, that tells each datagram's destination.
int kl_bind_datagram(int family, const char *host, uint16_t port);
/// A listening Unix stream socket at `directory`/`name`, mode 0600; replaces a file of that name. The directory's path
/// may be longer than a socket address holds.
int kl_unix_listen(const char *directory, const char *name, int backlog);

#endif
