// An application that is deployed: the whole program of a container of the deploy benchmark, linked statically. It
// answers every request with its name after a while, and ends as applications do, well or badly. One thread.
//
// Its environment:
//     NAME             what it calls itself in X-Upstream and in the body
//     PORT             where it listens (80)
//     WORK_MS          how long a response takes (5)
//     LISTEN_AFTER_MS  how long it takes to listen (0)
//     ON_TERM          finish: it closes its listener and what is idle at once, and finishes what is in flight;
//                      ignore: nothing, until it is killed
// SIGUSR1 makes it ten times slower, for good. With a folder /state it keeps the number of requests that it has read and
// not answered there, in a file of its name: what was in flight when it was killed is known afterwards.

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

enum { CONNECTION_LIMIT = 8192, HEAD_LIMIT = 4096 };

struct connection {
    int open, working, closing;
    uint32_t generation;
    size_t count;
    char head[HEAD_LIMIT];
};

struct answer {
    int64_t due; // nanoseconds
    int socket;
    uint32_t generation;
};

static struct connection connections[CONNECTION_LIMIT]; // by descriptor
static struct answer answers[CONNECTION_LIMIT];         // a ring: work takes equally long, so the first is due first
static uint32_t firstAnswer, answerCount;
static int poller, listener = -1, ending, openCount;
static int64_t work;
static const char *name = "app";
static volatile int64_t unshared, *inFlight = &unshared;

static int64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static void fail(const char *what) {
    fprintf(stderr, "app: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void end_connection(int socket) {
    struct connection *it = &connections[socket];
    if (it->working) *inFlight -= 1;
    it->open = it->working = 0;
    it->generation += 1;
    openCount -= 1;
    close(socket);
}

static void respond(int socket) {
    struct connection *it = &connections[socket];
    char text[512], body[128];
    int length = snprintf(body, sizeof body, "%s\n", name);
    length = snprintf(
        text, sizeof text, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\nX-Upstream: %s\r\n%s\r\n%s", length, name,
        it->closing || ending ? "Connection: close\r\n" : "", body);
    *inFlight -= 1;
    it->working = 0;
    if (send(socket, text, (size_t)length, MSG_NOSIGNAL) != length || it->closing || ending) end_connection(socket);
}

// One request at a time: a second one waits in the kernel until the first is answered.
static void take_request(int socket) {
    struct connection *it = &connections[socket];
    char *end = memmem(it->head, it->count, "\r\n\r\n", 4);
    if (it->working || end == NULL) return;
    size_t head = (size_t)(end + 4 - it->head), body = 0;
    char saved = it->head[head - 1];
    it->head[head - 1] = 0;
    char *length = strcasestr(it->head, "\r\ncontent-length:");
    if (length != NULL) body = (size_t)atoll(length + 17);
    it->closing = strcasestr(it->head, "\r\nconnection: close") != NULL;
    it->head[head - 1] = saved;
    if (it->count < head + body) return;
    it->count -= head + body;
    memmove(it->head, it->head + head + body, it->count);
    it->working = 1;
    *inFlight += 1;
    uint32_t place = (firstAnswer + answerCount++) % CONNECTION_LIMIT;
    answers[place] = (struct answer){now() + work, socket, it->generation};
}

static void receive(int socket) {
    struct connection *it = &connections[socket];
    if (it->count >= HEAD_LIMIT) return end_connection(socket);
    ssize_t got = recv(socket, it->head + it->count, HEAD_LIMIT - it->count, 0);
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) return end_connection(socket);
    it->count += (size_t)got;
    take_request(socket);
}

static void welcome(void) {
    int socket, one = 1;
    while ((socket = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        if (socket >= CONNECTION_LIMIT) {
            close(socket);
            continue;
        }
        setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        connections[socket].open = 1;
        connections[socket].working = connections[socket].closing = 0;
        connections[socket].count = 0;
        openCount += 1;
        struct epoll_event event = {.events = EPOLLIN, .data.fd = socket};
        epoll_ctl(poller, EPOLL_CTL_ADD, socket, &event);
    }
}

static void start_listening(void) {
    const char *port = getenv("PORT");
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)(port ? atoi(port) : 80))};
    int one = 1;
    listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) < 0 || listen(listener, 4096) < 0) fail("listen");
    struct epoll_event event = {.events = EPOLLIN, .data.fd = listener};
    if (epoll_ctl(poller, EPOLL_CTL_ADD, listener, &event) < 0) fail("epoll_ctl");
}

static void finish(void) {
    ending = 1;
    if (listener >= 0) {
        welcome(); // who is connected already is not reset
        close(listener);
        listener = -1;
    }
    for (int socket = 0; socket < CONNECTION_LIMIT; socket++) {
        if (!connections[socket].open) continue;
        receive(socket); // what has arrived was accepted
        if (connections[socket].open && !connections[socket].working) end_connection(socket);
    }
}

static void share(void) {
    char path[256];
    snprintf(path, sizeof path, "/state/%s", name);
    int file = open(path, O_RDWR | O_CREAT | O_TRUNC, 0644);
    if (file < 0 || ftruncate(file, sizeof *inFlight) < 0) return;
    void *memory = mmap(NULL, sizeof *inFlight, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (memory != MAP_FAILED) inFlight = memory;
    close(file);
}

static int64_t milliseconds(const char *variable, int64_t otherwise) {
    const char *text = getenv(variable);
    return (text == NULL ? otherwise : atoll(text)) * 1000000;
}

int main(void) {
    if (getenv("NAME") != NULL) name = getenv("NAME");
    const char *wish = getenv("ON_TERM");
    int ignores = wish != NULL && strcmp(wish, "ignore") == 0;
    work = milliseconds("WORK_MS", 5);
    share();
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGUSR1);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    poller = epoll_create1(0);
    int told = signalfd(-1, &signals, SFD_NONBLOCK);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = told};
    epoll_ctl(poller, EPOLL_CTL_ADD, told, &event);
    int64_t opens = now() + milliseconds("LISTEN_AFTER_MS", 0);
    while (!(ending && openCount == 0)) {
        int64_t time = now(), next = time + 1000000000;
        if (listener < 0 && !ending) {
            if (opens <= time) start_listening();
            else next = opens;
        }
        while (answerCount > 0 && answers[firstAnswer].due <= time) {
            struct answer it = answers[firstAnswer];
            firstAnswer = (firstAnswer + 1) % CONNECTION_LIMIT;
            answerCount -= 1;
            struct connection *connection = &connections[it.socket];
            if (!connection->open || connection->generation != it.generation) continue;
            respond(it.socket);
            if (connection->open) take_request(it.socket);
        }
        if (ending && openCount == 0) break;
        if (answerCount > 0 && answers[firstAnswer].due < next) next = answers[firstAnswer].due;
        int64_t left = next - now();
        if (left < 0) left = 0;
        struct timespec wait = {.tv_sec = left / 1000000000, .tv_nsec = left % 1000000000};
        struct epoll_event events[256];
        int ready = epoll_pwait2(poller, events, 256, &wait, NULL);
        for (int place = 0; place < ready; place++) {
            int socket = events[place].data.fd;
            if (socket == told) {
                struct signalfd_siginfo signal;
                while (read(told, &signal, sizeof signal) > 0) {
                    if (signal.ssi_signo == SIGUSR1) work *= 10;
                    else if (!ignores) finish();
                }
            } else if (socket == listener) {
                welcome();
            } else if (connections[socket].open) {
                receive(socket);
            }
        }
    }
    return 0;
}
