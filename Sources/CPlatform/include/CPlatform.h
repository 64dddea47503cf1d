// The system calls of the gateway, in the shape that Swift can call without knowing their structs.
//
// Swift's Glibc module shows neither epoll (a packed struct), eventfd, nor what glibc
// hides behind _GNU_SOURCE (accept4, thread names, affinity), and its sockaddr casts are unsafe to
// write by hand. Here each becomes one function with one convention:
//
//   - the result is >= 0 on success and the negated errno on failure; no one reads errno;
//   - EINTR is retried inside; would-block is -EAGAIN;
//   - every descriptor made here is close-on-exec, and sockets are non-blocking.
//
// Nothing here keeps state or allocates for the caller, unless its comment says so. Any thread.
#pragma once

#include <stddef.h>
#include <stdint.h>

#pragma clang assume_nonnull begin

// MARK: Addresses (sockets.c)

/// An IP endpoint. An IPv4 address stands in v4-mapped form (::ffff:a.b.c.d); `high` and `low` are
/// its 16 bytes read as two big-endian numbers.
struct platform_endpoint {
  uint64_t high;
  uint64_t low;
  uint32_t scope;
  uint16_t port;
  /// 4, 6, or 0 for a socket that is not an IP one.
  uint16_t family;
};

// MARK: Sockets (sockets.c)

/// A TCP socket bound to `endpoint`, not yet listening: SO_REUSEADDR always, SO_REUSEPORT if asked,
/// IPv6 without IPv4, TCP_NODELAY (Linux hands it down to accepted sockets).
int platform_bind(const struct platform_endpoint *endpoint, int reusePort);
/// A Unix stream socket bound to `path`, whose file gets mode 0600 at the moment it is made.
int platform_bind_unix(const char *path);
int platform_listen(int fd, int backlog);
/// A connected or connecting TCP socket with TCP_NODELAY.
int platform_connect(const struct platform_endpoint *endpoint);
int platform_connect_unix(const char *path);
/// An accepted socket; `peer` is filled (family 0 for a Unix peer).
int platform_accept(int fd, struct platform_endpoint *peer);
int platform_local_endpoint(int fd, struct platform_endpoint *local);
int platform_socket_pair(int *pair);
int platform_duplicate(int fd);
ptrdiff_t platform_receive(int fd, void *_Nullable bytes, size_t count);
/// Never raises SIGPIPE.
ptrdiff_t platform_send(int fd, const void *_Nullable bytes, size_t count);
/// The socket's pending error (SO_ERROR) as a positive errno, 0 for none.
int platform_pending_error(int fd);
int platform_shutdown_write(int fd);
/// Makes close() send a reset instead of an orderly end.
int platform_reset_on_close(int fd);
int platform_no_delay(int fd);
/// Bytes that the kernel was given and the peer's has not acknowledged; the end of the stream (after
/// platform_shutdown_write) counts as one.
int platform_unacknowledged(int fd);
/// Waits until `fd` is readable (bit 0 of `interest`) or writable (bit 1), or has an error:
/// 1, or 0 after `timeoutMilliseconds` (-1 waits for ever).
int platform_wait_one(int fd, int interest, int timeoutMilliseconds);
/// close(), never retried: after EINTR Linux has closed the descriptor already.
void platform_close(int fd);

/// Resolves `host` by the system's resolver (blocks): up to `maximum` endpoints with port 0 are
/// stored. Returns their count, or a negative `EAI_` code.
int platform_resolve(const char *host, struct platform_endpoint *endpoints, int maximum);
/// A constant text for an `EAI_` code as returned by `platform_resolve`.
const char *platform_resolve_text(int code);

// MARK: Waiting (loop.c)

struct platform_event {
  uint64_t token;
  uint32_t flags;
};

#define PLATFORM_READABLE 1u
#define PLATFORM_WRITABLE 2u
#define PLATFORM_HANGUP 4u

int platform_epoll_create(void);
/// Registers for everything (in, out, peer's end), edge-triggered, once and for ever.
int platform_epoll_add_stream(int epoll, int fd, uint64_t token);
/// Registers for input, level-triggered: listeners, eventfds. `exclusive` wakes only some
/// of the loops that share the descriptor.
int platform_epoll_add_source(int epoll, int fd, uint64_t token, int exclusive);
int platform_epoll_remove(int epoll, int fd);
/// Stores up to `maximum` (at most 256) events. An interrupted wait is an empty one.
int platform_epoll_wait(int epoll, struct platform_event *events, int maximum, int timeout);

int platform_eventfd(void);
int platform_eventfd_signal(int fd);
int platform_eventfd_clear(int fd);

/// Nanoseconds of CLOCK_MONOTONIC.
int64_t platform_monotonic_nanoseconds(void);
/// Milliseconds of CLOCK_REALTIME since 1970.
int64_t platform_realtime_milliseconds(void);

// MARK: Process and threads (process.c)

/// Blocks SIGTERM, SIGINT, SIGHUP, SIGUSR1 in the calling thread (and all it starts), ignores SIGPIPE.
int platform_block_signals(void);

int platform_thread_start(
    uint64_t *thread, void (*body)(void *_Nullable), void *_Nullable context);
int platform_thread_join(uint64_t thread);
int platform_thread_detach(uint64_t thread);
/// Names the calling thread; at most 15 bytes are kept.
void platform_thread_name(const char *name);
/// Processors that this process may run on; at least 1.
int platform_processor_count(void);
/// Raises the soft limit of open descriptors to the hard one; returns the soft limit.
int64_t platform_raise_descriptor_limit(void);
/// Gives the pages of freed memory back to the system, in every arena; takes milliseconds.
void platform_release_free_memory(void);
/// The text of an errno, written into `text`.
void platform_error_text(int code, char *text, size_t count);

// MARK: Files (files.c)

struct platform_file {
  int64_t bytes;
  int64_t modifiedNanoseconds;
  /// When content or attributes last changed: nobody can set it.
  int64_t changedNanoseconds;
  uint64_t device;
  uint64_t inode;
  /// Permission bits.
  uint32_t mode;
  uint32_t owner;
  /// 'f' file, 'd' directory, 's' socket, 'o' other.
  uint32_t kind;
};

/// Opens for reading.
int platform_open_read(const char *path);
/// The same without waiting for the other end of a pipe, and says what was opened: the caller decides
/// whether to read it.
int platform_open_regular(const char *path, struct platform_file *file);
/// Opens for appending, made with `mode` when absent.
int platform_open_append(const char *path, unsigned mode);
/// Makes a file that must not exist yet, for writing.
int platform_open_new(const char *path, unsigned mode);
ptrdiff_t platform_read(int fd, void *_Nullable bytes, size_t count);
/// Writes all bytes, waiting as often as needed; 0 or the negated errno.
int platform_write_all(int fd, const void *_Nullable bytes, size_t count);
int platform_sync(int fd, int dataOnly);
/// Flushes a directory, so that a rename in it is durable.
int platform_sync_directory(const char *path);
int platform_truncate(int fd, int64_t bytes);
int platform_rename(const char *from, const char *to);
int platform_unlink(const char *path);
int platform_remove_directory(const char *path);
int platform_make_directory(const char *path, unsigned mode);
/// Replaces the last six letters (XXXXXX) of `path` and makes that directory, mode 0700.
int platform_make_temporary_directory(char *path);

/// Looks at a path (following links), or at the link itself when `followLinks` is 0.
int platform_stat(const char *path, int followLinks, struct platform_file *file);

#pragma clang assume_nonnull end
