// SPDX-License-Identifier: Apache-2.0
// A plugin of QEMU's emulator: counts the instructions that each processor of the guest executes, those in user space (the lower half of
// the addresses) and those of the kernel apart. Whenever the guest executes the mark (instruction_mark.h), it writes a line to the file
// named by out=: "user kernel" of processor 0, of processor 1, and so on.
//
// A block of code counts as a whole when it is entered; what a page fault cuts short counts once more.
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "tools/guest_machine/instruction_mark.h"

// QEMU's interface, version 1, of which no package has the header (docs/devel/tcg-plugins of QEMU).
#define EXPORT __attribute__((visibility("default")))
typedef uint64_t PluginId;
typedef void (*ExecuteCallback)(unsigned int processor, void* data);
enum { kNoRegisters = 0 };
extern void qemu_plugin_register_vcpu_tb_trans_cb(PluginId id, void (*callback)(PluginId id, void* block));
extern void qemu_plugin_register_vcpu_tb_exec_cb(void* block, ExecuteCallback callback, int registers, void* data);
extern void qemu_plugin_register_vcpu_insn_exec_cb(void* instruction, ExecuteCallback callback, int registers, void* data);
extern size_t qemu_plugin_tb_n_insns(const void* block);
extern uint64_t qemu_plugin_tb_vaddr(const void* block);
extern void* qemu_plugin_tb_get_insn(const void* block, size_t index);
extern const void* qemu_plugin_insn_data(const void* instruction);
extern size_t qemu_plugin_insn_size(const void* instruction);

EXPORT int qemu_plugin_version = 1;

enum { kMaximumProcessors = 64 };

// One thread emulates all processors (machine.py), so nothing here is touched by two.
static struct { uint64_t user, kernel; } counts[kMaximumProcessors];
static unsigned int processors = 0;
static FILE* out = NULL;

static void CountUser(unsigned int processor, void* data) {
  counts[processor].user += (uintptr_t)data;
}

static void CountKernel(unsigned int processor, void* data) {
  counts[processor].kernel += (uintptr_t)data;
}

static void WriteLine(unsigned int processor, void* data) {
  for (unsigned int i = 0; i < processors; ++i) {
    fprintf(out, "%s%" PRIu64 " %" PRIu64, i == 0 ? "" : " ", counts[i].user, counts[i].kernel);
  }
  fputc('\n', out);
  fflush(out);
}

static void Translated(PluginId id, void* block) {
  static const unsigned char mark[] = {INSTRUCTION_MARK};
  const int user = qemu_plugin_tb_vaddr(block) >> 63 == 0;
  const size_t length = qemu_plugin_tb_n_insns(block);
  qemu_plugin_register_vcpu_tb_exec_cb(block, user ? CountUser : CountKernel, kNoRegisters, (void*)(uintptr_t)length);
  for (size_t i = 0; user && i < length; ++i) {
    void* const instruction = qemu_plugin_tb_get_insn(block, i);
    if (qemu_plugin_insn_size(instruction) == sizeof(mark) && memcmp(qemu_plugin_insn_data(instruction), mark, sizeof(mark)) == 0) {
      qemu_plugin_register_vcpu_insn_exec_cb(instruction, WriteLine, kNoRegisters, NULL);
    }
  }
}

// qemu_info_t, as far as it is used.
struct Info {
  const char* target;
  int minimum_version, version;
  _Bool system;
  int processors, maximum_processors;
};

EXPORT int qemu_plugin_install(PluginId id, const struct Info* info, int argc, char** argv) {
  if (argc != 1 || strncmp(argv[0], "out=", 4) != 0) {
    fprintf(stderr, "instruction_count: wants out=FILE\n");
    return -1;
  }
  if (!info->system || info->processors > kMaximumProcessors) {
    fprintf(stderr, "instruction_count: a whole machine of at most %d processors\n", kMaximumProcessors);
    return -1;
  }
  processors = (unsigned int)info->processors;
  out = fopen(argv[0] + 4, "w");
  if (out == NULL) {
    perror(argv[0] + 4);
    return -1;
  }
  qemu_plugin_register_vcpu_tb_trans_cb(id, Translated);
  return 0;
}
