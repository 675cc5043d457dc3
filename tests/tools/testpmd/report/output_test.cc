// SPDX-License-Identifier: Apache-2.0
#include "tools/testpmd/report/output.h"

#include <gtest/gtest.h>

#include <sstream>

namespace pollux::testpmd {
namespace {

TEST(Output, TakesANameThatIsNotUtf8) {
  std::ostringstream text, json;
  Output(text, json).PrintJson({{"interface", "p\xff"}});
  EXPECT_EQ(json.str(), "{\"interface\":\"p\xEF\xBF\xBD\"}\n");
}

TEST(Output, TellsOnceOfAStreamThatFails) {
  std::ostringstream text, json;
  Output output(text, json);
  int calls = 0;
  output.OnFailure([&calls](int) { ++calls; });
  text.setstate(std::ios::badbit);
  output.Print("lost, and nobody minds");
  output.PrintJson({{"event", "start"}});
  EXPECT_FALSE(output.failed());
  json.setstate(std::ios::badbit);
  output.PrintJson({{"event", "stats"}});
  output.PrintJson({{"event", "final"}});
  EXPECT_TRUE(output.failed());
  EXPECT_EQ(calls, 1);
}

}  // namespace
}  // namespace pollux::testpmd
