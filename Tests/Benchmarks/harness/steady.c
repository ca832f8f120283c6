// Load at a constant rate, free of coordinated omission: every request has a time at which it is due, whatever became
// of those before it, and its latency counts from then. A proxy that stalls for 100 ms makes all that was due meanwhile
// late, as its users would find it.
//
//     steady PORT CONNECTIONS REQUESTS_PER_SECOND MILLISECONDS HOSTS PATH
//
// HOSTS is how many names h1.bench.test … take turns; 1 asks for localhost. One thread, plain HTTP/1.1 with keep-alive,
// responses with Content-Length. Prints one line of JSON; latencies in microseconds.

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

enum { HEAD_LIMIT = 8192, DRAIN_MILLISECONDS = 2000 };

struct connection {
    int socket;
    int64_t due;      // nanoseconds; 0 while idle
    int64_t bodyLeft; // -1 while the head is not whole
    int status;
    size_t count;
    char head[HEAD_LIMIT];
};

static struct connection *connections;
static int *idle, idleCount;
static float *latencies;
static int64_t answered, wrong, planned;

static int64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static void fail(const char *what) {
    fprintf(stderr, "steady: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void open_connection(int port, int index, int poller) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int one = 1, made = socket(AF_INET, SOCK_STREAM, 0);
    if (made < 0 || connect(made, (struct sockaddr *)&address, sizeof address) < 0) fail("connect");
    setsockopt(made, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    fcntl(made, F_SETFL, O_NONBLOCK);
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = (uint32_t)index};
    if (epoll_ctl(poller, EPOLL_CTL_ADD, made, &event) < 0) fail("epoll_ctl");
    connections[index].socket = made;
}

// The next request, on a connection that waits for nothing. Its time is when it was due, not when it is sent.
static void send_request(int index, int64_t due, int64_t number, int hosts, const char *path) {
    char text[512], host[64] = "localhost";
    if (hosts > 1) snprintf(host, sizeof host, "h%lld.bench.test", (long long)(number % hosts) + 1);
    int length = snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", path, host);
    struct connection *it = &connections[index];
    it->due = due;
    it->bodyLeft = -1;
    it->count = 0;
    if (send(it->socket, text, (size_t)length, MSG_NOSIGNAL) != length) fail("send");
}

static void finish(int index) {
    struct connection *it = &connections[index];
    if (it->status != 200) wrong += 1;
    if (answered < planned) latencies[answered] = (float)(now() - it->due) / 1000;
    answered += 1;
    it->due = 0;
    idle[idleCount++] = index;
}

static void read_head(struct connection *it) {
    char *end = memmem(it->head, it->count, "\r\n\r\n", 4);
    if (end == NULL) {
        if (it->count >= HEAD_LIMIT - 1) fail("head of a response too large");
        return;
    }
    it->head[it->count] = 0;
    it->status = atoi(it->head + 9);
    *end = 0;
    char *length = strcasestr(it->head, "\r\ncontent-length:");
    if (length == NULL) fail("a response without Content-Length");
    it->bodyLeft = atoll(length + 17) - (int64_t)(it->count - (size_t)(end + 4 - it->head));
}

static void receive(int index) {
    static char body[65536];
    struct connection *it = &connections[index];
    while (it->due != 0) {
        char *into = it->bodyLeft < 0 ? it->head + it->count : body;
        size_t room = it->bodyLeft < 0 ? HEAD_LIMIT - 1 - it->count : sizeof body;
        ssize_t got = recv(it->socket, into, room, 0);
        if (got < 0 && errno == EAGAIN) return;
        if (got <= 0) fail("the proxy closed a connection");
        if (it->bodyLeft < 0) {
            it->count += (size_t)got;
            read_head(it);
        } else {
            it->bodyLeft -= got;
        }
        if (it->bodyLeft == 0) finish(index);
    }
}

static int by_value(const void *left, const void *right) {
    float a = *(const float *)left, b = *(const float *)right;
    return (a > b) - (a < b);
}

static double percentile(double share) {
    int64_t place = (int64_t)((double)answered * share);
    return answered == 0 ? 0 : latencies[place < answered ? place : answered - 1];
}

int main(int count, char **arguments) {
    if (count != 7) {
        fprintf(stderr, "steady: wanted PORT CONNECTIONS REQUESTS_PER_SECOND MILLISECONDS HOSTS PATH\n");
        return 2;
    }
    int port = atoi(arguments[1]), size = atoi(arguments[2]), hosts = atoi(arguments[5]);
    double rate = atof(arguments[3]);
    int64_t length = atoll(arguments[4]) * 1000000;
    planned = (int64_t)(rate * (double)length / 1e9);
    connections = calloc((size_t)size, sizeof *connections);
    idle = calloc((size_t)size, sizeof *idle);
    latencies = calloc((size_t)planned + 1, sizeof *latencies);
    int poller = epoll_create1(0);
    for (int index = 0; index < size; index++) {
        open_connection(port, index, poller);
        idle[idleCount++] = index;
    }
    // Timers of an ordinary thread may be 50 µs late.
    prctl(PR_SET_TIMERSLACK, 1);
    int64_t start = now(), sent = 0, end = start + length + (int64_t)DRAIN_MILLISECONDS * 1000000;
    double between = 1e9 / rate;
    while (answered < planned) {
        int64_t time = now(), next = start + (int64_t)((double)sent * between);
        if (time > end) break;
        while (sent < planned && next <= time && idleCount > 0) {
            send_request(idle[--idleCount], next, sent, hosts, arguments[6]);
            sent += 1;
            next = start + (int64_t)((double)sent * between);
        }
        struct timespec wait = {.tv_nsec = 100000000};
        if (sent < planned && idleCount > 0) {
            int64_t left = next - now();
            wait.tv_nsec = left < 0 ? 0 : left > 100000000 ? 100000000 : left;
        }
        struct epoll_event events[256];
        int ready = epoll_pwait2(poller, events, 256, &wait, NULL);
        for (int place = 0; place < ready; place++) receive((int)events[place].data.u32);
    }
    wrong += planned - answered;
    qsort(latencies, (size_t)answered, sizeof *latencies, by_value);
    printf("{\"requests\": %lld, \"wrong\": %lld, \"p50\": %.1f, \"p99\": %.1f, \"p999\": %.1f, \"longest\": %.1f}\n",
           (long long)answered, (long long)wrong, percentile(0.5), percentile(0.99), percentile(0.999),
           percentile(1));
    return 0;
}
