// SPDX-License-Identifier: Apache-2.0
// Telemetry of this process, and a client of it.
#ifndef TESTS_PMD_C_TELEMETRY_CLIENT_H_
#define TESTS_PMD_C_TELEMETRY_CLIENT_H_

#include <stddef.h>

// A client, greeted, of telemetry that was started in `folder` ("/tmp/plxXXXXXX", made), or -1. `path`: of its socket.
int start_telemetry(char* folder, char* path, size_t capacity);
void stop_telemetry(const char* folder, int client);

// Lets the library answer what a client has sent; the length of the answer, or -1. `descriptor`: what came with it, or -1.
long await_answer_and(int client, char* text, size_t capacity, int* descriptor);
long await_answer(int client, char* text, size_t capacity);

#endif  // TESTS_PMD_C_TELEMETRY_CLIENT_H_
