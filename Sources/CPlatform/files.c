// Files: see CPlatform.h for the conventions. Everything here may block: never on a loop's thread.
#define _GNU_SOURCE
#include "CPlatform.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static int open_retrying(const char *path, int flags, mode_t mode) {
  int fd;
  do {
    fd = open(path, flags | O_CLOEXEC, mode);
  } while (fd < 0 && errno == EINTR);
  return fd < 0 ? -errno : fd;
}

// Within three centuries of 1970, whatever a file system says: nobody's sums overflow.
static int64_t nanoseconds(struct timespec time) {
  const int64_t most = INT64_MAX / 1000000000 - 1;
  int64_t seconds = time.tv_sec;
  if (seconds > most) seconds = most;
  if (seconds < -most) seconds = -most;
  return seconds * 1000000000 + time.tv_nsec;
}

static void describe(const struct stat *status, struct platform_file *file) {
  file->bytes = status->st_size;
  file->modifiedNanoseconds = nanoseconds(status->st_mtim);
  file->changedNanoseconds = nanoseconds(status->st_ctim);
  file->owner = status->st_uid;
  file->device = status->st_dev;
  file->inode = status->st_ino;
  file->mode = status->st_mode & 07777;
  switch (status->st_mode & S_IFMT) {
  case S_IFREG: file->kind = 'f'; break;
  case S_IFDIR: file->kind = 'd'; break;
  case S_IFSOCK: file->kind = 's'; break;
  default: file->kind = 'o'; break;
  }
}

int platform_open_read(const char *path) { return open_retrying(path, O_RDONLY, 0); }

int platform_open_regular(const char *path, struct platform_file *file) {
  // Non-blocking: a pipe without a writer would never be open. Regular files don't know the flag.
  int fd = open_retrying(path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
  if (fd < 0) return fd;
  struct stat status;
  if (fstat(fd, &status) < 0) {
    int error = -errno;
    close(fd);
    return error;
  }
  describe(&status, file);
  return fd;
}

int platform_open_append(const char *path, unsigned mode) {
  return open_retrying(path, O_WRONLY | O_APPEND | O_CREAT, mode);
}

int platform_open_new(const char *path, unsigned mode) {
  return open_retrying(path, O_WRONLY | O_CREAT | O_EXCL, mode);
}

ptrdiff_t platform_read(int fd, void *bytes, size_t count) {
  ssize_t result;
  do {
    result = read(fd, bytes, count);
  } while (result < 0 && errno == EINTR);
  return result < 0 ? -errno : result;
}

int platform_write_all(int fd, const void *bytes, size_t count) {
  const char *next = bytes;
  while (count > 0) {
    ssize_t result = write(fd, next, count);
    if (result >= 0) {
      next += result;
      count -= (size_t)result;
    } else if (errno == EAGAIN) {
      // Standard output may be a non-blocking pipe that somebody else set so.
      struct pollfd entry = {.fd = fd, .events = POLLOUT};
      if (poll(&entry, 1, -1) < 0 && errno != EINTR) return -errno;
    } else if (errno != EINTR) {
      return -errno;
    }
  }
  return 0;
}

int platform_sync(int fd, int dataOnly) {
  int result;
  do {
    result = dataOnly ? fdatasync(fd) : fsync(fd);
  } while (result < 0 && errno == EINTR);
  return result < 0 ? -errno : 0;
}

int platform_sync_directory(const char *path) {
  int fd = open_retrying(path, O_RDONLY | O_DIRECTORY, 0);
  if (fd < 0) return fd;
  int result = platform_sync(fd, 0);
  close(fd);
  return result;
}

int platform_truncate(int fd, int64_t bytes) {
  int result;
  do {
    result = ftruncate(fd, bytes);
  } while (result < 0 && errno == EINTR);
  return result < 0 ? -errno : 0;
}

int platform_rename(const char *from, const char *to) { return rename(from, to) < 0 ? -errno : 0; }

int platform_unlink(const char *path) { return unlink(path) < 0 ? -errno : 0; }

int platform_remove_directory(const char *path) { return rmdir(path) < 0 ? -errno : 0; }

int platform_make_directory(const char *path, unsigned mode) {
  return mkdir(path, mode) < 0 ? -errno : 0;
}

int platform_make_temporary_directory(char *path) { return mkdtemp(path) == NULL ? -errno : 0; }

int platform_stat(const char *path, int followLinks, struct platform_file *file) {
  struct stat status;
  if ((followLinks ? stat(path, &status) : lstat(path, &status)) < 0) return -errno;
  describe(&status, file);
  return 0;
}
