// The client of the benchmarks: keep-alive connections, each sending its next request when the answer
// to the last one is complete. Every answer must be a 200; anything else is counted as an error and
// makes the run worthless. One thread, epoll.
//
// Usage: load PORT CONNECTIONS REQUESTS FILE
// FILE holds request heads, each ended by its blank line; they are sent in turn.
// Prints: REQUESTS ERRORS NANOSECONDS
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CONNECTIONS_MAXIMUM = 4096, BATCH = 64, BLOCK = 65536 };

struct connection {
  int fd;
  size_t count;       // bytes of the head so far
  long left;          // body bytes to come; -1 while the head is incomplete
  int failed;
  char head[8192];
};

static struct connection connections[CONNECTIONS_MAXIMUM];
static char *requests;
static size_t *starts;
static size_t request_count, turn;
static long to_send, to_receive, errors;

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static void read_requests(const char *path) {
  FILE *file = fopen(path, "rb");
  if (!file) fail(path);
  fseek(file, 0, SEEK_END);
  size_t size = (size_t)ftell(file);
  rewind(file);
  requests = malloc(size + 1);
  starts = malloc((size / 16 + 2) * sizeof *starts);
  if (!requests || !starts || fread(requests, 1, size, file) != size) fail("reading");
  fclose(file);
  char *next = requests;
  while (next < requests + size) {
    char *stop = memmem(next, size - (size_t)(next - requests), "\r\n\r\n", 4);
    if (!stop) break;
    starts[request_count++] = (size_t)(next - requests);
    next = stop + 4;
  }
  starts[request_count] = (size_t)(next - requests);
  if (request_count == 0) {
    fprintf(stderr, "%s: no request\n", path);
    exit(2);
  }
}

static void send_next(struct connection *c) {
  c->count = 0;
  c->left = -1;
  if (to_send == 0) return;
  to_send--;
  size_t start = starts[turn], length = starts[turn + 1] - start;
  turn = turn + 1 == request_count ? 0 : turn + 1;
  if (send(c->fd, requests + start, length, MSG_NOSIGNAL) != (ssize_t)length) c->failed = 1;
}

// Reads the head when it is complete; gives how many of `count` bytes belong to it, or -1.
static long take_head(struct connection *c, const char *bytes, size_t count) {
  size_t before = c->count, take = count;
  if (take > sizeof c->head - 1 - before) take = sizeof c->head - 1 - before;
  memcpy(c->head + before, bytes, take);
  c->head[before + take] = 0;
  char *stop = strstr(c->head, "\r\n\r\n");
  if (!stop) {
    c->count += take;
    return c->count == sizeof c->head - 1 ? -2 : -1;
  }
  if (strncmp(c->head, "HTTP/1.1 200 ", 13) != 0) errors++;
  char *length = strcasestr(c->head, "\r\nContent-Length:");
  if (!length || length > stop) return -2;
  c->left = strtol(length + 17, NULL, 10);
  return (long)(stop + 4 - c->head) - (long)before;
}

static void readable(struct connection *c) {
  static char block[BLOCK];
  ssize_t got = recv(c->fd, block, sizeof block, 0);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got <= 0) {
    c->failed = 1;
    return;
  }
  size_t at = 0;
  if (c->left < 0) {
    long used = take_head(c, block, (size_t)got);
    if (used == -1) return;
    if (used < 0) {
      c->failed = 1;
      return;
    }
    at = (size_t)used;
  }
  c->left -= (long)((size_t)got - at);
  if (c->left < 0) c->failed = 1;
  if (c->left == 0) {
    to_receive--;
    send_next(c);
  }
}

static long long nanoseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000000000LL + now.tv_nsec;
}

int main(int argc, char **argv) {
  if (argc != 5) return 2;
  int count = atoi(argv[2]);
  long wanted = atol(argv[3]);
  if (count < 1 || count > CONNECTIONS_MAXIMUM || wanted < count) return 2;
  read_requests(argv[4]);
  to_send = to_receive = wanted;
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((unsigned short)atoi(argv[1]))};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int poll = epoll_create1(EPOLL_CLOEXEC);
  for (int i = 0; i < count; i++) {
    struct connection *c = &connections[i];
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(c->fd, (struct sockaddr *)&address, sizeof address) != 0) fail("connect");
    int on = 1;
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
    epoll_ctl(poll, EPOLL_CTL_ADD, c->fd, &event);
  }
  long long start = nanoseconds();
  for (int i = 0; i < count; i++) send_next(&connections[i]);
  struct epoll_event events[BATCH];
  while (to_receive > 0) {
    int ready = epoll_wait(poll, events, BATCH, 20000);
    if (ready == 0) {
      fprintf(stderr, "load: no answer for 20 s, %ld missing\n", to_receive);
      return 1;
    }
    for (int i = 0; i < ready; i++) {
      struct connection *c = events[i].data.ptr;
      readable(c);
      if (c->failed) {
        fprintf(stderr, "load: a connection failed, %ld answers missing: %.60s\n", to_receive, c->head);
        return 1;
      }
    }
  }
  printf("%ld %ld %lld\n", wanted, errors, nanoseconds() - start);
  return 0;
}
