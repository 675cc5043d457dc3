// SPDX-License-Identifier: Apache-2.0
// HttpDownload: a file served at one client and fetched at another.
#ifndef TESTS_SYSTEM_HTTP_DOWNLOAD_H_
#define TESTS_SYSTEM_HTTP_DOWNLOAD_H_

#include <cstddef>
#include <string>

#include <absl/status/status.h>

#include "tests/support/scratch_folder.h"
#include "tools/support/network_namespace.h"

namespace pollux::system_tests {

// A folder with a file of random bytes, removed with the object.
class HttpDownload {
 public:
  explicit HttpDownload(std::size_t bytes = 8 << 20);

  // Serves the file at `address` in `server`, an IPv4 or IPv6 address, and fetches it from `client`. OK if what came is what is served.
  absl::Status Fetch(const support::NetworkNamespace& server, const std::string& address, const support::NetworkNamespace& client);

 private:
  const support::ScratchFolder folder_;
};

}  // namespace pollux::system_tests

#endif  // TESTS_SYSTEM_HTTP_DOWNLOAD_H_
