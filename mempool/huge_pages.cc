// SPDX-License-Identifier: Apache-2.0
#include "mempool/huge_pages.h"

#include <sys/mman.h>
#include <unistd.h>

#include <fstream>

#include <absl/strings/str_cat.h>

namespace pollux::mempool {
namespace {

constexpr int kMapHugeShift = 26;  // MAP_HUGE_SHIFT of linux/mman.h, whose log2 of the page size it carries

long ReadNumber(const std::string& path) {
  std::ifstream file(path);
  long value = -1;
  file >> value;
  return file ? value : -1;
}

}  // namespace

std::size_t PageBytes(PageKind kind) {
  switch (kind) {
    case PageKind::kHuge2M:
      return std::size_t{2} << 20;
    case PageKind::kHuge1G:
      return std::size_t{1} << 30;
    default:
      return static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  }
}

int HugePageMapFlag(PageKind kind) {
  return (kind == PageKind::kHuge1G ? 30 : 21) << kMapHugeShift;
}

absl::Status CheckFreeHugePages(PageKind kind, std::size_t bytes, int node, const std::string& sysfs) {
  const std::size_t page = PageBytes(kind);
  const std::string size = absl::StrCat("hugepages-", page / 1024, "kB");
  const std::string folder = node == kAnyNode ? absl::StrCat(sysfs, "/kernel/mm/hugepages/", size)
                                              : absl::StrCat(sysfs, "/devices/system/node/node", node, "/hugepages/", size);
  const long free = ReadNumber(folder + "/free_hugepages");
  const long reserved = ReadNumber(folder + "/nr_hugepages");
  const long needed = static_cast<long>((bytes + page - 1) / page);
  if (free >= needed) return absl::OkStatus();
  const std::string where = node == kAnyNode ? "this machine" : absl::StrCat("node ", node);
  if (free < 0) return absl::ResourceExhaustedError(absl::StrCat(PageKindName(kind), " pages: ", where, " has none (no ", folder, ")"));
  return absl::ResourceExhaustedError(absl::StrCat(PageKindName(kind), " pages: ", where, " has ", free, " free of ", needed, " (echo ",
                                                   reserved - free + needed, " > ", folder, "/nr_hugepages)"));
}

}  // namespace pollux::mempool
