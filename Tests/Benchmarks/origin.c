// The backend of the benchmarks: answers every request with the same 1 KiB, as cheaply as a process can;
// a POST when its body (by length, up to 8 KiB) is there. `GET /check` answers with the request's own head instead, so that the runner sees
// what a proxy sent, and `GET /large` with 4.5 MiB, more than a kernel keeps for a client that does not
// read. One thread, epoll, keep-alive; not a general server.
//
// Usage: origin LISTENING_FD
#define _GNU_SOURCE
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { REQUEST_MAXIMUM = 16384, CONNECTIONS_MAXIMUM = 16384, BATCH = 64,
  LARGE = 9 << 19, PIECE = 1 << 16 };

struct connection {
  size_t count;
  // Bytes of a large answer that are still to be sent.
  size_t owed;
  char bytes[REQUEST_MAXIMUM];
};

static struct connection *connections[CONNECTIONS_MAXIMUM];
static char answer[2048];
static size_t answer_length;
static char piece[PIECE];
static int poll;

static void make_answer(void) {
  char body[1024];
  memset(body, 'x', sizeof body);
  answer_length = (size_t)sprintf(
      answer, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\n\r\n", sizeof body);
  memcpy(answer + answer_length, body, sizeof body);
  answer_length += sizeof body;
}

static void end(int fd) {
  free(connections[fd]);
  connections[fd] = NULL;
  close(fd);
}

// Sends what is owed, as far as the kernel takes it; false when the connection is gone.
static int pay(int fd) {
  struct connection *c = connections[fd];
  while (c->owed > 0) {
    ssize_t sent = send(fd, piece, c->owed < PIECE ? c->owed : PIECE, MSG_NOSIGNAL);
    if (sent < 0 && errno == EAGAIN) break;
    if (sent < 0) return 0;
    c->owed -= (size_t)sent;
  }
  struct epoll_event event = {.events = c->owed > 0 ? EPOLLOUT : EPOLLIN, .data.fd = fd};
  epoll_ctl(poll, EPOLL_CTL_MOD, fd, &event);
  return 1;
}

// Answers one complete head; false when the connection is gone.
static int reply(int fd, const char *head, size_t length) {
  if (length > 11 && memcmp(head, "GET /check ", 11) == 0) {
    char echo[REQUEST_MAXIMUM + 256];
    int start = sprintf(echo, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", length);
    memcpy(echo + start, head, length);
    return send(fd, echo, (size_t)start + length, MSG_NOSIGNAL) >= 0;
  }
  if (length > 11 && memcmp(head, "GET /large ", 11) == 0) {
    char start[64];
    int count = sprintf(start, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", LARGE);
    connections[fd]->owed = LARGE;
    return send(fd, start, (size_t)count, MSG_NOSIGNAL) == count && pay(fd);
  }
  // 1 KiB into an empty socket buffer never falls short.
  return send(fd, answer, answer_length, MSG_NOSIGNAL) == (ssize_t)answer_length;
}

// Bytes of the body behind a head.
static size_t body_length(char *head, size_t length) {
  if (length < 5 || memcmp(head, "POST ", 5) != 0) return 0;
  char *field = memmem(head, length, "\r\nContent-Length: ", 18);
  return field == NULL ? 0 : (size_t)strtoul(field + 18, NULL, 10);
}

static void readable(int fd) {
  struct connection *c = connections[fd];
  ssize_t got = recv(fd, c->bytes + c->count, sizeof c->bytes - c->count, 0);
  if (got <= 0) {
    if (got == 0 || (errno != EAGAIN && errno != EINTR)) end(fd);
    return;
  }
  c->count += (size_t)got;
  size_t start = 0;
  char *stop;
  while ((stop = memmem(c->bytes + start, c->count - start, "\r\n\r\n", 4)) != NULL) {
    size_t next = (size_t)(stop - c->bytes) + 4;
    size_t body = body_length(c->bytes + start, next - start);
    if (body > c->count - next) break;
    if (!reply(fd, c->bytes + start, next - start)) {
      end(fd);
      return;
    }
    start = next + body;
  }
  memmove(c->bytes, c->bytes + start, c->count - start);
  c->count -= start;
  if (c->count == sizeof c->bytes) end(fd);
}

int main(int argc, char **argv) {
  if (argc != 2) return 2;
  int listener = atoi(argv[1]);
  make_answer();
  memset(piece, 'x', sizeof piece);
  poll = epoll_create1(EPOLL_CLOEXEC);
  struct epoll_event event = {.events = EPOLLIN, .data.fd = listener};
  epoll_ctl(poll, EPOLL_CTL_ADD, listener, &event);
  struct epoll_event events[BATCH];
  for (;;) {
    int count = epoll_wait(poll, events, BATCH, -1);
    for (int i = 0; i < count; i++) {
      int fd = events[i].data.fd;
      if (fd != listener) {
        if (events[i].events & EPOLLOUT) {
          if (!pay(fd)) end(fd);
        } else {
          readable(fd);
        }
        continue;
      }
      int client = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (client < 0) continue;
      if (client >= CONNECTIONS_MAXIMUM) {
        close(client);
        continue;
      }
      int on = 1;
      setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      connections[client] = calloc(1, sizeof(struct connection));
      struct epoll_event added = {.events = EPOLLIN, .data.fd = client};
      epoll_ctl(poll, EPOLL_CTL_ADD, client, &added);
    }
  }
}
