// Sockets and names: see CPlatform.h for the conventions.
#define _GNU_SOURCE
#include "CPlatform.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

union any_address {
  struct sockaddr base;
  struct sockaddr_in v4;
  struct sockaddr_in6 v6;
  struct sockaddr_un local;
};

static const uint64_t mappedPrefix = 0x0000ffff00000000u;

static socklen_t to_system(const struct platform_endpoint *from, union any_address *to) {
  memset(to, 0, sizeof *to);
  if (from->family == 4) {
    to->v4.sin_family = AF_INET;
    to->v4.sin_port = htons(from->port);
    to->v4.sin_addr.s_addr = htonl((uint32_t)from->low);
    return sizeof to->v4;
  }
  to->v6.sin6_family = AF_INET6;
  to->v6.sin6_port = htons(from->port);
  to->v6.sin6_scope_id = from->scope;
  for (int index = 0; index < 8; index++) {
    to->v6.sin6_addr.s6_addr[index] = (uint8_t)(from->high >> (56 - 8 * index));
    to->v6.sin6_addr.s6_addr[index + 8] = (uint8_t)(from->low >> (56 - 8 * index));
  }
  return sizeof to->v6;
}

static void from_system(const struct sockaddr *from, struct platform_endpoint *to) {
  memset(to, 0, sizeof *to);
  if (from->sa_family == AF_INET) {
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)from;
    to->family = 4;
    to->port = ntohs(v4->sin_port);
    to->low = mappedPrefix | ntohl(v4->sin_addr.s_addr);
  } else if (from->sa_family == AF_INET6) {
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)from;
    to->port = ntohs(v6->sin6_port);
    to->scope = v6->sin6_scope_id;
    for (int index = 0; index < 8; index++) {
      to->high = to->high << 8 | v6->sin6_addr.s6_addr[index];
      to->low = to->low << 8 | v6->sin6_addr.s6_addr[index + 8];
    }
    // One address has one spelling, whichever kind of socket it came in through.
    int isMapped = to->high == 0 && (to->low & 0xffffffff00000000u) == mappedPrefix;
    to->family = isMapped ? 4 : 6;
  }
}

static int unix_address(const char *path, union any_address *address) {
  size_t count = strlen(path);
  if (count == 0) return -EINVAL;
  if (count >= sizeof address->local.sun_path) return -ENAMETOOLONG;
  memset(address, 0, sizeof *address);
  address->local.sun_family = AF_UNIX;
  memcpy(address->local.sun_path, path, count);
  return 0;
}

/// Closes `fd` and hands on the failure that made it useless.
static int failing(int fd, int failure) {
  close(fd);
  return -failure;
}

static int stream_socket(int family) {
  int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  return fd < 0 ? -errno : fd;
}

static int enable(int fd, int level, int option) {
  int on = 1;
  return setsockopt(fd, level, option, &on, sizeof on) < 0 ? -errno : 0;
}

int platform_bind(const struct platform_endpoint *endpoint, int reusePort) {
  union any_address address;
  socklen_t count = to_system(endpoint, &address);
  int fd = stream_socket(address.base.sa_family);
  if (fd < 0) return fd;
  int result = enable(fd, SOL_SOCKET, SO_REUSEADDR);
  if (result == 0 && reusePort) result = enable(fd, SOL_SOCKET, SO_REUSEPORT);
  if (result == 0) result = enable(fd, IPPROTO_TCP, TCP_NODELAY);
  if (result == 0 && address.base.sa_family == AF_INET6) {
    result = enable(fd, IPPROTO_IPV6, IPV6_V6ONLY);
  }
  if (result < 0) return failing(fd, -result);
  if (bind(fd, &address.base, count) < 0) return failing(fd, errno);
  return fd;
}

int platform_bind_unix(const char *path) {
  union any_address address;
  int result = unix_address(path, &address);
  if (result < 0) return result;
  int fd = stream_socket(AF_UNIX);
  if (fd < 0) return fd;
  // Linux makes the file with the mode of the socket's own inode: set before bind, so that there is
  // no moment at which another user could connect.
  if (fchmod(fd, S_IRUSR | S_IWUSR) < 0) return failing(fd, errno);
  if (bind(fd, &address.base, sizeof address.local) < 0) return failing(fd, errno);
  return fd;
}

int platform_listen(int fd, int backlog) { return listen(fd, backlog) < 0 ? -errno : 0; }

static int start_connect(int fd, const union any_address *address, socklen_t count) {
  // EINTR leaves the connection under way, just like EINPROGRESS does.
  if (connect(fd, &address->base, count) < 0 && errno != EINPROGRESS && errno != EINTR) {
    return failing(fd, errno);
  }
  return fd;
}

int platform_connect(const struct platform_endpoint *endpoint) {
  union any_address address;
  socklen_t count = to_system(endpoint, &address);
  int fd = stream_socket(address.base.sa_family);
  if (fd < 0) return fd;
  int result = enable(fd, IPPROTO_TCP, TCP_NODELAY);
  if (result < 0) return failing(fd, -result);
  return start_connect(fd, &address, count);
}

int platform_connect_unix(const char *path) {
  union any_address address;
  int result = unix_address(path, &address);
  if (result < 0) return result;
  int fd = stream_socket(AF_UNIX);
  if (fd < 0) return fd;
  return start_connect(fd, &address, sizeof address.local);
}

int platform_accept(int fd, struct platform_endpoint *peer) {
  union any_address address = {.base.sa_family = AF_UNSPEC};
  int accepted;
  socklen_t count;
  do {
    count = sizeof address;
    accepted = accept4(fd, &address.base, &count, SOCK_NONBLOCK | SOCK_CLOEXEC);
  } while (accepted < 0 && errno == EINTR);
  if (accepted < 0) return -errno;
  from_system(&address.base, peer);
  return accepted;
}

int platform_local_endpoint(int fd, struct platform_endpoint *local) {
  union any_address address;
  socklen_t count = sizeof address;
  if (getsockname(fd, &address.base, &count) < 0) return -errno;
  from_system(&address.base, local);
  return 0;
}

int platform_socket_pair(int *pair) {
  return socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) < 0 ? -errno : 0;
}

int platform_duplicate(int fd) {
  int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
  return copy < 0 ? -errno : copy;
}

ptrdiff_t platform_receive(int fd, void *bytes, size_t count) {
  ssize_t result;
  do {
    result = recv(fd, bytes, count, 0);
  } while (result < 0 && errno == EINTR);
  return result < 0 ? -errno : result;
}

ptrdiff_t platform_send(int fd, const void *bytes, size_t count) {
  ssize_t result;
  do {
    result = send(fd, bytes, count, MSG_NOSIGNAL);
  } while (result < 0 && errno == EINTR);
  return result < 0 ? -errno : result;
}

int platform_pending_error(int fd) {
  int error = 0;
  socklen_t count = sizeof error;
  return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &count) < 0 ? -errno : error;
}

int platform_shutdown_write(int fd) { return shutdown(fd, SHUT_WR) < 0 ? -errno : 0; }

int platform_reset_on_close(int fd) {
  struct linger reset = {.l_onoff = 1, .l_linger = 0};
  return setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset) < 0 ? -errno : 0;
}

int platform_no_delay(int fd) {
  int value = 0;
  socklen_t count = sizeof value;
  return getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &value, &count) < 0 ? -errno : value;
}

int platform_unacknowledged(int fd) {
  int count = 0;
  return ioctl(fd, SIOCOUTQ, &count) < 0 ? -errno : count;
}

int platform_wait_one(int fd, int interest, int timeoutMilliseconds) {
  struct pollfd entry = {.fd = fd};
  if (interest & 1) entry.events |= POLLIN;
  if (interest & 2) entry.events |= POLLOUT;
  int count = poll(&entry, 1, timeoutMilliseconds);
  // An interrupted wait counts as an early return: the caller looks at its own deadline again.
  if (count < 0) return errno == EINTR ? 1 : -errno;
  return count;
}

void platform_close(int fd) { close(fd); }

int platform_resolve(const char *host, struct platform_endpoint *endpoints, int maximum) {
  struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
  struct addrinfo *list = NULL;
  int code = getaddrinfo(host, NULL, &hints, &list);
  if (code != 0) return code < 0 ? code : -code;
  int count = 0;
  for (struct addrinfo *entry = list; entry != NULL && count < maximum; entry = entry->ai_next) {
    if (entry->ai_family != AF_INET && entry->ai_family != AF_INET6) continue;
    from_system(entry->ai_addr, &endpoints[count]);
    count++;
  }
  freeaddrinfo(list);
  return count;
}

const char *platform_resolve_text(int code) { return gai_strerror(code); }
