// SPDX-License-Identifier: Apache-2.0
#include "mempool/frame_audit.h"

#include <algorithm>

#include <absl/strings/str_cat.h>

namespace pollux::mempool {
namespace {

constexpr std::size_t kFramesShown = 8;

std::string FirstFew(const std::vector<FrameNumber>& frames) {
  std::string text;
  for (std::size_t index = 0; index < std::min(frames.size(), kFramesShown); ++index)
    absl::StrAppend(&text, index ? " " : "", frames[index]);
  if (frames.size() > kFramesShown) absl::StrAppend(&text, " ...");
  return text;
}

}  // namespace

FrameAudit::FrameAudit(const Pool& pool) : pool_(pool), seen_(pool.frame_count()) {
  duplicates_ = pool.CollectFree(seen_);
  CountOf("free") = seen_.Count() + duplicates_.size();
}

std::size_t& FrameAudit::CountOf(absl::string_view holder) {
  for (auto& [name, count] : holders_) {
    if (name == holder) return count;
  }
  return holders_.emplace_back(std::string(holder), 0).second;
}

void FrameAudit::AddFrame(std::size_t& count, FrameNumber frame) {
  ++count;
  if (frame >= pool_.frame_count() || seen_.Contains(frame)) {
    duplicates_.push_back(frame);
  } else {
    seen_.Insert(frame);
  }
}

void FrameAudit::Add(absl::string_view holder, const FrameSet& frames) {
  std::size_t& count = CountOf(holder);
  frames.ForEach([&](FrameNumber frame) { AddFrame(count, frame); });
}

void FrameAudit::Add(absl::string_view holder, const Packet& packet) {
  if (packet.pool == pool_.id()) AddFrame(CountOf(holder), pool_.FrameOf(packet));
}

std::size_t FrameAudit::missing() const {
  return pool_.frame_count() - seen_.Count();
}

absl::Status FrameAudit::Balance() const {
  if (missing() == 0 && duplicates_.empty()) return absl::OkStatus();
  std::vector<FrameNumber> lost;
  for (FrameNumber frame = 0; frame < pool_.frame_count(); ++frame) {
    if (!seen_.Contains(frame)) lost.push_back(frame);
  }
  std::string message = absl::StrCat("pool ", pool_.id(), ": ", pool_.frame_count(), " frames do not balance:");
  for (const auto& [name, count] : holders_) absl::StrAppend(&message, " ", name, " ", count, ",");
  absl::StrAppend(&message, " missing ", lost.size());
  if (!lost.empty()) absl::StrAppend(&message, " (", FirstFew(lost), ")");
  absl::StrAppend(&message, ", twice ", duplicates_.size());
  if (!duplicates_.empty()) absl::StrAppend(&message, " (", FirstFew(duplicates_), ")");
  return absl::DataLossError(message);
}

}  // namespace pollux::mempool
