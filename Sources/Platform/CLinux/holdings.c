// What the supervisor holds: users, files, and sockets bound for others.
#define _GNU_SOURCE
#include "process.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <netinet/in.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

// The plain getpwnam and its kin answer from one place for the whole process; threads would read each other's answers.
enum { entry_bytes = 16384 };

int kl_user_find(const char *name, uint32_t *user, uint32_t *group) {
    struct passwd entry, *found = NULL;
    char bytes[entry_bytes];
    if (getpwnam_r(name, &entry, bytes, sizeof bytes, &found) != 0 || !found) return 0;
    *user = found->pw_uid;
    *group = found->pw_gid;
    return 1;
}

int kl_group_find(const char *name, uint32_t *group) {
    struct group entry, *found = NULL;
    char bytes[entry_bytes];
    if (getgrnam_r(name, &entry, bytes, sizeof bytes, &found) != 0 || !found) return 0;
    *group = found->gr_gid;
    return 1;
}

int kl_user_name(uint32_t user, char *name, size_t room) {
    struct passwd entry, *found = NULL;
    char bytes[entry_bytes];
    if (getpwuid_r(user, &entry, bytes, sizeof bytes, &found) != 0 || !found) return 0;
    if (strlen(found->pw_name) >= room) return 0;
    strcpy(name, found->pw_name);
    return (int)strlen(name);
}

static void tell(const struct stat *status, struct kl_file_facts *facts) {
    facts->size = status->st_size;
    facts->device = status->st_dev;
    facts->inode = status->st_ino;
    facts->mode = status->st_mode;
    facts->user = status->st_uid;
    facts->group = status->st_gid;
}

int kl_file_facts(const char *path, struct kl_file_facts *facts) {
    struct stat status;
    if (stat(path, &status) < 0) return -errno;
    tell(&status, facts);
    return 0;
}

int kl_open_file_facts(int fd, struct kl_file_facts *facts) {
    struct stat status;
    if (fstat(fd, &status) < 0) return -errno;
    tell(&status, facts);
    return 0;
}

int kl_file_rename(const char *old_path, const char *new_path) {
    return rename(old_path, new_path) < 0 ? -errno : 0;
}

int kl_file_own(const char *path, uint32_t user, uint32_t group) {
    return lchown(path, user, group) < 0 ? -errno : 0;
}

intptr_t kl_file_head(const char *path, void *bytes, size_t room) {
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return -errno;
    size_t filled = 0;
    ssize_t count = 1;
    while (filled < room && count > 0) {
        do count = read(file, (char *)bytes + filled, room - filled);
        while (count < 0 && errno == EINTR);
        if (count > 0) filled += (size_t)count;
    }
    int error = errno;
    close(file);
    return count < 0 ? -error : (intptr_t)filled;
}

int kl_directory_sync(const char *path) {
    int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0) return -errno;
    int error = fsync(directory) < 0 ? errno : 0;
    close(directory);
    return -error;
}

int kl_file_lock(const char *path) {
    int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (file < 0) return -errno;
    if (flock(file, LOCK_EX | LOCK_NB) == 0) return file;
    int error = errno;
    close(file);
    return -error;
}

static socklen_t encode(int family, const char *host, uint16_t port, struct sockaddr_storage *storage) {
    memset(storage, 0, sizeof *storage);
    if (family == 6) {
        struct sockaddr_in6 *six = (struct sockaddr_in6 *)storage;
        six->sin6_family = AF_INET6;
        six->sin6_port = htons(port);
        return inet_pton(AF_INET6, host, &six->sin6_addr) == 1 ? sizeof *six : 0;
    }
    struct sockaddr_in *four = (struct sockaddr_in *)storage;
    four->sin_family = AF_INET;
    four->sin_port = htons(port);
    return inet_pton(AF_INET, host, &four->sin_addr) == 1 ? sizeof *four : 0;
}

// A bound socket; `option` is the SOL_SOCKET option to set first, 0 for none.
static int bound(int family, const char *host, uint16_t port, int datagram, int option) {
    struct sockaddr_storage storage;
    socklen_t length = encode(family, host, port, &storage);
    if (length == 0) return -EINVAL;
    int type = (datagram ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC | SOCK_NONBLOCK;
    int fd = socket(family == 6 ? AF_INET6 : AF_INET, type, 0);
    if (fd < 0) return -errno;
    int on = 1;
    int failed = (option && setsockopt(fd, SOL_SOCKET, option, &on, sizeof on) < 0) ||
                 (family == 6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) < 0) ||
                 bind(fd, (struct sockaddr *)&storage, length) < 0;
    if (failed) {
        int error = errno;
        close(fd);
        return -error;
    }
    return fd;
}

int kl_address_probe(int family, const char *host, uint16_t port, int datagram) {
    // With SO_REUSEADDR connections of an ended program do not count. Among datagram sockets it would mean sharing.
    int fd = bound(family, host, port, datagram, datagram ? 0 : SO_REUSEADDR);
    if (fd < 0) return fd;
    close(fd);
    return 0;
}

// Bytes that may wait in a socket: a burst from thousands of clients is there at once. Beyond the system's limit
// (net.core.rmem_max) only for the privileged, so it is done where the address is bound.
static void give_room(int fd) {
    int room = 4 << 20;
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room) < 0)
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
    if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof room) < 0)
        setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
}

int kl_bind_datagram(int family, const char *host, uint16_t port) {
    int fd = bound(family, host, port, 1, SO_REUSEPORT);
    if (fd < 0) return fd;
    give_room(fd);
    int on = 1;
    // On an address that stands for all, an answer must leave from the one that was asked.
    int failed = family == 6 ? setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof on) < 0
                             : setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof on) < 0;
    if (failed) {
        int error = errno;
        close(fd);
        return -error;
    }
    return fd;
}

int kl_unix_listen(const char *directory, const char *name, int backlog) {
    int folder = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0) return -errno;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    // Through the descriptor: a socket address holds 107 bytes of path and the directory's may be longer.
    int length = snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/%s", folder, name);
    int fd = length < (int)sizeof address.sun_path ? socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)
                                                   : (errno = ENAMETOOLONG, -1);
    int failed = fd < 0;
    if (!failed) {
        unlinkat(folder, name, 0);
        // Before bind, so that nobody else can connect for even a moment.
        mode_t before = umask(0177);
        failed = bind(fd, (struct sockaddr *)&address, sizeof address) < 0;
        int error = errno;
        umask(before);
        errno = error;
        failed = failed || listen(fd, backlog) < 0;
    }
    int error = errno;
    close(folder);
    if (!failed) return fd;
    if (fd >= 0) close(fd);
    return -error;
}
