// Waiting and time: see CPlatform.h for the conventions.
#include "CPlatform.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

enum { eventsMaximum = 256 };

int platform_epoll_create(void) {
  int fd = epoll_create1(EPOLL_CLOEXEC);
  return fd < 0 ? -errno : fd;
}

static int add(int epoll, int fd, uint64_t token, uint32_t events) {
  struct epoll_event event = {.events = events, .data.u64 = token};
  return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

int platform_epoll_add_stream(int epoll, int fd, uint64_t token) {
  return add(epoll, fd, token, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
}

int platform_epoll_add_source(int epoll, int fd, uint64_t token, int exclusive) {
  return add(epoll, fd, token, exclusive ? EPOLLIN | EPOLLEXCLUSIVE : EPOLLIN);
}

int platform_epoll_remove(int epoll, int fd) {
  return epoll_ctl(epoll, EPOLL_CTL_DEL, fd, NULL) < 0 ? -errno : 0;
}

int platform_epoll_wait(int epoll, struct platform_event *events, int maximum, int timeout) {
  // The kernel's struct is packed on x86-64: it is unpacked here, where the compiler knows that.
  struct epoll_event raw[eventsMaximum];
  if (maximum > eventsMaximum) maximum = eventsMaximum;
  int count = epoll_wait(epoll, raw, maximum, timeout);
  if (count < 0) return errno == EINTR ? 0 : -errno;
  for (int index = 0; index < count; index++) {
    uint32_t from = raw[index].events;
    uint32_t flags = 0;
    if (from & EPOLLIN) flags |= PLATFORM_READABLE;
    if (from & EPOLLOUT) flags |= PLATFORM_WRITABLE;
    if (from & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) flags |= PLATFORM_HANGUP;
    events[index].token = raw[index].data.u64;
    events[index].flags = flags;
  }
  return count;
}

int platform_eventfd(void) {
  int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  return fd < 0 ? -errno : fd;
}

int platform_eventfd_signal(int fd) {
  uint64_t one = 1;
  ssize_t result;
  do {
    result = write(fd, &one, sizeof one);
  } while (result < 0 && errno == EINTR);
  // A counter that is full wakes its reader just as well.
  return result < 0 && errno != EAGAIN ? -errno : 0;
}

int platform_eventfd_clear(int fd) {
  uint64_t count;
  ssize_t result;
  do {
    result = read(fd, &count, sizeof count);
  } while (result < 0 && errno == EINTR);
  return result < 0 && errno != EAGAIN ? -errno : 0;
}

int64_t platform_monotonic_nanoseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t platform_realtime_milliseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}
