// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE  // mkdtemp, setenv, SOCK_CLOEXEC
#include "tests/pmd/c/telemetry_client.h"

#include <poll.h>
#include <pollux.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

long await_answer_and(int client, char* text, size_t capacity, int* descriptor) {
  for (int tries = 0; tries < 1000; ++tries) {
    struct pollfd ready = {pollux_telemetry_descriptor(), POLLIN, 0};
    char control[CMSG_SPACE(sizeof(int))];
    struct iovec place = {text, capacity - 1};
    struct msghdr message = {.msg_iov = &place, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    pollux_telemetry_poll();
    const long length = recvmsg(client, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (length >= 0) {
      const struct cmsghdr* const head = CMSG_FIRSTHDR(&message);
      *descriptor = -1;
      if (head != NULL && head->cmsg_type == SCM_RIGHTS) memcpy(descriptor, CMSG_DATA(head), sizeof *descriptor);
      text[length] = '\0';
      return length;
    }
    poll(&ready, 1, 20);
  }
  return -1;
}

long await_answer(int client, char* text, size_t capacity) {
  int descriptor;
  const long length = await_answer_and(client, text, capacity, &descriptor);
  if (descriptor >= 0) close(descriptor);
  return length;
}

int start_telemetry(char* folder, char* path, size_t capacity) {
  char text[4096];
  struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = ""};
  const int client = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
  if (mkdtemp(folder) == NULL || setenv("RUNTIME_DIRECTORY", folder, 1) != 0 || pollux_telemetry_start("cases", NULL) != 0) return -1;
  pollux_telemetry_get_path(address.sun_path, sizeof address.sun_path);
  snprintf(path, capacity, "%s", address.sun_path);
  if (connect(client, (const struct sockaddr*)&address, sizeof address) != 0) return -1;
  return await_answer(client, text, sizeof text) > 0 && strstr(text, "\"version\":\"Pollux ") != NULL ? client : -1;
}

void stop_telemetry(const char* folder, int client) {
  char parent[64];
  pollux_telemetry_stop();
  close(client);
  snprintf(parent, sizeof parent, "%s/dpdk", folder);
  rmdir(parent);
  rmdir(folder);
  unsetenv("RUNTIME_DIRECTORY");
}
