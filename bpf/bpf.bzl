"""BPF objects and their skeletons, made by the system's clang and bpftool."""

# Where Debian keeps asm/types.h, which linux/types.h includes; clang's bpf target does not look there by itself. A folder that does
# not exist is ignored, so the same list serves other machines.
_INCLUDES = " ".join(["-I/usr/include/" + triplet for triplet in ["x86_64-linux-gnu", "aarch64-linux-gnu"]])

def bpf_program(name, src, hdrs = [], cpu = "generic", visibility = None):
    """Compiles `src` to the BPF object NAME.bpf.o, with BTF; `src` includes headers by their path from the top.

    `cpu`: the instruction set; "v3" has atomic operations that return a value (Linux 5.12)."""
    native.genrule(
        name = name,
        srcs = [src] + hdrs,
        outs = [name + ".bpf.o"],
        cmd = "clang -target bpf -mcpu=" + cpu + " -O2 -g -Wall -Wextra -Werror -fno-ident -fdebug-prefix-map=$$PWD=. -I. " + _INCLUDES +
              " -c $(location " + src + ") -o $@",
        message = "Compiling BPF program",
        visibility = visibility,
    )

def bpf_skeleton(name, program, visibility = None):
    """A cc_library with the header NAME.skel.h: struct NAME_bpf, which embeds the object that the bpf_program `program` makes."""
    native.genrule(
        name = name + "_skeleton",
        srcs = [program],
        outs = [name + ".skel.h"],
        # bpftool is in /usr/sbin, which is not on an ordinary user's path.
        cmd = "PATH=$$PATH:/usr/sbin:/sbin bpftool gen skeleton $(location " + program + ") name " + name + "_bpf > $@",
        message = "Generating BPF skeleton",
    )
    native.cc_library(
        name = name + "_skel",
        hdrs = [name + ".skel.h"],
        visibility = visibility,
        deps = ["@system//:libbpf"],
    )
