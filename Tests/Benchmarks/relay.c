// The floor of the benchmarks: the least that any proxy on this kernel can do. One thread, epoll, one
// upstream connection for each client connection, bytes copied unread: one receive and one send on
// each side per request, no parsing, no header, no decision.
//
// Usage: relay LISTENING_FD UPSTREAM_PORT
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CONNECTIONS_MAXIMUM = 8192, BATCH = 64, BLOCK = 16384 };

static int peer_of[CONNECTIONS_MAXIMUM];
static char block[BLOCK];

static void end(int fd) {
  int other = peer_of[fd];
  if (other < 0) return;
  peer_of[fd] = peer_of[other] = -1;
  close(fd);
  close(other);
}

static void relay(int fd) {
  int other = peer_of[fd];
  if (other < 0) return;
  ssize_t got = recv(fd, block, sizeof block, 0);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  // Requests and answers of the benchmarks always fit the socket buffer: a short send ends the pair.
  if (got <= 0 || send(other, block, (size_t)got, MSG_NOSIGNAL) != got) end(fd);
}

static int connect_upstream(unsigned short port) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
    if (fd >= 0) close(fd);
    return -1;
  }
  return fd;
}

static void add(int poll, int fd) {
  int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
  epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event);
}

int main(int argc, char **argv) {
  if (argc != 3) return 2;
  int listener = atoi(argv[1]);
  unsigned short port = (unsigned short)atoi(argv[2]);
  for (int i = 0; i < CONNECTIONS_MAXIMUM; i++) peer_of[i] = -1;
  int poll = epoll_create1(EPOLL_CLOEXEC);
  struct epoll_event event = {.events = EPOLLIN, .data.fd = listener};
  epoll_ctl(poll, EPOLL_CTL_ADD, listener, &event);
  struct epoll_event events[BATCH];
  for (;;) {
    int count = epoll_wait(poll, events, BATCH, -1);
    for (int i = 0; i < count; i++) {
      int fd = events[i].data.fd;
      if (fd != listener) {
        relay(fd);
        continue;
      }
      int client = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (client < 0) continue;
      int upstream = connect_upstream(port);
      if (upstream < 0 || client >= CONNECTIONS_MAXIMUM || upstream >= CONNECTIONS_MAXIMUM) {
        if (upstream >= 0) close(upstream);
        close(client);
        continue;
      }
      peer_of[client] = upstream;
      peer_of[upstream] = client;
      add(poll, client);
      add(poll, upstream);
    }
  }
}
