// Requests at a constant rate through a proxy while its upstreams come and go; counts apart what became of each.
// Latencies count from when a request was due. Ends after MILLISECONDS or with SIGTERM, when all are answered or late.
//
//     witness PORT REQUESTS_PER_SECOND MILLISECONDS HOST kept|fresh POST_EVERY TIMEOUT
//
// kept: requests take turns on connections with keep-alive, as many as are needed. fresh: each has one of its own.
// Every POST_EVERY-th request is a POST (0: none), which nobody may send twice; the others are GETs. An answer is the
// upstream's when it says X-Upstream and 2xx. One thread, HTTP/1.1, responses with Content-Length. Prints one line of
// JSON. TIMEOUT is in milliseconds; latencies are in microseconds, times of failures in milliseconds of the monotonic
// clock.

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
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

enum { CONNECTION_LIMIT = 16384, HEAD_LIMIT = 4096, NAME_LIMIT = 64, FAILURE_LIMIT = 60 };
enum phase { CLOSED, IDLE, CONNECTING, WAITING };
enum outcome { OK, STATUS, RESET, REFUSED, TIMEOUT, OUTCOMES };
static const char *const words[OUTCOMES] = {"ok", "status", "reset", "refused", "timeout"};

struct connection {
    int socket, reused, post, status;
    enum phase phase;
    int64_t due;      // nanoseconds
    int64_t bodyLeft; // -1 while the head is not whole
    size_t count;
    char head[HEAD_LIMIT];
};

struct failure {
    int64_t time;
    enum outcome outcome;
    int status, post, reused;
    size_t received;
};

static struct connection connections[CONNECTION_LIMIT];
static int idle[CONNECTION_LIMIT], idleCount, closed[CONNECTION_LIMIT], closedCount, highest;
static int64_t outcomes[OUTCOMES][2], statuses[600], sent, underWay, lastOK, gap, gapAt, strangers, mostConnections;
static struct failure failures[FAILURE_LIMIT];
static int failureCount, port, keeps, poller;
static struct { char name[48]; int64_t count; } upstreams[NAME_LIMIT];
static float *latencies;
static const char *host;
static volatile sig_atomic_t stopped;

static int64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static void fail(const char *what) {
    fprintf(stderr, "witness: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void on_signal(int number) { (void)number, stopped = 1; }

static void shut(int index) {
    close(connections[index].socket);
    connections[index].phase = CLOSED;
    closed[closedCount++] = index;
}

static void count_name(const char *head) {
    const char *field = strcasestr(head, "\r\nx-upstream: ");
    char name[48] = "";
    sscanf(field + 14, "%47[^\r]", name);
    for (int place = 0; place < NAME_LIMIT; place++) {
        if (upstreams[place].count > 0 && strcmp(upstreams[place].name, name) != 0) continue;
        strcpy(upstreams[place].name, name);
        upstreams[place].count += 1;
        return;
    }
}

// A request is over; its connection is the caller's business.
static void conclude(struct connection *it, enum outcome outcome) {
    int64_t time = now();
    underWay -= 1;
    if (outcome == OK) {
        latencies[outcomes[OK][0] + outcomes[OK][1]] = (float)(time - it->due) / 1000;
        if (lastOK != 0 && time - lastOK > gap) gap = time - lastOK, gapAt = lastOK;
        lastOK = time;
        count_name(it->head);
    } else if (failureCount < FAILURE_LIMIT) {
        failures[failureCount++] = (struct failure){time, outcome, it->status, it->post, it->reused, it->count};
    }
    if (outcome == STATUS) statuses[it->status % 600] += 1;
    outcomes[outcome][it->post] += 1;
}

static void broken(int index, enum outcome outcome) {
    conclude(&connections[index], outcome);
    shut(index);
}

static void send_request(int index) {
    char text[256];
    struct connection *it = &connections[index];
    int length = snprintf(
        text, sizeof text, "%s / HTTP/1.1\r\nHost: %s\r\n%s%s\r\n%s", it->post ? "POST" : "GET", host,
        keeps ? "" : "Connection: close\r\n", it->post ? "Content-Length: 4\r\n" : "", it->post ? "once" : "");
    it->phase = WAITING;
    it->bodyLeft = -1;
    it->count = 0;
    if (send(it->socket, text, (size_t)length, MSG_NOSIGNAL) != length) broken(index, RESET);
}

static void begin(int index, int64_t due, int post, int reused) {
    struct connection *it = &connections[index];
    it->due = due;
    it->post = post;
    it->reused = reused;
    it->status = 0;
    it->count = 0;
    sent += 1;
    underWay += 1;
}

// The next request. Its time is when it was due, not when it is sent. 0: there are no more connections.
static int start_request(int64_t due, int post) {
    if (idleCount > 0) {
        int index = idle[--idleCount];
        begin(index, due, post, 1);
        send_request(index);
        return 1;
    }
    if (closedCount == 0) return 0;
    int index = closed[--closedCount], one = 1;
    struct connection *it = &connections[index];
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    it->socket = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (it->socket < 0) fail("socket");
    setsockopt(it->socket, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    begin(index, due, post, 0);
    if (index >= highest) highest = index + 1;
    if (CONNECTION_LIMIT - closedCount > mostConnections) mostConnections = CONNECTION_LIMIT - closedCount;
    it->phase = CONNECTING;
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT, .data.u32 = (uint32_t)index};
    if (connect(it->socket, (struct sockaddr *)&address, sizeof address) < 0 && errno != EINPROGRESS) {
        broken(index, errno == ECONNREFUSED ? REFUSED : RESET);
    } else if (epoll_ctl(poller, EPOLL_CTL_ADD, it->socket, &event) < 0) {
        fail("epoll_ctl");
    }
    return 1;
}

static void finish(int index) {
    struct connection *it = &connections[index];
    int foreign = strcasestr(it->head, "\r\nx-upstream: ") == NULL;
    int closes = strcasestr(it->head, "\r\nconnection: close") != NULL;
    if (foreign && it->status < 300) strangers += 1;
    conclude(it, !foreign && it->status >= 200 && it->status < 300 ? OK : STATUS);
    if (!keeps || closes) return shut(index);
    it->phase = IDLE;
    idle[idleCount++] = index;
}

// Whether more is to be read of the connection.
static int read_head(int index) {
    struct connection *it = &connections[index];
    it->head[it->count] = 0;
    char *end = strstr(it->head, "\r\n\r\n");
    if (end == NULL) return it->count < HEAD_LIMIT - 1 || (broken(index, RESET), 0);
    char *length = strcasestr(it->head, "\r\ncontent-length:");
    it->status = atoi(it->head + 9);
    if (length == NULL || length > end) { // some proxies' own pages; nobody's upstream here
        conclude(it, STATUS);
        shut(index);
        return 0;
    }
    it->bodyLeft = atoll(length + 17) - (int64_t)(it->count - (size_t)(end + 4 - it->head));
    return 1;
}

static void forget_idle(int index) {
    for (int place = 0; place < idleCount; place++) {
        if (idle[place] != index) continue;
        idle[place] = idle[--idleCount];
        break;
    }
    shut(index);
}

static void receive(int index) {
    static char body[65536];
    struct connection *it = &connections[index];
    while (it->phase == WAITING) {
        char *into = it->bodyLeft < 0 ? it->head + it->count : body;
        size_t room = it->bodyLeft < 0 ? HEAD_LIMIT - 1 - it->count : sizeof body;
        ssize_t got = recv(it->socket, into, room, 0);
        if (got < 0 && errno == EAGAIN) return;
        if (got <= 0) return broken(index, RESET);
        if (it->bodyLeft < 0) {
            it->count += (size_t)got;
            if (!read_head(index)) return;
        } else {
            it->bodyLeft -= got;
        }
        if (it->bodyLeft == 0) return finish(index);
    }
}

static void handle(struct epoll_event *event) {
    int index = (int)event->data.u32, error = 0;
    struct connection *it = &connections[index];
    switch (it->phase) {
    case CLOSED: return;
    case IDLE: return forget_idle(index); // the proxy closes what is idle: nobody's fault
    case WAITING: return receive(index);
    case CONNECTING:
        if (!(event->events & (EPOLLOUT | EPOLLERR | EPOLLHUP))) return;
        socklen_t size = sizeof error;
        getsockopt(it->socket, SOL_SOCKET, SO_ERROR, &error, &size);
        if (error != 0) return broken(index, error == ECONNREFUSED ? REFUSED : RESET);
        event->events = EPOLLIN;
        epoll_ctl(poller, EPOLL_CTL_MOD, it->socket, event);
        send_request(index);
    }
}

static void give_up_late_ones(int64_t before) {
    for (int index = 0; index < highest; index++) {
        enum phase phase = connections[index].phase;
        if ((phase == CONNECTING || phase == WAITING) && connections[index].due < before) broken(index, TIMEOUT);
    }
}

static int by_value(const void *left, const void *right) {
    float a = *(const float *)left, b = *(const float *)right;
    return (a > b) - (a < b);
}

static double percentile(double share) {
    int64_t count = outcomes[OK][0] + outcomes[OK][1], place = (int64_t)((double)count * share);
    return count == 0 ? 0 : latencies[place < count ? place : count - 1];
}

static void report(int64_t planned) {
    qsort(latencies, (size_t)(outcomes[OK][0] + outcomes[OK][1]), sizeof *latencies, by_value);
    printf("{\"planned\": %lld, \"sent\": %lld, \"strangers\": %lld, \"connections\": %lld", (long long)planned,
           (long long)sent, (long long)strangers, (long long)mostConnections);
    for (int one = 0; one < OUTCOMES; one++) {
        printf(", \"%s\": {\"idempotent\": %lld, \"post\": %lld}", words[one], (long long)outcomes[one][0],
               (long long)outcomes[one][1]);
    }
    printf(", \"p50\": %.1f, \"p99\": %.1f, \"longest\": %.1f", percentile(0.5), percentile(0.99), percentile(1));
    printf(", \"gap_ms\": %.1f, \"gap_at_ms\": %.1f, \"statuses\": {", (double)gap / 1e6, (double)gapAt / 1e6);
    const char *comma = "";
    for (int status = 0; status < 600; status++) {
        if (statuses[status] == 0) continue;
        printf("%s\"%d\": %lld", comma, status, (long long)statuses[status]);
        comma = ", ";
    }
    printf("}, \"upstreams\": {");
    for (int place = 0; place < NAME_LIMIT && upstreams[place].count > 0; place++) {
        printf("%s\"%s\": %lld", place > 0 ? ", " : "", upstreams[place].name, (long long)upstreams[place].count);
    }
    printf("}, \"failures\": [");
    for (int place = 0; place < failureCount; place++) {
        struct failure it = failures[place];
        printf("%s[%.1f, \"%s\", %d, \"%s\", \"%s\", %zu]", place > 0 ? ", " : "", (double)it.time / 1e6,
               words[it.outcome], it.status, it.post ? "POST" : "GET", it.reused ? "reused" : "new", it.received);
    }
    printf("]}\n");
}

int main(int count, char **arguments) {
    if (count != 8) {
        fprintf(stderr, "witness: wanted PORT REQUESTS_PER_SECOND MILLISECONDS HOST kept|fresh POST_EVERY TIMEOUT\n");
        return 2;
    }
    double between = 1e9 / atof(arguments[2]);
    int64_t length = atoll(arguments[3]) * 1000000, posts = atoll(arguments[6]);
    int64_t limit = atoll(arguments[7]) * 1000000, planned = (int64_t)((double)length / between);
    port = atoi(arguments[1]);
    host = arguments[4];
    keeps = strcmp(arguments[5], "kept") == 0;
    latencies = calloc((size_t)planned + 1, sizeof *latencies);
    for (int index = CONNECTION_LIMIT - 1; index >= 0; index--) closed[closedCount++] = index;
    poller = epoll_create1(0);
    signal(SIGTERM, on_signal);
    signal(SIGINT, on_signal);
    // Timers of an ordinary thread may be 50 µs late.
    prctl(PR_SET_TIMERSLACK, 1);
    int64_t start = now(), looked = start;
    lastOK = 0;
    while (1) {
        int64_t time = now(), next = start + (int64_t)((double)sent * between);
        if (stopped && sent < planned) planned = sent;
        while (sent < planned && next <= time) {
            if (!start_request(next, posts > 0 && sent % posts == posts - 1)) break;
            next = start + (int64_t)((double)sent * between);
        }
        if (sent >= planned && underWay == 0) break;
        if (time - looked > 50000000) {
            looked = time;
            give_up_late_ones(time - limit);
        }
        int64_t left = sent < planned ? next - now() : 50000000;
        left = left < 0 ? 0 : left > 50000000 ? 50000000 : left;
        if (sent < planned && closedCount == 0 && idleCount == 0) left = 1000000;
        struct timespec wait = {.tv_nsec = left};
        struct epoll_event events[256];
        int ready = epoll_pwait2(poller, events, 256, &wait, NULL);
        for (int place = 0; place < ready; place++) handle(&events[place]);
    }
    report(planned);
    return 0;
}
