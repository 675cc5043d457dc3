// SPDX-License-Identifier: Apache-2.0
// What --help and --version print.
#ifndef TOOLS_TESTPMD_OPTIONS_HELP_TEXT_H_
#define TOOLS_TESTPMD_OPTIONS_HELP_TEXT_H_

#include <string>

namespace pollux::testpmd {

std::string HelpText();
std::string VersionText();

}  // namespace pollux::testpmd

#endif  // TOOLS_TESTPMD_OPTIONS_HELP_TEXT_H_
