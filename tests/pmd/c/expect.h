// SPDX-License-Identifier: Apache-2.0
// Expectations for a case in C: a function that returns NULL, or what was not as expected.
#ifndef TESTS_PMD_C_EXPECT_H_
#define TESTS_PMD_C_EXPECT_H_

#include <stdio.h>
#include <string.h>

#include <pollux.h>

static inline const char* unexpected(const char* file, int line, const char* condition) {
  static char text[4096];
  snprintf(text, sizeof text, "%s:%d: not so: %s (last error: %s)", file, line, condition, pollux_last_error());
  return text;
}

#define EXPECT(condition)                                                \
  do {                                                                   \
    if (!(condition)) return unexpected(__FILE__, __LINE__, #condition); \
  } while (0)

// The call fails with this errno, and the text of the error has this in it.
#define EXPECT_ERROR(call, error, part) EXPECT((call) == (error) && strstr(pollux_last_error(), part) != NULL)

#endif  // TESTS_PMD_C_EXPECT_H_
