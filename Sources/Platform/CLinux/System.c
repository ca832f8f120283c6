// What a process asks of the system outside the path of a request: signals, limits, files, identity.
#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

int kl_signalfd_block(const int *signals, int count) {
    sigset_t set;
    sigemptyset(&set);
    for (int i = 0; i < count; i++) sigaddset(&set, signals[i]);
    int code = pthread_sigmask(SIG_BLOCK, &set, NULL);
    if (code != 0) return -code;
    int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return fd < 0 ? -errno : fd;
}

int kl_signalfd_next(int fd) {
    struct signalfd_siginfo info;
    ssize_t count = read(fd, &info, sizeof info);
    if (count == sizeof info) return (int)info.ssi_signo;
    return count < 0 && errno != EAGAIN && errno != EINTR ? -errno : 0;
}

int kl_ignore_sigpipe(void) { return signal(SIGPIPE, SIG_IGN) == SIG_ERR ? -errno : 0; }

int kl_descriptor_limit_raise(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0) return -errno;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0) return -errno;
    return limit.rlim_cur > INT_MAX ? INT_MAX : (int)limit.rlim_cur;
}

int kl_open_append(const char *path) {
    // A pipe that nobody reads would hold the caller up: without waiting it is refused (ENXIO). Writing waits.
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK, 0640);
    if (fd < 0) return -errno;
    if (fcntl(fd, F_SETFL, O_APPEND) < 0) {
        int code = -errno;
        close(fd);
        return code;
    }
    return fd;
}

int kl_open_null(void) {
    int fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

int kl_duplicate(int fd) {
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    return copy < 0 ? -errno : copy;
}

int kl_wait_readable(int fd, int timeout_ms) {
    struct pollfd one = {.fd = fd, .events = POLLIN};
    int count = poll(&one, 1, timeout_ms);
    return count < 0 ? (errno == EINTR ? 0 : -errno) : count;
}

int kl_become(const char *user) {
    uid_t uid;
    gid_t gid;
    char *end = NULL;
    unsigned long number = strtoul(user, &end, 10);
    if (*user != 0 && end != NULL && *end == 0) {
        if (number == 0 || number >= UINT_MAX) return -EINVAL;
        uid = (uid_t)number;
        gid = (gid_t)number;
    } else {
        errno = 0;
        struct passwd *entry = getpwnam(user);
        if (entry == NULL) return errno != 0 ? -errno : -ENOENT;
        uid = entry->pw_uid;
        gid = entry->pw_gid;
    }
    if (setgroups(0, NULL) < 0 || setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0) return -errno;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) return -errno;
    return 0;
}

int kl_effective_user(void) { return (int)geteuid(); }

int kl_replace_file(const char *path, const void *bytes, size_t count) {
    char temporary[PATH_MAX];
    if (snprintf(temporary, sizeof temporary, "%s.new", path) >= (int)sizeof temporary) return -ENAMETOOLONG;
    int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) return -errno;
    const char *next = bytes;
    size_t left = count;
    int code = fchmod(fd, 0600) < 0 ? errno : 0;
    while (code == 0 && left > 0) {
        ssize_t written = write(fd, next, left);
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) {
            code = errno;
        } else {
            next += written;
            left -= (size_t)written;
        }
    }
    if (code == 0 && fsync(fd) < 0) code = errno;
    close(fd);
    if (code == 0 && rename(temporary, path) < 0) code = errno;
    if (code != 0) unlink(temporary);
    return -code;
}

int kl_random(void *bytes, size_t count) {
    char *next = bytes;
    while (count > 0) {
        ssize_t got = getrandom(next, count, 0);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return -errno;
        next += got;
        count -= (size_t)got;
    }
    return 0;
}

// PRIO_PROCESS with 0 means the calling thread on Linux.
void kl_yield_to_others(void) { setpriority(PRIO_PROCESS, 0, 10); }

void kl_name_thread(const char *name) {
    char cut[16];
    snprintf(cut, sizeof cut, "%s", name);
    prctl(PR_SET_NAME, cut, 0, 0, 0);
}
