"""A coverage-guided fuzz target, which is a test of its corpus where there is no fuzzer."""

def fuzz_target(name, deps, runs = 20000, copies = 2000, max_length = 512, tags = []):
    """NAME_fuzz, from NAME_fuzz.cc and the inputs in corpus/NAME.

    With --config=fuzz it is a program of libFuzzer's: `bazel test` gives it `runs` executions, `bazel run` whatever stands behind "--". Otherwise
    it runs every input of the corpus, and `copies` changed ones, or as many as the test has time for.
    """
    corpus = native.glob(["corpus/" + name + "/**"])
    native.cc_test(
        name = name + "_fuzz",
        size = "medium",
        srcs = [name + "_fuzz.cc"],
        args = select({
            ":libfuzzer": [
                "-runs=%d" % runs,
                "-seed=1",
                "-max_len=%d" % max_length,
                "-print_final_stats=1",
                "-close_fd_mask=1",
                "tests/fuzz/corpus/" + name,
            ],
            "//conditions:default": [
                "tests/fuzz/corpus/" + name,
                str(copies),
            ],
        }),
        data = corpus,
        linkopts = select({
            ":libfuzzer": ["-fsanitize=fuzzer"],
            "//conditions:default": [],
        }),
        tags = tags,
        deps = deps + [":input"] + select({
            ":libfuzzer": [],
            "//conditions:default": [":replay"],
        }),
    )
