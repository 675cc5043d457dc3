// SPDX-License-Identifier: Apache-2.0
// The mark: an instruction that does nothing (nopl with a displacement that no compiler writes), by which a guest tells the plugin
// instruction_count.c that it wants to know the counts.
#ifndef TOOLS_GUEST_MACHINE_INSTRUCTION_MARK_H_
#define TOOLS_GUEST_MACHINE_INSTRUCTION_MARK_H_

#define INSTRUCTION_MARK 0x0f, 0x1f, 0x80, 0x50, 0x4c, 0x58, 0x31

#endif  // TOOLS_GUEST_MACHINE_INSTRUCTION_MARK_H_
