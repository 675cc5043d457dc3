// SPDX-License-Identifier: Apache-2.0
// Preloaded into ovs-vswitchd where the limit of locked memory cannot be raised: stock afxdp raises it without asking whether it needs to,
// and the warning that follows would fail every test of the suite. What CAP_IPC_LOCK permits works all the same.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <sys/resource.h>

static int SetUnlessMemlock(const char* name, int resource, const void* limit) {
  int (*next)(int, const void*) = (int (*)(int, const void*))dlsym(RTLD_NEXT, name);
  return resource == RLIMIT_MEMLOCK ? 0 : next(resource, limit);
}

int setrlimit(__rlimit_resource_t resource, const struct rlimit* limit) {
  return SetUnlessMemlock("setrlimit", resource, limit);
}
int setrlimit64(__rlimit_resource_t resource, const struct rlimit64* limit) {
  return SetUnlessMemlock("setrlimit64", resource, limit);
}
