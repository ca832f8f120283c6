#define _GNU_SOURCE
#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

// What the child tells its parent when it cannot become the program.
struct failure {
    int32_t error, step;
};

struct program {
    const struct kl_spawn_request *request;
    const char *path, *directory;
    char **arguments;
    const int32_t *descriptors;
    int descriptor_count;
    const uint32_t *groups;
    int group_count;
    int report;
    pid_t parent;
};

enum { program_descriptors_limit = 16 };

static _Noreturn void fail(int report, int step) {
    struct failure failure = {errno, step};
    // The pipe is empty and this is far below PIPE_BUF: written whole or not at all.
    ssize_t ignored = write(report, &failure, sizeof failure);
    (void)ignored;
    _exit(127);
}

// Between fork and exec: async-signal-safe functions only, and raw system calls where glibc's would signal its threads.
static _Noreturn void become(const struct program *program) {
    const struct kl_spawn_request *request = program->request;
    struct sigaction plain;
    memset(&plain, 0, sizeof plain);
    plain.sa_handler = SIG_DFL;
    for (int number = 1; number < NSIG; number++) sigaction(number, &plain, NULL);  // KILL and STOP refuse; so be it

    // All sources go above the targets first: one's target may be another's source.
    int count = program->descriptor_count;
    int report = fcntl(program->report, F_DUPFD_CLOEXEC, count);
    if (report < 0) fail(program->report, KL_SPAWN_DESCRIPTORS);
    int moved[program_descriptors_limit];
    for (int i = 0; i < count; i++) {
        moved[i] = program->descriptors[i] < 0 ? -1 : fcntl(program->descriptors[i], F_DUPFD_CLOEXEC, count);
        if (moved[i] < 0 && program->descriptors[i] >= 0) fail(report, KL_SPAWN_DESCRIPTORS);
    }
    int opened = open(program->path, O_PATH | O_CLOEXEC);
    if (opened < 0) fail(report, KL_SPAWN_EXECUTE);
    int file = fcntl(opened, F_DUPFD_CLOEXEC, count);
    if (file < 0) fail(report, KL_SPAWN_DESCRIPTORS);
    for (int i = 0; i < count; i++) {
        if (moved[i] < 0) close(i);
        else if (dup2(moved[i], i) < 0) fail(report, KL_SPAWN_DESCRIPTORS);
    }
#ifdef SYS_close_range
    // 4 is CLOSE_RANGE_CLOEXEC (Linux 5.11). An older kernel refuses: our own descriptors are close-on-exec anyway.
    syscall(SYS_close_range, (unsigned)count, ~0u, 4u);
#endif

    if (request->own_group) setpgid(0, 0);
    if (*program->directory && chdir(program->directory) != 0) fail(report, KL_SPAWN_DIRECTORY);
    if (request->changes_user) {
        // Groups first, user last: after that nothing can be changed any more.
        if (syscall(SYS_setgroups, (size_t)program->group_count, program->groups) != 0 ||
            syscall(SYS_setresgid, request->group, request->group, request->group) != 0 ||
            syscall(SYS_setresuid, request->user, request->user, request->user) != 0)
            fail(report, KL_SPAWN_USER);
    }
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) fail(report, KL_SPAWN_CONFINE);
    // What a service manager gave the caller alone (ports below 1024) ends here.
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    if (request->death_signal) {
        // After the change of user, which would clear it.
        if (prctl(PR_SET_PDEATHSIG, request->death_signal, 0, 0, 0) != 0) fail(report, KL_SPAWN_CONFINE);
        if (getppid() != program->parent) _exit(127);  // it died before it could be asked
    }

    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    execve(program->path, program->arguments, environ);
    // The new user may not walk to the program (it lies in a home folder): it was opened while we still could.
    if (errno == EACCES) syscall(SYS_execveat, file, "", program->arguments, environ, AT_EMPTY_PATH);
    fail(report, KL_SPAWN_EXECUTE);
}

// Points into `block`, where each argument ends with a zero byte. NULL when there is no memory.
static char **split(const char *block, size_t bytes) {
    size_t count = 0;
    for (size_t i = 0; i < bytes; i++) count += block[i] == 0;
    char **parts = calloc(count + 1, sizeof *parts);
    if (!parts) return NULL;
    const char *next = block;
    for (size_t i = 0; i < count; i++) {
        parts[i] = (char *)next;
        next += strlen(next) + 1;
    }
    return parts;
}

int kl_spawn(
    struct kl_spawn_request *request, const char *path, const char *arguments, size_t argument_bytes,
    const char *directory, const int32_t *descriptors, int descriptor_count, const uint32_t *groups, int group_count) {
    request->step = KL_SPAWN_START;
    if (descriptor_count > program_descriptors_limit) return -EINVAL;
    int report[2];
    if (pipe2(report, O_CLOEXEC) != 0) return -errno;
    struct program program = {
        request, path, directory, split(arguments, argument_bytes), descriptors, descriptor_count, groups, group_count,
        report[1], getpid()};
    if (!program.arguments) {
        close(report[0]);
        close(report[1]);
        return -ENOMEM;
    }
    // No handler of ours may run in the child.
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pid_t child = fork();
    int error = errno;
    if (child == 0) become(&program);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    free(program.arguments);
    close(report[1]);
    struct failure failure;
    ssize_t count = 0;
    if (child > 0) {
        do count = read(report[0], &failure, sizeof failure);
        while (count < 0 && errno == EINTR);
    }
    close(report[0]);
    if (child < 0) return -error;
    if (count != (ssize_t)sizeof failure) return child;
    while (waitpid(child, NULL, 0) < 0 && errno == EINTR) {}
    request->step = failure.step;
    return -failure.error;
}

int kl_reap(int32_t pid, int32_t *exit_code, int32_t *signal) {
    int status;
    pid_t child;
    do child = waitpid(pid, &status, WNOHANG);
    while (child < 0 && errno == EINTR);
    if (child < 0) return -errno;
    if (child > 0) {
        *exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
        *signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    }
    return child;
}

int kl_packet_pair(int32_t sockets[2]) {
    return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) < 0 ? -errno : 0;
}

enum { packet_descriptors_limit = 253 };  // SCM_MAX_FD

union ancillary {
    struct cmsghdr header;
    char room[CMSG_SPACE(packet_descriptors_limit * sizeof(int))];
};

intptr_t kl_packet_send(
    int socket, const void *bytes, size_t count, const int32_t *descriptors, size_t descriptor_count) {
    if (descriptor_count > packet_descriptors_limit) return -EINVAL;
    union ancillary ancillary;
    struct iovec part = {(void *)bytes, count};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (descriptor_count > 0) {
        size_t size = descriptor_count * sizeof(int);
        memset(&ancillary, 0, sizeof ancillary);
        message.msg_control = &ancillary;
        message.msg_controllen = CMSG_SPACE(size);
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(size);
        memcpy(CMSG_DATA(header), descriptors, size);
    }
    ssize_t sent;
    do sent = sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent < 0 ? -errno : sent;
}

intptr_t kl_packet_receive(
    int socket, void *bytes, size_t room, int32_t *descriptors, size_t *descriptor_count, int32_t *cut) {
    union ancillary ancillary;
    size_t descriptor_room = *descriptor_count;
    if (descriptor_room > packet_descriptors_limit) descriptor_room = packet_descriptors_limit;
    struct iovec part = {bytes, room};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    // Without room for descriptors the kernel closes those that were sent, and says so.
    if (descriptor_room > 0) {
        message.msg_control = &ancillary;
        message.msg_controllen = CMSG_SPACE(descriptor_room * sizeof(int));
    }
    ssize_t count;
    do count = recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    while (count < 0 && errno == EINTR);
    if (count < 0) return -errno;
    *descriptor_count = 0;
    *cut = (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0;
    if (descriptor_room == 0) return count;
    for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
        size_t arrived = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < arrived; i++) {
            int descriptor;
            memcpy(&descriptor, CMSG_DATA(header) + i * sizeof(int), sizeof descriptor);
            if (*descriptor_count < descriptor_room) {
                descriptors[(*descriptor_count)++] = descriptor;
            } else {
                // CMSG_SPACE rounds up to eight bytes: one more than asked for may have been let in.
                close(descriptor);
                *cut = 1;
            }
        }
    }
    return count;
}

int kl_wait_any(const int32_t *descriptors, const int32_t *writes, int32_t *ready, int count, int timeout_ms) {
    struct pollfd polled[16];
    if (count > 16) return -EINVAL;
    for (int i = 0; i < count; i++) {
        polled[i].fd = descriptors[i];
        polled[i].events = (short)(POLLIN | (writes[i] ? POLLOUT : 0));
        polled[i].revents = 0;
        ready[i] = 0;
    }
    int number = poll(polled, (nfds_t)count, timeout_ms);
    if (number < 0) return errno == EINTR ? 0 : -errno;
    for (int i = 0; i < count; i++) {
        ready[i] = (polled[i].revents & (POLLIN | POLLHUP | POLLERR | POLLNVAL) ? 1 : 0) +
                   (polled[i].revents & POLLOUT ? 2 : 0);
    }
    return number;
}
