// SPDX-License-Identifier: Apache-2.0
// The cases of pollux.h, written and compiled as C; pollux_test.cc runs them.
#ifndef TESTS_PMD_C_POLLUX_CASES_H_
#define TESTS_PMD_C_POLLUX_CASES_H_

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

// Returns NULL, or what was not as expected.
struct pollux_case {
  const char* name;
  const char* (*run)(void);
};

extern const struct pollux_case pollux_cases[];
extern const size_t pollux_case_count;

// The same for two interfaces that are joined, each with one queue.
const char* pollux_case_joined_interfaces(const char* first, const char* second);
const char* pollux_case_jumbo_interfaces(const char* first, const char* second);
const char* pollux_case_metadata_interfaces(const char* first, const char* second);

#ifdef __cplusplus
}
#endif

#endif  // TESTS_PMD_C_POLLUX_CASES_H_
