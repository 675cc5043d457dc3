// SPDX-License-Identifier: Apache-2.0
// Executes the mark once.
#include "tools/guest_machine/instruction_mark.h"

#define TEXT_OF(...) #__VA_ARGS__
#define TEXT(...) TEXT_OF(__VA_ARGS__)

int main(void) {
  __asm__ volatile(".byte " TEXT(INSTRUCTION_MARK));
  return 0;
}
