// Loads and endpoints of UDP, with as few calls as the kernel allows: what is measured is the proxy between them.
//
//     datagrams echo PORT                                      sends each datagram back
//     datagrams sink PORT                                      takes them; says how many at SIGTERM
//     datagrams ask HOST PORT CLIENTS RATE SECONDS BYTES       questions from so many ports, and their answers
//     datagrams pour HOST PORT CLIENTS RATE SECONDS BYTES      datagrams that nobody answers
//
// RATE is datagrams a second, of all clients together; below 0 of `ask`: so many questions are under way at all times,
// each from the next client.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { BATCH = 64, ROOM = 2048 };

static volatile sig_atomic_t stopped;
static void stop(int signal) { (void)signal; stopped = 1; }

static uint64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static int fail(const char *what) {
    perror(what);
    return 1;
}

static struct sockaddr_in place(const char *host, const char *port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
    inet_pton(AF_INET, host, &address.sin_addr);
    return address;
}

static void widen(int fd, int bytes) {
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes) < 0)
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
}

static struct mmsghdr messages[BATCH];
static struct iovec vectors[BATCH];
static struct sockaddr_in names[BATCH];
static char bytes[BATCH][ROOM];

static int serve(const char *port, int answers) {
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    struct sockaddr_in address = place("127.0.0.1", port);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0) return fail("bind");
    widen(fd, 8 << 20);
    struct sigaction action = {.sa_handler = stop};
    sigaction(SIGTERM, &action, NULL);
    uint64_t count = 0, total = 0;
    printf("ready\n");
    fflush(stdout);
    while (!stopped) {
        for (int index = 0; index < BATCH; index++) {
            vectors[index] = (struct iovec){bytes[index], ROOM};
            messages[index].msg_hdr = (struct msghdr){
                .msg_name = &names[index], .msg_namelen = sizeof names[index], .msg_iov = &vectors[index],
                .msg_iovlen = 1};
        }
        int came = recvmmsg(fd, messages, BATCH, MSG_WAITFORONE, NULL);
        if (came <= 0) continue;
        count += (uint64_t)came;
        for (int index = 0; index < came; index++) {
            total += messages[index].msg_len;
            vectors[index].iov_len = messages[index].msg_len;
        }
        for (int sent = 0; answers && sent < came;) {
            int result = sendmmsg(fd, messages + sent, (unsigned)(came - sent), 0);
            if (result <= 0 && errno != EINTR) break;
            if (result > 0) sent += result;
        }
    }
    printf("datagrams %llu bytes %llu\n", (unsigned long long)count, (unsigned long long)total);
    return 0;
}

struct client {
    int fd;
    uint64_t since;
};

static struct client *clients;

static int open_clients(const char *host, const char *port, int count) {
    struct sockaddr_in address = place(host, port);
    clients = calloc((size_t)count, sizeof *clients);
    for (int index = 0; index < count; index++) {
        int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
        if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) < 0) return fail("connect");
        clients[index].fd = fd;
    }
    return 0;
}

static uint64_t times[1 << 22];
static size_t time_count;

static int later(const void *one, const void *other) {
    uint64_t a = *(const uint64_t *)one, b = *(const uint64_t *)other;
    return a < b ? -1 : a > b;
}

static void ask_one(struct client *client, const char *question, size_t size, uint64_t time, uint64_t *sent) {
    client->since = time;
    if (send(client->fd, question, size, MSG_DONTWAIT) >= 0) (*sent)++;
}

static int ask(int count, double rate, double seconds, size_t size) {
    char question[ROOM];
    memset(question, 'q', sizeof question);
    int epoll = epoll_create1(0);
    for (int index = 0; index < count; index++) {
        struct epoll_event event = {.events = EPOLLIN, .data.u32 = (uint32_t)index};
        epoll_ctl(epoll, EPOLL_CTL_ADD, clients[index].fd, &event);
    }
    uint64_t sent = 0, answered = 0, start = now(), end = start + (uint64_t)(seconds * 1e9), given = 0;
    uint64_t lost = 0, heard = start;
    int next = 0;
    struct epoll_event events[256];
    // After the end what is under way may still come.
    for (uint64_t time = start; time < end + 300000000u; time = now()) {
        if (time < end && rate > 0) {
            uint64_t due = (uint64_t)((double)(time - start) * rate / 1e9);
            for (; given < due; given++) {
                ask_one(&clients[next], question, size, time, &sent);
                next = next + 1 < count ? next + 1 : 0;
            }
        } else if (time < end) {
            // What nothing was heard of for a second is lost.
            if (time - heard > 1000000000u) lost = sent - answered;
            for (; (double)(sent - answered - lost) < -rate; heard = time) {
                ask_one(&clients[next], question, size, time, &sent);
                next = next + 1 < count ? next + 1 : 0;
            }
        }
        int ready = epoll_wait(epoll, events, 256, rate > 0 && time < end ? 0 : 1);
        for (int index = 0; index < ready; index++) {
            struct client *client = &clients[events[index].data.u32];
            while (recv(client->fd, bytes[0], ROOM, MSG_DONTWAIT) >= 0) {
                answered++;
                heard = time;
                if (time_count < sizeof times / sizeof *times) times[time_count++] = now() - client->since;
            }
        }
        if (time >= end && answered >= sent) break;
    }
    qsort(times, time_count, sizeof *times, later);
    printf(
        "sent %llu answered %llu p50_us %.0f p99_us %.0f\n", (unsigned long long)sent, (unsigned long long)answered,
        time_count ? (double)times[time_count / 2] / 1e3 : 0.0,
        time_count ? (double)times[time_count * 99 / 100] / 1e3 : 0.0);
    return 0;
}

static int pour(int count, double rate, double seconds, size_t size) {
    uint64_t sent = 0, start = now(), end = start + (uint64_t)(seconds * 1e9);
    int next = 0;
    for (int index = 0; index < BATCH; index++) {
        vectors[index] = (struct iovec){bytes[index], size};
        messages[index].msg_hdr = (struct msghdr){.msg_iov = &vectors[index], .msg_iovlen = 1};
    }
    for (uint64_t time = start; time < end; time = now()) {
        uint64_t due = (uint64_t)((double)(time - start) * rate / 1e9);
        if (sent + 8 > due) {
            usleep(50);
            continue;
        }
        int result = sendmmsg(clients[next].fd, messages, due - sent < BATCH ? (unsigned)(due - sent) : BATCH, 0);
        if (result > 0) sent += (uint64_t)result;
        next = next + 1 < count ? next + 1 : 0;
    }
    printf("sent %llu\n", (unsigned long long)sent);
    return 0;
}

int main(int count, char **words) {
    if (count == 3 && !strcmp(words[1], "echo")) return serve(words[2], 1);
    if (count == 3 && !strcmp(words[1], "sink")) return serve(words[2], 0);
    int asks = count == 8 && !strcmp(words[1], "ask"), pours = count == 8 && !strcmp(words[1], "pour");
    size_t size = count == 8 ? (size_t)atoi(words[7]) : 0;
    if ((!asks && !pours) || size > ROOM) {
        fprintf(stderr, "wanted echo|sink PORT, or ask|pour HOST PORT CLIENTS RATE SECONDS BYTES (to %d)\n", ROOM);
        return 2;
    }
    int clients = atoi(words[4]);
    if (open_clients(words[2], words[3], clients)) return 1;
    return asks ? ask(clients, atof(words[5]), atof(words[6]), size)
                : pour(clients, atof(words[5]), atof(words[6]), size);
}
