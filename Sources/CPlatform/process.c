// Signals, threads and limits: see CPlatform.h for the conventions.
#define _GNU_SOURCE
#include "CPlatform.h"

#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static void watched(sigset_t *set) {
  sigemptyset(set);
  sigaddset(set, SIGTERM);
  sigaddset(set, SIGINT);
  sigaddset(set, SIGHUP);
  sigaddset(set, SIGUSR1);
}

int platform_block_signals(void) {
  sigset_t set;
  watched(&set);
  if (signal(SIGPIPE, SIG_IGN) == SIG_ERR) return -errno;
  // A file at the limit of its size is an error of the write, not the end of the process.
  if (signal(SIGXFSZ, SIG_IGN) == SIG_ERR) return -errno;
  return -pthread_sigmask(SIG_BLOCK, &set, NULL);
}

struct thread_start {
  void (*body)(void *);
  void *context;
};

static void *run_thread(void *argument) {
  struct thread_start start = *(struct thread_start *)argument;
  free(argument);
  start.body(start.context);
  return NULL;
}

int platform_thread_start(uint64_t *thread, void (*body)(void *), void *context) {
  struct thread_start *start = malloc(sizeof *start);
  if (start == NULL) return -ENOMEM;
  start->body = body;
  start->context = context;
  pthread_t handle;
  int failure = pthread_create(&handle, NULL, run_thread, start);
  if (failure != 0) {
    free(start);
    return -failure;
  }
  *thread = (uint64_t)handle;
  return 0;
}

int platform_thread_join(uint64_t thread) { return -pthread_join((pthread_t)thread, NULL); }

int platform_thread_detach(uint64_t thread) { return -pthread_detach((pthread_t)thread); }

void platform_thread_name(const char *name) {
  char kept[16];
  snprintf(kept, sizeof kept, "%s", name);
  pthread_setname_np(pthread_self(), kept);
}

int platform_processor_count(void) {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) {
    int count = CPU_COUNT(&set);
    if (count > 0) return count;
  }
  // More processors than a cpu_set_t holds: what is online is close enough.
  long online = sysconf(_SC_NPROCESSORS_ONLN);
  return online > 0 ? (int)online : 1;
}

int64_t platform_raise_descriptor_limit(void) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) < 0) return -errno;
  rlim_t before = limit.rlim_cur;
  limit.rlim_cur = limit.rlim_max;
  if (setrlimit(RLIMIT_NOFILE, &limit) < 0) limit.rlim_cur = before;
  return limit.rlim_cur > INT64_MAX ? INT64_MAX : (int64_t)limit.rlim_cur;
}

void platform_release_free_memory(void) { malloc_trim(0); }

void platform_error_text(int code, char *text, size_t count) {
  // The GNU form may answer with a constant instead of filling the buffer.
  char *message = strerror_r(code, text, count);
  if (message != text) snprintf(text, count, "%s", message);
}
