"""The libraries that the system has, each a target @system//:NAME that stands for its link options. The compiler finds headers by itself."""

# What pkg-config is asked for. tools/setup_packages lists the Debian package of each.
_PACKAGES = {
    # What every part of ours may use of Abseil; which libraries that takes differs from version to version.
    "absl_status": "absl_statusor absl_status absl_strings absl_str_format absl_string_view",
    "benchmark": "benchmark",
    "gtest": "gmock gtest",
    "gtest_main": "gmock_main gmock gtest",
    "libbpf": "libbpf libelf zlib",
    "libedit": "libedit",
    "libhwloc": "hwloc",
    "libmnl": "libmnl",
    "libnuma": "numa",
    "libpcap": "libpcap",
    "libxdp": "libxdp libbpf libelf zlib",
}

# Headers alone, the C library's own, and what is only there where tools/setup_packages peers was run.
_FIXED = {
    "dpdk": ["-lrte_mempool", "-lrte_ring", "-lrte_eal"],
    "json": [],
    "pthread": ["-lpthread"],
}

def _link_options(context, name):
    packages = [
        package
        for package in _PACKAGES[name].split(" ")
        # Before Abseil 2023 string_view is a part of strings.
        if package != "absl_string_view" or context.execute(["pkg-config", "--exists", package]).return_code == 0
    ]
    asked = context.execute(["pkg-config", "--libs"] + packages)
    if asked.return_code != 0:
        fail("pkg-config --libs %s: %s (tools/setup_packages build installs what is missing)" % (" ".join(packages), asked.stderr.strip()))
    options = []
    for option in asked.stdout.replace("\n", " ").split(" "):
        if (option.startswith("-l") or option.startswith("-L")) and option != "-latomic" and option not in options:
            options.append(option)
    return options

def _system_libraries_impl(context):
    if not context.which("pkg-config"):
        fail("there is no pkg-config: tools/setup_packages build installs it")
    targets = dict(_FIXED)
    for name in _PACKAGES:
        targets[name] = _link_options(context, name)
    lines = ["package(default_visibility = [\"//visibility:public\"])"]
    for name in sorted(targets.keys()):
        lines.append("cc_library(name = %r, linkopts = %r)" % (name, targets[name]))
    context.file("WORKSPACE", "workspace(name = %r)\n" % context.name)
    context.file("BUILD.bazel", "\n".join(lines) + "\n")

system_libraries = repository_rule(
    implementation = _system_libraries_impl,
    configure = True,
    doc = "The libraries of this machine, as their own pkg-config files say what to link.",
    environ = ["PATH", "PKG_CONFIG_PATH", "PKG_CONFIG_LIBDIR"],
    local = True,
)
